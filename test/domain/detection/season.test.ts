import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binOf, flatSeason, seasonAt, seasonBins } from '../../../domain/detection/season.ts';
import { day, minute } from '../builders.ts';

const bins = Array.from({ length: seasonBins }, (_, bin) => bin);

describe('the season', () => {
  it.each([
    [0, 0],
    [30 * minute - 1, 0],
    [30 * minute, 1],
    [day - 1, 47],
    [day, 0],
    [-1, 47],
    [-day, 0],
    [-day - 1, 47],
  ])('at %d ms is in half hour %d of the day', (atMs, bin) => {
    expect(binOf(atMs)).toBeCloseTo(bin);
  });

  it.each([
    ['in the middle of a half hour is that half hour’s', 15, 0],
    ['between two middles lies between their values', 30, 0.5],
    ['a third of the way', 25, 1 / 3],
    ['before midnight leads to the day’s first value', 23 * 60 + 45 + 15, 23.5],
    ['before the first middle still comes from the last', 0, 23.5],
  ])('%s', (_, minutes, value) => {
    expect(seasonAt(bins, minutes * minute)).toBeCloseTo(value);
  });

  it('is the same all day where it is flat', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.integer(), (value, atMs) => {
        expect(seasonAt(flatSeason(value), atMs)).toBeCloseTo(value);
      }),
      { seed: 1 },
    );
  });

  it('stays within its values, repeats every day, and has no jumps', () => {
    const seasons = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), {
      minLength: seasonBins,
      maxLength: seasonBins,
    });
    fc.assert(
      fc.property(seasons, fc.integer({ min: -5 * day, max: 5 * day }), (season, atMs) => {
        const value = seasonAt(season, atMs);
        expect(value).toBeGreaterThanOrEqual(Math.min(...season) - 1e-9);
        expect(value).toBeLessThanOrEqual(Math.max(...season) + 1e-9);
        expect(seasonAt(season, atMs + day)).toBeCloseTo(value, 6);
        expect(Math.abs(seasonAt(season, atMs + minute) - value)).toBeLessThanOrEqual(100 / 30 + 1e-6);
      }),
      { seed: 2 },
    );
  });

  it('of nothing is nothing', () => {
    expect(seasonAt([], 0)).toBe(0);
  });
});
