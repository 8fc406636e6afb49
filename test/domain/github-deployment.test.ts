import { describe, expect, it } from 'vitest';
import {
  type DeploymentMapping,
  type DeploymentStatusEvent,
  decideHook,
} from '../../domain/github-deployment.ts';

const aMapping = (more: Partial<DeploymentMapping> = {}): DeploymentMapping => ({
  repository: 'acme/shop',
  gitHubEnvironment: 'production',
  product: 'shop',
  environment: 'production',
  service: null,
  release: 'sha',
  ...more,
});

const anEvent = (more: Partial<DeploymentStatusEvent> = {}): DeploymentStatusEvent => ({
  repository: 'acme/shop',
  environment: 'production',
  state: 'success',
  description: '',
  deployment: 42,
  ref: 'refs/tags/v2.6.0',
  sha: 'f95f852bd8fca8fcc58a9a2d6c842781e32a215e',
  payload: {},
  ...more,
});

const reported = (release: string, service: string | null = null, product = 'shop') => ({
  product,
  environment: 'production',
  deployment: 'github-42',
  releases: [{ service, release }],
});

describe('a deployment that GitHub tells of', () => {
  it.each([
    ['its sha', {}, {}, 'f95f852bd8fc'],
    ['its tag', { release: 'ref' as const }, {}, 'v2.6.0'],
    ['its payload', { release: 'payload' as const }, { payload: { release: 'v7' } }, 'v7'],
  ])('is reported with the release from %s', (_name, mapping, event, release) => {
    expect(decideHook(anEvent(event), [aMapping(mapping)])).toEqual({
      kind: 'report',
      reports: [reported(release)],
    });
  });

  it('is one deployment of several services, and one for each product', () => {
    const services = [aMapping({ service: 'web' }), aMapping({ service: 'jobs', release: 'payload' })];
    const event = anEvent({ payload: { services: { jobs: 'v1.3.0' } } });
    expect(decideHook(event, [...services, aMapping({ product: 'billing' })])).toEqual({
      kind: 'report',
      reports: [
        {
          ...reported('', 'web'),
          releases: [
            { service: 'web', release: 'f95f852bd8fc' },
            { service: 'jobs', release: 'v1.3.0' },
          ],
        },
        reported('f95f852bd8fc', null, 'billing'),
      ],
    });
    const named = anEvent({ payload: { product: 'billing' } });
    expect(decideHook(named, [...services, aMapping({ product: 'billing' })])).toMatchObject({
      reports: [{ product: 'billing' }],
    });
  });

  it.each([
    ['is under way', { state: 'in_progress' }, 'deployment 42 is in_progress; only success is reported'],
    [
      'is of another repository',
      { repository: 'acme/fork' },
      'no entry of github.deployments is for acme/fork',
    ],
    [
      'is of another environment',
      { environment: 'staging' },
      'no entry of github.deployments is for acme/shop with the environment staging',
    ],
    [
      'names a product that is not this repository’s',
      { payload: { product: 'bank' } },
      'no entry of github.deployments is for acme/shop with the environment production and the product bank',
    ],
    ['was made by a rollback', { payload: { rollback: 'abc' } }, 'this deployment was made by a rollback'],
    [
      'tells of what a rollback restored',
      { description: 'restored by a rollback, abc' },
      'this deployment was made by a rollback',
    ],
  ])('is not reported where it %s', (_name, event, reason) => {
    expect(decideHook(anEvent(event), [aMapping()])).toEqual({ kind: 'ignore', reason });
  });

  it('is not reported where its branch is no name of a release', () => {
    const event = anEvent({ ref: 'refs/heads/Feature/x' });
    expect(decideHook(event, [aMapping({ release: 'ref' })])).toMatchObject({
      reason: expect.stringMatching(
        /^the ref "Feature\/x" cannot be a release's name: .*; take release: sha$/,
      ),
    });
  });
});
