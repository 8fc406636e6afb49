import { createHash } from 'node:crypto';
import { type InstanceReading, mostEndpoints } from '../../domain/counters.ts';
import type { OtlpPoint } from './decode.ts';

/** Which metric means what; the defaults are those of OpenTelemetry's semantic conventions. */
export interface OtlpNames {
  /** Histogram of request durations; its count is the requests, `http.response.status_code` tells errors (5xx) apart. */
  readonly latency: string;
  readonly dbConnectionErrors: string | null;
  /** Bytes. */
  readonly memoryBytes: string;
  /** Percent (0..100). */
  readonly memoryPercent: string | null;
  /** Seconds. */
  readonly cpuSeconds: string;
  readonly affectedUsers: string | null;
}

export const defaultOtlpNames: OtlpNames = {
  latency: 'http.server.request.duration',
  dbConnectionErrors: null,
  memoryBytes: 'process.memory.usage',
  memoryPercent: null,
  cpuSeconds: 'process.cpu.time',
  affectedUsers: null,
};

/** By which names a service that pushes is known. */
export interface PushedMetrics {
  /** Its `service.name`. */
  readonly serviceName: string;
  /** Its `deployment.environment.name`. */
  readonly environmentName: string;
  readonly names: OtlpNames;
}

/** What one instance has pushed so far: counts that only grow, whatever its process and its exporter do. */
export interface PushedInstance {
  /** When the process, or what we know of it, began; milliseconds since the epoch. */
  readonly startedAtMs: number;
  readonly series: Readonly<Record<string, PushedSeries>>;
}

interface PushedSeries {
  readonly signal: keyof OtlpNames;
  readonly failed: boolean;
  readonly endpoint: string | null;
  /** What was counted, or what a gauge shows. */
  readonly total: number;
  readonly histogram: OtlpPoint['histogram'];
  /** What was pushed last, from which the next one counts. */
  readonly last: Pick<OtlpPoint, 'startMs' | 'atMs' | 'value' | 'histogram'>;
}

/** One with more has a label that is no label, and must not fill the store. */
const mostSeries = 1_000;

/** Takes points in. What is older than what is known, or is told again, changes nothing: exporters repeat what was not answered. */
export function takeIn(
  before: PushedInstance | null,
  points: readonly OtlpPoint[],
  names: OtlpNames,
  nowMs: number,
): { readonly instance: PushedInstance; readonly refused: number } {
  const series: Record<string, PushedSeries> = { ...before?.series };
  let refused = 0;
  for (const point of points) {
    const signal = signalOf(point, names);
    if (signal === null) continue;
    const key = createHash('sha256')
      .update(JSON.stringify([point.metric, sorted(point)]))
      .digest('base64url')
      .slice(0, 16);
    const known = series[key];
    if (known === undefined && Object.keys(series).length >= mostSeries) refused += 1;
    else if (known === undefined || point.atMs > known.last.atMs) series[key] = follow(known, point, signal);
  }
  const started = points.flatMap(({ startMs }) => startMs ?? []);
  const startedAtMs = before?.startedAtMs ?? Math.min(nowMs, ...started);
  return { instance: { startedAtMs, series }, refused };
}

function signalOf({ metric }: OtlpPoint, names: OtlpNames): keyof OtlpNames | null {
  const found = Object.entries(names).find(([, name]) => name === metric);
  return (found?.[0] as keyof OtlpNames | undefined) ?? null;
}

function sorted({ attributes }: OtlpPoint): [string, string][] {
  return Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function follow(known: PushedSeries | undefined, point: OtlpPoint, signal: keyof OtlpNames): PushedSeries {
  const { attributes, startMs, atMs, value, histogram } = point;
  const status = attributes['http.response.status_code'] ?? attributes['http.status_code'] ?? '';
  const about = { signal, failed: /^5\d\d$/.test(status), endpoint: attributes['http.route'] ?? null };
  const last = { startMs, atMs, value, histogram };
  if (known === undefined || point.means === 'gauge') return { ...about, total: value, histogram, last };
  // A process that restarted counts from zero, from a time after what was last told of it.
  const beganAnew = startMs !== known.last.startMs && (startMs ?? 0) >= known.last.atMs;
  const isRestart = value < known.last.value || beganAnew;
  const base = point.means === 'delta' || isRestart ? null : known.last;
  return {
    ...about,
    total: known.total + value - (base?.value ?? 0),
    histogram: added(known.histogram, histogram, base?.histogram ?? null),
    last,
  };
}

/** Counts of other bounds cannot be added to: they begin anew. */
function added(
  total: OtlpPoint['histogram'],
  now: OtlpPoint['histogram'],
  base: OtlpPoint['histogram'],
): OtlpPoint['histogram'] {
  if (now === null || total === null || total.boundsMs.join() !== now.boundsMs.join()) return now;
  const counts = now.counts.map((count, i) => (total.counts[i] ?? 0) + count - (base?.counts[i] ?? 0));
  return { boundsMs: now.boundsMs, counts };
}

/** What an instance shows; `null`: none of it is a request. */
export function readingOf(
  { series, startedAtMs }: PushedInstance,
  memoryLimitBytes: number | null,
  atMs: number,
): InstanceReading | null {
  const all = Object.values(series);
  const of = (signal: keyof OtlpNames) => all.filter((one) => one.signal === signal);
  const sum = (list: readonly PushedSeries[]) => list.reduce((total, one) => total + one.total, 0);
  const counter = (list: readonly PushedSeries[]) =>
    list.length === 0 ? null : { value: sum(list), series: list.length };
  const largest = (list: readonly PushedSeries[]) =>
    list.length === 0 ? null : Math.max(...list.map(({ total }) => total));
  const requests = of('latency');
  if (requests.length === 0) return null;
  const failed = requests.filter((one) => one.failed);
  const bytes = of('memoryBytes');
  return {
    atMs,
    startedAtMs,
    requests: counter(requests),
    errors: { value: sum(failed), series: failed.length },
    dbConnectionErrors: counter(of('dbConnectionErrors')),
    cpuSeconds: counter(of('cpuSeconds')),
    latency: latencyOf(requests),
    memoryPercent:
      largest(of('memoryPercent')) ??
      (bytes.length === 0 || memoryLimitBytes === null ? null : (sum(bytes) / memoryLimitBytes) * 100),
    affectedUsers: largest(of('affectedUsers')),
    ...endpointsOf(requests),
  };
}

function latencyOf(series: readonly PushedSeries[]): InstanceReading['latency'] {
  const known = series.flatMap(({ histogram }) => histogram ?? []);
  const [first] = known;
  if (first === undefined) return null;
  const alike = known.filter(({ boundsMs }) => boundsMs.join() === first.boundsMs.join());
  const counts = first.counts.map((_, i) => alike.reduce((sum, one) => sum + (one.counts[i] ?? 0), 0));
  let below = 0;
  const cumulative = counts.map((count) => {
    below += count;
    return below;
  });
  return { boundsMs: first.boundsMs, cumulative, series: alike.length };
}

function endpointsOf(series: readonly PushedSeries[]): Pick<InstanceReading, 'endpoints'> {
  const byName = new Map<string, { requests: number; errors: number; series: number }>();
  for (const { endpoint, total, failed } of series) {
    if (endpoint === null) continue;
    const before = byName.get(endpoint) ?? { requests: 0, errors: 0, series: 0 };
    byName.set(endpoint, {
      requests: before.requests + total,
      errors: before.errors + (failed ? total : 0),
      series: before.series + 1,
    });
  }
  if (byName.size < 2) return {};
  const largest = [...byName].toSorted(([, a], [, b]) => b.requests - a.requests).slice(0, mostEndpoints);
  const readings = largest.map(([name, { requests, errors, series: count }]) => [
    name,
    { requests: { value: requests, series: count }, errors: { value: errors, series: count } },
  ]);
  return { endpoints: Object.fromEntries(readings) };
}
