import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp } from '../adapters/temporary.ts';
import { aServedApi, type Called, type ServedApi } from './access/served-api.ts';

afterEach(cleanUp);

const secret = 'the secret that both know';
const mapping = {
  repository: 'acme/shop',
  gitHubEnvironment: 'production',
  product: 'shop',
  environment: 'production',
  service: null,
  release: 'ref' as const,
};

/** What of GitHub's `deployment_status` says something here, and some that does not. */
function aStatus(more: { state?: string; ref?: string; id?: number; payload?: unknown } = {}) {
  const { state = 'success', ref = 'v2', id = 42, payload = {} } = more;
  return {
    action: 'created',
    deployment_status: {
      id: 7,
      state,
      description: '',
      environment: 'production',
      created_at: '2026-11-24T10:00:00Z',
    },
    deployment: { id, sha: 'f95f852bd8fca8fc', ref, task: 'deploy', payload, environment: 'production' },
    repository: { id: 1, full_name: 'acme/shop', private: true },
    sender: { login: 'ada' },
  };
}

let delivered = 0;
function deliver(api: ServedApi, body: unknown, headers: Record<string, string> = {}): Promise<Called> {
  delivered += 1;
  const text = JSON.stringify(body);
  const signature = `sha256=${createHmac('sha256', secret).update(text).digest('hex')}`;
  return api.call('POST', '/hooks/github', {
    token: '',
    body,
    headers: {
      'x-github-event': 'deployment_status',
      'x-github-delivery': `72d3162e-cc78-11e3-81ab-${delivered}`,
      'x-hub-signature-256': signature,
      ...headers,
    },
  });
}

async function aListeningApi() {
  const api = await aServedApi();
  api.useHook({ secret, mappings: [mapping] });
  return api;
}

describe('a webhook of GitHub', () => {
  it('reports a deployment that succeeded, once for each delivery', async () => {
    const api = await aListeningApi();
    const headers = { 'x-github-delivery': 'one' };
    const first = await deliver(api, aStatus(), headers);
    expect(first).toMatchObject({
      status: 200,
      body: { accepted: true, reason: 'github-42 of shop is watched' },
    });
    expect((await deliver(api, aStatus(), headers)).body.reason).toBe('delivery one is known already');
    expect(api.reached).toEqual(['report']);
    expect((await api.store.audit.list({ limit: 1 }))[0]).toMatchObject({
      who: 'GitHub for acme/shop',
      kind: 'workload',
      call: 'POST /hooks/github',
      product: 'shop',
      why: 'deployment 42, success',
      status: 200,
    });
  });

  it('is told why it is ignored', async () => {
    const api = await aListeningApi();
    expect(await deliver(api, aStatus({ state: 'failure' }))).toMatchObject({
      status: 202,
      body: { accepted: false, reason: 'deployment 42 is failure; only success is reported' },
    });
    expect((await deliver(api, {}, { 'x-github-event': 'push' })).status).toBe(202);
    expect((await deliver(api, { zen: 'Keep it' }, { 'x-github-event': 'ping' })).status).toBe(200);
    expect((await deliver(api, { nothing: true })).status).toBe(400);
    expect(api.reached).toEqual([]);
  });

  it('is believed only with the signature over what arrived', async () => {
    const api = await aListeningApi();
    const other = `sha256=${createHmac('sha256', 'guessed').update(JSON.stringify(aStatus())).digest('hex')}`;
    for (const given of [other, 'sha256=', 'sha1=abc', ''])
      expect((await deliver(api, aStatus(), { 'x-hub-signature-256': given })).status).toBe(401);
    expect(api.reached).toEqual([]);
    const statuses = [];
    for (let tries = 0; tries < 30; tries += 1)
      statuses.push((await deliver(api, aStatus(), { 'x-hub-signature-256': other })).status);
    expect(statuses).toContain(429);
  });

  it('finds nothing where no secret is configured', async () => {
    const api = await aServedApi();
    expect(await deliver(api, aStatus())).toMatchObject({
      status: 404,
      body: { error: 'github.webhook_secret is not configured' },
    });
  });

  it('does not take what a rollback deploys for somebody’s fix', async () => {
    const api = await aListeningApi();
    const key = { product: 'shop', environment: 'production' };
    const register = (deployment: string, release: string) =>
      api.store.deployments.register({
        ...key,
        deployment,
        services: [{ service: 'web', release }],
        origin: 'reported',
        deployedAtMs: 1,
      });
    await register('d1', 'v1');
    await register('d2', 'v2');
    await api.store.products.change(key, (row) => ({
      ...row,
      rollback: { id: 'r1', deployment: 'd2', sinceMs: 2 },
    }));
    expect((await deliver(api, aStatus({ ref: 'v1', id: 50 }))).body.reason).toBe(
      'v1 of shop is what a rollback is putting back',
    );
    expect(api.reached).toEqual([]);
    await deliver(api, aStatus({ ref: 'v3', id: 51 }));
    expect(api.reached).toEqual(['report']);
    await api.store.deployments.concludeRollback({
      key: { ...key, deployment: 'd2' },
      rollback: 'r1',
      outcome: 'rolled_back',
      reason: 'errors',
      atMs: 3,
      restored: {
        ...key,
        deployment: 'r1-d1',
        services: [{ service: 'web', release: 'v1' }],
        origin: 'rollback',
        deployedAtMs: 3,
      },
    });
    expect((await deliver(api, aStatus({ ref: 'v1', id: 52 }))).body.reason).toBe(
      'v1 of shop is live by a rollback already',
    );
  });
});
