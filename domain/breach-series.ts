import type { TriggerType } from './detection/verdict.ts';
import { quantileMs } from './histogram.ts';
import { checkFailed, type Sample } from './sample.ts';

/** One signal of one service around a breach, in the trigger's own unit: what a person is shown of it. */
export interface BreachSeries {
  readonly signal: string;
  readonly unit: string;
  readonly service: string;
  /** Oldest first; `null`: not measured. */
  readonly points: readonly { readonly atMs: number; readonly value: number | null }[];
  readonly baseline: number | null;
  readonly threshold: number | null;
  readonly breachSinceMs: number;
}

export interface Breach {
  readonly type: TriggerType;
  readonly service: string | null;
  readonly baseline: number | null;
  readonly threshold: number | null;
  readonly sinceMs: number;
}

/** What is asked of the store: half an hour before the breach shows what was usual. */
export const beforeBreachMs = 30 * 60_000;

interface Signal {
  readonly signal: string;
  readonly unit: string;
  readonly value: (sample: Sample) => number | null;
}

const errors: Signal = {
  signal: 'errors per minute',
  unit: '/min',
  value: ({ errors: count, durationMs }) => (durationMs > 0 ? (count * 60_000) / durationMs : null),
};

/** A person's command, and somebody else's alert, name no signal of ours: errors say most. */
const signals: Readonly<Record<TriggerType, Signal>> = {
  error_rate: errors,
  alert: errors,
  manual: errors,
  performance: {
    signal: 'p95 latency',
    unit: ' ms',
    value: ({ latency, latencyQuantileMs }) => quantileMs(latency, 0.95) ?? latencyQuantileMs ?? null,
  },
  memory: { signal: 'memory', unit: ' %', value: ({ memoryPercent }) => memoryPercent },
  database: {
    signal: 'database connection errors',
    unit: '',
    value: ({ dbConnectionErrors }) => dbConnectionErrors,
  },
  health_check: {
    signal: 'failed health checks',
    unit: '',
    value: ({ probes }) => (probes.length === 0 ? null : checkFailed(probes) ? 1 : 0),
  },
};

/** `null` where nothing was measured that could be shown. The thresholds of an alert or a command are not those of the signal. */
export function breachSeries(
  breach: Breach,
  samples: readonly (Sample & { readonly service: string })[],
): BreachSeries | null {
  const service = breach.service ?? samples.at(-1)?.service;
  if (service === undefined) return null;
  const { signal, unit, value } = signals[breach.type];
  const points = samples
    .filter((sample) => sample.service === service)
    .map((sample) => ({ atMs: sample.atMs, value: value(sample) }));
  if (points.filter((point) => point.value !== null).length < 2) return null;
  const own = signals[breach.type] !== errors || breach.type === 'error_rate';
  return {
    signal,
    unit,
    service,
    points,
    baseline: own ? breach.baseline : null,
    threshold: own ? breach.threshold : null,
    breachSinceMs: breach.sinceMs,
  };
}
