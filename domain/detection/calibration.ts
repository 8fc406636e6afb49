import type { Policy } from '../policy.ts';
import type { Path } from './excursion.ts';
import type { EffectSizes, Habits } from './habits/habits.ts';
import { planPaths, type StartClass, type TransientPrior } from './paths.ts';
import { errorUnitMs, latencyUnitMs } from './units.ts';

/** What the judge needs to know of a service besides its samples; made once, when the deployment is reported. */
export interface Calibration {
  readonly habits: Habits;
  readonly errorPaths: readonly Path[];
  readonly latencyPaths: readonly Path[];
}

/** Assumed of every service until its own history says more. */
export const transientPrior: TransientPrior = {
  perDay: 2,
  weightDays: 0.5,
  goesOn: 0.6,
  longShare: 0.01,
  longMinutes: 32,
};

/** Which part of the whole budget each trigger may spend; memory, database and health have the rest. */
const errorBudget = 0.45;
const latencyBudget = 0.4;

type Row = readonly [
  ratio: number,
  leastRatio: number,
  reachedBy: number,
  peaks: number,
  budgetShare: number,
  leastMinutes: number,
  leastShare?: number,
];

function classOf(latestStart: number, until: number, slow: boolean, rows: readonly Row[]): StartClass {
  return {
    latestStart,
    until,
    slow,
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
const errorClasses: readonly StartClass[] = [
  classOf(4, 40, false, [
    [30, 25, 0.01, 0, 0.05, 3, 0.01],
    [8, 4.5, 0.35, 0, 0.5, 3],
    [3.5, 2.3, 0.8, 1, 0.7, 5],
    [2.5, 1.8, 0.9, 2, 0.2, 8],
  ]),
  classOf(10, 60, false, [
    [30, 25, 0.01, 0, 0.05, 3, 0.01],
    [8, 5, 0.3, 0, 0.15, 5],
    [3.5, 2.5, 0.75, 1, 0.2, 7],
    [2.5, 2, 0.88, 2, 0.1, 11],
  ]),
  classOf(30, 120, false, [
    [30, 25, 0.01, 0, 0.05, 4, 0.01],
    [10, 6, 0.2, 0, 0.25, 7],
    [5, 3, 0.65, 1, 0.2, 9],
    [3, 2, 0.88, 2, 0.1, 14],
  ]),
  classOf(60, 240, true, [
    [30, 25, 0.01, 0, 0.05, 5, 0.01],
    [10, 6, 0.2, 0, 0.03, 8],
    [5, 3, 0.65, 1, 0.03, 12],
    [3, 2, 0.88, 2, 0.02, 16],
  ]),
  classOf(always, always, true, [
    [30, 25, 0.01, 0, 0.1, 6, 0.01],
    [10, 6, 0.2, 0, 0.03, 8],
    [5, 3, 0.65, 1, 0.03, 12],
    [3, 2, 0.88, 2, 0.02, 18],
  ]),
];

const latencyClasses: readonly StartClass[] = [
  classOf(5, 40, false, [
    [3, 2.2, 0.31, 0, 0.3, 4],
    [2, 1.6, 0.56, 1, 0.6, 4],
    [1.5, 1.5, 0.68, 2, 0.4, 6],
  ]),
  classOf(14, 60, false, [
    [3, 2.2, 0.31, 0, 0.15, 5],
    [2, 1.6, 0.56, 1, 0.5, 6],
    [1.5, 1.5, 0.68, 2, 0.2, 9],
  ]),
  classOf(30, 120, false, [
    [3, 2.2, 0.31, 0, 0.1, 7],
    [2, 1.7, 0.56, 1, 0.3, 9],
    [1.5, 1.5, 0.68, 2, 0.2, 12],
  ]),
  classOf(60, 240, true, [
    [3, 2.2, 0.31, 0, 0.02, 8],
    [2, 1.7, 0.56, 1, 0.05, 12],
    [1.5, 1.5, 0.68, 2, 0.03, 16],
  ]),
  classOf(always, always, true, [
    [3, 2.2, 0.31, 0, 0.03, 8],
    [2, 1.7, 0.56, 1, 0.03, 12],
    [1.5, 1.5, 0.68, 2, 0.02, 18],
  ]),
];

/** What paths look for: strong effects soon, the configured multiplier in its time. */
export function effectSizes(policy: Policy): EffectSizes {
  const { multiplier } = policy.triggers.errorRate;
  const latencyMultiplier = policy.triggers.latency.multiplier;
  const above = (floor: number) => Math.max(floor, multiplier);
  return {
    errors: [
      { ratio: Math.max(10, 1.5 * multiplier), leastRatio: above(6) },
      { ratio: Math.max(5, 1.5 * multiplier), leastRatio: above(3) },
      { ratio: 1.5 * multiplier, leastRatio: multiplier },
    ],
    latency: [
      { ratio: 3, leastRatio: Math.max(2.2, latencyMultiplier) },
      { ratio: 2, leastRatio: Math.max(1.7, latencyMultiplier) },
      { ratio: latencyMultiplier, leastRatio: latencyMultiplier },
    ],
    latencyMultiplier,
    errorUnitMs: errorUnitMs(policy),
    latencyUnitMs: latencyUnitMs(policy),
    warmUpMs: Math.max(1, policy.monitoring.warmUpMs),
  };
}

/** Everything that is fixed of a service's judge while a deployment is watched. */
export function calibrate(habits: Habits, policy: Policy): Calibration {
  const { errorRate, latency } = policy.triggers;
  const budget = policy.detection.falseRollbackBudget;
  return {
    habits,
    errorPaths: planPaths(
      {
        classes: above(errorClasses, errorRate.multiplier),
        prior: transientPrior,
        budget: budget * errorBudget,
      },
      { days: habits.days, peaks: habits.errors.peaks },
    ),
    latencyPaths:
      habits.latency === null
        ? []
        : planPaths(
            {
              classes: above(latencyClasses, latency.multiplier),
              prior: transientPrior,
              budget: budget * latencyBudget,
            },
            { days: habits.days, peaks: habits.latency.peaks },
          ),
  };
}

/** No path looks for less than the policy's multiplier. */
function above(classes: readonly StartClass[], multiplier: number): StartClass[] {
  const usual = classes.at(-1)?.effects.at(-1)?.leastRatio ?? multiplier;
  return classes.map((start) => ({
    ...start,
    effects: start.effects.map((effect) => {
      const scale = Math.max(1, multiplier / usual, (0.9 * multiplier) / effect.leastRatio);
      const more = multiplier > usual ? scale : 1;
      return {
        ...effect,
        ratio: effect.ratio * more,
        leastRatio: Math.max(effect.leastRatio, effect.leastRatio * more),
      };
    }),
  }));
}
