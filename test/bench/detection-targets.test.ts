import { describe, expect, it } from 'vitest';
import { poolNulls, scoreNull } from '../../bench/detection/score.ts';
import type { Scores } from '../../bench/detection/scores.ts';
import { checkTargets, type Measured, type Target } from '../../bench/detection/targets.ts';

const nothing: Scores = {
  profile: 'default',
  seed: '1',
  days: { quiet: 500, other: 100 },
  labelled: null,
  cells: {},
};

function aTarget(measured: Measured | null, more: Partial<Target> = {}): Target {
  return { what: 'x', wanted: 'at most', target: 6, floor: 9, unit: 'min', measure: () => measured, ...more };
}

const resultOf = (target: Target, scores = nothing) => checkTargets(scores, [target])[0];
const exactly = (value: number) => ({ value, low: value, high: value });

describe('a target', () => {
  it('is met at its value, and missed beyond it', () => {
    expect(resultOf(aTarget(exactly(6)))).toMatchObject({ verdict: 'met', isFloorBroken: false });
    expect(resultOf(aTarget(exactly(7)))).toMatchObject({ verdict: 'missed', isFloorBroken: false });
    const recall = aTarget(exactly(0.98), { wanted: 'at least', target: 0.99, floor: 0.99 });
    expect(resultOf(recall)).toMatchObject({ verdict: 'missed', isFloorBroken: true });
  });

  it('breaks its floor only where chance does not explain it', () => {
    expect(resultOf(aTarget({ value: 20, low: 8, high: 40 }))?.isFloorBroken).toBe(false);
    expect(resultOf(aTarget({ value: 20, low: 10, high: 40 }))?.isFloorBroken).toBe(true);
    expect(resultOf(aTarget(exactly(1000), { floor: null }))?.isFloorBroken).toBe(false);
  });

  it('says so when its cells were not run, or for too few days', () => {
    expect(resultOf(aTarget(null))).toMatchObject({ verdict: 'not measured', isFloorBroken: false });
    const asked = aTarget(exactly(20), { leastQuietDays: 4000 });
    expect(resultOf(asked)).toMatchObject({ verdict: 'too few days to tell', isFloorBroken: true });
  });
});

describe('the targets of the judge', () => {
  it('have floors that are looser than they are', () => {
    const floors = checkTargets(nothing).flatMap(({ target }) =>
      target.floor === null ? [] : [{ ...target, floor: target.floor }],
    );
    expect(floors.length).toBeGreaterThan(20);
    for (const { wanted, target, floor } of floors)
      expect(wanted === 'at most' ? floor >= target : floor <= target).toBe(true);
  });

  it('tell a judge that rolls back one quiet day in a hundred, and one that finds nothing', () => {
    const day = (rollback: number | null) => ({ rollback, onset: null });
    const score = scoreNull(Array.from({ length: 500 }, (_, i) => day(i % 100 === 0 ? 7 : null)));
    const levels = [50, 200, 1000, 5000];
    const blind = { days: 100, early: 0, recall: 0, medianDelay: null, p90Delay: null, recallWithinHour: 0 };
    const cells = Object.fromEntries(
      levels.flatMap((level) => [
        [`quiet/burst/${level}`, { ours: score }],
        [`immediate/err_x5/${level}`, { ours: blind }],
      ]),
    );
    const broken = checkTargets({ ...nothing, cells }).filter(({ isFloorBroken }) => isFloorBroken);
    expect(broken.map(({ target }) => target.what)).toEqual([
      'false rollbacks, burst, all levels',
      'false rollbacks, burst, worst level',
      'errors ×5, median delay',
      'errors ×5, 90th percentile',
    ]);
  });
});

it('pools cells as if their days were of one', () => {
  const of = (days: number, falseRollbacks: number) =>
    scoreNull(
      Array.from({ length: days }, (_, i) => ({ rollback: i < falseRollbacks ? 1 : null, onset: null })),
    );
  expect(poolNulls([of(300, 1), of(200, 2)])).toEqual(of(500, 3));
});
