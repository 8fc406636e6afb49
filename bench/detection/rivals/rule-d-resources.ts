import { minutesBefore, type Trace } from '../trace.ts';
import { knownIn, quantileIn, sumIn } from '../window.ts';
import type { Alarm } from './rule-d.ts';

export function resourceAlarm(trace: Trace): Alarm {
  const alarms = [memoryFull(trace), memoryLeaking(trace), databaseFailing(trace), healthFailing(trace)];
  return (row) => {
    let breached = false;
    for (const alarm of alarms) breached = alarm(row) || breached;
    return breached;
  };
}

/** Every sample of ten minutes above 90 % and 3 points above the release before, taken by its 99 % quantile. */
function memoryFull({ memoryPercent }: Trace): Alarm {
  const bound = Math.max(90, quantileIn(memoryPercent, 0, minutesBefore, 0.99) + 3);
  let above = 0;
  return (row) => {
    const percent = memoryPercent[row] as number;
    if (!Number.isNaN(percent)) above = percent > bound ? above + 1 : 0;
    return above >= 10;
  };
}

/**
 * The lowest values of 15 minutes each, for two hours: above the release before by 3 points, rising, and on the way to
 * 95 % within `forecastHours`. Open in the page's words: the two hours and the forecast's reach.
 */
function memoryLeaking({ memoryPercent }: Trace): Alarm {
  const blocks = 8;
  const forecastHours = 6;
  const floorOf = (from: number) =>
    knownIn(memoryPercent, from, from + 15) < 8 ? Number.NaN : quantileIn(memoryPercent, from, from + 15, 0);
  const before: number[] = [];
  for (let from = 0; from < minutesBefore; from += 15) before.push(floorOf(from));
  const highest = Math.max(...before.filter((floor) => !Number.isNaN(floor)));
  const floors: number[] = [];
  return (row) => {
    if ((row - minutesBefore) % 15 !== 14) return false;
    floors.push(floorOf(row - 14));
    const last = floors.slice(-blocks);
    const now = last.at(-1) as number;
    if (last.length < blocks || last.some(Number.isNaN) || now < highest + 3) return false;
    const perHour = 4 * slopeOf(last);
    return perHour > 0.5 && (95 - now) / perHour <= forecastHours;
  };
}

function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  let top = 0;
  let bottom = 0;
  for (const [index, value] of values.entries()) {
    top += (index - middle) * value;
    bottom += (index - middle) ** 2;
  }
  return top / bottom;
}

/** The window's two minutes above 10 and twice the day before's 99.9 % quantile, for `polls` minutes on end (open). */
function databaseFailing({ dbErrors }: Trace): Alarm {
  const polls = 4;
  const pairs = dbErrors.map((count, row) => count + (row === 0 ? 0 : (dbErrors[row - 1] as number)));
  const bound = Math.max(10, 2 * quantileIn(pairs, 0, minutesBefore, 0.999));
  let above = 0;
  return (row) => {
    above = sumIn(dbErrors, row - 1, row + 1) > bound ? above + 1 : 0;
    return above >= polls;
  };
}

/** More than three in five minutes, none of them from the first two minutes, and failing in both of the last two. */
function healthFailing({ healthFailed }: Trace): Alarm {
  return (row) =>
    (healthFailed[row] as number) > 0 &&
    (healthFailed[row - 1] as number) > 0 &&
    sumIn(healthFailed, Math.max(minutesBefore + 2, row - 4), row + 1) > 3;
}
