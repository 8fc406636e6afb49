/** A logarithmic axis between two values, in pixels. */
export interface LogScale {
  /** What lies outside is drawn at the nearer end. */
  readonly of: (value: number) => number;
  /** 1, 2 and 5 of each decade, or where that is too many its 1 alone. */
  readonly ticks: readonly number[];
}

export function logScale(
  [least, most]: readonly [number, number],
  [from, to]: readonly [number, number],
): LogScale {
  const span = Math.log(most / least);
  const decades = Array.from({ length: 12 }, (_, i) => 10 ** (i - 4));
  const steps = span > Math.log(2000) ? [1] : [1, 2, 5];
  return {
    of: (value) => from + ((to - from) * Math.log(Math.min(most, Math.max(least, value)) / least)) / span,
    ticks: decades
      .flatMap((decade) => steps.map((step) => Number((step * decade).toPrecision(1))))
      .filter((tick) => tick >= least && tick <= most),
  };
}
