import { describe, expect, it } from 'vitest';
import { countsBetween, type InstanceReading, type Readings } from '../../domain/counters.ts';

const minute = 60_000;
const start = 1_700_000_000_000;

function aReading(over: Partial<InstanceReading> & { requestCount?: number; errorCount?: number } = {}) {
  const { requestCount = 0, errorCount = 0, ...rest } = over;
  const reading: InstanceReading = {
    atMs: start,
    startedAtMs: start - 10 * minute,
    requests: { value: requestCount, series: 2 },
    errors: { value: errorCount, series: 1 },
    dbConnectionErrors: null,
    cpuSeconds: null,
    latency: null,
    memoryPercent: null,
    affectedUsers: null,
    ...rest,
  };
  return reading;
}

function at(minutes: number, instances: Record<string, Parameters<typeof aReading>[0]>): Readings {
  const atMs = start + minutes * minute;
  const entries = Object.entries(instances).map(([id, over]) => [id, aReading({ atMs, ...over })] as const);
  return { atMs, instances: Object.fromEntries(entries) };
}

describe('counts between two readings', () => {
  it('are the increase, added up over the instances', () => {
    const previous = at(0, { a: { requestCount: 100, errorCount: 1 }, b: { requestCount: 50 } });
    const current = at(1, {
      a: { requestCount: 160, errorCount: 4 },
      b: { requestCount: 70, errorCount: 2 },
    });
    expect(countsBetween(previous, current)).toMatchObject({ requests: 80, errors: 5 });
  });

  it('are zero without a previous reading, gauges are valid', () => {
    const counts = countsBetween(null, at(0, { a: { requestCount: 100, memoryPercent: 40 } }));
    expect(counts).toMatchObject({ requests: 0, errors: 0, memoryPercent: 40, cpuPercent: null });
  });

  it('count from zero when the start time moved, even where a counter has already overtaken its old value', () => {
    const previous = at(0, { a: { requestCount: 100, errorCount: 0 } });
    const startedAtMs = start + minute / 2;
    const current = at(1, { a: { requestCount: 130, errorCount: 7, startedAtMs } });
    expect(countsBetween(previous, current)).toMatchObject({ requests: 130, errors: 7 });
  });

  it('count from zero when a counter fell', () => {
    const previous = at(0, { a: { requestCount: 100 } });
    expect(countsBetween(previous, at(1, { a: { requestCount: 30 } })).requests).toBe(30);
  });

  it('without start times take one fallen counter as a restart for all', () => {
    const previous = at(0, { a: { requestCount: 100, errorCount: 2, startedAtMs: null } });
    const current = at(1, { a: { requestCount: 30, errorCount: 5, startedAtMs: null } });
    expect(countsBetween(previous, current)).toMatchObject({ requests: 30, errors: 5 });
  });

  it('do not take a wobbling start time for a restart', () => {
    const previous = at(0, { a: { requestCount: 100, startedAtMs: start - 5_000 } });
    const current = at(1, { a: { requestCount: 110, startedAtMs: start - 4_000 } });
    expect(countsBetween(previous, current).requests).toBe(10);
  });

  it('do not count a process twice that dropped one of its series', () => {
    const previous = at(0, { a: { requests: { value: 1_000_000, series: 5 } } });
    const current = at(1, { a: { requests: { value: 999_000, series: 4 } } });
    expect(countsBetween(previous, current).requests).toBe(0);
  });

  it('take a new instance whole only when it started after the previous reading', () => {
    const previous = at(0, { a: { requestCount: 100 } });
    const young = { requestCount: 40, errorCount: 3, startedAtMs: start + minute / 2 };
    expect(countsBetween(previous, at(1, { a: { requestCount: 100 }, b: young }))).toMatchObject({
      requests: 40,
      errors: 3,
    });
    const old = { requestCount: 40_000, startedAtMs: start - minute };
    expect(countsBetween(previous, at(1, { a: { requestCount: 100 }, b: old })).requests).toBe(0);
    const unknown = { requestCount: 40_000, startedAtMs: null };
    expect(countsBetween(previous, at(1, { a: { requestCount: 100 }, b: unknown })).requests).toBe(0);
  });

  it('lose nothing more when an instance vanishes', () => {
    const previous = at(0, { a: { requestCount: 100 }, b: { requestCount: 900 } });
    expect(countsBetween(previous, at(1, { a: { requestCount: 110 } })).requests).toBe(10);
  });

  it('take only this interval of an instance that did not answer for a while', () => {
    const before = at(-9, { b: { requestCount: 0 } });
    const previous = { atMs: start, instances: { ...at(0, { a: {} }).instances, ...before.instances } };
    const current = at(1, { a: {}, b: { requestCount: 1_000 } });
    expect(countsBetween(previous, current).requests).toBe(100);
  });

  it('take all of a time in which no instance answered', () => {
    const current = at(10, { a: { requestCount: 1_000 } });
    expect(countsBetween(at(0, { a: {} }), current).requests).toBe(1_000);
  });

  it('ignore negative values and NaN', () => {
    const previous = at(0, { a: { requestCount: 100, errorCount: Number.NaN } });
    const current = at(1, { a: { requestCount: -5, errorCount: 4, memoryPercent: Number.NaN } });
    expect(countsBetween(previous, current)).toMatchObject({ requests: 0, errors: 0, memoryPercent: null });
  });

  it('count a metric from zero that appears with its first event', () => {
    const previous = at(0, { a: { dbConnectionErrors: null } });
    const current = at(1, { a: { dbConnectionErrors: { value: 3, series: 1 } } });
    expect(countsBetween(previous, current).dbConnectionErrors).toBe(3);
  });

  it('subtract histograms bucket by bucket', () => {
    const boundsMs = [10, 100];
    const previous = at(0, { a: { latency: { boundsMs, cumulative: [5, 8, 9], series: 1 } } });
    const current = at(1, { a: { latency: { boundsMs, cumulative: [6, 12, 14], series: 1 } } });
    expect(countsBetween(previous, current).latency).toEqual({ boundsMs, counts: [1, 3, 1] });
    const restarted = at(1, { a: { latency: { boundsMs, cumulative: [1, 2, 2], series: 1 } } });
    expect(countsBetween(previous, restarted).latency).toEqual({ boundsMs, counts: [1, 1, 0] });
  });

  it('take a histogram with other buckets as a base', () => {
    const previous = at(0, { a: { latency: { boundsMs: [10], cumulative: [5, 8], series: 1 } } });
    const current = at(1, { a: { latency: { boundsMs: [20], cumulative: [6, 12], series: 1 } } });
    expect(countsBetween(previous, current).latency).toEqual({ boundsMs: [20], counts: [0, 0] });
  });

  it('give the highest memory and the mean processor use of the instances', () => {
    const cpu = (value: number) => ({ value, series: 1 });
    const previous = at(0, { a: { cpuSeconds: cpu(10) }, b: { cpuSeconds: cpu(20) } });
    const current = at(1, {
      a: { cpuSeconds: cpu(16), memoryPercent: 30 },
      b: { cpuSeconds: cpu(38), memoryPercent: 91 },
    });
    expect(countsBetween(previous, current)).toMatchObject({ cpuPercent: 20, memoryPercent: 91 });
  });
});

describe('parts between two readings', () => {
  const endpoint = (requests: number, errors = 0) => ({
    requests: { value: requests, series: 2 },
    errors: { value: errors, series: 1 },
  });

  it('are the endpoints added up over the instances, and the instances where there are several', () => {
    const previous = at(0, {
      a: { requestCount: 100, endpoints: { '/': endpoint(80), '/pay': endpoint(20, 1) } },
      b: { requestCount: 50, endpoints: { '/': endpoint(50) } },
    });
    const current = at(1, {
      a: { requestCount: 160, errorCount: 4, endpoints: { '/': endpoint(130), '/pay': endpoint(30, 5) } },
      b: { requestCount: 70, endpoints: { '/': endpoint(65), '/pay': endpoint(5) } },
    });
    expect(countsBetween(previous, current).parts).toEqual([
      { by: 'endpoint', name: '/', requests: 65, errors: 0 },
      { by: 'endpoint', name: '/pay', requests: 15, errors: 4 },
      { by: 'instance', name: 'a', requests: 60, errors: 4 },
      { by: 'instance', name: 'b', requests: 20, errors: 0 },
    ]);
  });

  it('are absent of one instance without such a label', () => {
    const counts = countsBetween(at(0, { a: { requestCount: 100 } }), at(1, { a: { requestCount: 160 } }));
    expect(counts.parts).toBeUndefined();
  });

  it('begin with the reading that first tells them apart: a life is not a minute', () => {
    const previous = at(0, { a: { requestCount: 1_000_000 } });
    const endpoints = { '/': endpoint(900_000, 5_000), '/pay': endpoint(100_100, 50) };
    const counts = countsBetween(previous, at(1, { a: { requestCount: 1_000_100, endpoints } }));
    expect(counts.parts?.map(({ requests, errors }) => [requests, errors])).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('count a new endpoint from zero, but not one of more than are kept', () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`/${i}`, endpoint(1_000)]));
    const increaseOf = (before: number) => {
      const previous = at(0, { a: { endpoints: many(before) } });
      const now = at(1, { a: { endpoints: { ...many(before - 1), '/new': endpoint(700, 9) } } });
      return countsBetween(previous, now).parts?.find(({ name }) => name === '/new');
    };
    expect(increaseOf(3)).toMatchObject({ requests: 700, errors: 9 });
    expect(increaseOf(20)).toMatchObject({ requests: 0, errors: 0 });
  });
});
