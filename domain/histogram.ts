/**
 * A latency histogram. `counts[i]` is the number of requests with
 * `boundsMs[i-1] < latency <= boundsMs[i]`; the last count has no upper bound,
 * so `counts.length === boundsMs.length + 1`. Counts of one interval add up over any window.
 */
export interface Histogram {
  readonly boundsMs: readonly number[];
  readonly counts: readonly number[];
}

export function histogramTotal(histogram: Histogram): number {
  return histogram.counts.reduce((sum, count) => sum + count, 0);
}

/** The sum of two histograms; their bounds must agree, else the newer one is kept (a release may change buckets). */
export function addHistograms(older: Histogram | null, newer: Histogram | null): Histogram | null {
  if (older === null || newer === null) return newer ?? older;
  if (!sameBounds(older, newer)) return newer;
  return { boundsMs: newer.boundsMs, counts: newer.counts.map((count, i) => count + (older.counts[i] ?? 0)) };
}

export function sameBounds(a: Histogram, b: Histogram): boolean {
  return a.boundsMs.length === b.boundsMs.length && a.boundsMs.every((bound, i) => bound === b.boundsMs[i]);
}

/**
 * The `q` quantile (0..1) in milliseconds, linear within its bucket as Prometheus'
 * `histogram_quantile` does; `null` when the histogram is empty. In the last, open bucket it is that bucket's lower bound.
 */
export function quantileMs(histogram: Histogram | null, q: number): number | null {
  if (histogram === null) return null;
  const total = histogramTotal(histogram);
  if (total === 0) return null;
  const rank = q * total;
  let below = 0;
  for (const [i, count] of histogram.counts.entries()) {
    if (count > 0 && below + count >= rank) {
      const lower = i === 0 ? 0 : (histogram.boundsMs[i - 1] ?? 0);
      const upper = histogram.boundsMs[i];
      if (upper === undefined) return lower;
      return lower + ((upper - lower) * (rank - below)) / count;
    }
    below += count;
  }
  return histogram.boundsMs.at(-1) ?? null;
}

/** How many requests were slower than `limitMs`, linear within the bucket that holds the limit. */
export function countSlowerThan(histogram: Histogram, limitMs: number): number {
  let slower = 0;
  for (const [i, count] of histogram.counts.entries()) {
    const lower = i === 0 ? 0 : (histogram.boundsMs[i - 1] ?? 0);
    const upper = histogram.boundsMs[i];
    if (lower >= limitMs) slower += count;
    else if (upper === undefined || upper > limitMs) {
      slower += upper === undefined ? count : (count * (upper - limitMs)) / (upper - lower);
    }
  }
  return slower;
}
