import { shareBelow } from './normal-law.ts';
import type { Random } from './random.ts';
import { minutesBefore } from './trace.ts';
import { minutes, type TrafficModel } from './traffic-model.ts';

export const regressionKinds = [
  'err_x3',
  'err_x5',
  'err_x10',
  'lat_x1.7',
  'lat_x2',
  'lat_x3',
  'partial10',
  'dbpool',
  'crash',
  'outage',
  'leak_2',
  'leak_6',
  'leak_12',
  'leak_20',
] as const;
export type RegressionKind = (typeof regressionKinds)[number];
export type OnsetKind = 'immediate' | 'delayed' | 'late' | 'mix';

export interface Regression {
  readonly what: RegressionKind;
  readonly onset: OnsetKind;
}

/** What a bad release adds to a service's traffic, a row a minute. Its errors come on top of the errors of the noise. */
export interface Effect {
  /** Times the service's own error share. */
  readonly errorFactor: Float64Array;
  /** Share of the requests that fail beside those. */
  readonly errorShare: Float64Array;
  readonly p95Factor: Float64Array;
  readonly memoryAdded: Float64Array;
  readonly dbErrorMean: Float64Array;
  /** Share of health checks that fail; `NaN` leaves them as they are. */
  readonly healthFailShare: Float64Array;
}

export function noEffect(): Effect {
  return {
    errorFactor: new Float64Array(minutes).fill(1),
    errorShare: new Float64Array(minutes),
    p95Factor: new Float64Array(minutes).fill(1),
    memoryAdded: new Float64Array(minutes),
    dbErrorMean: new Float64Array(minutes),
    healthFailShare: new Float64Array(minutes).fill(Number.NaN),
  };
}

/** Minutes after the deployment at which the regression starts. */
export function drawOnset(random: Random, kind: OnsetKind): number {
  const share = random.uniform();
  if (kind === 'immediate' || (kind === 'mix' && share < 0.6)) return 0;
  if (kind === 'delayed' || (kind === 'mix' && share < 0.85)) return random.integer(15, 181);
  return random.integer(180, 1201);
}

/** From `onset` on, minutes after the deployment, and for good. */
export function effectOf(what: RegressionKind, onset: number, model: TrafficModel): Effect {
  const effect = noEffect();
  const from = minutesBefore + onset;
  if (what.startsWith('err_x')) effect.errorFactor.fill(Number(what.slice(5)), from);
  else if (what.startsWith('lat_x')) effect.p95Factor.fill(Number(what.slice(5)), from);
  else if (what.startsWith('leak_')) leak(effect.memoryAdded, from, Number(what.slice(5)), model.memoryFloor);
  else if (what === 'partial10') {
    effect.errorShare.fill(0.1 * 0.15, from);
    effect.p95Factor.fill(p95FactorOfMix(model.latencySigma, 0.1, 3), from);
  } else if (what === 'dbpool') {
    effect.errorShare.fill(0.02, from);
    for (let row = from; row < minutes; row += 1) {
      effect.dbErrorMean[row] = 0.02 * (model.requestMean[row] as number);
    }
  } else if (what === 'crash') {
    effect.errorShare.fill(0.05, from);
    effect.healthFailShare.fill(0.35, from);
  } else effect.errorShare.fill(0.3, from);
  return effect;
}

/** The saw's lowest point reaches 95 % of the limit `hours` after `from`. */
function leak(memoryAdded: Float64Array, from: number, hours: number, floor: number): void {
  const perMinute = Math.max(95 - floor, 3) / (hours * 60);
  for (let row = from; row < minutes; row += 1) memoryAdded[row] = (row - from) * perMinute;
}

/** Factor on p95 when the share `slow` of the requests takes `factor` times as long as the log-normal rest. */
export function p95FactorOfMix(sigma: number, slow: number, factor: number): number {
  const shift = Math.log(factor);
  const quantile = 1.6448536 * sigma;
  let low = 0;
  let high = shift;
  for (let i = 0; i < 50; i += 1) {
    const middle = (low + high) / 2;
    const below =
      (1 - slow) * shareBelow((quantile + middle) / sigma) +
      slow * shareBelow((quantile + middle - shift) / sigma);
    if (below < 0.95) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}
