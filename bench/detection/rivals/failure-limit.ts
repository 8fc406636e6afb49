import { type Detector, minutesAfter, minutesBefore, type Trace } from '../trace.ts';
import { quantileIn } from '../window.ts';

/**
 * The way of Argo Rollouts' analysis: fixed thresholds, one measurement a minute, and a metric that has failed more than
 * `failureLimit` times, one after another or not, aborts. The numbers are those of its documentation's examples:
 * interval 1m, success rate at least 95 %, failureLimit 3 (its default is 0). Its examples have none for latency; taken
 * is twice the median of the day before. A measurement without data does not count (Inconclusive there).
 */
export const failureLimit: Detector = {
  name: 'failure-limit',
  decide(trace) {
    const slowMs = 2 * quantileIn(trace.p95Ms, 0, minutesBefore, 0.5);
    const failures = measurements.map(() => 0);
    for (let minute = 0; minute < minutesAfter; minute += 1) {
      for (const [index, fails] of measurements.entries()) {
        if (fails(trace, minutesBefore + minute, slowMs)) failures[index] = (failures[index] ?? 0) + 1;
      }
      if (failures.some((count) => count > limit)) return minute;
    }
    return null;
  },
};

const limit = 3;

/** Comparisons with `NaN` are false: no data, no failure. */
const measurements: ((trace: Trace, row: number, slowMs: number) => boolean)[] = [
  ({ errors, requests }, row) => (errors[row] as number) > 0.05 * (requests[row] as number),
  ({ p95Ms }, row, slowMs) => (p95Ms[row] as number) > slowMs,
  ({ memoryPercent }, row) => (memoryPercent[row] as number) > 90,
  ({ dbErrors }, row) => (dbErrors[row] as number) > 10,
  ({ healthFailed }, row) => (healthFailed[row] as number) > 3,
];
