import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noCounts, type Sample } from '../../domain/sample.ts';
import { type SampledTick, seriesOf } from '../../domain/series.ts';

function aTick(atMs: number, more: Partial<Sample> = {}, kind: SampledTick['kind'] = 'sample'): SampledTick {
  return {
    kind,
    sample: {
      ...noCounts,
      tick: atMs,
      atMs,
      regular: true,
      durationMs: 60_000,
      probes: [],
      missing: [],
      ...more,
    },
  };
}

const valuesOf = (ticks: readonly SampledTick[], signal: string, most = 100) =>
  seriesOf(ticks, most)
    .find((series) => series.signal === signal)
    ?.points.map(({ value }) => value);

describe('the series of a signal', () => {
  it('has a point for each check, in the unit people read', () => {
    const ticks = [
      aTick(60_000, { requests: 600, errors: 3, memoryPercent: 45, dbConnectionErrors: 2, cpuPercent: 20 }),
      aTick(90_000, { durationMs: 30_000, requests: 600, errors: 3, memoryPercent: 50 }),
    ];
    expect(valuesOf(ticks, 'error_rate')).toEqual([3, 6]);
    expect(valuesOf(ticks, 'request_rate')).toEqual([10, 20]);
    expect(valuesOf(ticks, 'memory')).toEqual([45, 50]);
    expect(valuesOf(ticks, 'db_connection_errors')).toEqual([2, null]);
    expect(valuesOf(ticks, 'health')).toBeUndefined();
  });

  it('has a gap where nothing was measured', () => {
    const ticks = [
      aTick(1, { requests: 60 }),
      aTick(2, {}, 'blind'),
      aTick(3, {}, 'gap'),
      aTick(4, { requests: 60 }),
    ];
    expect(valuesOf(ticks, 'request_rate')).toEqual([1, null, null, 1]);
  });

  it('leaves extra checks out: they count nothing of their own', () => {
    expect(
      valuesOf([aTick(1, { requests: 60 }), aTick(2, { regular: false, requests: 60 })], 'request_rate'),
    ).toEqual([1]);
  });

  it('takes the percentile of a source that tells nothing else of latency', () => {
    expect(valuesOf([aTick(1, { latencyQuantileMs: 280 })], 'latency_p95')).toEqual([280]);
    const latency = { boundsMs: [100, 200], counts: [90, 10, 0] };
    expect(valuesOf([aTick(1, { latency })], 'latency_p95')?.[0]).toBeGreaterThan(100);
  });

  it('of health is the share of probes that failed', () => {
    const probe = (healthy: boolean) => ({ instance: 'a', healthy, detail: '' });
    expect(valuesOf([aTick(1, { probes: [probe(true), probe(false)] })], 'health')).toEqual([50]);
  });

  it('of memory keeps the highest of the checks that are added up', () => {
    const ticks = [aTick(1, { memoryPercent: 91 }), aTick(2, { memoryPercent: 40 })];
    expect(valuesOf(ticks, 'memory', 1)).toEqual([91]);
  });

  it('adds neighbouring checks up so that nothing that was counted is lost, in at most so many points', () => {
    const checks = fc.array(
      fc.record({ requests: fc.nat(10_000), seconds: fc.integer({ min: 1, max: 120 }) }),
      { minLength: 1, maxLength: 200 },
    );
    fc.assert(
      fc.property(checks, fc.integer({ min: 1, max: 50 }), (list, most) => {
        const ticks = list.map(({ requests, seconds }, i) =>
          aTick(i + 1, { requests, durationMs: seconds * 1_000 }),
        );
        const points = seriesOf(ticks, most).find(({ signal }) => signal === 'request_rate')?.points ?? [];
        expect(points.length).toBeLessThanOrEqual(most);
        expect(points.at(-1)?.atMs).toBe(list.length);
        const size = Math.ceil(list.length / most);
        const seconds = (index: number) =>
          list.slice(index * size, (index + 1) * size).reduce((sum, { seconds: each }) => sum + each, 0);
        const counted = points.reduce((sum, { value }, i) => sum + (value ?? 0) * seconds(i), 0);
        expect(counted).toBeCloseTo(
          list.reduce((sum, { requests }) => sum + requests, 0),
          3,
        );
      }),
    );
  });
});
