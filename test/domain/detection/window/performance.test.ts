import { describe, expect, it } from 'vitest';
import { latencies } from '../../../../domain/detection/window/performance.ts';
import {
  aContext,
  aHistogram,
  aPolicy,
  aReference,
  aSample,
  deployedAt,
  hour,
  minute,
  samples,
  seeded,
  states,
  verdictOf,
} from '../../builders.ts';

/** p95 280 ms, as the reference. */
const fast = { latency: aHistogram({ 100: 4_500, 280: 4_050, 400: 450 }) };
/** A fifth of the requests takes 600–1000 ms: p95 900 ms. */
const slow = { latency: aHistogram({ 100: 4_500, 280: 2_700, 1000: 1_800 }) };
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

describe('the latency', () => {
  it('above 1.5 times the reference breaches when it has held for the window', () => {
    const stream = samples([...times(5, fast), ...times(5, slow)]);
    expect(states('performance', stream).slice(5)).toEqual([
      'healthy',
      'suspect',
      'breach',
      'breach',
      'breach',
    ]);
    const verdict = verdictOf('performance', stream);
    expect(verdict).toMatchObject({ baseline: 280, current: 900, threshold: 420 });
    expect(verdict.reason).toBe('p95 900 ms, 3.21 × the 280 ms of v2.4.0, over 5 min');
  });

  it('is no breach before the window is full', () => {
    expect(states('performance', samples(times(5, slow)))).toEqual([
      'suspect',
      'suspect',
      'suspect',
      'suspect',
      'breach',
    ]);
    expect(verdictOf('performance', samples(times(4, slow))).reason).toMatch(/; has not held for 5 min yet$/);
  });

  it('never breaches by a single slow check, however slow', () => {
    const stalled = { latency: aHistogram({ 2000: 9_000 }) };
    const stream = samples([...times(5, fast), stalled, ...times(5, fast)]);
    expect(states('performance', stream)).not.toContain('breach');
  });

  it('is no breach when the last check is fast again', () => {
    const stream = samples([...times(4, slow), fast]);
    expect(states('performance', stream).at(-1)).toBe('suspect');
  });

  it('is no breach while half of the checks are fast by themselves', () => {
    const wide = aContext({ policy: aPolicy({ triggers: { latency: { windowMs: 4 * minute } } }) });
    expect(states('performance', samples([fast, fast, slow, slow]), wide).at(-1)).toBe('suspect');
    expect(states('performance', samples([fast, slow, slow, slow]), wide).at(-1)).toBe('breach');
  });

  it('of exactly 1.5 times the reference is healthy', () => {
    // 8,550 of 9,000 requests take at most 420 ms: p95 is 420 ms.
    const edge = { latency: aHistogram({ 100: 4_500, 420: 4_050, 600: 450 }) };
    expect(verdictOf('performance', samples(times(5, edge)))).toMatchObject({
      state: 'healthy',
      current: 420,
      threshold: 420,
    });
  });

  it('just above the threshold is not breach enough: 5.2 % of 200 slow requests may be chance', () => {
    const edge = { latency: aHistogram({ 100: 37, 600: 3 }), requests: 40 };
    expect(states('performance', samples(times(5, edge))).at(-1)).toBe('suspect');
  });

  it.each([
    ['p50', 0.5],
    ['p95', 0.95],
    ['p99', 0.99],
  ] as const)('is judged by the configured %s', (metric, quantile) => {
    const context = aContext({ policy: aPolicy({ triggers: { latency: { metric } } }) });
    const verdict = verdictOf('performance', samples(times(5, fast)), context);
    expect(verdict.reason.startsWith(metric)).toBe(true);
    expect(verdict.current).toBe(latencies({ latency: fast.latency })[metric]);
    expect(quantile).toBeGreaterThan(0);
  });

  it('follows the configured multiplier', () => {
    const context = aContext({ policy: aPolicy({ triggers: { latency: { multiplier: 4 } } }) });
    expect(verdictOf('performance', samples(times(5, slow)), context)).toMatchObject({
      state: 'healthy',
      threshold: 1_120,
    });
  });

  it('is compared with the reference of the lowest latency', () => {
    const references = [
      aReference({ label: 'slow', latency: aHistogram({ 600: 100 }) }),
      aReference({ label: 'quick', latency: aHistogram({ 50: 100 }) }),
      aReference({ label: 'without', latency: null }),
    ];
    expect(verdictOf('performance', samples(times(5, fast)), aContext({ references })).reason).toContain(
      'of quick',
    );
  });

  it('says nothing without a histogram, a reference or enough requests', () => {
    const reasonOf = (stream: Parameters<typeof verdictOf>[1], context = aContext()) => {
      const { state, reason } = verdictOf('performance', stream, context);
      return `${state}: ${reason}`;
    };
    expect(reasonOf(samples([{}]))).toBe('inconclusive: no latency measured');
    expect(reasonOf(samples([fast]), aContext({ references: [] }))).toBe(
      'inconclusive: p95 280 ms, nothing to compare with yet',
    );
    expect(reasonOf(samples([fast]), aContext({ references: [aReference({ latency: null })] }))).toContain(
      'nothing to compare',
    );
    expect(reasonOf(samples([{ latency: aHistogram({ 2000: 99 }) }]))).toMatch(
      /^inconclusive: .*; only 99 requests, 100 needed$/,
    );
    expect(reasonOf(samples([{ latency: aHistogram({ 2000: 100 }) }]))).toMatch(/^suspect/);
  });

  it('is off when it is disabled', () => {
    const context = aContext({ policy: aPolicy({ triggers: { latency: { enabled: false } } }) });
    expect(states('performance', samples(times(5, slow)), context)).toEqual(times(5, 'off'));
  });

  it('does not look at extra ticks', () => {
    const stream = times(6, 0).map((_, i) =>
      aSample({ ...slow, regular: false, atMs: deployedAt + hour + i * minute }),
    );
    expect(new Set(states('performance', stream))).toEqual(new Set(['inconclusive']));
  });

  it('is no breach where some checks of the window had no requests', () => {
    const silent = { requests: 0, latency: null };
    expect(states('performance', samples([slow, silent, silent, silent, slow])).at(-1)).toBe('suspect');
  });

  it('of a healthy random stream breaches in none of 500 days of 60 checks', () => {
    const random = seeded(3);
    const draw = (requests: number) => {
      const counts = { 100: 0, 280: 0, 400: 0, 600: 0 };
      for (let i = 0; i < requests; i++) {
        const u = random();
        counts[u < 0.5 ? 100 : u < 0.95 ? 280 : u < 0.99 ? 400 : 600] += 1;
      }
      return aHistogram(counts);
    };
    let breaches = 0;
    for (let i = 0; i < 500; i++) {
      const references = [aReference({ kind: 'own_baseline', requests: 200, latency: draw(200) })];
      const stream = samples(times(60, 0).map(() => ({ requests: 40, latency: draw(40) })));
      if (states('performance', stream, aContext({ references })).includes('breach')) breaches += 1;
    }
    expect(breaches).toBe(0);
  });
});

describe('latencies', () => {
  it('are null without a histogram', () => {
    expect(latencies({ latency: null })).toEqual({ p50: null, p95: null, p99: null });
    expect(latencies({ latency: aHistogram({ 100: 50, 400: 50 }) })).toEqual({
      p50: 100,
      p95: 388,
      p99: 397.6,
    });
  });
});
