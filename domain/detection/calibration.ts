import { latencyQuantile, type Policy } from '../policy.ts';
import type { Path } from './excursion.ts';
import type { EffectSizes, Habits } from './habits/habits.ts';
import { mostParts } from './habits/parts.ts';
import { tailLooks } from './habits/tail.ts';
import { errorClasses, latencyClasses, partClasses, tailClasses } from './path-classes.ts';
import { planPaths, type StartClass, type TransientPrior } from './paths.ts';
import { errorUnitMs, latencyUnitMs } from './units.ts';

/** What the judge needs to know of a service besides its samples; made once, when the deployment is reported. */
export interface Calibration {
  readonly habits: Habits;
  readonly errorPaths: readonly Path[];
  readonly latencyPaths: readonly Path[];
  /** For slow requests, by look; empty: the source has no buckets; absent: learned by an older version. */
  readonly tailPaths?: readonly (readonly Path[])[];
  /** For each endpoint and instance; absent: learned by an older version. */
  readonly partPaths?: readonly Path[];
}

/** Assumed of every service until its own history says more. */
export const transientPrior: TransientPrior = {
  perDay: 2,
  weightDays: 0.5,
  goesOn: 0.6,
  longShare: 0.01,
  longMinutes: 32,
};

/** Which part of the whole budget each may spend; memory, database and health hardly need any. */
const errorBudget = 0.45;
const latencyBudget = 0.4;
const partBudget = 0.08;
const tailBudget = 0.07;

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
    latencyQuantile: latencyQuantile[policy.triggers.latency.metric],
    errorUnitMs: errorUnitMs(policy),
    latencyUnitMs: latencyUnitMs(policy),
    warmUpMs: Math.max(1, policy.monitoring.warmUpMs),
  };
}

/** Everything that is fixed of a service's judge while a deployment is watched. */
export function calibrate(habits: Habits, policy: Policy): Calibration {
  const { errorRate, latency } = policy.triggers;
  const { days } = habits;
  const plan = (
    classes: readonly StartClass[],
    budgetShare: number,
    peaks: readonly (readonly number[])[],
    atOnce = 1,
  ) =>
    planPaths(
      { classes, prior: transientPrior, budget: policy.detection.falseRollbackBudget * budgetShare, atOnce },
      { days, peaks },
    );
  return {
    habits,
    errorPaths: plan(above(errorClasses, errorRate.multiplier), errorBudget, habits.errors.peaks),
    latencyPaths:
      habits.latency === null
        ? []
        : plan(above(latencyClasses, latency.multiplier), latencyBudget, habits.latency.peaks),
    tailPaths: tailPaths(habits, policy, plan),
    partPaths: plan(
      above(partClasses, errorRate.multiplier),
      partBudget,
      [habits.parts?.peaks ?? []],
      mostParts,
    ),
  };
}

function tailPaths(
  { tail }: Habits,
  policy: Policy,
  plan: (
    classes: readonly StartClass[],
    budgetShare: number,
    peaks: readonly (readonly number[])[],
  ) => Path[],
): Path[][] {
  if (tail === null) return [];
  const looks = tailLooks(effectSizes(policy));
  return looks.map(({ leastShare, leastRatio }, i) => {
    const classes = tailClasses.map((start) => ({
      ...start,
      effects: start.effects.map((effect) => ({ ...effect, leastShare, leastRatio })),
    }));
    return plan(classes, tailBudget / looks.length, [tail.peaks[i] ?? []]);
  });
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
