import { type Detector, minutesAfter, minutesBefore, type Trace } from '../trace.ts';

/**
 * A judge in Kayenta's way, every hour: the last 60 minutes against the 60 minutes before the deployment, one point a
 * minute. A metric is "high" when the lower end of the 98 % confidence interval of the shift (Hodges-Lehmann) is above a
 * quarter of its estimate; fewer than 50 points on a side decide nothing. Rolls back when errors or latency are high.
 */
export const mannWhitney: Detector = {
  name: 'mann-whitney',
  decide: (trace) => judgeHourly((from, end) => [shareOf(trace, from, end), latencyOf(trace, from, end)]),
};

export const mannWhitneyErrors: Detector = {
  name: 'mann-whitney, errors only',
  decide: (trace) => judgeHourly((from, end) => [shareOf(trace, from, end)]),
};

const tolerance = 0.25;
const confidenceZ = 2.3263478740408408;
const leastPoints = 50;

type Points = Float64Array;

function judgeHourly(pointsIn: (from: number, end: number) => Points[]): number | null {
  const before = pointsIn(minutesBefore - 60, minutesBefore);
  for (let minute = 60; minute <= minutesAfter; minute += 60) {
    const after = pointsIn(minutesBefore + minute - 60, minutesBefore + minute);
    if (after.some((points, index) => isHigh(points, before[index] as Points))) return minute - 1;
  }
  return null;
}

function shareOf({ errors, requests }: Trace, from: number, end: number): Points {
  const shares = errors.slice(from, end).map((count, index) => count / (requests[from + index] as number));
  return known(shares);
}

function latencyOf({ p95Ms }: Trace, from: number, end: number): Points {
  return known(p95Ms.slice(from, end));
}

/** Sorted, without minutes that have no data. */
function known(points: Points): Points {
  return points.filter((value) => !Number.isNaN(value)).sort();
}

function isHigh(after: Points, before: Points): boolean {
  if (after.length < leastPoints || before.length < leastPoints) return false;
  const pairs = after.length * before.length;
  const all = after.length + before.length;
  const ties = tieTerm(after) + tieTerm(before);
  const sigma = Math.sqrt((pairs / 12) * (all + 1 - ties / (all * (all - 1))));
  const lower = shiftWhere(after, before, pairs / 2 + 0.5 + confidenceZ * sigma);
  return lower > tolerance * Math.abs(shiftWhere(after, before, pairs / 2));
}

/** The most that `after` can be lowered with more than `wanted` of the pairs still above `before`. */
function shiftWhere(after: Points, before: Points, wanted: number): number {
  let low = (after[0] as number) - (before.at(-1) as number);
  let high = (after.at(-1) as number) - (before[0] as number);
  for (let i = 0; i < 40; i += 1) {
    const middle = (low + high) / 2;
    if (pairsAbove(after, before, middle) > wanted) low = middle;
    else high = middle;
  }
  return low;
}

function pairsAbove(after: Points, before: Points, shift: number): number {
  let pairs = 0;
  let below = 0;
  for (const value of after) {
    while (below < before.length && (before[below] as number) < value - shift) below += 1;
    pairs += below;
  }
  return pairs;
}

/** Σ (n³ - n) over groups of equal values. */
function tieTerm(sorted: Points): number {
  let sum = 0;
  let equal = 1;
  for (let i = 1; i <= sorted.length; i += 1) {
    if (i < sorted.length && sorted[i] === sorted[i - 1]) equal += 1;
    else {
      sum += equal ** 3 - equal;
      equal = 1;
    }
  }
  return sum;
}
