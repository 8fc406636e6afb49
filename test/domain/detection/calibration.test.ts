import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calibrate, effectSizes } from '../../../domain/detection/calibration.ts';
import type { Path } from '../../../domain/detection/excursion.ts';
import { habitsOfReference, learnHabits } from '../../../domain/detection/habits/habits.ts';
import {
  chanceSentence,
  durationSentence,
  externalSentence,
  neighboursSentence,
} from '../../../domain/detection/sentences.ts';
import { errorUnitMs, latencyUnitMs, memoryFloorMs } from '../../../domain/detection/units.ts';
import type { Policy } from '../../../domain/policy.ts';
import { aPolicy, deployedAt, hour, minute, second } from '../builders.ts';
import { aService, calibrationOf, historyOf, type Life } from './streams.ts';

const withBudget = (falseRollbackBudget: number): Policy => ({
  ...aPolicy(),
  detection: { method: 'statistical', falseRollbackBudget },
});
const habits = learnHabits(historyOf(aService()), effectSizes(aPolicy()), 'v2.4.0 at this hour');
const spent = (paths: readonly Path[]) => paths.reduce((sum, path) => sum + path.chance, 0);

describe('the judge’s units', () => {
  it('are fifths of the windows, and half an hour of memory', () => {
    expect([errorUnitMs(aPolicy()), latencyUnitMs(aPolicy()), memoryFloorMs(aPolicy())]).toEqual([
      minute,
      minute,
      30 * minute,
    ]);
    const policy = aPolicy({
      triggers: {
        errorRate: { windowMs: minute },
        latency: { windowMs: 10 * minute },
        memory: { windowMs: 5 * minute },
      },
    });
    expect([errorUnitMs(policy), latencyUnitMs(policy), memoryFloorMs(policy)]).toEqual([
      12 * second,
      2 * minute,
      15 * minute,
    ]);
  });
});

describe('the effects that are looked for', () => {
  it('end with the configured multiplier', () => {
    expect(effectSizes(aPolicy())).toMatchObject({
      errors: [{ leastRatio: 6 }, { leastRatio: 3 }, { ratio: 3, leastRatio: 2 }],
      latency: [{ leastRatio: 2.2 }, { leastRatio: 1.7 }, { ratio: 1.5, leastRatio: 1.5 }],
      latencyMultiplier: 1.5,
      errorUnitMs: minute,
      latencyUnitMs: minute,
    });
  });

  it.each([2, 4, 8])('never lie below a multiplier of %d', (multiplier) => {
    const policy = aPolicy({ triggers: { errorRate: { multiplier }, latency: { multiplier } } });
    const { errors, latency } = effectSizes(policy);
    for (const { ratio, leastRatio } of errors) {
      expect(leastRatio).toBeGreaterThanOrEqual(multiplier);
      expect(ratio).toBeGreaterThan(multiplier);
    }
    for (const { leastRatio } of latency) expect(leastRatio).toBeGreaterThanOrEqual(multiplier);
  });
});

describe('the calibration', () => {
  it('has paths for every start, each no sooner than three bad minutes', () => {
    const { errorPaths, latencyPaths } = calibrate(habits, aPolicy());
    expect(new Set(errorPaths.map((path) => path.latestStart)).size).toBe(5);
    for (const path of [...errorPaths, ...latencyPaths]) {
      expect(path.badMinutes).toBeGreaterThanOrEqual(3);
      expect(path.badMinutes).toBeLessThanOrEqual(50);
      expect(path.until).toBeGreaterThan(path.latestStart - 1);
    }
  });

  it.each([1, 0.01, 0.001, 0.0001])(
    'spends no more than a budget of %d on both triggers together',
    (budget) => {
      const { errorPaths, latencyPaths } = calibrate(habits, withBudget(budget));
      expect(spent(errorPaths)).toBeLessThanOrEqual(2 * budget);
      expect(spent(errorPaths) + spent(latencyPaths)).toBeGreaterThan(0.5 * budget);
    },
  );

  it('of a smaller budget never asks for less', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-5, max: 0.1, noNaN: true }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (budget, part) => {
          const careless = calibrate(habits, withBudget(budget));
          const careful = calibrate(habits, withBudget(budget * part));
          for (const kind of ['errorPaths', 'latencyPaths'] as const) {
            for (const [i, path] of careful[kind].entries()) {
              expect(path.badMinutes).toBeGreaterThanOrEqual(careless[kind][i]?.badMinutes ?? 0);
              expect(path.evidence).toBeGreaterThanOrEqual(careless[kind][i]?.evidence ?? 0);
            }
          }
        },
      ),
      { seed: 1 },
    );
  });

  it.each([
    [2, 1.5],
    [3, 1.7],
    [4, 2],
    [10, 3],
  ])('never looks for less than multipliers of %d and %d, once a start is over', (errors, latency) => {
    const policy = aPolicy({
      triggers: { errorRate: { multiplier: errors }, latency: { multiplier: latency } },
    });
    const { errorPaths, latencyPaths } = calibrate(habits, policy);
    const late = (paths: readonly Path[]) => paths.filter((path) => path.latestStart > 4);
    for (const path of late(errorPaths)) expect(path.leastRatio).toBeGreaterThanOrEqual(errors * 0.9);
    for (const path of latencyPaths) expect(path.leastRatio).toBeGreaterThanOrEqual(latency * 0.9);
  });

  it('has no paths for a latency that nothing is known of', () => {
    const reference = { label: 'v2.4.0', requests: 36_000, errors: 180, durationMs: hour, latencyMs: null };
    const unknown = habitsOfReference(reference, deployedAt);
    expect(calibrate(unknown, aPolicy()).latencyPaths).toEqual([]);
    expect(calibrate(unknown, aPolicy()).errorPaths.length).toBeGreaterThan(0);
  });

  it('asks a restless service for more bad minutes than a calm one', () => {
    const restless: Life = (at) => {
      const row = aService({ share: 0.01 })(at);
      return at % 240 > -9 && at < 0 ? { ...row, errors: row.errors * 12 } : row;
    };
    const calm = calibrationOf(aService({ share: 0.01 })).errorPaths;
    const more = calibrationOf(restless).errorPaths.filter(
      (path, i) => path.badMinutes > (calm[i]?.badMinutes ?? 0),
    );
    expect(more.length).toBeGreaterThan(5);
  });

  /**
   * Of strong excursions. A milder one that lasts long also widens the dispersion, against which both yesterday's peaks and
   * today's evidence are counted, and so may lower the bad minutes that are asked for.
   */
  it('never asks for fewer bad minutes after a day with a longer strong excursion', () => {
    const asked = [0, 4, 8, 12, 20, 30].map((length) => {
      const life: Life = (at) => {
        const row = aService({ share: 0.01 })(at);
        return at >= -400 && at < -400 + length ? { ...row, errors: row.errors * 20 } : row;
      };
      return calibrationOf(life).errorPaths.map((path) => path.badMinutes);
    });
    for (const [i, minutes] of asked.entries())
      for (const [path, least] of (asked[i - 1] ?? []).entries())
        expect(minutes[path]).toBeGreaterThanOrEqual(least);
    expect(asked.at(-1)?.[0]).toBeGreaterThan(asked[0]?.[0] ?? 0);
  });

  it('is the same after JSON and takes a few kilobytes', () => {
    const calibration = calibrationOf(aService({ peers: true }));
    expect(JSON.parse(JSON.stringify(calibration))).toEqual(calibration);
    expect(JSON.stringify(calibration).length).toBeLessThan(12 * 1_024);
  });
});

describe('sentences', () => {
  it.each([
    [1 / 22_222, 3, 'by its own habits one healthy deployment in 22,000 looks like this'],
    [0.000225, 1, 'by its own habits one healthy deployment in 4,400 looks like this'],
    [0.05, 0.25, 'by its own habits one healthy deployment in 20 looks like this'],
    [0, 1, 'by its own habits one healthy deployment in 1,000,000 looks like this'],
    [0.001, 0, 'it has no day of history yet: one healthy deployment in 1,000 is taken to look like this'],
  ])('say how often a chance of %d after %d days is met', (chance, days, text) => {
    expect(chanceSentence({ chance }, { days })).toBe(text);
  });

  it('speak of neighbours only where they were looked at', () => {
    const check = {
      atMs: 0,
      minutes: 1,
      requests: 1,
      errors: 0,
      usualRequests: 1,
      usualErrors: 0,
      slower: null,
    };
    const peer = { errors: 0, usual: 0, slower: null };
    expect(neighboursSentence([])).toBe('');
    expect(neighboursSentence([{ ...check, peer: null }])).toBe('');
    expect(neighboursSentence([{ ...check, peer }])).toBe('; neighbours unchanged');
  });

  it('say for how long, since when, and that it may have been longer', () => {
    expect(durationSentence(deployedAt, deployedAt + 5 * minute, false)).toBe('5 min since 10:00:00');
    expect(durationSentence(deployedAt + minute, deployedAt + 5 * minute, true)).toBe(
      '4 min since 10:01:00 (until then a start explains it)',
    );
  });

  it('say why it is not the release', () => {
    expect(externalSentence('the neighbours fail, too')).toBe(
      'the neighbours fail, too: it does not look like the release',
    );
    expect(externalSentence(null)).toMatch(/^something outside has just passed:/);
  });
});
