import type { Random } from './random.ts';
import type { TrafficModel } from './traffic-model.ts';

/** Excursions that no deployment caused: a day has two of errors and two of latency, half of them shared by the peer. */
export function addTransients(random: Random, model: TrafficModel, longShare: number): void {
  const { errorLog, latencyLog, peerErrorLog, peerLatencyLog } = model;
  const error: Size = { median: 4, sigma: 0.6, least: 1.2 };
  const latency: Size = { median: 1.8, sigma: 0.4, least: 1.1 };
  const ownErrors = drawEvents(random, errorLog.length, error, longShare);
  const sharedErrors = drawEvents(random, errorLog.length, error, longShare);
  const ownLatency = drawEvents(random, errorLog.length, latency, longShare);
  const sharedLatency = drawEvents(random, errorLog.length, latency, longShare);
  addLargest(errorLog, [...ownErrors, ...sharedErrors]);
  addLargest(latencyLog, [...ownLatency, ...sharedLatency]);
  addLargest(peerErrorLog, sharedErrors);
  addLargest(peerLatencyLog, sharedLatency);
}

interface Size {
  readonly median: number;
  readonly sigma: number;
  readonly least: number;
}

interface Event {
  readonly start: number;
  readonly end: number;
  readonly log: number;
}

/** One a day on average. */
function drawEvents(random: Random, rows: number, size: Size, longShare: number): Event[] {
  const events: Event[] = [];
  for (let left = random.poisson(rows / 1440); left > 0; left -= 1) {
    const start = random.integer(0, rows);
    const short = 1 + Math.min(7, random.geometric(0.4) - 1);
    const long = random.integer(8, 30);
    const log = Math.max(Math.log(size.least), Math.log(size.median) + size.sigma * random.normal());
    const length = random.uniform() < longShare ? long : short;
    events.push({ start, end: Math.min(rows, start + length), log });
  }
  return events;
}

/** Where events overlap, the largest counts. */
function addLargest(logs: Float64Array, events: readonly Event[]): void {
  const largest = new Float64Array(logs.length);
  for (const { start, end, log } of events) {
    for (let row = start; row < end; row += 1) largest[row] = Math.max(largest[row] as number, log);
  }
  for (const { start, end } of events) {
    for (let row = start; row < end; row += 1) {
      logs[row] = (logs[row] as number) + (largest[row] as number);
      largest[row] = 0;
    }
  }
}
