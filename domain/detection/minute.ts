import { addHistograms, quantileMs } from '../histogram.ts';
import { latencyQuantile, type Policy } from '../policy.ts';
import { checkFailed, type Sample } from '../sample.ts';
import type { Minute, PeerMinute } from './habits/habits.ts';

type Latency = Pick<Sample, 'latency' | 'latencyQuantileMs'>;

/** What a check measured, as the judge learns from it and looks at it. */
export function minuteOf(
  sample: Omit<Minute, 'latencyMs' | 'peers' | 'failedHealthChecks' | 'histogram'> &
    Latency &
    Partial<Pick<Sample, 'probes' | 'healthChecks'>>,
  policy: Policy,
  peers: PeerMinute | null,
): Minute {
  const { atMs, durationMs, requests, errors, memoryPercent, dbConnectionErrors, parts } = sample;
  return {
    atMs,
    durationMs,
    requests,
    errors,
    latencyMs: latencyOf(sample, policy),
    memoryPercent,
    dbConnectionErrors,
    failedHealthChecks: sample.healthChecks?.failed ?? (checkFailed(sample.probes ?? []) ? 1 : 0),
    histogram: sample.latency,
    ...(parts === undefined ? {} : { parts }),
    peers,
  };
}

/** The percentile that the trigger names. */
export function latencyOf(sample: Latency, policy: Policy): number | null {
  return (
    quantileMs(sample.latency, latencyQuantile[policy.triggers.latency.metric]) ??
    sample.latencyQuantileMs ??
    null
  );
}

/** Neighbours' samples of the same time as one; `null` of none. */
export function peersOf(
  samples: readonly Pick<Sample, 'requests' | 'errors' | 'latency'>[],
  policy: Policy,
): PeerMinute | null {
  if (samples.length === 0) return null;
  const latency = samples.reduce<Sample['latency']>(
    (sum, sample) => addHistograms(sum, sample.latency),
    null,
  );
  return {
    requests: samples.reduce((sum, { requests }) => sum + requests, 0),
    errors: samples.reduce((sum, { errors }) => sum + errors, 0),
    latencyMs: latencyOf({ latency }, policy),
  };
}
