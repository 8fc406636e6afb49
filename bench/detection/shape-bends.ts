import { forget } from './observe.ts';
import type { Random } from './random.ts';
import { minutesBefore, type Trace } from './trace.ts';
import { addDecay, minutes, type TrafficModel } from './traffic-model.ts';

/** What hold-out shapes make of a service that has no regression. */
export const bends = {
  /** Four of errors and four of latency in two days, a few of them long and high. */
  paretoTransients(model: TrafficModel, random: Random): void {
    for (let left = random.poisson(4); left > 0; left -= 1) {
      raise(model.errorLog, random, Math.log(3) + pareto(random, 0.5, 2), 1 + pareto(random, 1, 1.3));
    }
    for (let left = random.poisson(4); left > 0; left -= 1) {
      raise(model.latencyLog, random, pareto(random, 0.35, 2.5), 1 + pareto(random, 1, 1.3));
    }
  },

  /** A job at the same minute of every hour, before and after. */
  cron(model: TrafficModel, random: Random): void {
    const at = random.integer(0, 60);
    const length = random.integer(2, 7);
    const error = Math.log(random.uniform(3, 20));
    const latency = Math.log(random.uniform(1.5, 3));
    for (let start = at; start < minutes; start += 60) {
      const height = random.uniform(0.7, 1.2);
      add(model.errorLog, start, start + length, error * height);
      add(model.latencyLog, start, start + length, latency * height);
    }
  },

  /** So few errors, on both days, that most days have none. */
  rareErrors(model: TrafficModel, random: Random): void {
    const aDay = Math.log(random.uniform(0.1, 1) / (1440 * model.meanRpm));
    add(model.errorLog, 0, minutes, aDay - Math.log(model.baseErrorRate));
  },

  /** No error the day before; one request in 10,000 since. */
  firstErrors(model: TrafficModel): void {
    add(model.errorLog, 0, minutesBefore, -30);
    add(model.errorLog, minutesBefore, minutes, Math.log(0.0001 / model.baseErrorRate));
  },

  /** Another share of the traffic is sent here since the deployment. */
  trafficShift(model: TrafficModel, random: Random): void {
    const factor = Math.exp(random.uniform(Math.log(0.3), Math.log(3)));
    for (let row = minutesBefore; row < minutes; row += 1) {
      model.requestMean[row] = factor * (model.requestMean[row] as number);
    }
  },

  errorDayShift(model: TrafficModel, random: Random): void {
    add(model.errorLog, minutesBefore, minutes, Math.log(random.uniform(0.7, 1.3)));
  },

  /** Fills to 97 % within hours of each start and stays there; it was last started half a day before. */
  pageCache(model: TrafficModel, random: Random): void {
    const fade = random.uniform(30, 150);
    const before = minutesBefore - random.integer(500, 900);
    for (let row = 0; row < minutes; row += 1) {
      const age =
        row < before ? Number.POSITIVE_INFINITY : row < minutesBefore ? row - before : row - minutesBefore;
      model.memoryPercent[row] = 97 - 60 * Math.exp(-age / fade) + (row % 20) / 20;
    }
  },

  jvmWarmUp(model: TrafficModel, random: Random): void {
    addDecay(model.latencyLog, random.uniform(2.5, 3.5), random.uniform(6, 9));
    addDecay(model.errorLog, random.uniform(0, 2), random.uniform(3, 6));
  },

  flakyHealth(model: TrafficModel, random: Random): void {
    const share = random.uniform(0.02, 0.08);
    for (let row = 0; row < minutes; row += 1) {
      model.healthFailShare[row] = Math.max(share, model.healthFailShare[row] as number);
    }
  },

  noisyDatabase(model: TrafficModel, random: Random): void {
    const mean = random.uniform(6, 20);
    for (let row = 0; row < minutes; row += 1) {
      model.dbErrorMean[row] = Math.max(mean, model.dbErrorMean[row] as number);
    }
  },
};

/** Stretches without data, and an early one in every second trace. */
export function blindSpots(trace: Trace, random: Random): void {
  for (let left = 4 + random.poisson(6); left > 0; left -= 1) {
    const row = random.integer(0, minutes);
    forget(trace, row, Math.min(minutes, row + random.integer(3, 61)));
  }
  if (random.uniform() < 0.5) {
    const row = minutesBefore + random.integer(0, 10);
    forget(trace, row, row + random.integer(2, 16));
  }
}

function raise(logs: Float64Array, random: Random, log: number, length: number): void {
  const row = random.integer(0, logs.length);
  add(logs, row, row + Math.min(240, Math.round(length)), Math.min(4, log));
}

function add(logs: Float64Array, from: number, end: number, log: number): void {
  for (let row = from; row < Math.min(end, logs.length); row += 1) logs[row] = (logs[row] as number) + log;
}

/** At least `least`, with the tail index `index`. */
function pareto(random: Random, least: number, index: number): number {
  return least * random.uniform() ** (-1 / index);
}
