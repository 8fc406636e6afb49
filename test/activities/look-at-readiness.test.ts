import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProductSetup, ServiceSetup } from '../../activities/dependencies.ts';
import { lookAtReadiness } from '../../activities/look-at-readiness.ts';
import { findWayBack } from '../../activities/way-back.ts';
import { createCommandCompatibility } from '../../adapters/compatibility/command.ts';
import { openStore, type Store } from '../../adapters/store/store.ts';
import type { ServicePlan } from '../../domain/rollback.ts';
import { createScriptedService, type ScriptedService } from '../support/scripted-service.ts';

const key = { product: 'shop', environment: 'production' };
const signal = AbortSignal.timeout(600_000);
const good = (release: string) => ({ release, reason: 'served 24 h of breach-free traffic' });
const aPlan = (over: Partial<ServicePlan> = {}): ServicePlan => ({
  service: 'web',
  release: 'v3',
  candidates: [good('v2'), good('v1')],
  rejected: [],
  stepTimeoutMs: 1_000,
  ...over,
});

describe('looking at the way back', () => {
  let store: Store;
  let service: ScriptedService;
  let reach: ServiceSetup;
  beforeEach(async () => {
    store = await openStore(':memory:');
    service = createScriptedService(async () => Date.now());
    reach = { service: 'web', ...service, logs: null, changes: null };
  });
  afterEach(() => store.close());

  async function look(over: Partial<ServiceSetup> = {}, plan = aPlan()) {
    const setup = { ...key, services: [{ ...reach, ...over }] } as unknown as ProductSetup;
    const { readiness } = await lookAtReadiness({
      store,
      key,
      setup,
      plan: { services: [plan] },
      atMs: 1_000,
      signal,
    });
    const [found] = readiness.services;
    const checks = found?.checks ?? [];
    return {
      target: found?.target,
      failing: checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`),
      names: checks.map(({ name }) => name),
    };
  }

  it('finds the newest release that can be restored, and what was passed over before it', async () => {
    service.state.unrestorable.add('v2');
    expect(await look()).toMatchObject({ target: 'v1', failing: [] });
  });

  it('says why there is none', async () => {
    const rejected = [{ release: 'v2', reason: 'quarantined by ana: errors' }];
    expect(await look({}, aPlan({ candidates: [], rejected }))).toMatchObject({
      target: null,
      failing: ['last known good: there is none (v2: quarantined by ana: errors)'],
    });
    expect((await look({}, aPlan({ candidates: [] }))).failing).toEqual([
      'last known good: no other release is known',
    ]);
  });

  it('asks target and traffic control for what acting needs', async () => {
    const denied = { name: 'may patch deployments', ok: false, detail: 'no: apply rbac.yaml' };
    const writable = { name: 'map file', ok: true, detail: 'can be written' };
    const found = await look({
      target: { ...service.target, checks: async () => [denied] },
      traffic: { ...service.traffic, checks: async () => [writable] },
    });
    expect(found.failing).toEqual(['may patch deployments: no: apply rbac.yaml']);
    expect(found.names).toContain('map file');
  });

  it('takes whatever cannot be asked for a check that fails', async () => {
    const refuse = () => Promise.reject(new Error('connection refused'));
    const found = await look({
      target: { ...service.target, live: refuse, checks: refuse },
      traffic: { ...service.traffic, state: refuse },
    });
    expect(found.failing).toEqual([
      'deploy target: connection refused',
      'target: connection refused',
      'traffic control: connection refused',
    ]);
  });

  it('counts a sick health check and unreadable metrics of what is live', async () => {
    service.state.blind = 'no /metrics there';
    service.script('v1', () => ({ healthy: false }));
    expect((await look()).failing).toEqual([
      'health check: 0 503, 1 503',
      'metrics: error: no /metrics there',
    ]);
  });

  it('does not ask for what is not configured', async () => {
    expect((await look({ traffic: null })).names).not.toContain('traffic control');
  });

  describe('with a check of compatibility', () => {
    const compatibility = (code: string) =>
      createCommandCompatibility({
        command: [process.execPath, '-e', code, '{service}', '{from}', '{to}'],
        timeLimitMs: 5_000,
      });
    const wayBack = (code: string, plan = aPlan()) =>
      findWayBack({
        reach: { ...reach, compatibility: compatibility(code) },
        plan,
        candidates: plan.candidates,
        recipeOf: async () => null,
        signal,
      });

    it('passes over a release that cannot live with what the bad one left behind', async () => {
      const code = `const [service, from, to] = process.argv.slice(1);
        console.log(service, from, to, 'knows schema 7');
        process.exit(to === 'v2' ? 1 : 0)`;
      expect(await wayBack(code)).toEqual({
        kind: 'found',
        ...good('v1'),
        notes: [
          'the image is there',
          'web v3 v1 knows schema 7',
          'v2: not compatible with v3, web v3 v2 knows schema 7',
        ],
      });
      expect(await wayBack('process.exit(3)')).toMatchObject({
        kind: 'none',
        passedOver: [
          expect.stringMatching(/^v2: not compatible with v3, .* exited with 3$/),
          expect.anything(),
        ],
      });
    });

    it('that cannot be made does not keep a bad release in production, and says so', async () => {
      expect(await wayBack('process.kill(process.pid, "SIGKILL")')).toMatchObject({
        kind: 'found',
        release: 'v2',
        notes: ['the image is there', expect.stringMatching(/^compatibility not known: .*ended by a signal/)],
      });
    });

    it('is not asked where it is not said which release comes next', async () => {
      expect(await wayBack('process.exit(1)', aPlan({ release: '' }))).toMatchObject({ release: 'v2' });
    });

    it('refuses a release that would be an option', async () => {
      expect(await wayBack('0', aPlan({ candidates: [good('--force')] }))).toMatchObject({
        notes: [expect.anything(), expect.stringContaining('"--force" cannot be given to a command')],
      });
    });
  });
});
