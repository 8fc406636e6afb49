/** An exponential histogram: bucket `i` holds what is above `base^(offset + i)` and at most `base^(offset + i + 1)`, base `2^(2^-scale)`. */
export interface Exponential {
  readonly scale: number;
  readonly zeroCount: number;
  readonly offset: number;
  readonly counts: readonly number[];
  /** Milliseconds in one of its unit. */
  readonly unitMs: number;
}

/** From a millisecond to two minutes, four bounds to a doubling: every exponential histogram of scale 2 and more fits into it exactly. */
const gridMs = Array.from({ length: 69 }, (_, i) => Math.round(1_000 * 2 ** ((i - 40) / 4) * 1e6) / 1e6);

/**
 * On fixed bounds, so that what two processes counted, or one before and after its buckets were made coarser, adds up. A bucket that is
 * coarser than the grid counts as its upper bound.
 */
export function exponentialToGrid({ scale, zeroCount, offset, counts, unitMs }: Exponential) {
  const onGrid = gridMs.map(() => 0);
  const all = [...onGrid, 0];
  all[0] = zeroCount;
  for (const [i, count] of counts.entries()) {
    const upperMs = 2 ** ((offset + i + 1) * 2 ** -scale) * unitMs;
    const place = gridMs.findIndex((bound) => bound * (1 + 1e-6) >= upperMs);
    const at = place === -1 ? gridMs.length : place;
    all[at] = (all[at] ?? 0) + count;
  }
  return { boundsMs: gridMs, counts: all };
}
