import { describe, expect, it } from 'vitest';
import {
  isTimeToLearn,
  type Learner,
  learn,
  learnAgain,
  withNewHabits,
} from '../../../domain/detection/learn.ts';
import { aPolicy, deployedAt, hour, minute } from '../builders.ts';
import { aService, changed, historyOf, judged, type Life, minuteOf } from './streams.ts';

const policy = aPolicy();
const life = aService({ requests: 600, share: 0.005, swing: 0.3 });

function past(minutes: number, of: Life = life) {
  return { minutes: historyOf(of, deployedAt, minutes), starts: [], label: 'v2.4.0 at this hour' };
}

/** The watch's own minutes. */
function own(of: Life, minutes: number) {
  return Array.from({ length: minutes }, (_, at) => at).flatMap((at) => {
    const row = of(at);
    return row === null ? [] : [minuteOf(row, at)];
  });
}

/** A watch of so many minutes. */
function learnerAfter(minutes: number, of: Life, known = learn(past(120), policy)): Learner {
  const step = judged(of, minutes, { calibration: known }).at(-1);
  if (step === undefined) throw new Error('nothing was watched');
  return { calibration: known, judge: step.state, verdicts: Object.values(step.verdicts) };
}

const minutesAfter = (minutes: number) => deployedAt + minutes * minute;

describe('a service without a day of history', () => {
  it('is not learned of from less than an hour, or where nobody came', () => {
    expect(learn(past(59), policy)).toBeNull();
    expect(learn(past(60), policy)?.habits.days).toBeCloseTo(60 / 1_440);
    expect(
      learn(
        past(120, (at) => ({ ...life(at), requests: 0, errors: 0 })),
        policy,
      ),
    ).toBeNull();
  });

  it('goes on learning once an hour while it is well', () => {
    expect(isTimeToLearn(learnerAfter(94, life), deployedAt, minutesAfter(94))).toBe(false);
    const calm = learnerAfter(96, life);
    expect(isTimeToLearn(calm, deployedAt, minutesAfter(96))).toBe(true);
    expect(isTimeToLearn({ ...calm, learnedAtMs: minutesAfter(90) }, deployedAt, minutesAfter(96))).toBe(
      false,
    );
    expect(isTimeToLearn({ ...calm, learnedAtMs: minutesAfter(30) }, deployedAt, minutesAfter(96))).toBe(
      true,
    );
  });

  it('does not learn while something looks worse, nor when a day is known', () => {
    const worse = changed(life, (row, at) => (at >= 85 ? { errors: 3 * row.errors + 3 } : {}));
    expect(isTimeToLearn(learnerAfter(96, worse), deployedAt, minutesAfter(96))).toBe(false);
    const slow = changed(life, (row, at) => (at >= 85 ? { latencyMs: 1.8 * (row.latencyMs ?? 0) } : {}));
    expect(isTimeToLearn(learnerAfter(96, slow), deployedAt, minutesAfter(96))).toBe(false);
    const quietly = changed(life, (row, at) => (at % 16 === 0 ? { errors: 40 * row.errors + 40 } : {}));
    expect(isTimeToLearn(learnerAfter(96, quietly), deployedAt, minutesAfter(96))).toBe(false);
    const knowsADay = learnerAfter(96, life, learn(past(1_440), policy));
    expect(isTimeToLearn(knowsADay, deployedAt, minutesAfter(96))).toBe(false);
  });

  it('expects more of hours that nobody has seen, until they are seen', () => {
    const known = learn(past(120), policy);
    const sixHoursOn = (habits: { unseen?: readonly number[] } | undefined) =>
      habits?.unseen?.[Math.floor(((deployedAt + 6 * hour) % (24 * hour)) / (hour / 2))] ?? 1;
    expect(sixHoursOn(known?.habits)).toBeGreaterThan(1.4);
    const watch = { policy, deployedAtMs: deployedAt, nowMs: deployedAt + 6 * hour };
    const again = learnAgain(past(120), own(life, 360), known, watch);
    expect(sixHoursOn(again?.habits)).toBeLessThan(1.15);
  });

  it('never learns memory from its own watch: a leak is slow enough for that', () => {
    const known = learn(past(120), policy);
    const leaking = changed(life, (_, at) => ({ memoryPercent: 50 + at / 10 }));
    const watch = { policy, deployedAtMs: deployedAt, nowMs: deployedAt + 6 * hour };
    const again = learnAgain(past(120), own(leaking, 360), known, watch);
    expect(again?.habits.memory).toEqual(known?.habits.memory);
    expect(learnAgain(past(0), own(leaking, 360), null, watch)?.habits.memory).toBeNull();
  });

  it('keeps what a metrics source told of more than the store knows', () => {
    const told = learn(past(1_200), policy);
    const watch = { policy, deployedAtMs: deployedAt, nowMs: deployedAt + 2 * hour };
    expect(learnAgain(past(0), own(life, 120), told, watch)).toBe(told);
  });

  it('measures the traffic anew with new habits: their scale is another', () => {
    const { judge } = learnerAfter(96, life);
    expect(judge.signals.trafficLevel).not.toBeNull();
    expect(withNewHabits(judge).signals.trafficLevel).toBeNull();
  });

  it('keeps what it knew where nothing more can be learned', () => {
    const watch = { policy, deployedAtMs: deployedAt, nowMs: deployedAt + 2 * hour };
    expect(learnAgain(past(0), own(life, 30), null, watch)).toBeNull();
  });
});
