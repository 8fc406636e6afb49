import type { Series } from './api.ts';

/** Four bounds to a doubling, from a thousandth of a unit to 131,072 units: seconds and milliseconds alike. */
const bounds = Array.from({ length: 109 }, (_, i) => Number((2 ** ((i - 40) / 4)).toPrecision(12)));

/**
 * A native histogram as the series of a classic one on fixed bounds, so that it can be compared over time: Prometheus tells only
 * the buckets that hold something, and makes them coarser when there are many. A bucket that is coarser than ours counts at its upper bound.
 */
export function classicSeries(labels: Series['labels'], histograms: readonly unknown[]): Series[] {
  const points = [...bounds, Number.POSITIVE_INFINITY].map(() => [] as { atMs: number; value: number }[]);
  for (const pair of histograms) {
    const [at, histogram] = Array.isArray(pair) ? (pair as [unknown, Histogram | undefined]) : [];
    if (typeof at !== 'number' || typeof histogram !== 'object') continue;
    const atMs = Math.round(at * 1_000);
    const counts = points.map(() => 0);
    for (const [, , right, count] of histogram.buckets ?? []) {
      const place = bounds.findIndex((bound) => bound * (1 + 1e-6) >= Number(right));
      const i = place === -1 ? bounds.length : place;
      counts[i] = (counts[i] ?? 0) + Number(count);
    }
    let below = 0;
    for (const [i, count] of counts.entries()) {
      below += count;
      points[i]?.push({ atMs, value: i === bounds.length ? Number(histogram.count) : below });
    }
  }
  return points.map((list, i) => ({ labels: { ...labels, le: String(bounds[i] ?? '+Inf') }, points: list }));
}

interface Histogram {
  readonly count?: string;
  /** Whether its bounds belong to it, its lower and its upper bound, how many it holds. */
  readonly buckets?: readonly (readonly [number, string, string, string])[];
}
