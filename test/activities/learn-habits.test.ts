import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { learnAgainFromStore, learnFromStore, newestPeers } from '../../activities/learn-habits.ts';
import { openStore, type Store } from '../../adapters/store/store.ts';
import { warmUpAt } from '../../domain/detection/habits/warm-up.ts';
import { defaultPolicy } from '../../domain/policy.ts';
import { noCounts } from '../../domain/sample.ts';
import { newWatch } from '../../domain/watch.ts';

const minuteMs = 60_000;
const startMs = Date.UTC(2026, 0, 26);
const product = { product: 'shop', environment: 'production' };

describe('what the store knows of a service’s normal life', () => {
  let store: Store;
  beforeEach(async () => {
    store = await openStore(':memory:');
  });
  afterEach(() => store.close());

  /** Watched minutes of a deployment; latency by the minute since it began. */
  async function watched(
    key: { product: string; environment: string; deployment: string },
    deployedAtMs: number,
    minutes: number,
    of: (minute: number) => { requests?: number; errors?: number; slowMs?: number } = () => ({}),
  ): Promise<void> {
    const services = [{ service: 'web', release: 'v1' }];
    await store.deployments.register({ ...key, services, origin: 'reported', deployedAtMs });
    const state = newWatch([]);
    for (let minute = 1; minute <= minutes; minute += 1) {
      const { requests = 1_000, errors = 1, slowMs = 200 } = of(minute);
      const atMs = deployedAtMs + minute * minuteMs;
      const bounds = [slowMs * 0.99, slowMs * 1.01];
      const sample = {
        ...noCounts,
        requests,
        errors,
        latency: { boundsMs: bounds, counts: [0, requests, 0] },
        tick: atMs,
        regular: true,
        atMs,
        durationMs: minuteMs,
        probes: [],
        missing: [],
      };
      const tick = { service: 'web', kind: 'sample' as const, sample };
      await store.watches.record(key, { ...state, lastTickMs: atMs, lastAtMs: atMs }, [tick]);
    }
  }

  const learning = (untilMs: number, neighbours: (typeof product)[] = []) => ({
    ...product,
    service: 'web',
    label: 'v1',
    untilMs,
    neighbours,
  });

  it('is nothing while fewer than 60 checks are known', async () => {
    await watched({ ...product, deployment: 'd1' }, startMs, 59);
    expect(await learnFromStore(store, learning(startMs + 60 * minuteMs), defaultPolicy)).toBeNull();
  });

  it('tells the usual share of errors, latency and traffic', async () => {
    await watched({ ...product, deployment: 'd1' }, startMs, 240);
    const known = await learnFromStore(store, learning(startMs + 240 * minuteMs), defaultPolicy);
    expect(known?.habits).toMatchObject({ label: 'v1', days: 240 / 1440, peers: null });
    expect(known?.habits.errors.share[3]).toBeCloseTo(0.001, 3);
    expect(Math.exp(known?.habits.latency?.level[3] ?? 0)).toBeCloseTo(200, -1);
  });

  it('tells how earlier deployments started: a slow start is expected again', async () => {
    await watched({ ...product, deployment: 'd1' }, startMs, 240, (minute) =>
      minute <= 20 ? { slowMs: 800 } : {},
    );
    const known = await learnFromStore(store, learning(startMs + 240 * minuteMs), defaultPolicy);
    expect(warmUpAt(known?.habits.warmUp?.latency, 10)).toBeGreaterThan(3.5);
    expect(warmUpAt(known?.habits.warmUp?.latency, 35)).toBeLessThan(1.5);
  });

  it('has its neighbours beside it, minute by minute, and the newest of them for a check', async () => {
    const neighbour = { product: 'billing', environment: 'production' };
    await watched({ ...product, deployment: 'd1' }, startMs, 200);
    await watched({ ...neighbour, deployment: 'b1' }, startMs, 200, () => ({ requests: 50, errors: 5 }));
    const untilMs = startMs + 200 * minuteMs;
    const known = await learnFromStore(store, learning(untilMs, [neighbour]), defaultPolicy);
    expect(known?.habits.peers?.errors.share[3]).toBeCloseTo(0.1, 1);
    const range = { sinceMs: untilMs - 2 * minuteMs, untilMs };
    expect(await newestPeers(store, [neighbour], range, defaultPolicy)).toMatchObject({
      requests: 50,
      errors: 5,
    });
    expect(await newestPeers(store, [], range, defaultPolicy)).toBeNull();
  });

  it('looks at the day ahead of three weeks, too', async () => {
    const deployedAtMs = startMs + 21 * 24 * 60 * minuteMs;
    const busy = { requests: 4_000, errors: 4 };
    await watched({ ...product, deployment: 'd1' }, startMs, 1_440, () => busy);
    await watched({ ...product, deployment: 'd2' }, startMs + 7 * 24 * 60 * minuteMs, 1_440, () => busy);
    await watched({ ...product, deployment: 'd3' }, deployedAtMs - 2 * 24 * 60 * minuteMs, 2_880);
    const known = await learnFromStore(store, learning(deployedAtMs), defaultPolicy);
    expect(known?.habits.days).toBeCloseTo(4, 1);
    expect(known?.habits.traffic[5]).toBeGreaterThan(3_500);
  });

  it('goes on learning from the watch itself, without its first minutes and its newest ones', async () => {
    const deployedAtMs = startMs + 90 * minuteMs;
    await watched({ ...product, deployment: 'd1' }, startMs, 90);
    const known = await learnFromStore(store, learning(deployedAtMs), defaultPolicy);
    await watched({ ...product, deployment: 'd2' }, deployedAtMs, 180, (minute) =>
      minute <= 20 || minute > 165 ? { errors: 100 } : {},
    );
    const nowMs = deployedAtMs + 180 * minuteMs;
    const { untilMs: _, ...about } = learning(nowMs);
    const watch = { policy: defaultPolicy, deployedAtMs, nowMs };
    const again = await learnAgainFromStore(store, about, known, watch);
    expect(again?.habits.days).toBeCloseTo((90 + 145) / 1_440);
    expect(Math.max(...(again?.habits.errors.share ?? [1]))).toBeLessThan(0.002);
    expect(again?.habits.memory).toEqual(known?.habits.memory);
  });
});
