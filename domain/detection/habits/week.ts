import { binOf, type Season, seasonAt, seasonBins } from '../season.ts';
import type { Minute } from './habits.ts';
import { median, sum } from './numbers.ts';

const dayMs = 24 * 3_600_000;
const weekDays = 7;
/** Of one weekday; less says more of the hour than of the day. */
const leastDays = 0.5;
/** A day's swing is not all habit. */
const believed = 0.8;

/** Days from Thursday on, the first of the epoch (UTC). */
function weekdayOf(atMs: number): number {
  const day = Math.floor(atMs / dayMs) % weekDays;
  return day < 0 ? day + weekDays : day;
}

/** Whether there is a last week to compare with: the same weekday, and others beside it. */
export function spansWeek(history: readonly Minute[]): boolean {
  const first = history[0];
  const last = history.at(-1);
  return first !== undefined && last !== undefined && last.atMs - first.atMs >= 6.5 * dayMs;
}

/**
 * A daily season times what each weekday is above or below it: weekends are not weekdays. Days that were not seen are as the
 * others are.
 * @param weightOf how much a minute of that weekday has, and how much the daily season makes of it
 */
export function weeklyShare(
  daily: Season,
  history: readonly Minute[],
  weightOf: (minute: Minute) => { readonly found: number; readonly expected: number },
): Season {
  if (!spansWeek(history)) return daily;
  const found = new Float64Array(weekDays);
  const expected = new Float64Array(weekDays);
  const observedMs = new Float64Array(weekDays);
  for (const minute of history) {
    const day = weekdayOf(minute.atMs - minute.durationMs / 2);
    const weight = weightOf(minute);
    found[day] = (found[day] as number) + weight.found;
    expected[day] = (expected[day] as number) + weight.expected;
    observedMs[day] = (observedMs[day] as number) + minute.durationMs;
  }
  const factors = Array.from(found, (count, day) => {
    if ((observedMs[day] as number) < leastDays * dayMs) return 1;
    // Few errors say little of a weekday.
    const ratio = (count + shrinkCounts) / ((expected[day] as number) + shrinkCounts);
    return 1 + believed * (ratio - 1);
  });
  return factors.flatMap((factor) => wholeDay(daily).map((value) => value * factor));
}

const shrinkCounts = 20;

/** The same of logarithms: each weekday's median difference is added. */
export function weeklyLevel(daily: Season, history: readonly Minute[], logs: readonly number[]): Season {
  if (!spansWeek(history)) return daily;
  const differences: number[][] = Array.from({ length: weekDays }, () => []);
  const observedMs = new Float64Array(weekDays);
  history.forEach((minute, i) => {
    const middleMs = minute.atMs - minute.durationMs / 2;
    const day = weekdayOf(middleMs);
    differences[day]?.push((logs[i] as number) - seasonAt(daily, middleMs));
    observedMs[day] = (observedMs[day] as number) + minute.durationMs;
  });
  const shifts = differences.map((found, day) =>
    (observedMs[day] as number) < leastDays * dayMs ? 0 : believed * median(found),
  );
  return shifts.flatMap((shift) => wholeDay(daily).map((value) => value + shift));
}

/** Requests a minute by half hour of the week, where that half hour was seen; else of the day. */
export function weeklyTraffic(daily: Season, history: readonly Minute[]): Season {
  if (!spansWeek(history)) return daily;
  const bins = weekDays * seasonBins;
  const requests = new Float64Array(bins);
  const minutes = new Float64Array(bins);
  for (const minute of history) {
    const middleMs = minute.atMs - minute.durationMs / 2;
    const bin = weekdayOf(middleMs) * seasonBins + binOf(middleMs);
    requests[bin] = (requests[bin] as number) + minute.requests;
    minutes[bin] = (minutes[bin] as number) + minute.durationMs / 60_000;
  }
  const seen = sum(minutes) > 0;
  return Array.from(requests, (count, bin) =>
    seen && (minutes[bin] as number) > 0
      ? count / (minutes[bin] as number)
      : (wholeDay(daily)[bin % seasonBins] as number),
  );
}

function wholeDay(daily: Season): readonly number[] {
  return Array.from({ length: seasonBins }, (_, bin) => daily[bin % daily.length] ?? 0);
}
