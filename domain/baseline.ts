import type { Reference } from './detection/reference.ts';
import { latencies } from './detection/window/performance.ts';
import { addHistograms } from './histogram.ts';
import type { Sample } from './sample.ts';

/** The specification's baseline, with the counts it rests on. Unknown figures are `null`, never invented. */
export interface Baseline {
  readonly deployment_id: string;
  readonly service: string;
  readonly release: string;
  /** ISO 8601. */
  readonly timestamp: string;
  readonly metrics: {
    /** Errors per minute. */
    readonly error_rate: number;
    readonly p50_latency_ms: number | null;
    readonly p95_latency_ms: number | null;
    readonly p99_latency_ms: number | null;
    readonly memory_usage_percent: number | null;
    readonly cpu_usage_percent: number | null;
    /** Requests per second. */
    readonly request_rate: number;
  };
}

/** Observed healthy behaviour of a release, as sums over regular samples. */
export interface Totals {
  readonly requests: number;
  readonly errors: number;
  readonly durationMs: number;
  readonly latency: Reference['latency'];
  readonly memoryPercent: number | null;
  readonly cpuPercent: number | null;
  readonly samples: number;
}

export const noTotals: Totals = {
  requests: 0,
  errors: 0,
  durationMs: 0,
  latency: null,
  memoryPercent: null,
  cpuPercent: null,
  samples: 0,
};

/** Adds a sample; gauges become running means. */
export function addToTotals(
  totals: Totals,
  sample: Pick<Sample, 'requests' | 'errors' | 'durationMs' | 'latency' | 'memoryPercent' | 'cpuPercent'>,
): Totals {
  const samples = totals.samples + 1;
  const mean = (old: number | null, value: number | null) =>
    value === null ? old : old === null ? value : old + (value - old) / samples;
  return {
    requests: totals.requests + sample.requests,
    errors: totals.errors + sample.errors,
    durationMs: totals.durationMs + sample.durationMs,
    latency: addHistograms(totals.latency, sample.latency),
    memoryPercent: mean(totals.memoryPercent, sample.memoryPercent),
    cpuPercent: mean(totals.cpuPercent, sample.cpuPercent),
    samples,
  };
}

export function baselineMetrics(totals: Totals): Baseline['metrics'] {
  const { p50, p95, p99 } = latencies(totals);
  const seconds = totals.durationMs / 1000;
  return {
    error_rate: seconds > 0 ? (totals.errors * 60) / seconds : 0,
    p50_latency_ms: p50,
    p95_latency_ms: p95,
    p99_latency_ms: p99,
    memory_usage_percent: totals.memoryPercent,
    cpu_usage_percent: totals.cpuPercent,
    request_rate: seconds > 0 ? totals.requests / seconds : 0,
  };
}

export function asReference(totals: Totals, kind: Reference['kind'], label: string): Reference {
  return {
    kind,
    label,
    requests: totals.requests,
    errors: totals.errors,
    durationMs: totals.durationMs,
    latency: totals.latency,
  };
}
