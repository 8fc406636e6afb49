import { minutesBefore, type Trace } from '../trace.ts';
import { runningSums, sumIn } from '../window.ts';
import type { Alarm } from './rule-d.ts';

/** Open in the page's words: how strongly the last hour and the same clock time are drawn to the day's share. */
const shrinkErrors = 5;
/** Open: the blocks of the dispersion, minutes, and the share of them that is trimmed off the top. */
const blockMinutes = 15;
const trimmed = 0.05;

const alarmAt = 20;
const mostAMinute = alarmAt / 12;

/** Clipped CUSUM on excess errors, zero drift at a ratio of 1.82, scaled by the day's over-dispersion; and the outage. */
export function excessErrorAlarm({ errors, requests }: Trace): Alarm {
  const errorSums = runningSums(errors);
  const requestSums = runningSums(requests);
  const between = (sums: Float64Array, from: number, end: number) =>
    (sums[end] as number) - (sums[Math.max(0, from)] as number);
  const day = (between(errorSums, 0, minutesBefore) + 0.5) / (between(requestSums, 0, minutesBefore) + 100);
  const shrunk = (from: number, end: number) =>
    (between(errorSums, from, end) + shrinkErrors) / (between(requestSums, from, end) + shrinkErrors / day);
  const lastHour = shrunk(minutesBefore - 60, minutesBefore);
  const sameTime = (row: number) => shrunk(row - 30, Math.min(minutesBefore, row + 31));
  const dispersion = dispersionOf((from, end) => {
    const expected = day * between(requestSums, from, end);
    return (between(errorSums, from, end) - expected) ** 2 / expected;
  });

  let sum = 0;
  let failedSince = 0;
  let expectedSince = 0;
  const expected = new Float64Array(errors.length);
  let outageMinutes = 0;
  return (row) => {
    const count = errors[row] as number;
    const asked = requests[row] as number;
    if (Number.isNaN(count) || Number.isNaN(asked)) return false;
    const reference = Math.max(day, lastHour, sameTime(row - minutesBefore));
    const mu = reference * asked;
    expected[row] = mu;
    const step = (count * Math.log(3) - 2 * mu) / dispersion;
    sum = Math.max(0, sum + Math.min(mostAMinute, Math.max(-mostAMinute, step)));
    failedSince = sum === 0 ? 0 : failedSince + count;
    expectedSince = sum === 0 ? 0 : expectedSince + mu;
    outageMinutes = count >= 0.2 * asked && count >= 10 * mu && asked > 0 ? outageMinutes + 1 : 0;
    if (outageMinutes >= 3 && between(errorSums, row - 2, row + 1) >= 30) return true;
    return (
      sum >= alarmAt - 1e-9 &&
      failedSince >= 2 * expectedSince &&
      failedSince - expectedSince >= 10 &&
      between(errorSums, row - 4, row + 1) >= 1.5 * sumIn(expected, row - 4, row + 1)
    );
  };
}

/** Trimmed mean over blocks of the day before; at least that of independent errors. */
function dispersionOf(blockTerm: (from: number, end: number) => number): number {
  const terms: number[] = [];
  for (let from = 0; from + blockMinutes <= minutesBefore; from += blockMinutes) {
    const term = blockTerm(from, from + blockMinutes);
    if (Number.isFinite(term)) terms.push(term);
  }
  const kept = terms.toSorted((a, b) => a - b).slice(0, Math.ceil(terms.length * (1 - trimmed)));
  return Math.max(1, kept.reduce((a, b) => a + b, 0) / kept.length);
}
