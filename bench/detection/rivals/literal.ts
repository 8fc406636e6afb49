import { type Detector, minutesAfter, minutesBefore, type Trace } from '../trace.ts';
import { meanIn, sumIn } from '../window.ts';

const baselineMinutes = 5;

/**
 * The specification's rules word for word, every minute: the mean of the last 5 minutes against a baseline of the 5
 * minutes after the deployment. The first poll is the minute after the baseline is taken.
 */
export const literal: Detector = {
  name: 'literal',
  decide: (trace) => firstMinute((row) => errorsOrLatency(trace, row) || otherRules(trace, row)),
};

/** Its error rule alone, as on the reference page. */
export const literalErrors: Detector = {
  name: 'literal, errors only',
  decide: (trace) => firstMinute((row) => exceeds(trace.errors, row, 2)),
};

function firstMinute(fires: (row: number) => boolean): number | null {
  for (let minute = baselineMinutes; minute < minutesAfter; minute += 1) {
    if (fires(minutesBefore + minute)) return minute;
  }
  return null;
}

function errorsOrLatency(trace: Trace, row: number): boolean {
  return exceeds(trace.errors, row, 2) || exceeds(trace.p95Ms, row, 1.5);
}

function otherRules({ memoryPercent, dbErrors, healthFailed }: Trace, row: number): boolean {
  const end = row + 1;
  return (
    meanIn(memoryPercent, end - 10, end) > 90 ||
    sumIn(dbErrors, end - 2, end) > 10 ||
    sumIn(healthFailed, end - 5, end) > 3
  );
}

function exceeds(column: Float64Array, row: number, multiple: number): boolean {
  const baseline = meanIn(column, minutesBefore, minutesBefore + baselineMinutes);
  return meanIn(column, row - 4, row + 1) > baseline * multiple;
}
