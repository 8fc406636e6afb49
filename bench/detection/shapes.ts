import { observe } from './observe.ts';
import type { Random } from './random.ts';
import { drawOnset, type Effect, effectOf, noEffect, type OnsetKind } from './regressions.ts';
import { bends, blindSpots } from './shape-bends.ts';
import { effects } from './shape-effects.ts';
import type { Trace } from './trace.ts';
import type { LabelledTrace } from './traffic.ts';
import { drawModel, type ModelOptions, type TrafficModel } from './traffic-model.ts';

/**
 * Hold-out shapes: deployments unlike those of the generator. Whoever tunes a judge does not read this file, nor
 * `shape-bends.ts` and `shape-effects.ts`, and does not look at single traces of it.
 */
export interface Shape {
  readonly name: string;
  readonly kind: 'null' | 'regression';
  /** Requests a minute; by default log-uniform from 50 to 5,000. */
  readonly traffic?: readonly [number, number];
  readonly options?: Omit<Partial<ModelOptions>, 'requestsPerMinute'>;
  /** Hours after midnight between which it is deployed. */
  readonly hours?: readonly [number, number];
  /** Changes what the service is, before and after the deployment alike or not; never a regression. */
  readonly bend?: (model: TrafficModel, random: Random) => void;
  readonly effect?: (onset: number, model: TrafficModel, random: Random) => Effect;
  /** By default with the deployment. */
  readonly onset?: OnsetKind;
  readonly blind?: (trace: Trace, random: Random) => void;
}

export function makeShape(random: Random, shape: Shape): LabelledTrace {
  const seed = random.split();
  const choice = seed.fork('shape');
  const [least, most] = shape.traffic ?? [50, 5000];
  const requestsPerMinute = Math.exp(choice.uniform(Math.log(least), Math.log(most)));
  const deployHour = shape.hours === undefined ? undefined : choice.uniform(...shape.hours);
  const model = drawModel(seed, { noise: 'burst', ...shape.options, requestsPerMinute, deployHour });
  shape.bend?.(model, choice);
  const onset = shape.effect === undefined ? null : drawOnset(choice, shape.onset ?? 'immediate');
  const effect = onset === null ? null : (shape.effect?.(onset, model, choice) ?? null);
  const trace = observe(seed, model, null, effect);
  shape.blind?.(trace, choice);
  return {
    trace,
    onset,
    meanRpm: model.meanRpm,
    baseErrorRate: model.baseErrorRate,
    incident: null,
  };
}

const errX4: Shape['effect'] = (onset) => errors(onset, 4);
const errX5: Shape['effect'] = (onset) => errors(onset, 5);
const errX7: Shape['effect'] = (onset) => errors(onset, 7);
const latX2: Shape['effect'] = (onset, model) => effectOf('lat_x2', onset, model);
const outage: Shape['effect'] = (onset, model) => effectOf('outage', onset, model);
const working = { noise: 'nb' } as const;

export const shapes: readonly Shape[] = [
  { name: 'pareto_transients', kind: 'null', options: working, bend: bends.paretoTransients },
  { name: 'cron', kind: 'null', bend: bends.cron },
  { name: 'night', kind: 'null', hours: [0, 4] },
  { name: 'low_traffic', kind: 'null', traffic: [2, 10] },
  { name: 'zero_errors_before', kind: 'null', options: working, bend: bends.rareErrors },
  { name: 'first_errors', kind: 'null', options: working, bend: bends.firstErrors },
  { name: 'gaps', kind: 'null', blind: blindSpots },
  { name: 'traffic_shift', kind: 'null', bend: bends.trafficShift },
  { name: 'error_day_shift', kind: 'null', bend: bends.errorDayShift },
  { name: 'page_cache', kind: 'null', bend: bends.pageCache },
  { name: 'jvm_warm_up', kind: 'null', bend: bends.jvmWarmUp },
  { name: 'flaky_health', kind: 'null', bend: bends.flakyHealth },
  { name: 'noisy_db', kind: 'null', bend: bends.noisyDatabase },
  { name: 'ramp_err', kind: 'regression', onset: 'mix', effect: effects.errorRamp },
  { name: 'ramp_lat', kind: 'regression', onset: 'mix', effect: effects.latencyRamp },
  { name: 'bad_2_of_5', kind: 'regression', effect: effects.badTwoOfFive },
  { name: 'bad_10_of_30', kind: 'regression', effect: effects.badTenOfThirty },
  { name: 'one_of_ten', kind: 'regression', onset: 'mix', effect: effects.oneOfTen },
  { name: 'tail_latency', kind: 'regression', effect: effects.tailLatency },
  { name: 'err_x4', kind: 'regression', onset: 'mix', effect: errX4 },
  { name: 'err_x7', kind: 'regression', onset: 'mix', effect: errX7 },
  { name: 'slow_start', kind: 'regression', effect: effects.slowStart },
  {
    name: 'pareto_err_x5',
    kind: 'regression',
    options: working,
    bend: bends.paretoTransients,
    effect: errX5,
  },
  { name: 'cron_err_x5', kind: 'regression', bend: bends.cron, effect: errX5 },
  { name: 'night_err_x5', kind: 'regression', hours: [0, 4], effect: errX5 },
  { name: 'low_traffic_outage', kind: 'regression', traffic: [2, 10], effect: outage },
  {
    name: 'zero_before_2pc',
    kind: 'regression',
    options: working,
    bend: bends.rareErrors,
    effect: effects.newErrors,
  },
  { name: 'gaps_err_x5', kind: 'regression', effect: errX5, blind: blindSpots },
  { name: 'traffic_shift_err_x5', kind: 'regression', bend: bends.trafficShift, effect: errX5 },
  { name: 'error_day_shift_err_x4', kind: 'regression', bend: bends.errorDayShift, effect: errX4 },
  { name: 'jvm_warm_up_lat_x2', kind: 'regression', bend: bends.jvmWarmUp, effect: latX2 },
];

function errors(onset: number, factor: number): Effect {
  const effect = noEffect();
  effect.errorFactor.fill(factor, 1440 + onset);
  return effect;
}
