import { type Detector, minutesAfter, minutesBefore } from '../trace.ts';
import { excessErrorAlarm } from './rule-d-errors.ts';
import { latencyAlarm } from './rule-d-latency.ts';
import { resourceAlarm } from './rule-d-resources.ts';

/** The reference page's rule D. Where its words leave a number open, the constant says so. */
export const ruleD: Detector = {
  name: 'rule-d',
  decide: (trace) => firstOf([excessErrorAlarm(trace), latencyAlarm(trace), resourceAlarm(trace)]),
};

/** Whether the row's minute breaches; called for every row after the deployment, in order. */
export type Alarm = (row: number) => boolean;

const ignoredMinutes = 5;

function firstOf(alarms: readonly Alarm[]): number | null {
  for (let minute = ignoredMinutes; minute < minutesAfter; minute += 1) {
    let breached = false;
    for (const alarm of alarms) breached = alarm(minutesBefore + minute) || breached;
    if (breached) return minute;
  }
  return null;
}
