import { drawIncident, type External } from './incidents.ts';
import { observe } from './observe.ts';
import type { Random } from './random.ts';
import { drawOnset, effectOf, type OnsetKind, type RegressionKind } from './regressions.ts';
import { minutesBefore, type Trace } from './trace.ts';
import { drawModel, type ModelOptions } from './traffic-model.ts';

export interface TrafficOptions extends ModelOptions {
  readonly external?: External;
  readonly regression?: {
    readonly what: RegressionKind;
    /** `incident`: uniformly within the external incident. */
    readonly onset: OnsetKind | 'incident';
  };
}

export interface LabelledTrace {
  readonly trace: Trace;
  /** Minute after the deployment at which the regression starts; `null`: the deployment is good. */
  readonly onset: number | null;
  /** This service's mean traffic, requests a minute. */
  readonly meanRpm: number;
  readonly baseErrorRate: number;
  /** The external incident's first and last minute after the deployment. */
  readonly incident: readonly [number, number] | null;
}

/**
 * Draws one deployment, the next of the stream: a day before and a day after. From the same place of the stream, traces
 * that differ in `regression` alone have the same noise: `random.split()` calls count, options do not.
 */
export function makeTrace(random: Random, options: TrafficOptions): LabelledTrace {
  const seed = random.split();
  const model = drawModel(seed, options);
  const { external, regression } = options;
  const incident = external === undefined ? null : drawIncident(seed.fork('incident'), external);
  let onset: number | null = null;
  if (regression !== undefined) {
    const stream = seed.fork('onset');
    if (regression.onset !== 'incident') onset = drawOnset(stream, regression.onset);
    else if (incident === null) throw new Error('A regression during an incident needs `external`.');
    else onset = stream.integer(incident.from, incident.end) - minutesBefore;
  }
  const effect = onset === null || regression === undefined ? null : effectOf(regression.what, onset, model);
  return {
    trace: observe(seed, model, incident, effect),
    onset,
    meanRpm: model.meanRpm,
    baseErrorRate: model.baseErrorRate,
    incident: incident === null ? null : [incident.from - minutesBefore, incident.end - 1 - minutesBefore],
  };
}
