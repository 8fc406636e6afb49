import { describe, expect, it } from 'vitest';
import { effectSizes } from '../../../../domain/detection/calibration.ts';
import { learnHabits } from '../../../../domain/detection/habits/habits.ts';
import { lastingWarmUps, learnWarmUp, warmUpAt } from '../../../../domain/detection/habits/warm-up.ts';
import { seasonAt } from '../../../../domain/detection/season.ts';
import { aPolicy, deployedAt, minute } from '../../builders.ts';
import {
  aService,
  calibrationOf,
  changed,
  firstBreach,
  historyOf,
  judged,
  type Life,
  type Row,
} from '../streams.ts';

const calm = aService();
/** Four times as slow for some twenty minutes. */
const starting = (row: Row, age: number): Row =>
  age < 0 ? row : { ...row, latencyMs: (row.latencyMs ?? 0) * (1 + 3 * Math.exp(-((age / 20) ** 4))) };
const at = (minutes: number) => deployedAt + minutes * minute;
/** Started once yesterday. */
const slowStarter: Life = (minuteOf) => starting(calm(minuteOf), minuteOf + 690);
const usual = { errors: () => 3, latencyMs: () => 280 };
const learn = (life: Life, starts: readonly number[]) => learnWarmUp(historyOf(life), starts, minute, usual);

describe('a start', () => {
  it('is learned: how much slower, and for how long', () => {
    const curve = learn(slowStarter, [at(-690)])?.latency ?? [];
    expect(curve).toHaveLength(lastingWarmUps);
    expect(warmUpAt(curve, 0)).toBeGreaterThan(3.2);
    expect(warmUpAt(curve, 10)).toBeGreaterThan(3);
    expect(warmUpAt(curve, 39)).toBeLessThan(1.4);
  });

  it('of errors is learned from three checks together: one error of a quiet service is none', () => {
    const failing: Life = (minuteOf) => ({ ...calm(minuteOf), errors: minuteOf + 690 < 10 ? 30 : 3 });
    const curve = learn(failing, [at(-690)])?.errors ?? [];
    expect(warmUpAt(curve, 3)).toBeGreaterThan(7);
    expect(warmUpAt(curve, 30)).toBeCloseTo(1);
    const single: Life = (minuteOf) => ({ ...calm(minuteOf), errors: minuteOf === -685 ? 1 : 0 });
    const rare = learnWarmUp(historyOf(single), [at(-690)], minute, { ...usual, errors: () => 0 });
    expect(Math.max(...(rare?.errors ?? []))).toBe(2);
  });

  it('counts in warm-ups, is the worst of the earlier ones, and at most twenty times', () => {
    const long = learnWarmUp(historyOf(slowStarter), [at(-690)], 2 * minute, usual);
    expect(warmUpAt(long?.latency, 5)).toBeGreaterThan(3);
    expect(warmUpAt(long?.latency, 15)).toBeLessThan(1.4);
    const both = learn(slowStarter, [at(-690), at(-300)])?.latency;
    expect(both).toEqual(
      learn(slowStarter, [at(-690)])?.latency.map((ratio, i) =>
        Math.max(ratio, learn(slowStarter, [at(-300)])?.latency[i] ?? 1),
      ),
    );
    const dead: Life = (minuteOf) => ({ ...calm(minuteOf), latencyMs: 280_000 });
    expect(Math.max(...(learn(dead, [at(-690)])?.latency ?? []))).toBe(20);
  });

  it('that is not in the history is unknown, and so is a latency that nobody told', () => {
    expect(learn(calm, [])).toBeNull();
    expect(learn(calm, [at(-3_000)])).toBeNull();
    const silent: Life = (minuteOf) => ({ ...calm(minuteOf), latencyMs: null });
    expect(new Set(learn(silent, [at(-690)])?.latency)).toEqual(new Set([1]));
    const unknown = { ...usual, latencyMs: () => null };
    expect(new Set(learnWarmUp(historyOf(calm), [at(-690)], minute, unknown)?.latency)).toEqual(new Set([1]));
  });

  it('lasts forty warm-ups at most; nothing is allowed after it, or where nothing is known', () => {
    expect(warmUpAt([3, 2], -1)).toBe(3);
    expect(warmUpAt([3, 2], 1.9)).toBe(2);
    expect(warmUpAt([3, 2], 2)).toBe(1);
    expect(warmUpAt(undefined, 0)).toBe(1);
  });
});

describe('the habits of a service that was started yesterday', () => {
  const effects = effectSizes(aPolicy());
  const learned = (life: Life, starts: readonly number[], minutes = 1_440) =>
    learnHabits(historyOf(life, deployedAt, minutes), effects, '', starts);
  const latencyAt = (habits: ReturnType<typeof learned>, minutes: number) =>
    Math.exp(seasonAt(habits.latency?.level ?? [], at(minutes)));

  it('are those without the start', () => {
    expect(latencyAt(learned(slowStarter, []), -675)).toBeGreaterThan(600);
    expect(latencyAt(learned(slowStarter, [at(-690)]), -675)).toBeLessThan(320);
    expect(learned(slowStarter, []).warmUp).toBeNull();
    expect(warmUpAt(learned(slowStarter, [at(-690)]).warmUp?.latency, 5)).toBeGreaterThan(3);
  });

  it('are all that there is where more than half is a start', () => {
    const short = learned(slowStarter, [at(-60)], 60);
    expect(short.latency).not.toBeNull();
    expect(short.warmUp?.latency).toHaveLength(lastingWarmUps);
  });

  it('know no slower start where nothing is known of the latency', () => {
    const silent: Life = (minuteOf) => ({ ...calm(minuteOf), latencyMs: null });
    expect(new Set(learned(silent, [at(-690)]).warmUp?.latency)).toEqual(new Set([1]));
  });
});

describe('a release that starts as slowly as the one before', () => {
  const release = changed(slowStarter, (row, age) => starting(row, age));

  it('is not rolled back for it, and would be if nothing were learned', () => {
    const known = calibrationOf(slowStarter, aPolicy(), deployedAt, [at(-690)]);
    expect(firstBreach(judged(release, 120, { calibration: known }))).toBeNull();
    expect(firstBreach(judged(release, 120, { calibration: calibrationOf(calm) }))).not.toBeNull();
  });

  it('is found when it stays slow', () => {
    const known = calibrationOf(slowStarter, aPolicy(), deployedAt, [at(-690)]);
    const stays = changed(release, (row, age) => (age < 20 ? {} : { latencyMs: (row.latencyMs ?? 0) * 2.5 }));
    expect(firstBreach(judged(stays, 240, { calibration: known }), 'performance')?.at).toBeGreaterThan(20);
  });
});
