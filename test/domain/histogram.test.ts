import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addHistograms,
  countSlowerThan,
  type Histogram,
  histogramTotal,
  quantileMs,
  sameBounds,
} from '../../domain/histogram.ts';

const simple: Histogram = { boundsMs: [100, 200, 400], counts: [10, 20, 10, 0] };

function anyHistogram(): fc.Arbitrary<Histogram> {
  return fc
    .uniqueArray(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 8 })
    .chain((bounds) =>
      fc
        .array(fc.nat(50), { minLength: bounds.length + 1, maxLength: bounds.length + 1 })
        .map((counts) => ({ boundsMs: bounds.sort((a, b) => a - b), counts })),
    );
}

/** Every request by itself, spread evenly over its bucket; those of the open bucket at its lower bound. */
function requests({ boundsMs, counts }: Histogram): number[] {
  return counts.flatMap((count, i) => {
    const lower = boundsMs[i - 1] ?? 0;
    const upper = boundsMs[i] ?? lower;
    return Array.from({ length: count }, (_, k) => lower + ((upper - lower) * (k + 1)) / count);
  });
}

describe('a quantile', () => {
  it.each([
    [0, 0],
    [0.25, 100],
    [0.5, 150],
    [0.75, 200],
    [0.95, 360],
    [1, 400],
  ])('%d of the simple histogram is %d ms', (q, ms) => {
    expect(quantileMs(simple, q)).toBeCloseTo(ms, 9);
  });

  it('is null where nothing is known', () => {
    expect(quantileMs(null, 0.5)).toBeNull();
    expect(quantileMs({ boundsMs: [100], counts: [0, 0] }, 0.5)).toBeNull();
  });

  it('in the open bucket is its lower bound', () => {
    expect(quantileMs({ boundsMs: [100, 200], counts: [1, 0, 9] }, 0.95)).toBe(200);
    expect(quantileMs({ boundsMs: [], counts: [3] }, 0.5)).toBe(0);
  });

  it('beyond all counts is the last bound', () => {
    expect(quantileMs(simple, 1.01)).toBe(400);
  });

  it('skips empty buckets', () => {
    expect(quantileMs({ boundsMs: [100, 200, 300], counts: [5, 0, 5, 0] }, 0.6)).toBeCloseTo(220, 9);
    expect(quantileMs({ boundsMs: [100, 200, 300], counts: [0, 0, 5, 0] }, 0)).toBe(200);
  });

  it('is that of the single requests, where the rank is whole', () => {
    fc.assert(
      fc.property(anyHistogram(), fc.nat(1_000), (histogram, pick) => {
        const all = requests(histogram);
        if (all.length === 0) return;
        const rank = 1 + (pick % all.length);
        expect(quantileMs(histogram, rank / all.length)).toBeCloseTo(all[rank - 1] as number, 6);
      }),
      { seed: 1 },
    );
  });
});

describe('requests slower than a limit', () => {
  it('are counted linearly within their bucket', () => {
    expect([0, 100, 150, 200, 300, 400].map((limit) => countSlowerThan(simple, limit))).toEqual([
      40, 30, 20, 10, 5, 0,
    ]);
    expect(countSlowerThan({ boundsMs: [100], counts: [3, 4] }, 900)).toBe(4);
    expect(countSlowerThan({ boundsMs: [100], counts: [3, 4] }, 50)).toBe(5.5);
  });

  it('are the single requests, within one per bucket', () => {
    fc.assert(
      fc.property(anyHistogram(), fc.integer({ min: 0, max: 6_000 }), (histogram, limit) => {
        const open = histogram.counts.at(-1) as number;
        const closed = { ...histogram, counts: [...histogram.counts.slice(0, -1), 0] };
        const slower = requests(closed).filter((ms) => ms > limit).length;
        expect(Math.abs(countSlowerThan(histogram, limit) - open - slower)).toBeLessThanOrEqual(1);
      }),
      { seed: 2 },
    );
  });

  it('are what lies above a quantile', () => {
    fc.assert(
      fc.property(anyHistogram(), fc.integer({ min: 1, max: 99 }), (histogram, percent) => {
        const closed = { ...histogram, counts: [...histogram.counts.slice(0, -1), 0] };
        const total = histogramTotal(closed);
        const ms = quantileMs(closed, percent / 100);
        if (ms === null) return;
        expect(countSlowerThan(closed, ms)).toBeCloseTo(total * (1 - percent / 100), 6);
      }),
      { seed: 3 },
    );
  });
});

describe('adding histograms', () => {
  it('adds bucket by bucket', () => {
    expect(addHistograms(simple, { ...simple, counts: [1, 2, 3, 4] })).toEqual({
      ...simple,
      counts: [11, 22, 13, 4],
    });
  });

  it('keeps what is known, and the newer one where the buckets changed', () => {
    const other = { boundsMs: [100, 300, 400], counts: [1, 1, 1, 1] };
    const fewer = { boundsMs: [100], counts: [1, 1] };
    expect(addHistograms(null, null)).toBeNull();
    expect(addHistograms(simple, null)).toBe(simple);
    expect(addHistograms(null, simple)).toBe(simple);
    expect(addHistograms(simple, other)).toBe(other);
    expect(addHistograms(simple, fewer)).toBe(fewer);
    expect(sameBounds(simple, other)).toBe(false);
  });
});
