import { minutesBefore, type Trace } from '../trace.ts';
import { quantileIn } from '../window.ts';
import type { Alarm } from './rule-d.ts';

const alarmAt = 20;
const mostAMinute = alarmAt / 12;
const factor = Math.log(1.5);
/** Open in the page's words: a spread below this is not believed. */
const leastSigma = 0.05;

/** The same CUSUM on ln(p95 / reference), zero drift at 1.5 times the reference. */
export function latencyAlarm({ p95Ms }: Trace): Alarm {
  const logs = p95Ms.map(Math.log);
  const day = quantileIn(logs, 0, minutesBefore, 0.5);
  const lastHour = quantileIn(logs, minutesBefore - 60, minutesBefore, 0.5);
  const sameTime = mediansEvery10(logs);
  const sigma = spreadOf(logs, sameTime);
  const recent: number[] = [];
  let sum = 0;
  return (row) => {
    const log = logs[row] as number;
    if (Number.isNaN(log)) return false;
    const near = sameTime[Math.floor((row - minutesBefore) / 10)] as number;
    const reference = Math.max(...[day, lastHour, near].filter((value) => !Number.isNaN(value)));
    const ratio = log - reference;
    const step = (2 * factor * (ratio - factor)) / (sigma * sigma);
    sum = Math.max(0, sum + Math.min(mostAMinute, Math.max(-mostAMinute, step)));
    recent.push(ratio);
    if (recent.length > 5) recent.shift();
    return sum >= alarmAt - 1e-9 && recent.reduce((a, b) => a + b, 0) / recent.length >= factor;
  };
}

/** Of ± 30 minutes around each ten minutes of the day before. */
function mediansEvery10(logs: Float64Array): number[] {
  return Array.from({ length: minutesBefore / 10 }, (_, i) =>
    quantileIn(logs, i * 10 - 25, Math.min(minutesBefore, i * 10 + 36), 0.5),
  );
}

/** Of the day before's residuals, by their median size. */
function spreadOf(logs: Float64Array, medians: readonly number[]): number {
  const sizes = logs
    .slice(0, minutesBefore)
    .map((log, row) => Math.abs(log - (medians[Math.floor(row / 10)] as number)));
  const sigma = 1.4826 * quantileIn(sizes, 0, minutesBefore, 0.5);
  return Math.max(leastSigma, Number.isNaN(sigma) ? 1 : sigma);
}
