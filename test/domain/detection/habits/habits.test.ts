import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { effectSizes } from '../../../../domain/detection/calibration.ts';
import { errorEvidence } from '../../../../domain/detection/habits/errors.ts';
import {
  type Habits,
  habitsOfReference,
  learnHabits,
  type Minute,
} from '../../../../domain/detection/habits/habits.ts';
import { latencyEvidence } from '../../../../domain/detection/habits/latency.ts';
import { seasonAt } from '../../../../domain/detection/season.ts';
import { aPolicy, day, deployedAt, hour, minute, poisson, seeded } from '../../builders.ts';
import { aService, historyOf, type Life } from '../streams.ts';

const effects = effectSizes(aPolicy());
const learn = (life: Life, minutes = 1_440): Habits =>
  learnHabits(historyOf(life, deployedAt, minutes), effects, 'v2.4.0 at this hour');

/** Times the usual in the given minutes before the deployment. */
function raised(life: Life, from: number, end: number, times: number): Life {
  return (at) => {
    const row = life(at);
    if (row === null || at < from || at >= end) return row;
    return { ...row, errors: row.errors * times, latencyMs: (row.latencyMs ?? 0) * Math.sqrt(times) };
  };
}

describe('of a calm day', () => {
  const habits = learn(aService({ requests: 600, share: 0.005, latencyMs: 280, peers: true }));

  it('the rate, the traffic and the latency are found', () => {
    for (const hours of [0, 6, 12, 18]) {
      const atMs = deployedAt + hours * hour;
      expect(seasonAt(habits.errors.share, atMs)).toBeCloseTo(0.005, 3);
      expect(seasonAt(habits.traffic, atMs) / 600).toBeCloseTo(1, 1);
      expect(Math.exp(seasonAt(habits.latency?.level ?? [], atMs)) / 280).toBeCloseTo(1, 1);
    }
    expect(habits).toMatchObject({ days: 1, label: 'v2.4.0 at this hour', dbErrors: 0 });
    expect(habits.trafficLevel).toBeCloseTo(1, 1);
  });

  it('the last hours are no higher, the counts are Poisson’s, and there is no excursion of half an hour', () => {
    expect(habits.errors.level).toBeLessThan(1.1);
    expect(habits.errors.dispersion).toBeLessThan(1.3);
    expect(habits.errors.slowDispersion).toBeGreaterThan(habits.errors.dispersion);
    expect(habits.latency?.shift).toBeLessThan(0.03);
    expect(habits.errors.peaks.flat().every((peak) => peak < 8)).toBe(true);
    expect(habits.latency?.peaks).toEqual([[], [], []]);
  });

  it('memory’s floor and ceiling are found', () => {
    expect(habits.memory).toEqual({ highestFloor: 50, highest: 59.5, steepest: 0 });
  });

  it('the neighbours have habits of their own', () => {
    expect(seasonAt(habits.peers?.errors.share ?? [], deployedAt)).toBeCloseTo(0.004, 3);
    expect(Math.exp(seasonAt(habits.peers?.latency?.level ?? [], deployedAt)) / 120).toBeCloseTo(1, 1);
    expect(learn(aService()).peers).toBeNull();
  });
});

describe('habits', () => {
  it('know the time of day: errors, traffic and latency', () => {
    const noonToMidnight = (at: number) => Math.cos((2 * Math.PI * (at + 720)) / 1_440);
    const life: Life = (at) => {
      const row = aService({ swing: 0.6 })(at);
      const errors = poisson(seeded(at + 5_000), row.requests * 0.01 * Math.exp(0.7 * noonToMidnight(at)));
      return { ...row, errors, latencyMs: 280 * Math.exp(0.3 * noonToMidnight(at)) };
    };
    const habits = learn(life);
    const shares = [0, 6, 12, 18].map((hours) => seasonAt(habits.errors.share, deployedAt + hours * hour));
    expect(shares[2]).toBeGreaterThan(2.5 * (shares[0] as number));
    expect(seasonAt(habits.traffic, deployedAt + 12 * hour) / 960).toBeCloseTo(1, 1);
    expect(seasonAt(habits.traffic, deployedAt) / 240).toBeCloseTo(1, 1);
    const latencyAt = (hours: number) =>
      Math.exp(seasonAt(habits.latency?.level ?? [], deployedAt + hours * hour));
    expect(latencyAt(12) / (280 * Math.exp(0.3))).toBeCloseTo(1, 1);
    expect(latencyAt(0) / (280 * Math.exp(-0.3))).toBeCloseTo(1, 1);
  });

  it('do not take one bad hour of yesterday for a season', () => {
    const life = raised(aService(), -700, -640, 10);
    const share = seasonAt(learn(life).errors.share, deployedAt - 670 * minute);
    expect(share).toBeLessThan(3 * 0.005);
  });

  it('know that the last hours were higher than usual, at most three times', () => {
    const level = (times: number) => learn(raised(aService(), -120, 0, times)).errors.level;
    expect(level(2)).toBeGreaterThan(1.25);
    expect(level(2)).toBeLessThan(2.2);
    const longAgo = learn(raised(aService(), -120, 0, 30), 3 * 1_440).errors.level;
    expect(longAgo).toBeGreaterThan(2);
    expect(longAgo).toBeLessThan(3.5);
    // Of one day the last hours are the season, too; a second one tells them apart.
    const slower = (times: number) => learn(raised(aService(), -120, 0, times), 3 * 1_440).latency?.shift;
    expect(slower(1.3)).toBeGreaterThan(0.08);
    expect(slower(1.3)).toBeLessThan(0.2);
    expect(slower(30)).toBe(0.3);
  });

  it('know how much more than Poisson’s the counts vary', () => {
    const clustered: Life = (at) => {
      const row = aService({ share: 0.01 })(at);
      return { ...row, errors: 4 * poisson(seeded(9_000 + at), row.requests * 0.0025) };
    };
    expect(learn(clustered).errors.dispersion).toBeGreaterThan(2.5);
    expect(learn(clustered).errors.dispersion).toBeLessThan(6);
    expect(learn(aService({ share: 0.01 })).errors.dispersion).toBeLessThan(1.4);
  });

  it('know the excursions by length and height', () => {
    const habits = learn(raised(raised(aService({ share: 0.01 }), -900, -890, 12), -400, -394, 4));
    const [strong, middle] = habits.errors.peaks as [number[], number[]];
    expect(strong[0]).toBeGreaterThanOrEqual(8);
    expect(strong[0]).toBeLessThan(12);
    expect(middle.length).toBeGreaterThan(1);
    expect(habits.latency?.peaks[0]?.[0]).toBeGreaterThanOrEqual(8);
  });

  it('keep the forty worst excursions, and one that still goes on', () => {
    const restless: Life = (at) => {
      const row = aService({ share: 0.01 })(at);
      return ((at % 24) + 24) % 24 < 4 ? { ...row, errors: row.errors * 12 } : row;
    };
    expect(learn(restless, 3 * 1_440).errors.peaks[0]).toHaveLength(40);
    const goingOn = learn(raised(aService({ share: 0.01 }), -10, 0, 12)).errors.peaks[0] as number[];
    expect(goingOn[0]).toBeGreaterThanOrEqual(6);
  });

  it('know the worst two checks of database errors', () => {
    const noisy: Life = (at) => ({
      ...aService()(at),
      dbConnectionErrors: at % 500 === 0 ? 30 : at % 2 === 0 ? 0 : 1,
    });
    expect(learn(noisy).dbErrors).toBe(31);
    expect(learn(aService({ dbConnectionErrors: null })).dbErrors).toBeNull();
  });

  it('know how many health checks failed in five checks, without the worst hundredth', () => {
    const failing = (share: number): Minute[] =>
      historyOf(aService()).map((one, i) => ({ ...one, failedHealthChecks: i % share === 0 ? 1 : 0 }));
    const outage = failing(5).map((one, i) => (i < 10 ? { ...one, failedHealthChecks: 6 } : one));
    expect(learnHabits(failing(5), effects, '').failedHealthChecks).toBe(1);
    expect(learnHabits(outage, effects, '').failedHealthChecks).toBe(1);
    expect(learnHabits(failing(2), effects, '').failedHealthChecks).toBe(3);
    expect(learn(aService()).failedHealthChecks).toBe(0);
    expect(learn(aService(), 3).failedHealthChecks).toBe(0);
  });

  it('say nothing of what was not measured', () => {
    const blind: Life = (at) => ({
      ...aService()(at),
      latencyMs: null,
      memoryPercent: null,
      dbConnectionErrors: null,
    });
    expect(learn(blind)).toMatchObject({ latency: null, memory: null, dbErrors: null, peers: null });
    expect(learn(aService(), 29)).toMatchObject({ latency: null, memory: null, dbErrors: null });
    const none = learnHabits([], effects, 'nothing');
    expect(none).toMatchObject({ days: 0, trafficLevel: 1, latency: null, peers: null });
    expect(none.errors.peaks).toEqual([[], [], []]);
  });

  it('leave out checks without a length and neighbours that were not measured', () => {
    const life = aService({ peers: true });
    const withHoles: Life = (at) => {
      const row = life(at) as NonNullable<ReturnType<Life>>;
      return at % 3 === 0 ? { ...row, peers: null } : row;
    };
    const habits = learn(withHoles);
    expect(seasonAt(habits.peers?.errors.share ?? [], deployedAt)).toBeCloseTo(0.004, 3);
    const history = historyOf(life);
    const base = { ...(history[0] as Minute), durationMs: 0, errors: 1_000_000 };
    expect(learnHabits([base, ...history], effects, '')).toEqual(learnHabits(history, effects, ''));
  });

  it('of a day without an error promise no second one', () => {
    const habits = learn(aService({ share: 0 }));
    expect(seasonAt(habits.errors.share, deployedAt)).toBeGreaterThan(0);
    expect(seasonAt(habits.errors.share, deployedAt)).toBeLessThan(0.0005);
  });

  it('of half a day know the half hours that they saw', () => {
    const habits = learn(aService({ latencyMs: 280 }), 720);
    expect(habits.days).toBe(0.5);
    expect(seasonAt(habits.traffic, deployedAt + 6 * hour) / 600).toBeCloseTo(1, 1);
    expect(Math.exp(seasonAt(habits.latency?.level ?? [], deployedAt + 6 * hour)) / 280).toBeCloseTo(1, 1);
  });

  it('count in the judge’s minutes, a fifth of the window', () => {
    const slow = effectSizes(aPolicy({ triggers: { errorRate: { windowMs: 10 * minute } } }));
    expect(learnHabits(historyOf(aService()), slow, '').days).toBe(0.5);
  });

  it('are the same after JSON', () => {
    const habits = learn(raised(aService({ peers: true }), -400, -390, 10));
    expect(JSON.parse(JSON.stringify(habits))).toEqual(habits);
  });

  it('turn with the time of day: shifted by half hours they are the same, shifted', () => {
    fc.assert(
      fc.property(fc.integer({ min: -96, max: 96 }), fc.integer({ min: 1, max: 50 }), (halfHours, seed) => {
        const shiftMs = halfHours * 30 * minute;
        const life = aService({ seed, swing: 0.5, peers: true });
        const there = learnHabits(historyOf(life, deployedAt + shiftMs), effects, '');
        const here = learnHabits(historyOf(life), effects, '');
        for (let at = 0; at < day; at += 3 * hour) {
          const atMs = deployedAt + at;
          expect(seasonAt(there.errors.share, atMs + shiftMs)).toBeCloseTo(
            seasonAt(here.errors.share, atMs),
            10,
          );
          expect(seasonAt(there.traffic, atMs + shiftMs)).toBeCloseTo(seasonAt(here.traffic, atMs), 6);
        }
        expect(there.errors.peaks).toEqual(here.errors.peaks);
        expect(there.errors.dispersion).toBeCloseTo(here.errors.dispersion, 8);
      }),
      { seed: 1, numRuns: 10 },
    );
  });
});

describe('a reference alone', () => {
  const reference = { label: 'v2.4.0', requests: 36_000, errors: 100, durationMs: hour, latencyMs: 280 };

  it('is the same at every hour, with wide bounds', () => {
    const habits = habitsOfReference(reference, deployedAt);
    expect(habits).toMatchObject({ days: 0, label: 'v2.4.0', traffic: [600], memory: null, peers: null });
    expect(seasonAt(habits.errors.share, deployedAt)).toBeGreaterThan(100 / 36_000);
    expect(habits.latency?.level).toEqual([Math.log(280)]);
  });

  it('without an error is no rate of zero, and without a latency knows none', () => {
    const habits = habitsOfReference({ ...reference, errors: 0, latencyMs: null }, deployedAt);
    expect(seasonAt(habits.errors.share, deployedAt)).toBeGreaterThan(0);
    expect(habits.latency).toBeNull();
    const empty = habitsOfReference({ ...reference, requests: 0, durationMs: 0 }, deployedAt);
    expect(empty.errors.share[0]).toBeGreaterThan(1);
  });

  it('knows no latency of 0, which a histogram without a bound says', () => {
    expect(habitsOfReference({ ...reference, latencyMs: 0 }, deployedAt).latency).toBeNull();
  });

  it('says less of hours that are far from it, unless it is a day', () => {
    const { unseen = [1] } = habitsOfReference(reference, deployedAt);
    expect(seasonAt(unseen, deployedAt)).toBe(1);
    expect(seasonAt(unseen, deployedAt + 4 * hour)).toBeGreaterThan(1.2);
    expect(seasonAt(unseen, deployedAt + 4 * hour)).toBeLessThan(seasonAt(unseen, deployedAt + 11 * hour));
    expect(habitsOfReference({ ...reference, durationMs: 20 * hour }, deployedAt).unseen).toBeUndefined();
  });
});

describe('evidence', () => {
  it('of errors is for the effect above the break-even, and less where counts vary more', () => {
    expect(errorEvidence(0, 2, 3, 1)).toBeCloseTo(-4);
    expect(errorEvidence(6, 2, 3, 1)).toBeCloseTo(6 * Math.log(3) - 4);
    expect(errorEvidence(6, 2, 3, 2)).toBeCloseTo(errorEvidence(6, 2, 3, 1) / 2);
  });

  it('of latency is none exactly at the threshold', () => {
    expect(latencyEvidence(0, 0.1)).toBe(0);
    expect(latencyEvidence(0.1, 0.1)).toBeCloseTo(0.29);
    expect(latencyEvidence(-0.1, 0.1)).toBeCloseTo(-0.29);
  });
});
