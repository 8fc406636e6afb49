import { addHistograms, type Histogram } from './histogram.ts';
import type { Counts, Part } from './sample.ts';

/** A counter as a process shows it: what it has counted since it started, added up over its series. */
export interface CounterReading {
  readonly value: number;
  /** How many series were added up. */
  readonly series: number;
}

/** A histogram as a process shows it: `cumulative[i]` requests took at most `boundsMs[i]`, the last entry is all of them. */
export interface HistogramReading {
  readonly boundsMs: readonly number[];
  readonly cumulative: readonly number[];
  readonly series: number;
}

/** What one instance showed at one time. `null` is "not shown". */
export interface InstanceReading {
  /** When it was read, milliseconds since the epoch. */
  readonly atMs: number;
  /** When the process started by its own clock, milliseconds since the epoch. */
  readonly startedAtMs: number | null;
  readonly requests: CounterReading | null;
  readonly errors: CounterReading | null;
  readonly dbConnectionErrors: CounterReading | null;
  /** Seconds of CPU time. */
  readonly cpuSeconds: CounterReading | null;
  readonly latency: HistogramReading | null;
  /** Percent (0..100) of the configured limit. */
  readonly memoryPercent: number | null;
  readonly affectedUsers: number | null;
  /** Its largest endpoints by name, at most {@link mostEndpoints}; absent: requests carry no such label. */
  readonly endpoints?: Readonly<Record<string, EndpointReading>>;
}

export interface EndpointReading {
  readonly requests: CounterReading;
  readonly errors: CounterReading;
}

/** Of one instance: they are kept between two checks. */
export const mostEndpoints = 20;

/** What all instances of a service showed, by instance id. */
export interface Readings {
  /** When it was read, milliseconds since the epoch. */
  readonly atMs: number;
  readonly instances: Readonly<Record<string, InstanceReading>>;
}

/**
 * What happened between two readings. A process that restarted counts from zero; a new instance counts from zero
 * when it started after the previous reading, else it is a base, as everything is without a previous reading.
 */
export function countsBetween(previous: Readings | null, current: Readings): Counts {
  const readings = Object.entries(current.instances);
  const parts = readings.map(([id, now]) => instanceCounts(previous, own(previous, id), now));
  return {
    requests: sum(parts.map((part) => part.requests ?? 0)),
    errors: sum(parts.map((part) => part.errors ?? 0)),
    latency: parts.reduce<Histogram | null>((all, part) => addHistograms(all, part.latency), null),
    dbConnectionErrors: ifAny(
      parts.map((part) => part.dbConnectionErrors),
      sum,
    ),
    memoryPercent: ifAny(
      readings.map(([, now]) => valid(now.memoryPercent)),
      largest,
    ),
    cpuPercent: ifAny(
      parts.map((part) => part.cpuPercent),
      mean,
    ),
    affectedUsers: ifAny(
      readings.map(([, now]) => valid(now.affectedUsers)),
      largest,
    ),
    ...partsOf(parts.map((part, i) => ({ ...part, instance: readings[i]?.[0] ?? '' }))),
  };
}

interface InstanceParts {
  readonly instance: string;
  readonly requests: number | null;
  readonly errors: number | null;
  readonly endpoints: readonly Part[];
}

/** A single instance is the service itself. */
function partsOf(instances: readonly InstanceParts[]): Pick<Counts, 'parts'> {
  const endpoints = new Map<string, Part>();
  for (const part of instances.flatMap((instance) => instance.endpoints)) {
    const { requests, errors } = endpoints.get(part.name) ?? { requests: 0, errors: 0 };
    endpoints.set(part.name, {
      ...part,
      requests: requests + part.requests,
      errors: errors + part.errors,
    });
  }
  const byInstance = instances.map(
    ({ instance, requests, errors }): Part => ({
      by: 'instance',
      name: instance,
      requests: requests ?? 0,
      errors: errors ?? 0,
    }),
  );
  const parts = [...endpoints.values(), ...(byInstance.length > 1 ? byInstance : [])];
  return parts.length === 0 ? {} : { parts };
}

function own(readings: Readings | null, id: string): InstanceReading | null {
  return readings !== null && Object.hasOwn(readings.instances, id) ? (readings.instances[id] ?? null) : null;
}

function instanceCounts(previous: Readings | null, was: InstanceReading | null, now: InstanceReading) {
  const origin = originOf(previous, was, now);
  const share = shareOfInterval(previous, origin, now);
  const cpu = increase(origin, was?.cpuSeconds ?? null, now.cpuSeconds);
  const elapsedMs = now.atMs - origin.sinceMs;
  return {
    requests: scaled(increase(origin, was?.requests ?? null, now.requests), share),
    errors: scaled(increase(origin, was?.errors ?? null, now.errors), share),
    dbConnectionErrors: scaled(
      increase(origin, was?.dbConnectionErrors ?? null, now.dbConnectionErrors),
      share,
    ),
    latency: latencyIncrease(origin, was?.latency ?? null, now.latency, share),
    endpoints: endpointIncreases(origin, was, now, share),
    cpuPercent: cpu === null || origin.kind === 'base' || elapsedMs <= 0 ? null : (cpu * 100_000) / elapsedMs,
  };
}

/**
 * From where an instance's counters count. `previous`: from the previous reading; `zero`: from its start;
 * `base`: not at all. `sameProcess`: the start time proves that the process did not restart.
 */
interface Origin {
  readonly kind: 'previous' | 'zero' | 'base';
  readonly sinceMs: number;
  readonly sameProcess: boolean;
}

/** Start times are read from clocks and ticks that wobble; a restart moves them by more. */
const startToleranceMs = 2_000;

function originOf(previous: Readings | null, was: InstanceReading | null, now: InstanceReading): Origin {
  const base: Origin = { kind: 'base', sinceMs: now.atMs, sameProcess: false };
  if (previous === null) return base;
  if (was === null) {
    const startedAtMs = now.startedAtMs ?? Number.NEGATIVE_INFINITY;
    return startedAtMs > previous.atMs ? { ...base, kind: 'zero', sinceMs: startedAtMs } : base;
  }
  const known = was.startedAtMs !== null && now.startedAtMs !== null;
  const moved = known && Math.abs((now.startedAtMs ?? 0) - (was.startedAtMs ?? 0)) > startToleranceMs;
  if (moved || (!known && anyFell(was, now))) {
    const sinceMs = Math.max(was.atMs, Math.min(now.startedAtMs ?? was.atMs, now.atMs));
    return { kind: 'zero', sinceMs, sameProcess: false };
  }
  return { kind: 'previous', sinceMs: was.atMs, sameProcess: known };
}

/** One counter that fell tells that the process restarted, and so that the others count from zero too. */
function anyFell(was: InstanceReading, now: InstanceReading): boolean {
  const pairs = [
    [was.requests, now.requests],
    [was.errors, now.errors],
    [was.dbConnectionErrors, now.dbConnectionErrors],
    [was.cpuSeconds, now.cpuSeconds],
    [totalOf(was.latency), totalOf(now.latency)],
  ] as const;
  return pairs.some(([before, after]) => usable(before) && usable(after) && after.value < before.value);
}

/** Instances of one reading are read up to this much apart. */
const readingJitterMs = 5_000;

/**
 * How much of a counter's increase belongs to this interval. An instance that did not answer for a while returns
 * with the counts of all that time; taken whole they would be a spike in the rate, and roll back a healthy release.
 */
function shareOfInterval(previous: Readings | null, origin: Origin, now: InstanceReading): number {
  if (previous === null) return 1;
  const intervalMs = now.atMs - previous.atMs;
  const elapsedMs = now.atMs - origin.sinceMs;
  const late = elapsedMs > intervalMs * 1.5 && elapsedMs > intervalMs + readingJitterMs;
  return intervalMs > 0 && late ? intervalMs / elapsedMs : 1;
}

/**
 * The increase of one counter; `null` where it is not shown. A counter that was not shown before started at zero.
 * One that fell although its process did not restart lost a series: what is left of it is a base, not news.
 */
function increase(origin: Origin, was: CounterReading | null, now: CounterReading | null): number | null {
  if (now === null) return null;
  if (!usable(now) || origin.kind === 'base' || (was !== null && !usable(was))) return 0;
  if (was === null || origin.kind === 'zero') return now.value;
  if (now.value >= was.value) return now.value - was.value;
  return origin.sameProcess && now.series < was.series ? 0 : now.value;
}

function endpointIncreases(
  origin: Origin,
  was: InstanceReading | null,
  now: InstanceReading,
  share: number,
): Part[] {
  const before = was?.endpoints ?? {};
  // They were not told apart until now: all that they ever counted is no news.
  const isFirst = was !== null && was.endpoints === undefined;
  // Where there are more of them than are kept, one that was not kept is no new one.
  const all = Object.keys(before).length < mostEndpoints;
  return Object.entries(now.endpoints ?? {}).map(([name, { requests, errors }]): Part => {
    const earlier = Object.hasOwn(before, name) ? (before[name] ?? null) : null;
    const from: Origin =
      earlier === null && (!all || isFirst) && origin.kind === 'previous'
        ? { ...origin, kind: 'base' }
        : origin;
    const count = (then: CounterReading | null, value: CounterReading) =>
      scaled(increase(from, then, value), share) ?? 0;
    return {
      by: 'endpoint',
      name,
      requests: count(earlier?.requests ?? null, requests),
      errors: count(earlier?.errors ?? null, errors),
    };
  });
}

function latencyIncrease(
  origin: Origin,
  was: HistogramReading | null,
  now: HistogramReading | null,
  share: number,
): Histogram | null {
  if (now === null) return null;
  const comparable = was !== null && was.boundsMs.join() === now.boundsMs.join();
  const nothing = { boundsMs: now.boundsMs, counts: now.cumulative.map(() => 0) };
  if (origin.kind === 'base' || (was !== null && origin.kind === 'previous' && !comparable)) return nothing;
  const total = increase(origin, totalOf(was), totalOf(now)) ?? 0;
  if (total === 0) return nothing;
  const before = total === totalOf(now)?.value ? [] : (was?.cumulative ?? []);
  const grown = now.cumulative.map((count, i) => count - (before[i] ?? 0));
  const counts = grown.map((count, i) => scaled(Math.max(0, count - (grown[i - 1] ?? 0)), share) ?? 0);
  return { boundsMs: now.boundsMs, counts };
}

function totalOf(histogram: HistogramReading | null): CounterReading | null {
  return histogram === null ? null : { value: histogram.cumulative.at(-1) ?? 0, series: histogram.series };
}

function usable(counter: CounterReading | null): counter is CounterReading {
  return counter !== null && valid(counter.value) !== null;
}

function valid(value: number | null): number | null {
  return value !== null && Number.isFinite(value) && value >= 0 ? value : null;
}

function scaled(count: number | null, share: number): number | null {
  return count === null || share === 1 ? count : Math.round(count * share);
}

function ifAny(values: readonly (number | null)[], reduce: (known: number[]) => number): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : reduce(known);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function largest(values: readonly number[]): number {
  return Math.max(...values);
}
