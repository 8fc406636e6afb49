import { type Detector, minutesAfter, minutesBefore, type Trace } from '../trace.ts';
import { knownIn, meanIn, sumIn } from '../window.ts';

/**
 * Textbook always-valid tests of level .001 each, from minute 5 on. Errors: the null "no more errors a request than
 * the day before" against a mixture of ratios, with the day before's uncertainty. Latency: a normal mixture on the
 * mean of ln p95. Both take minutes for independent and the null for constant, which production is not.
 */
export const alwaysValid: Detector = {
  name: 'always-valid',
  decide: (trace) => first(errorAlarm(trace), latencyAlarm(trace)),
};

export const alwaysValidErrors: Detector = {
  name: 'always-valid, errors only',
  decide: (trace) => errorAlarm(trace),
};

const logLimit = Math.log(1 / 0.001);
/** The ratios of the mixture, equally likely: the specification's 2 up to 20. */
const ratios = Array.from({ length: 12 }, (_, i) => 2 * 10 ** (i / 11));
const logRatios = ratios.map(Math.log);
/** The service starts: with these minutes every test of this kind would fire on the warm-up. */
const ignoredMinutes = 5;
const latencySpread = Math.log(1.5);

function first(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

/** A gamma law of the error share, learnt the day before, makes each ratio's likelihood a closed form. */
function errorAlarm({ errors, requests }: Trace): number | null {
  const errorsBefore = sumIn(errors, 0, minutesBefore) + 0.5;
  const requestsBefore = sumIn(requests, 0, minutesBefore) + 1;
  let failed = 0;
  let seen = 0;
  for (let minute = ignoredMinutes; minute < minutesAfter; minute += 1) {
    const row = minutesBefore + minute;
    failed += sumIn(errors, row, row + 1);
    seen += sumIn(requests, row, row + 1);
    if (failed * requestsBefore <= seen * errorsBefore) continue;
    const likelihoods = ratios.map(
      (ratio, index) =>
        failed * (logRatios[index] as number) -
        (errorsBefore + failed) * Math.log((requestsBefore + ratio * seen) / (requestsBefore + seen)),
    );
    if (logMean(likelihoods) > logLimit) return minute;
  }
  return null;
}

function latencyAlarm({ p95Ms }: Trace): number | null {
  const logs = p95Ms.map(Math.log);
  const mean = meanIn(logs, 0, minutesBefore);
  const variance = meanIn(
    logs.map((log) => (log - mean) ** 2),
    0,
    minutesBefore,
  );
  const before = knownIn(logs, 0, minutesBefore);
  let sum = 0;
  let count = 0;
  for (let minute = ignoredMinutes; minute < minutesAfter; minute += 1) {
    const log = logs[minutesBefore + minute] as number;
    if (Number.isNaN(log)) continue;
    sum += log - mean;
    count += 1;
    const noise = variance * (1 / count + 1 / before);
    const mixed = noise + latencySpread ** 2;
    const shift = sum / count;
    const logRatio = 0.5 * Math.log(noise / mixed) + 0.5 * shift * shift * (1 / noise - 1 / mixed);
    if (shift > 0 && logRatio > logLimit) return minute;
  }
  return null;
}

function logMean(logs: readonly number[]): number {
  const largest = Math.max(...logs);
  return largest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0) / logs.length);
}
