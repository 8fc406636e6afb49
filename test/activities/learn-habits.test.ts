import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { learnFromStore, newestPeers } from '../../activities/learn-habits.ts';
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

  it('is nothing while fewer than 180 checks are known', async () => {
    await watched({ ...product, deployment: 'd1' }, startMs, 179);
    expect(await learnFromStore(store, learning(startMs + 180 * minuteMs), defaultPolicy)).toBeNull();
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
});
