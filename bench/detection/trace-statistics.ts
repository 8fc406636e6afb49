import { minutesBefore, type Trace } from './trace.ts';
import { meanIn, quantileIn, sumIn } from './window.ts';

/** Numbers by which one day of a trace, rows `from` to `end - 1`, is compared with other traces' days. */
export function describeDay(trace: Trace, from: number, end: number, baseErrorRate: number) {
  const { requests, errors, p95Ms, memoryPercent, dbErrors, healthFailed } = trace;
  const failed = sumIn(errors, from, end) + 0.5;
  const meanTraffic = meanIn(requests, from, end);
  const logP95 = p95Ms.map(Math.log);
  const memory = meanIn(memoryPercent, from, end);
  const deviations = residuals(logP95, from, end);
  return {
    trafficRange: Math.log(
      (quantileIn(requests, from, end, 0.99) + 1) / (quantileIn(requests, from, end, 0.01) + 1),
    ),
    trafficStep: medianStep(requests, from, end) / Math.sqrt(meanTraffic),
    'errorShare / base': Math.log(failed / sumIn(requests, from, end) / baseErrorRate),
    errorDispersion: Math.log(dispersion(errors, requests, from, end)),
    ...excursions('error', from, end, (row) => isErrorExcursion(trace, row)),
    ...excursions('latency', from, end, (row) => (deviations[row - from] as number) > 0.45),
    p95Spread: quantileIn(deviations, 0, end - from, 0.84) - quantileIn(deviations, 0, end - from, 0.16),
    p95Step: medianStep(logP95, from, end),
    'ln p95': quantileIn(logP95, from, end, 0.5),
    memory,
    memorySpread: quantileIn(
      memoryPercent.map((percent) => Math.abs(percent - memory)),
      from,
      end,
      0.5,
    ),
    'ln dbErrors': Math.log1p(sumIn(dbErrors, from, end)),
    healthFailed: sumIn(healthFailed, from, end),
    'ln peer traffic': Math.log(meanIn(trace.peerRequests, from, end) / meanTraffic),
    'ln peer share': Math.log(
      (sumIn(trace.peerErrors, from, end) + 0.5) / sumIn(trace.peerRequests, from, end),
    ),
    'ln peer p95': Math.log(quantileIn(trace.peerP95Ms, from, end, 0.5)),
  };
}

/** The first minutes after the deployment against the hour before. */
export function describeStart({ requests, errors, p95Ms, memoryPercent, healthFailed }: Trace) {
  const hour = minutesBefore - 60;
  const share = (sumIn(errors, hour, minutesBefore) + 0.5) / (sumIn(requests, hour, minutesBefore) + 50);
  const expected = share * sumIn(requests, minutesBefore, minutesBefore + 3);
  const p95 = quantileIn(p95Ms, hour, minutesBefore, 0.5);
  return {
    'ln p95 at 0': Math.log((p95Ms[minutesBefore] as number) / p95),
    'ln p95 at 5': Math.log((p95Ms[minutesBefore + 5] as number) / p95),
    'ln p95 at 15': Math.log((p95Ms[minutesBefore + 15] as number) / p95),
    'excess errors 0-2':
      (sumIn(errors, minutesBefore, minutesBefore + 3) - expected) / Math.sqrt(expected + 1),
    'health failed 0-1': sumIn(healthFailed, minutesBefore, minutesBefore + 2),
    memoryDrop: (memoryPercent[minutesBefore - 1] as number) - (memoryPercent[minutesBefore + 1] as number),
  };
}

/** Of counts around the share of the hour around them, one minute in ten. */
function dispersion(errors: Float64Array, requests: Float64Array, from: number, end: number): number {
  let sum = 0;
  let terms = 0;
  for (let row = from + 30; row < end - 30; row += 10) {
    const share = sumIn(errors, row - 30, row + 31) / Math.max(1, sumIn(requests, row - 30, row + 31));
    const mean = Math.max(1e-9, share * (requests[row] as number));
    sum += ((errors[row] as number) - mean) ** 2 / mean;
    terms += 1;
  }
  return sum / terms;
}

/** Far more errors than 11 to 30 minutes earlier and later. */
function isErrorExcursion({ errors, requests }: Trace, row: number): boolean {
  const around = (column: Float64Array) =>
    sumIn(column, row - 30, row - 10) + sumIn(column, row + 11, row + 31);
  const mean = Math.max(0.2, (around(errors) / Math.max(1, around(requests))) * (requests[row] as number));
  return (errors[row] as number) > 2.5 * mean + 4 * Math.sqrt(mean) + 2;
}

/** From the median of half an hour on each side. */
function residuals(logs: Float64Array, from: number, end: number): Float64Array {
  return Float64Array.from({ length: end - from }, (_, index) => {
    const row = from + index;
    return (logs[row] as number) - quantileIn(logs, Math.max(from, row - 30), Math.min(end, row + 31), 0.5);
  });
}

function excursions(what: string, from: number, end: number, isBad: (row: number) => boolean) {
  let starts = 0;
  let badMinutes = 0;
  let before = false;
  for (let row = from + 30; row < end - 30; row += 1) {
    const bad = isBad(row);
    if (bad) badMinutes += 1;
    if (bad && !before) starts += 1;
    before = bad;
  }
  return { [`${what} excursions`]: starts, [`${what} excursion minutes`]: badMinutes };
}

function medianStep(column: Float64Array, from: number, end: number): number {
  const steps = column.map((value, row) => Math.abs(value - (column[row - 1] ?? Number.NaN)));
  return quantileIn(steps, from + 1, end, 0.5);
}
