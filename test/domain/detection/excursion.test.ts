import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  advanceExcursion,
  type Excursion,
  type Increment,
  noExcursion,
  type Path,
  progressOf,
  ratioOf,
} from '../../../domain/detection/excursion.ts';

function aPath(over: Partial<Path> = {}): Path {
  return {
    effect: 3,
    latestStart: 30,
    until: 120,
    badMinutes: 5,
    evidence: 10,
    leastRatio: 2,
    leastShare: 0,
    slowness: 0,
    chance: 0.001,
    ...over,
  };
}

/** One check of a minute. */
function anIncrement(over: Partial<Increment> = {}): Increment {
  return { evidence: 5, found: 10, expected: 2, requests: 100, minutes: 1, at: 1, ...over };
}

/** Checks of a minute each, by their evidence, the first ending at minute `from`. */
function follow(evidence: readonly number[], path = aPath(), from = 1): Excursion {
  return evidence.reduce<Excursion>(
    (excursion, value, i) =>
      advanceExcursion(excursion, path, anIncrement({ evidence: value, at: from + i })),
    noExcursion,
  );
}

describe('an excursion', () => {
  it('begins with evidence, at the start of its first check, and adds up what was seen since', () => {
    expect(follow([-1, 1, 1])).toEqual({
      settled: 2,
      block: 0,
      blockMinutes: 0,
      since: 1,
      minutes: 2,
      found: 20,
      expected: 4,
      requests: 200,
    });
  });

  it.each([
    ['evidence for health', [-1]],
    ['no evidence at all', [0]],
    ['evidence that is used up', [1, -1]],
    ['more than used up', [1, 2, -9, -9]],
  ])('is none after %s', (_, evidence) => {
    expect(follow(evidence)).toEqual(noExcursion);
    expect(progressOf(follow(evidence), aPath())).toBe(0);
    expect(ratioOf(follow(evidence))).toBe(0);
  });

  it('needs the path’s bad minutes, however bad they are', () => {
    const path = aPath({ badMinutes: 5 });
    const progress = [1, 2, 3, 4, 5].map((minutes) =>
      progressOf(follow(Array(minutes).fill(1e6), path), path),
    );
    expect(progress.map((value) => Math.round(value * 100))).toEqual([20, 40, 60, 80, 100]);
  });

  it('goes back as slowly as it came: one good minute takes at most one bad minute away', () => {
    const path = aPath({ badMinutes: 5 });
    expect(progressOf(follow([9, 9, 9, -1e6], path), path)).toBeCloseTo(0.4);
  });

  it('is clipped by blocks of a fifth of the bad minutes, so that one error of a quiet service counts in full', () => {
    const path = aPath({ badMinutes: 20, evidence: 20 });
    // Blocks of four minutes: the error's evidence of 3.6 is more than one minute may have, not more than four.
    expect(progressOf(follow([3.6], path), path)).toBeCloseTo(1 / 20);
    expect(progressOf(follow([3.6, -0.1, -0.1, -0.1], path), path)).toBeCloseTo(3.3 / 20);
    expect(follow([3.6, -0.1, -0.1, -0.1], path)).toMatchObject({ block: 0, blockMinutes: 0 });
  });

  it.each([
    ['at the latest start', 31, true],
    ['a minute later', 32, false],
  ])('that starts %s is for this path: %s', (_, firstEnd, believed) => {
    const path = aPath({ latestStart: 30 });
    expect(follow([9, 9, 9], path, firstEnd).since).toBe(believed ? 30 : null);
  });

  it('that started in time may go on after the latest start, until the path ends', () => {
    const path = aPath({ latestStart: 0, until: 10 });
    expect(follow(Array(10).fill(9), path).since).toBe(0);
    expect(follow(Array(11).fill(9), path)).toEqual(noExcursion);
  });

  it('has a ratio of zero where nothing was expected', () => {
    expect(ratioOf({ ...noExcursion, since: 0, found: 3 })).toBe(0);
    expect(ratioOf({ ...noExcursion, since: 0, found: 3, expected: 2 })).toBe(1.5);
  });
});

describe('any excursion', () => {
  const paths = fc
    .record({
      badMinutes: fc.integer({ min: 6, max: 80 }).map((half) => half / 2),
      evidence: fc.double({ min: 7, max: 20, noNaN: true }),
    })
    .map(aPath);
  const steps = fc.array(
    fc.record({
      evidence: fc.double({ min: -50, max: 50, noNaN: true }),
      found: fc.nat(100),
      minutes: fc.constantFrom(0.2, 1, 1, 1, 2),
    }),
    { maxLength: 40 },
  );
  const run = (
    path: Path,
    taken: readonly Pick<Increment, 'evidence' | 'found' | 'minutes'>[],
    between = (excursion: Excursion) => excursion,
  ) => {
    let at = 0;
    const seen: { progress: number; excursion: Excursion }[] = [];
    let excursion = noExcursion;
    for (const step of taken) {
      at += step.minutes;
      excursion = advanceExcursion(between(excursion), path, anIncrement({ ...step, at }));
      seen.push({ progress: progressOf(excursion, path), excursion });
    }
    return seen;
  };

  it('gets no further than its minutes: no single check of a minute alarms, however bad', () => {
    fc.assert(
      fc.property(paths, steps, (path, taken) => {
        for (const { progress, excursion } of run(path, taken)) {
          expect(progress).toBeGreaterThanOrEqual(0);
          expect(progress).toBeLessThanOrEqual(excursion.minutes / path.badMinutes + 1e-9);
        }
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('is the same after JSON', () => {
    fc.assert(
      fc.property(paths, steps, (path, taken) => {
        const stored = run(path, taken, (excursion) => JSON.parse(JSON.stringify(excursion)));
        expect(stored).toEqual(run(path, taken));
      }),
      { seed: 3 },
    );
  });
});
