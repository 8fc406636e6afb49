import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MemoryHabits } from '../../../domain/detection/habits/habits.ts';
import {
  leakForecast,
  leakLimit,
  type MemoryState,
  newMemoryState,
  rememberMemory,
} from '../../../domain/detection/memory-trend.ts';
import { aService, minuteOf } from './streams.ts';

const habits: MemoryHabits = { highestFloor: 50, highest: 60, steepest: 1 };

/** What is remembered of memory that is `percentAt` of the minute. */
function remembered(percentAt: (minute: number) => number | null, minutes: number, limit = 90): MemoryState {
  const life = aService({ memory: percentAt });
  return Array.from({ length: minutes }, (_, at) => at).reduce(
    (state, at) => rememberMemory(state, minuteOf(life(at), at), (at + 1) / 30, limit),
    newMemoryState,
  );
}

const floors = (...values: number[]): MemoryState => ({ ...newMemoryState, floors: values });
const saw = (minute: number) => ((minute % 20) * 10) / 20;

describe('memory', () => {
  it('is remembered by the lowest value of each half hour', () => {
    const state = remembered((minute) => 50 + minute / 10 + saw(minute), 95);
    expect(state.floors).toEqual([50, 54, 56.6]);
    expect(state.floor).toBeCloseTo(64.6, 1);
  });

  it('of sixteen half hours is kept, and nothing of checks that do not tell it', () => {
    expect(remembered(() => 40, 1_440).floors).toHaveLength(16);
    expect(remembered(() => null, 100)).toEqual(newMemoryState);
  });

  it.each([
    ['six minutes', 6, [50, 50]],
    ['ten minutes', 10, [50]],
    ['three quarters of an hour', 45, []],
  ])('after %s without a check: the lowest of a few checks is no floor', (_, hole, kept) => {
    const state = remembered((minute) => (minute >= 40 && minute < 40 + hole ? null : 50), 41 + hole + 21);
    expect(state.floors).toEqual(kept);
  });

  it('above the limit is counted in checks in a row', () => {
    expect(remembered((minute) => (minute === 5 ? 80 : 95), 6).above).toBe(0);
    expect(remembered((minute) => (minute === 5 ? 80 : 95), 9).above).toBe(3);
    expect(remembered(() => 95, 9, 96).above).toBe(0);
  });

  it('is the same after JSON between any two checks', () => {
    const percents = fc.array(fc.option(fc.double({ min: 0, max: 100, noNaN: true }), { nil: null }), {
      maxLength: 100,
    });
    fc.assert(
      fc.property(percents, (values) => {
        const life = aService({ memory: (at) => values[at] ?? null });
        const follow = (between: (state: MemoryState) => MemoryState) =>
          values.reduce<MemoryState>(
            (state, _, at) => rememberMemory(between(state), minuteOf(life(at), at), (at + 1) / 5, 90),
            newMemoryState,
          );
        expect(follow((state) => JSON.parse(JSON.stringify(state)))).toEqual(follow((state) => state));
      }),
      { seed: 1 },
    );
  });
});

describe('a leak', () => {
  it.each([
    ['of 5 points an hour, 35 points below the threshold', floors(45, 47.5, 50, 52.5, 55), habits, 7],
    ['after its first hour', floors(50, 52, 55), habits, 7],
    [
      'of a service whose history is unknown, after five hours and shortly before it arrives',
      floors(55, 58, 61, 64, 67, 70, 73, 76, 79, 82),
      null,
      (2 * (90 - 79)) / 12,
    ],
    ['that gets faster', floors(48, 49, 50, 52, 60), habits, 3],
    [
      'that slows down, and still ends above the threshold',
      floors(45, 52, 62, 68, 75.6),
      habits,
      14.4 / 13.6,
    ],
    ['that is there already', floors(70, 75, 80, 85, 91), habits, 0],
  ])('%s is forecast', (_, state, known, hours) => {
    expect(leakForecast(state, known, 90)).toBeCloseTo(hours as number);
  });

  it.each([
    ['within the first hour', floors(50, 56), habits],
    ['without growth', floors(55, 55, 55, 55, 55), habits],
    ['of less than a point an hour', floors(55, 55, 55.3, 55.5, 55.7), habits],
    ['of a service whose history is unknown, within three hours', floors(40, 42, 44, 46, 48, 50), null],
    ['below what the service held before', floors(30, 35, 40, 45, 52), habits],
    ['no steeper than the service was before', floors(50, 52, 54, 56, 58), { ...habits, steepest: 6 }],
    ['that a start explains: it ends below the threshold', floors(40, 50, 56, 60, 62), habits],
  ])('%s is none', (_, state, known) => {
    expect(leakForecast(state, known, 90)).toBeNull();
  });

  it('ends at the threshold, or above it at what the service reached before', () => {
    expect(leakLimit(habits, 90)).toBe(90);
    expect(leakLimit({ ...habits, highest: 96 }, 90)).toBe(99);
    expect(leakLimit(null, 90)).toBe(90);
  });

  it('of any rate that fills the memory within a day is forecast before it is full', () => {
    for (const hours of [4, 6, 8, 12, 16, 20]) {
      const percentAt = (minute: number) => Math.min(99, 50 + saw(minute) + (45 * minute) / (hours * 60));
      const found = Array.from({ length: 48 }, (_, i) => (i + 1) * 30).find((minutes) => {
        const forecast = leakForecast(remembered(percentAt, minutes), habits, 90);
        return forecast !== null && forecast <= 12;
      });
      expect(found, `${hours} h`).toBeLessThan(hours * 60 * 0.65);
    }
  });

  it('is not seen in a start that settles higher than the release before', () => {
    for (const fade of [10, 20, 30]) {
      const percentAt = (minute: number) => 25 + 33 * (1 - Math.exp(-minute / fade)) + saw(minute);
      for (let minutes = 30; minutes <= 1_440; minutes += 30)
        expect(leakForecast(remembered(percentAt, minutes), { ...habits, highestFloor: 50 }, 90)).toBeNull();
    }
  });

  it('is not seen in a start that fills caches as before, however long it takes', () => {
    for (const fade of [20, 60, 120, 180]) {
      const percentAt = (minute: number) => 25 + 35 * (1 - Math.exp(-minute / fade)) + saw(minute);
      for (let minutes = 30; minutes <= 1_440; minutes += 30) {
        expect(leakForecast(remembered(percentAt, minutes), { ...habits, highestFloor: 58 }, 90)).toBeNull();
      }
    }
  });

  it('is not seen in a page cache that fills as it did yesterday', () => {
    const before: MemoryHabits = { highestFloor: 97, highest: 98, steepest: 40 };
    for (const fade of [30, 90, 150]) {
      const percentAt = (minute: number) => 97 - 60 * Math.exp(-minute / fade) + saw(minute) / 10;
      for (let minutes = 30; minutes <= 1_440; minutes += 30)
        expect(leakForecast(remembered(percentAt, minutes), before, 90)).toBeNull();
    }
  });
});
