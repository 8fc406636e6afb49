import { describe, expect, it } from 'vitest';
import { effectSizes } from '../../../../domain/detection/calibration.ts';
import { type Habits, learnHabits, type Minute } from '../../../../domain/detection/habits/habits.ts';
import { seasonAt } from '../../../../domain/detection/season.ts';
import { aPolicy, day, deployedAt, hour } from '../../builders.ts';
import { aService, historyOf, type Life } from '../streams.ts';

const effects = effectSizes(aPolicy());

/** On the weekday of the deployment twice the traffic, three times the errors per request, and half as slow again. */
const weekly: Life = (at) => {
  const row = aService({ requests: 600, share: 0.004, latencyMs: 200 })(at);
  const weekday = Math.floor((at * 60_000 + deployedAt) / day) % 7;
  if (weekday !== Math.floor((deployedAt + 12 * hour) / day) % 7) return row;
  return {
    ...row,
    requests: 2 * row.requests,
    errors: 6 * row.errors,
    latencyMs: 1.5 * (row.latencyMs ?? 0),
  };
};

/** The three days before the deployment and, before them, the day ahead of it in each of so many weeks. */
function historyWith(weeks: number): Minute[] {
  const daysAgo = (from: number, until: number) =>
    historyOf(weekly, deployedAt, from * 1_440).filter(({ atMs }) => atMs <= deployedAt - until * day);
  const ago = Array.from({ length: weeks }, (_, i) => 7 * (weeks - i)).flatMap((days) =>
    daysAgo(days, days - 1),
  );
  return [...ago, ...daysAgo(3, 0)];
}

const learn = (history: readonly Minute[]): Habits => learnHabits(history, effects, 'v2.4.0 at this hour');
const noon = deployedAt + 12 * hour;

describe('a weekday that is unlike the days before', () => {
  it('is unknown to three days of history', () => {
    const habits = learn(historyWith(0));
    expect(seasonAt(habits.errors.share, noon)).toBeLessThan(0.006);
    expect(seasonAt(habits.traffic, noon)).toBeLessThan(750);
  });

  it('is expected as it was a week ago', () => {
    const habits = learn(historyWith(2));
    expect(seasonAt(habits.errors.share, noon)).toBeGreaterThan(0.008);
    expect(seasonAt(habits.traffic, noon)).toBeGreaterThan(1_100);
    expect(Math.exp(seasonAt(habits.latency?.level ?? [], noon))).toBeGreaterThan(260);
  });

  it('is that of the deployment, also when nothing was measured for days before it', () => {
    const old = historyWith(2).filter(({ atMs }) => atMs <= deployedAt - 2 * day);
    const habits = learnHabits(old, effects, 'v2.4.0 at this hour', [], deployedAt);
    expect(seasonAt(habits.errors.share, noon)).toBeGreaterThan(0.008);
    expect(habits.trafficLevel).toBe(1);
  });

  it('takes no more room: the day ahead is kept, and not the week', () => {
    const [day_, week] = [learn(historyWith(0)), learn(historyWith(2))];
    expect(week.errors.share).toHaveLength(day_.errors.share.length);
    expect(week.traffic).toHaveLength(day_.traffic.length);
  });
});
