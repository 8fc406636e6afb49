import { latencies } from './detection/window/performance.ts';
import { addCounts, type Counts, noCounts, type Sample } from './sample.ts';

/** What can be drawn of a service, in the order in which people look at it. */
export const signals = [
  'error_rate',
  'latency_p95',
  'latency_p50',
  'latency_p99',
  'request_rate',
  'memory',
  'cpu',
  'db_connection_errors',
  'health',
] as const;

export type Signal = (typeof signals)[number];

/** Units as a person reads them behind the number; health is the share of probes that failed. */
export const signalUnits: Readonly<Record<Signal, string>> = {
  error_rate: '/min',
  latency_p50: 'ms',
  latency_p95: 'ms',
  latency_p99: 'ms',
  request_rate: '/s',
  memory: '%',
  cpu: '%',
  db_connection_errors: '/min',
  health: '%',
};

export const signalNames: Readonly<Record<Signal, string>> = {
  error_rate: 'Errors',
  latency_p50: 'Latency p50',
  latency_p95: 'Latency p95',
  latency_p99: 'Latency p99',
  request_rate: 'Requests',
  memory: 'Memory',
  cpu: 'CPU',
  db_connection_errors: 'Connection errors',
  health: 'Failed probes',
};

/** A value and when it was measured (end of its interval, milliseconds since the epoch); `null`: nothing was measured. */
export interface Point {
  readonly atMs: number;
  readonly value: number | null;
}

export interface SampledTick {
  readonly kind: 'sample' | 'blind' | 'gap';
  readonly sample: Sample;
}

/** Points of every signal that was measured at all, at most `most` each: neighbouring checks are added up, so that nothing that was counted is left out. */
export function seriesOf(
  ticks: readonly SampledTick[],
  most: number,
): { readonly signal: Signal; readonly points: readonly Point[] }[] {
  const pieces = bundled(ticks, most);
  return signals
    .map((signal) => ({
      signal,
      points: pieces.map(({ atMs, seen }) => ({
        atMs,
        value: seen === null ? null : measuredValue(signal, seen),
      })),
    }))
    .filter(({ points }) => points.some(({ value }) => value !== null));
}

interface Seen {
  readonly counts: Counts;
  readonly durationMs: number;
  /** Percent of the probes that failed; `null` without any. */
  readonly failedPercent: number | null;
}

interface Piece {
  readonly atMs: number;
  readonly seen: Seen | null;
}

function bundled(ticks: readonly SampledTick[], most: number): Piece[] {
  const regular = ticks.filter(({ sample }) => sample.regular);
  const size = Math.max(1, Math.ceil(regular.length / most));
  const pieces: Piece[] = [];
  for (let start = 0; start < regular.length; start += size) {
    const together = regular.slice(start, start + size);
    const last = together.at(-1) as SampledTick;
    pieces.push({ atMs: last.sample.atMs, seen: seenIn(together) });
  }
  return pieces;
}

function seenIn(ticks: readonly SampledTick[]): Seen | null {
  const samples = ticks.filter(({ kind }) => kind === 'sample').map(({ sample }) => sample);
  if (samples.length === 0) return null;
  const probes = samples.flatMap((sample) => sample.probes);
  const highest = samples.reduce<number | null>(
    (high, { memoryPercent }) => (memoryPercent === null ? high : Math.max(high ?? 0, memoryPercent)),
    null,
  );
  return {
    counts: { ...samples.reduce<Counts>(addCounts, noCounts), memoryPercent: highest },
    durationMs: samples.reduce((sum, { durationMs }) => sum + durationMs, 0),
    failedPercent:
      probes.length === 0 ? null : (100 * probes.filter(({ healthy }) => !healthy).length) / probes.length,
  };
}

function measuredValue(signal: Signal, { counts, durationMs, failedPercent }: Seen): number | null {
  const perMinute = durationMs > 0 ? 60_000 / durationMs : 0;
  if (signal === 'error_rate') return counts.errors * perMinute;
  if (signal === 'request_rate') return (counts.requests * perMinute) / 60;
  if (signal === 'memory') return counts.memoryPercent;
  if (signal === 'cpu') return counts.cpuPercent;
  if (signal === 'health') return failedPercent;
  if (signal === 'db_connection_errors')
    return counts.dbConnectionErrors === null ? null : counts.dbConnectionErrors * perMinute;
  const { p50, p95, p99 } = latencies(counts);
  // Where the source tells one percentile only, it is the one that the trigger names.
  return { latency_p50: p50, latency_p95: p95 ?? counts.latencyQuantileMs ?? null, latency_p99: p99 }[signal];
}
