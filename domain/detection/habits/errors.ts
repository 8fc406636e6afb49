import { binOf, type Season, seasonAt, seasonBins } from '../season.ts';
import type { EffectSizes, ErrorHabits, Minute } from './habits.ts';
import { median, sum, total } from './numbers.ts';
import { type Excused, peaksOf } from './peaks.ts';
import { weeklyShare } from './week.ts';

/** A day without an error promises no second one: nothing is held against a release below one error in some seventeen thousand requests. */
export const leastShare = 0.00006;
/** So many errors of the whole day stand beside each half hour's own. */
const shrinkErrors = 8;
const recentMinutes = 120;
/** A day shows few slow swings, and a season fitted to it hides a part of them. */
const slowSwings = 2;
/** Of the logarithm of half an hour's error share: whatever yesterday showed, slow swings are that large. */
const leastSlowVariance = 0.06;

export function errorHabits(
  history: readonly Minute[],
  effects: EffectSizes,
  excused: Excused = new Set(),
): ErrorHabits {
  const requests = new Float64Array(seasonBins);
  const errors = new Float64Array(seasonBins);
  let allRequests = 0;
  let allErrors = 0;
  for (const minute of history) {
    allRequests += minute.requests;
    allErrors += minute.errors;
  }
  const overall = Math.max(leastShare, (allErrors + 0.5) / (allRequests + 100));
  for (const minute of history) {
    const bin = binOf(minute.atMs - minute.durationMs / 2);
    requests[bin] = (requests[bin] as number) + minute.requests;
    // Yesterday's worst minutes are not today's usual ones.
    errors[bin] = (errors[bin] as number) + Math.min(minute.errors, 3 * overall * minute.requests + 3);
  }
  const usual = Math.max(leastShare, (sum(errors) + 0.5) / (allRequests + 100));
  const daily = shrunkSeason(requests, errors, usual);
  const share = weeklyShare(daily, history, (minute) => {
    const expected = minute.requests * seasonAt(daily, minute.atMs - minute.durationMs / 2);
    return { found: Math.min(minute.errors, 3 * expected + 3), expected };
  });
  const recent = history.slice(-recentMinutes);
  const expectedOf = (minute: Minute) =>
    minute.requests * seasonAt(share, minute.atMs - minute.durationMs / 2);
  const expectedLately = total(recent, expectedOf);
  const expectedAll = total(history, expectedOf);
  const seenLately = total(recent, (minute) => Math.min(minute.errors, 3 * expectedOf(minute) + 3));
  // A share that rests on few errors may lie higher than it looks.
  const unsure = 1 + 0.7 / Math.sqrt(Math.max(1, expectedAll));
  const level = unsure * Math.max(1, Math.min(3, (seenLately + 10) / (expectedLately + 10)));
  const dispersion = dispersionOf(history, expectedOf, 5);
  const perHalfHour = (30 * expectedAll) / Math.max(1, history.length);
  const beyondChance = Math.max(0, dispersionOf(history, expectedOf, 30) - dispersion);
  const slowDispersion = dispersion + Math.max(slowSwings * beyondChance, leastSlowVariance * perHalfHour);
  const peaks = effects.errors.map(({ ratio, leastRatio }) =>
    peaksOf(history, { ratio, leastRatio, unitMs: effects.errorUnitMs }, excused, (minute) => {
      const expected = expectedOf(minute);
      return {
        evidence: errorEvidence(minute.errors, expected, ratio, dispersion),
        found: minute.errors,
        expected,
      };
    }),
  );
  return { share, level, seen: allErrors, dispersion, slowDispersion, peaks };
}

/**
 * Errors per request by time of day, smoothed over two hours on each side and drawn towards the day's mean as far as the
 * half hours' own swings explain the difference: a slow swing of yesterday is no habit.
 */
function shrunkSeason(requests: Float64Array, errors: Float64Array, usual: number): Season {
  const reach = 4;
  const ratios = Array.from(requests, (_, bin) => {
    let seen = shrinkErrors;
    let expected = shrinkErrors;
    for (let step = -reach; step <= reach; step++) {
      const other = (bin + step + seasonBins) % seasonBins;
      const weight = 1 - Math.abs(step) / (reach + 1);
      seen += weight * (errors[other] as number);
      expected += weight * (requests[other] as number) * usual;
    }
    return seen / expected;
  });
  const own = Array.from(requests, (count, bin) => {
    const expected = count * usual * (ratios[bin] as number);
    return expected > 0 ? ((errors[bin] as number) - expected) ** 2 / expected ** 2 : 0;
  });
  // Neighbouring half hours swing together, so smoothing over about five of them helps less than it should.
  const noise = (1.5 * median(own)) / 0.45 / 5;
  const spread = sum(ratios.map((ratio) => (ratio - 1) ** 2)) / seasonBins;
  const weight = spread > 0 ? Math.max(0, spread - noise) / spread : 0;
  return ratios.map((ratio) => usual * (1 + weight * (ratio - 1)));
}

/** Log likelihood ratio of Poisson's law with `ratio` times the expected errors against the expected, per unit of dispersion. */
export function errorEvidence(errors: number, expected: number, ratio: number, dispersion: number): number {
  return (errors * Math.log(ratio) - (ratio - 1) * expected) / dispersion;
}

/** Pearson's dispersion over blocks that expect a few errors each, without the worst twentieth. */
export function dispersionOf(
  history: readonly Minute[],
  expectedOf: (minute: Minute) => number,
  checks: number,
): number {
  const mean = total(history, expectedOf) / Math.max(1, history.length);
  const length = Math.max(checks, Math.min(120, Math.ceil(3 / Math.max(mean, 0.001))));
  const values: number[] = [];
  for (let from = 0; from + length <= history.length; from += length) {
    let seen = 0;
    let expected = 0;
    for (let i = from; i < from + length; i++) {
      const minute = history[i] as Minute;
      seen += minute.errors;
      expected += expectedOf(minute);
    }
    if (expected > 0) values.push((seen - expected) ** 2 / expected);
  }
  if (values.length < 8) return 1.5;
  values.sort((a, b) => a - b);
  const kept = values.slice(0, Math.ceil(values.length * 0.95));
  // What the cut takes from a chi-square of one degree of freedom.
  return Math.max(1, sum(kept) / kept.length / 0.77);
}
