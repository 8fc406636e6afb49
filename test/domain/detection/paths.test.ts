import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { transientPrior } from '../../../domain/detection/calibration.ts';
import type { Path } from '../../../domain/detection/excursion.ts';
import {
  type Effect,
  type ExcursionHistory,
  type PathPlan,
  planPaths,
  type StartClass,
} from '../../../domain/detection/paths.ts';

function anEffect(over: Partial<Effect> = {}): Effect {
  return {
    ratio: 3,
    leastRatio: 2,
    leastShare: 0,
    reachedBy: 0.8,
    peaks: 0,
    budgetShare: 0.5,
    leastMinutes: 3,
    ...over,
  };
}

function plan(
  {
    start = {},
    effect = {},
    ...over
  }: Partial<PathPlan> & {
    readonly start?: Partial<StartClass>;
    readonly effect?: Partial<Effect>;
  } = {},
  history: ExcursionHistory = { days: 1, peaks: [] },
): Path {
  const classes = [{ latestStart: 10, until: 60, slowness: 0, effects: [anEffect(effect)], ...start }];
  const [path] = planPaths({ classes, prior: transientPrior, budget: 0.001, ...over }, history);
  return path as Path;
}

describe('a path', () => {
  it('takes over what its class and effect say', () => {
    expect(
      plan({ start: { slowness: 1 }, effect: { ratio: 10, leastRatio: 6, leastShare: 0.01 } }),
    ).toMatchObject({
      effect: 10,
      latestStart: 10,
      until: 60,
      leastRatio: 6,
      leastShare: 0.01,
      slowness: 1,
      chance: 0.0005,
    });
  });

  it('of every class and effect is one, in their order', () => {
    const start = (latestStart: number, ...ratios: number[]): StartClass => ({
      latestStart,
      until: 60,
      slowness: 0,
      effects: ratios.map((ratio) => anEffect({ ratio })),
    });
    const paths = planPaths(
      { classes: [start(4, 8, 3), start(30, 5)], prior: transientPrior, budget: 0.001 },
      { days: 0, peaks: [] },
    );
    expect(paths.map(({ latestStart, effect }) => [latestStart, effect])).toEqual([
      [4, 8],
      [4, 3],
      [30, 5],
    ]);
  });

  it('never asks for fewer bad minutes than its least, nor for more than forty', () => {
    expect(plan({ budget: 1_000, effect: { leastMinutes: 7 } }).badMinutes).toBe(7);
    expect(plan({ budget: 1e-9 }).badMinutes).toBe(32.5);
    expect(plan({}, { days: 3, peaks: [[60, 50]] }).badMinutes).toBe(40);
  });

  it('asks for evidence within bounds', () => {
    expect(plan({ budget: 1_000 }).evidence).toBeGreaterThan(5);
    expect(plan({ budget: 1_000 }).evidence).toBe(plan({ budget: 1 }).evidence);
    expect(plan({ budget: 1e-12 }).evidence).toBe(20);
    // A tenth of the budget is ten times the evidence, and evidence is a logarithm.
    const between = plan({ budget: 0.001 }).evidence - plan({ budget: 0.01 }).evidence;
    expect(between).toBeCloseTo(Math.log(10));
  });

  it('asks for more after a history of long excursions than after a calm one', () => {
    const calm = plan({}, { days: 3, peaks: [[]] });
    const restless = plan({}, { days: 3, peaks: [[12, 9, 3]] });
    expect(restless.badMinutes).toBeGreaterThan(12);
    expect(calm.badMinutes).toBeLessThan(restless.badMinutes);
  });

  it('believes a calm history the more the longer it is', () => {
    const minutes = [0, 1, 3, 30].map((days) => plan({}, { days, peaks: [[]] }).badMinutes);
    expect(minutes).toEqual(minutes.toSorted((a, b) => b - a));
    expect(minutes[3]).toBeLessThan(minutes[0] as number);
  });

  it('looks at the peaks of its own effect only', () => {
    const history = { days: 1, peaks: [[20], []] };
    expect(plan({ effect: { peaks: 0 } }, history).badMinutes).toBeGreaterThan(
      plan({ effect: { peaks: 1 } }, history).badMinutes,
    );
    expect(plan({ effect: { peaks: 7 } }, history)).toEqual(
      plan({ effect: { peaks: 7 } }, { days: 1, peaks: [] }),
    );
  });
});

describe('any plan', () => {
  const histories = fc.record({
    days: fc.double({ min: 0, max: 3, noNaN: true }),
    peaks: fc.array(fc.double({ min: 1, max: 60, noNaN: true }), { maxLength: 40 }),
  });
  const budgets = fc.double({ min: 1e-6, max: 1, noNaN: true });
  const starts = fc.constantFrom(4, 10, 30, 60, Number.MAX_SAFE_INTEGER);

  it('never asks for fewer bad minutes after one more excursion in the history', () => {
    fc.assert(
      fc.property(
        histories,
        budgets,
        starts,
        fc.double({ min: 1, max: 60, noNaN: true }),
        ({ days, peaks }, budget, latestStart, more) => {
          const before = plan({ budget, start: { latestStart } }, { days, peaks: [peaks] });
          const after = plan({ budget, start: { latestStart } }, { days, peaks: [[...peaks, more]] });
          expect(after.badMinutes).toBeGreaterThanOrEqual(before.badMinutes);
          expect(after.evidence).toBe(before.evidence);
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });

  it('never asks for fewer bad minutes after a longer excursion', () => {
    fc.assert(
      fc.property(histories, fc.double({ min: 0, max: 20, noNaN: true }), ({ days, peaks }, longer) => {
        const before = plan({}, { days, peaks: [peaks] });
        const after = plan({}, { days, peaks: [peaks.map((peak) => peak + longer)] });
        expect(after.badMinutes).toBeGreaterThanOrEqual(before.badMinutes);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('of a smaller budget asks for neither fewer bad minutes nor less evidence', () => {
    fc.assert(
      fc.property(
        histories,
        fc.tuple(budgets, budgets).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]),
        starts,
        ({ days, peaks }, [small, large], latestStart) => {
          const careful = plan({ budget: small, start: { latestStart } }, { days, peaks: [peaks] });
          const careless = plan({ budget: large, start: { latestStart } }, { days, peaks: [peaks] });
          expect(careful.badMinutes).toBeGreaterThanOrEqual(careless.badMinutes);
          expect(careful.evidence).toBeGreaterThanOrEqual(careless.evidence);
          expect(careful.chance).toBeLessThanOrEqual(careless.chance);
        },
      ),
      { seed: 3, numRuns: 300 },
    );
  });

  it('believes an excursion of a later start no sooner', () => {
    fc.assert(
      fc.property(histories, budgets, ({ days, peaks }, budget) => {
        const paths = [4, 10, 30, 60, 2_000].map((latestStart) =>
          plan({ budget, start: { latestStart } }, { days, peaks: [peaks] }),
        );
        for (const [i, path] of paths.entries()) {
          expect(path.badMinutes).toBeGreaterThanOrEqual(paths[i - 1]?.badMinutes ?? 0);
          expect(path.evidence).toBeGreaterThanOrEqual(paths[i - 1]?.evidence ?? 0);
        }
      }),
      { seed: 4 },
    );
  });
});
