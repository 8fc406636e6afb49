import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { learnFromSources } from '../../activities/learn-from-source.ts';
import type { History, HistoryRequest, MetricsSource } from '../../adapters/metrics/metrics-source.ts';
import { openStore, type Store } from '../../adapters/store/store.ts';
import { defaultPolicy } from '../../domain/policy.ts';
import { noCounts, type Sample } from '../../domain/sample.ts';
import { newWatch } from '../../domain/watch.ts';

const minuteMs = 60_000;
const deployedAtMs = Date.UTC(2026, 0, 26, 12);
const product = { product: 'shop', environment: 'production' };
const watched = { key: { ...product, deployment: 'd1' }, deployedAtMs };

describe('a watch of which the store knows nothing', () => {
  let store: Store;
  beforeEach(async () => {
    store = await openStore(':memory:');
  });
  afterEach(() => store.close());

  const opened = newWatch([{ service: 'web', release: 'v2', references: [] }]);

  async function calibrationBy(history: MetricsSource['history'], state = opened) {
    const metrics = { measure: () => Promise.reject(new Error('not asked')), history } as MetricsSource;
    const setup = { policy: defaultPolicy, services: [{ service: 'web', metrics }] as never };
    const learned = await learnFromSources(store, watched, setup, state);
    return learned.services[0]?.calibration ?? null;
  }

  /** Two days in which one of a hundred requests failed. */
  async function twoDays({ sinceMs, untilMs, stepMs }: HistoryRequest): Promise<History> {
    const samples: Sample[] = [];
    for (let atMs = sinceMs + stepMs; atMs <= untilMs; atMs += stepMs)
      if (atMs > deployedAtMs - 2 * 1_440 * minuteMs)
        samples.push({
          ...noCounts,
          requests: 1_000,
          errors: 10,
          tick: atMs,
          regular: true,
          atMs,
          durationMs: stepMs,
          probes: [],
          missing: [],
        });
    if (samples.length === 0) return { kind: 'no_data', reason: 'nothing then' };
    return { kind: 'read', samples };
  }

  it('learns from what its metrics source remembers, in steps of the checks', async () => {
    const asked: HistoryRequest[] = [];
    const calibration = await calibrationBy((request) => {
      asked.push(request);
      return twoDays(request);
    });
    expect(calibration?.habits.days).toBeCloseTo(2, 1);
    expect(calibration?.habits.errors.share[12]).toBeCloseTo(0.01, 3);
    expect(asked.every(({ stepMs, untilMs }) => stepMs === minuteMs && untilMs <= deployedAtMs)).toBe(true);
  });

  it('goes on without where the source does not answer, or knows the present only', async () => {
    expect(await calibrationBy(async () => ({ kind: 'error', reason: 'HTTP 500' }))).toBeNull();
    expect(await calibrationBy(() => Promise.reject(new Error('lost')))).toBeNull();
    expect(await calibrationBy(undefined)).toBeNull();
  });

  it('asks at its first check only', async () => {
    let times = 0;
    await calibrationBy(
      (request) => {
        times += 1;
        return twoDays(request);
      },
      { ...opened, lastTickMs: deployedAtMs + minuteMs },
    );
    expect(times).toBe(0);
  });
});
