import type { StartClass } from './paths.ts';

type Row = readonly [
  ratio: number,
  leastRatio: number,
  reachedBy: number,
  peaks: number,
  budgetShare: number,
  leastMinutes: number,
  leastShare?: number,
];

function classOf(latestStart: number, until: number, slowness: number, rows: readonly Row[]): StartClass {
  return {
    latestStart,
    until,
    slowness,
    effects: rows.map(([ratio, leastRatio, reachedBy, peaks, budgetShare, leastMinutes, leastShare = 0]) => ({
      ratio,
      leastRatio,
      leastShare,
      reachedBy,
      peaks,
      budgetShare,
      leastMinutes,
    })),
  };
}

const always = Number.MAX_SAFE_INTEGER;

// Ratios of the first classes are above the assumed warm-up, which is a wide one.
export const errorClasses: readonly StartClass[] = [
  classOf(4, 40, 0, [
    [30, 25, 0.01, 0, 0.05, 3, 0.01],
    [8, 4.5, 0.35, 0, 0.5, 3],
    [3.5, 2.3, 0.8, 1, 0.7, 5],
    [2.5, 1.8, 0.9, 2, 0.2, 8],
  ]),
  classOf(10, 60, 0, [
    [30, 25, 0.01, 0, 0.05, 3, 0.01],
    [8, 5, 0.3, 0, 0.15, 5],
    [3.5, 2.5, 0.75, 1, 0.2, 7],
    [2.5, 2, 0.88, 2, 0.1, 11],
  ]),
  classOf(30, 120, 1, [
    [30, 25, 0.01, 0, 0.05, 4, 0.01],
    [10, 6, 0.2, 0, 0.25, 7],
    [5, 3, 0.65, 1, 0.2, 9],
    [3, 2, 0.88, 2, 0.1, 14],
  ]),
  classOf(60, 240, 1, [
    [30, 25, 0.01, 0, 0.05, 5, 0.01],
    [10, 6, 0.2, 0, 0.03, 8],
    [5, 3, 0.65, 1, 0.03, 12],
    [3, 2, 0.88, 2, 0.02, 30],
  ]),
  classOf(always, always, 1, [
    [30, 25, 0.01, 0, 0.1, 6, 0.01],
    [10, 6, 0.2, 0, 0.03, 8],
    [5, 3, 0.65, 1, 0.03, 12],
    [3, 2, 0.88, 2, 0.02, 50],
  ]),
];

export const latencyClasses: readonly StartClass[] = [
  classOf(5, 40, 0, [
    [3, 2.2, 0.31, 0, 0.15, 4],
    [2, 1.6, 0.56, 1, 0.45, 4],
    [1.5, 1.5, 0.68, 2, 0.3, 6],
  ]),
  classOf(14, 60, 0, [
    [3, 2.2, 0.31, 0, 0.1, 5],
    [2, 1.6, 0.56, 1, 0.3, 6],
    [1.5, 1.5, 0.68, 2, 0.15, 9],
  ]),
  classOf(30, 120, 0, [
    [3, 2.2, 0.31, 0, 0.1, 7],
    [2, 1.7, 0.56, 1, 0.3, 9],
    [1.5, 1.5, 0.68, 2, 0.2, 12],
  ]),
  classOf(60, 240, 1, [
    [3, 2.2, 0.31, 0, 0.02, 8],
    [2, 1.7, 0.56, 1, 0.05, 12],
    [1.5, 1.5, 0.68, 2, 0.03, 16],
  ]),
  classOf(always, always, 1, [
    [3, 2.2, 0.31, 0, 0.03, 8],
    [2, 1.7, 0.56, 1, 0.03, 12],
    [1.5, 1.5, 0.68, 2, 0.02, 18],
  ]),
];

/**
 * One endpoint or instance of many, for which all of them share a budget: a total failure soon, less only when it is clear.
 * What is less than a twentieth of its requests is left to the service's own errors.
 */
export const partClasses: readonly StartClass[] = [
  classOf(10, 60, 0, [
    [30, 20, 0.02, 0, 0.3, 4, 0.3],
    [10, 5, 0.3, 0, 0.3, 5, 0.05],
  ]),
  classOf(always, always, 1, [
    [30, 20, 0.02, 0, 0.2, 5, 0.3],
    [10, 6, 0.2, 0, 0.2, 10, 0.05],
  ]),
];

/** Slow requests, counted, by the latency's own classes: how many of them are needed is in the look. */
export const tailClasses: readonly StartClass[] = [
  classOf(5, 40, 0, [[3, 1.5, 0.56, 0, 0.4, 4]]),
  classOf(14, 60, 0, [[3, 1.5, 0.56, 0, 0.3, 6]]),
  classOf(30, 120, 0, [[3, 1.5, 0.56, 0, 0.2, 9]]),
  classOf(60, 240, 1, [[3, 1.5, 0.56, 0, 0.05, 12]]),
  classOf(always, always, 1, [[3, 1.5, 0.56, 0, 0.05, 12]]),
];
