import { cells } from './cells.ts';
import {
  type LeakScore,
  type NullScore,
  poolNulls,
  poolRegressions,
  type RegressionScore,
  recallInterval,
} from './score.ts';
import type { Scores } from './scores.ts';

/** The product's own judge, which all targets are about. */
const ours = 'ours';

/** One promise about the judge, and the floor below which a change has made it worse. */
export interface Target {
  readonly what: string;
  readonly wanted: 'at most' | 'at least';
  readonly target: number;
  readonly unit: string;
  /** Looser than the target: a guard against regressions, not a second measurement. `null`: none. */
  readonly floor: number | null;
  /** With fewer quiet days a cell the figure says nothing about the target; it still may break the floor. */
  readonly leastQuietDays?: number;
  /** `null`: its cells were not measured. */
  readonly measure: (scores: Scores) => Measured | null;
}

/** A figure, and where it may lie by chance alone. What is always the same for the same judge has no such interval. */
export interface Measured {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export type Verdict = 'met' | 'missed' | 'too few days to tell' | 'not measured';

export interface TargetResult {
  readonly target: Target;
  readonly measured: Measured | null;
  readonly verdict: Verdict;
  readonly isFloorBroken: boolean;
}

export function checkTargets(scores: Scores, asked: readonly Target[] = targets): TargetResult[] {
  return asked.map((target) => {
    const measured = target.measure(scores);
    return {
      target,
      measured,
      verdict: verdictOf(target, measured, scores.days.quiet),
      isFloorBroken: measured !== null && isBelowFloor(target, measured),
    };
  });
}

function verdictOf(target: Target, measured: Measured | null, quietDays: number): Verdict {
  if (measured === null) return 'not measured';
  if (quietDays < (target.leastQuietDays ?? 0)) return 'too few days to tell';
  const met = target.wanted === 'at most' ? measured.value <= target.target : measured.value >= target.target;
  return met ? 'met' : 'missed';
}

/** Only what chance does not explain. */
function isBelowFloor({ wanted, floor }: Target, { low, high }: Measured): boolean {
  if (floor === null) return false;
  return wanted === 'at most' ? low > floor : high < floor;
}

const levels = [50, 200, 1000, 5000];
const busy = [1000, 5000];
const perThousand = 'per 1,000 days';
const quiet = { wanted: 'at most', unit: perThousand, leastQuietDays: 4000 } as const;
const minutes = { wanted: 'at most', unit: 'min' } as const;
const share = { wanted: 'at least', unit: '' } as const;
const hours = { wanted: 'at least', unit: 'h' } as const;

/** Of regressions from the deployment on: target and floor of the median and, where there is one, of the 90th percentile. */
interface DelayTarget {
  readonly what: string;
  /** Row of cells. */
  readonly row: string;
  readonly levels: readonly number[];
  readonly median: readonly [target: number, floor: number];
  readonly p90?: readonly [target: number, floor: number];
}

/**
 * Minutes, of the slowest level. Floors of medians are 1.5 times what the judge took when they were written, of 90th
 * percentiles twice that: 100 days say little about a tail.
 */
const delayTargets: readonly DelayTarget[] = [
  { what: 'errors ×10', row: 'err_x10', levels: busy, median: [6, 7.5], p90: [8, 16] },
  { what: 'errors ×10, nb', row: 'err_x10, nb', levels: busy, median: [4, 6] },
  { what: 'errors ×5', row: 'err_x5', levels: busy, median: [8, 13.5], p90: [30, 38] },
  { what: 'errors ×5, nb', row: 'err_x5, nb', levels: busy, median: [6, 15] },
  { what: 'latency ×2', row: 'lat_x2', levels: busy, median: [6, 9], p90: [20, 46] },
  { what: 'errors ×3, 1,000 req/min', row: 'err_x3', levels: [1000], median: [25, 37.5] },
  { what: 'errors ×3, 5,000 req/min', row: 'err_x3', levels: [5000], median: [18, 30] },
  { what: 'crash loop, any traffic', row: 'crash', levels, median: [3, 4.5] },
  { what: 'outage (30 % errors), any traffic', row: 'outage', levels, median: [3, 4.5] },
];

/** What the delay of a regression is meant to be at that traffic, minutes. */
export function delayTargetOf(
  row: string,
  requestsPerMinute: number,
): { readonly median?: number; readonly p90?: number } {
  const found = delayTargets.find(
    (target) => target.row === row && target.levels.includes(requestsPerMinute),
  );
  return { median: found?.median[0], p90: found?.p90?.[0] };
}

/** What the judge is meant to reach, and what no change may fall below. */
export const targets: readonly Target[] = [
  {
    ...quiet,
    what: 'false rollbacks, burst, all levels',
    target: 1,
    floor: 1.5,
    measure: pooledFalse(at('quiet/burst', levels)),
  },
  {
    ...quiet,
    what: 'false rollbacks, burst, worst level',
    target: 1.5,
    floor: 3,
    measure: worstFalse(at('quiet/burst', levels)),
  },
  {
    ...quiet,
    what: 'false rollbacks, burst, highest upper bound of a level',
    target: 4,
    floor: null,
    measure: highestBound(at('quiet/burst', levels)),
  },
  {
    ...quiet,
    what: 'false rollbacks, warm-up doubled, worst level',
    target: 5,
    floor: 10,
    measure: worstFalse(at('quiet/burst, warm-up doubled', levels)),
  },
  {
    ...quiet,
    what: 'false rollbacks, long transients, worst level',
    target: 5,
    floor: 7.5,
    measure: worstFalse(at('quiet/burst, 5 % of the transients last 8-29 min', levels)),
  },
  { ...share, what: 'labelled traces, recall', target: 0.99, floor: 0.99, measure: labelledRecall },
  {
    wanted: 'at most',
    unit: '',
    what: 'labelled traces, false rollbacks',
    target: 0,
    floor: 0,
    measure: labelledFalse,
  },
  ...delayTargets.flatMap(delays),
  {
    ...share,
    what: 'errors ×3, 50 req/min, recall in 24 h',
    target: 0.89,
    floor: 0.85,
    measure: worstRecall(at('immediate/err_x3', [50])),
  },
  {
    ...share,
    what: 'errors ×3, 200 req/min, recall in 24 h',
    target: 0.97,
    floor: 0.93,
    measure: worstRecall(at('immediate/err_x3', [200])),
  },
  ...later('errors ×5', 'err_x5'),
  ...later('latency ×2', 'lat_x2'),
  {
    ...hours,
    what: 'leak of 6 h, rolled back before its end, median, worst level',
    target: 2.5,
    floor: 2,
    measure: leastHoursLeft(at('immediate/leak_6', levels)),
  },
  {
    ...hours,
    what: 'leak of 12 h, rolled back before its end, median, worst level',
    target: 5,
    floor: 4,
    measure: leastHoursLeft(at('immediate/leak_12', levels)),
  },
  {
    wanted: 'at most',
    unit: perThousand,
    what: 'healthy, meeting an external incident at any time, rolled back, all kinds',
    target: 100,
    floor: 150,
    measure: pooledFalse(external(['any'])),
  },
  {
    ...share,
    what: 'regressions during an external incident, recall, all kinds',
    target: 0.95,
    floor: 0.9,
    measure: pooledRecall(external(['err_x5', 'lat_x2'])),
  },
];

function delays({ what, row, levels: requestsPerMinute, median, p90 }: DelayTarget): Target[] {
  const ids = at(`immediate/${row}`, requestsPerMinute);
  const medianDelay: Target = {
    ...minutes,
    what: `${what}, median delay`,
    target: median[0],
    floor: median[1],
    measure: longest(ids, (score) => score.medianDelay),
  };
  if (p90 === undefined) return [medianDelay];
  return [
    medianDelay,
    {
      ...minutes,
      what: `${what}, 90th percentile`,
      target: p90[0],
      floor: p90[1],
      measure: longest(ids, (score) => score.p90Delay),
    },
  ];
}

/** Onset 15 minutes to 20 hours after the deployment. */
function later(what: string, row: string): Target[] {
  const ids = [...at(`delayed/${row}`, busy), ...at(`late/${row}`, busy)];
  return [
    {
      ...share,
      what: `${what} beginning later, lowest recall`,
      target: 0.98,
      floor: 0.95,
      measure: worstRecall(ids),
    },
    {
      ...minutes,
      what: `${what} beginning later, median delay`,
      target: 45,
      floor: 50,
      measure: longest(ids, (score) => score.medianDelay),
    },
  ];
}

function at(row: string, requestsPerMinute: readonly number[]): string[] {
  return requestsPerMinute.map((level) => `${row}/${level}`);
}

function external(lastParts: readonly string[]): string[] {
  return cells
    .map(({ id }) => id)
    .filter((id) => id.startsWith('external/') && lastParts.some((part) => id.endsWith(`/${part}`)));
}

type Measure = Target['measure'];

/** `null` unless all of them were measured. */
function of<T extends NullScore | RegressionScore | LeakScore>(
  ids: readonly string[],
  measure: (scores: readonly T[]) => Measured,
): Measure {
  return ({ cells: measured }) => {
    const found = ids.flatMap((id) => measured[id]?.[ours] ?? []);
    return found.length < ids.length ? null : measure(found as T[]);
  };
}

function pooledFalse(ids: readonly string[]): Measure {
  return of<NullScore>(ids, (scores) => falseRate(poolNulls(scores)));
}

function worstFalse(ids: readonly string[]): Measure {
  return of<NullScore>(ids, (scores) => falseRate(scores.toSorted((a, b) => b.per1000 - a.per1000)[0]));
}

function highestBound(ids: readonly string[]): Measure {
  return of<NullScore>(ids, (scores) => exactly(Math.max(...scores.map(({ interval }) => interval.high))));
}

function longest(ids: readonly string[], delay: (score: RegressionScore) => number | null): Measure {
  return of<RegressionScore>(ids, (scores) =>
    exactly(Math.max(...scores.map((score) => delay(score) ?? Number.POSITIVE_INFINITY))),
  );
}

function worstRecall(ids: readonly string[]): Measure {
  return of<RegressionScore>(ids, (scores) => recallOf(scores.toSorted((a, b) => a.recall - b.recall)[0]));
}

function pooledRecall(ids: readonly string[]): Measure {
  return of<RegressionScore>(ids, (scores) => recallOf(poolRegressions(scores)));
}

function leastHoursLeft(ids: readonly string[]): Measure {
  return of<LeakScore>(ids, (scores) =>
    exactly(Math.min(...scores.map(({ medianHoursLeft }) => medianHoursLeft ?? Number.NEGATIVE_INFINITY))),
  );
}

function labelledRecall({ labelled }: Scores): Measured | null {
  const score = labelled?.[ours];
  return score === undefined ? null : exactly(score.regressions.recall);
}

function labelledFalse({ labelled }: Scores): Measured | null {
  const score = labelled?.[ours];
  return score === undefined ? null : exactly(score.nulls.falseRollbacks);
}

function falseRate(score: NullScore | undefined): Measured {
  const { per1000, interval } = score as NullScore;
  return { value: per1000, ...interval };
}

function recallOf(score: Pick<RegressionScore, 'days' | 'recall'> | undefined): Measured {
  const { days, recall } = score as RegressionScore;
  return { value: recall, ...recallInterval({ days, recall }) };
}

function exactly(value: number): Measured {
  return { value, low: value, high: value };
}
