import type { Random } from './random.ts';
import { minutesAfter, minutesBefore } from './trace.ts';
import { addTransients } from './transients.ts';

export const minutes = minutesBefore + minutesAfter;

export type Noise = 'poisson' | 'nb' | 'burst';

export interface ModelOptions {
  readonly noise: Noise;
  /** Median over services of a service's mean traffic. */
  readonly requestsPerMinute: number;
  /** 2: the warm-up of latency and errors takes twice as long. */
  readonly warmUp?: 1 | 2;
  /** This share of the transients lasts 8 to 29 minutes. */
  readonly longTransients?: number;
  /** Local hour of the deployment, 0..24; by default mostly within working hours. */
  readonly deployHour?: number;
}

/** What a deployment's traffic is drawn from, a row a minute as in `Trace`: the law of `generate.py`, without counts. */
export interface TrafficModel {
  readonly meanRpm: number;
  readonly baseErrorRate: number;
  /** Requests expected in the minute. */
  readonly requestMean: Float64Array;
  /** ln of the share of requests that fail. */
  readonly errorLog: Float64Array;
  /** ln of the median latency in milliseconds. */
  readonly latencyLog: Float64Array;
  /** Spread of ln latency between requests of a minute. */
  readonly latencySigma: number;
  /** Variance of error counts over their mean. */
  readonly dispersion: number;
  readonly memoryPercent: Float64Array;
  /** Lowest point of the saw on its plateau, percent. */
  memoryFloor: number;
  /** DB connection errors per request. */
  readonly dbErrorShare: number;
  /** DB connection errors expected beside those. */
  readonly dbErrorMean: Float64Array;
  readonly healthFailShare: Float64Array;
  readonly peerRequestMean: Float64Array;
  readonly peerErrorLog: Float64Array;
  readonly peerLatencyLog: Float64Array;
  readonly peerLatencySigma: number;
}

export function drawModel(seed: Random, options: ModelOptions): TrafficModel {
  const model = drawSeasonsAndNoise(seed.fork('service'), seed.fork('noise'), options);
  if (options.noise === 'burst') addTransients(seed.fork('transients'), model, options.longTransients ?? 0);
  addWarmUp(seed.fork('warm-up'), model, options.warmUp ?? 1);
  drawMemory(seed.fork('memory plateau'), model);
  drawBlips(seed.fork('blips'), model);
  return model;
}

function drawSeasonsAndNoise(service: Random, noise: Random, options: ModelOptions): TrafficModel {
  const hour = service.uniform() < 0.85 ? service.uniform(9, 18) : service.uniform(0, 24);
  const deployHour = options.deployHour ?? hour;
  const amplitude = service.uniform(0.3, 0.8);
  const load = waveOf(deployHour - service.uniform(11, 21));
  const dayFactor = Math.exp(0.07 * service.normal());
  const meanRpm = options.requestsPerMinute * Math.exp(0.2 * service.normal());
  const baseErrorRate = Math.exp(service.uniform(Math.log(0.0005), Math.log(0.01)));
  const errorSwing = service.uniform(0, 0.35);
  const errorWave = waveOf(deployHour - service.uniform(0, 24));
  const dispersed = options.noise === 'poisson' ? 0 : 1;
  const dispersion = 1 + dispersed * service.uniform(0, 1);
  const median = service.uniform(Math.log(15), Math.log(150));
  const coupling = service.uniform(0, 0.4);
  const errorDay = 0.05 * service.normal();
  const latencyDay = 0.03 * service.normal();
  const latencySigma = service.uniform(0.45, 0.9);
  const dbErrorShare = 10 ** service.uniform(-6, -4.3);
  const peerRpm = meanRpm * Math.exp(0.5 * service.normal());
  const peerErrorBase = service.uniform(Math.log(0.0005), Math.log(0.01));
  const peerMedian = service.uniform(Math.log(15), Math.log(150));
  const peerLatencySigma = service.uniform(0.45, 0.9);
  const traffic = slowNoise(service.uniform(0.03, 0.1), service.uniform(5, 30), noise);
  const error = slowNoise(dispersed * service.uniform(0.1, 0.4), service.uniform(5, 20), noise);
  const latency = slowNoise(dispersed * service.uniform(0.03, 0.1), service.uniform(5, 20), noise);
  const peerTraffic = slowNoise(service.uniform(0.03, 0.1), service.uniform(5, 30), noise);
  const peerError = slowNoise(dispersed * service.uniform(0.1, 0.4), service.uniform(5, 20), noise);

  const requestMean = new Float64Array(minutes);
  const errorLog = new Float64Array(minutes);
  const latencyLog = new Float64Array(minutes);
  const peerRequestMean = new Float64Array(minutes);
  const peerErrorLog = new Float64Array(minutes);
  const peerLatencyLog = new Float64Array(minutes);
  const logBase = Math.log(baseErrorRate);
  for (let row = 0; row < minutes; row += 1) {
    const after = row >= minutesBefore ? 1 : 0;
    const wave = load.cos;
    const shape = Math.max(0.05, 1 + amplitude * wave + 0.1 * (2 * wave * wave - 1));
    const coupled = coupling * Math.log(shape);
    requestMean[row] = meanRpm * shape * (after === 1 ? dayFactor : 1) * Math.exp(nextOf(traffic, noise));
    errorLog[row] = logBase + errorSwing * errorWave.cos + after * errorDay + nextOf(error, noise);
    latencyLog[row] = median + coupled + after * latencyDay + nextOf(latency, noise);
    peerRequestMean[row] = peerRpm * shape * Math.exp(nextOf(peerTraffic, noise));
    peerErrorLog[row] = peerErrorBase + nextOf(peerError, noise);
    peerLatencyLog[row] = peerMedian + coupled;
    turn(load);
    turn(errorWave);
  }
  return {
    meanRpm,
    baseErrorRate,
    requestMean,
    errorLog,
    latencyLog,
    latencySigma,
    dispersion,
    memoryPercent: new Float64Array(minutes),
    memoryFloor: 0,
    dbErrorShare,
    dbErrorMean: new Float64Array(minutes),
    healthFailShare: new Float64Array(minutes).fill(3e-4),
    peerRequestMean,
    peerErrorLog,
    peerLatencyLog,
    peerLatencySigma,
  };
}

function addWarmUp(random: Random, { latencyLog, errorLog }: TrafficModel, length: number): void {
  addDecay(latencyLog, random.uniform(0.1, 1.5), length * random.uniform(2, 8));
  addDecay(errorLog, random.uniform(0, 4), length * random.uniform(1, 4));
}

/** A factor of `1 + excess` at the deployment that fades with the time constant `fadeMinutes`. */
export function addDecay(logs: Float64Array, excess: number, fadeMinutes: number): void {
  const fade = Math.exp(-1 / fadeMinutes);
  let left = excess;
  for (let row = minutesBefore; row < minutes && left > 1e-5; row += 1, left *= fade) {
    logs[row] = (logs[row] as number) + Math.log1p(left);
  }
}

/** A plateau with the saw of garbage collection, and the ramp after a restart at the deployment. */
function drawMemory(random: Random, model: TrafficModel): void {
  const kind = random.uniform();
  const [low, high] = kind < 0.9 ? [35, 75] : kind < 0.97 ? [75, 85] : [88, 93];
  const level = random.uniform(low, high);
  const saw = kind < 0.97 ? random.uniform(2, 15) : random.uniform(1, 4);
  const period = Math.exp(random.uniform(Math.log(4), Math.log(45)));
  const phase = random.uniform();
  const fade = Math.exp(-1 / random.uniform(20, 180));
  const { memoryPercent } = model;
  let missing = 0.5;
  for (let row = 0; row < minutes; row += 1) {
    const cycles = (row - minutesBefore) / period + phase;
    const plateau = row < minutesBefore ? level : level * (1 - missing);
    memoryPercent[row] = plateau - saw / 2 + saw * (cycles - Math.floor(cycles));
    if (row >= minutesBefore) missing *= fade;
  }
  model.memoryFloor = level - saw / 2;
}

/** Short DB failures, flaky health checks, and checks that fail while the service starts. */
function drawBlips(random: Random, { dbErrorMean, healthFailShare }: TrafficModel): void {
  for (let left = random.poisson((0.15 * minutes) / 1440); left > 0; left -= 1) {
    const row = random.integer(0, minutes);
    const end = Math.min(minutes, row + random.integer(1, 3));
    const size = random.uniform(3, 40);
    for (let at = row; at < end; at += 1) dbErrorMean[at] = Math.max(dbErrorMean[at] as number, size);
  }
  healthFailShare.fill(0.3, minutesBefore, minutesBefore + 2);
  for (let left = random.poisson((0.1 * minutes) / 1440); left > 0; left -= 1) {
    healthFailShare[random.integer(0, minutes)] = random.uniform(0.3, 1);
  }
}

interface Wave {
  cos: number;
  sin: number;
}

const minuteCos = Math.cos((2 * Math.PI) / 1440);
const minuteSin = Math.sin((2 * Math.PI) / 1440);

/** A daily wave, from the first row on, of a trace whose deployment is `hours` after the wave's top. */
function waveOf(hours: number): Wave {
  const angle = (2 * Math.PI * (hours - minutesBefore / 60)) / 24;
  return { cos: Math.cos(angle), sin: Math.sin(angle) };
}

function turn(wave: Wave): void {
  const { cos, sin } = wave;
  wave.cos = cos * minuteCos - sin * minuteSin;
  wave.sin = sin * minuteCos + cos * minuteSin;
}

interface SlowNoise {
  value: number;
  readonly keep: number;
  readonly step: number;
}

/** Stationary AR(1) of standard deviation `sd` and time constant `fadeMinutes`. */
function slowNoise(sd: number, fadeMinutes: number, random: Random): SlowNoise {
  const keep = Math.exp(-1 / fadeMinutes);
  return { value: sd * random.normal(), keep, step: sd * Math.sqrt(1 - keep * keep) };
}

function nextOf(noise: SlowNoise, random: Random): number {
  noise.value = noise.keep * noise.value + noise.step * random.normal();
  return noise.value;
}
