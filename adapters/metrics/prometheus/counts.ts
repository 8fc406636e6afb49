import {
  type CounterReading,
  countsBetween,
  type HistogramReading,
  type InstanceReading,
  type Readings,
} from '../../../domain/counters.ts';
import { addCounts, type Counts } from '../../../domain/sample.ts';

/** What happened, and what the next count goes on from. */
export interface Counted {
  readonly counts: Counts;
  readonly base: Readings;
}

/**
 * What happened from `before` to the last of the steps. Steps are finer than checks, so that what a process counted
 * before it restarted or went away is not lost.
 */
export function countSteps(before: Readings | null, steps: readonly [Readings, ...Readings[]]): Counted {
  if (before === null) return countStep(null, steps.at(-1) as Readings);
  let base = before;
  let earlier: Counts | null = null;
  let last: Readings | null = null;
  for (const step of steps) {
    const now = traced(last === null ? base : carried(base, last), step);
    if (last !== null && interrupted(last, now)) {
      earlier = sum(earlier, countsBetween(base, last));
      base = carried(base, last);
    }
    last = now;
  }
  const counted = countStep(base, last as Readings);
  return { ...counted, counts: sum(earlier, counted.counts) };
}

/** What happened between two readings. */
export function countStep(before: Readings | null, step: Readings): Counted {
  const now = traced(before, step);
  return { counts: countsBetween(before, now), base: before === null ? now : carried(before, now) };
}

function sum(earlier: Counts | null, counts: Counts): Counts {
  return earlier === null ? counts : addCounts(earlier, counts);
}

/** An instance that comes back after longer than this is a new one. */
const keptMs = 10 * 60_000;

/** What an absent instance showed last stays its base, or its return would count for nothing. */
function carried(before: Readings, now: Readings): Readings {
  const recent = Object.entries(before.instances).filter(([, { atMs }]) => now.atMs - atMs <= keptMs);
  return { atMs: now.atMs, instances: { ...Object.fromEntries(recent), ...now.instances } };
}

/** Whether an instance restarted or went away between two steps. */
function interrupted(was: Readings, now: Readings): boolean {
  return Object.entries(was.instances).some(([id, reading]) => {
    const after = ofInstance(now, id);
    return after === null || restarted(reading, after);
  });
}

/** Clocks wobble; a restart moves a start time by more. */
const startToleranceMs = 2_000;

function restarted(was: InstanceReading, now: InstanceReading): boolean {
  return Math.abs((now.startedAtMs ?? 0) - (was.startedAtMs ?? 0)) > startToleranceMs;
}

/**
 * Says of each instance whether it is the process that it was. Without a start time a fall of its requests to less than half
 * is a restart; any other fall is a series that ended within the sum, as an expiring one does, and what is left of the sum
 * is no news. Taken for a restart, it would count all requests and errors of a process's life as those of one minute.
 */
function traced(before: Readings | null, now: Readings): Readings {
  const instances = Object.entries(now.instances).map(
    ([id, reading]) => [id, follow(ofInstance(before, id), reading)] as const,
  );
  return { atMs: now.atMs, instances: Object.fromEntries(instances) };
}

/** When a process started of which nobody says it: before anything that was seen of it. */
const longAgoMs = 0;

function follow(was: InstanceReading | null, now: InstanceReading): InstanceReading {
  if (was === null) return { ...now, startedAtMs: now.startedAtMs ?? longAgoMs };
  const startedAtMs = now.startedAtMs ?? (halved(was, now) ? now.atMs : was.startedAtMs);
  const here = { ...now, startedAtMs };
  if (restarted(was, here)) return here;
  return {
    ...here,
    requests: afterEnd(was.requests, now.requests),
    errors: afterEnd(was.errors, now.errors),
    dbConnectionErrors: afterEnd(was.dbConnectionErrors, now.dbConnectionErrors),
    cpuSeconds: afterEnd(was.cpuSeconds, now.cpuSeconds),
    latency: histogramAfterEnd(was.latency, now.latency),
    ...endpointsAfterEnd(was.endpoints, now.endpoints),
  };
}

function endpointsAfterEnd(
  was: InstanceReading['endpoints'],
  now: InstanceReading['endpoints'],
): Pick<InstanceReading, 'endpoints'> {
  if (was === undefined || now === undefined) return now === undefined ? {} : { endpoints: now };
  const endpoints = Object.entries(now).map(([name, { requests, errors }]) => {
    const before = Object.hasOwn(was, name) ? was[name] : undefined;
    const followed = {
      requests: notLess(before?.requests, requests),
      errors: notLess(before?.errors, errors),
    };
    return [name, followed] as const;
  });
  return { endpoints: Object.fromEntries(endpoints) };
}

function halved(was: InstanceReading, now: InstanceReading): boolean {
  return was.requests !== null && now.requests !== null && now.requests.value < was.requests.value / 2;
}

/** A sum that fell within one process holds a series less, which is how counting knows that it is no restart. */
function afterEnd(was: CounterReading | null, now: CounterReading | null): CounterReading | null {
  return now === null ? null : notLess(was ?? undefined, now);
}

function notLess(was: CounterReading | undefined, now: CounterReading): CounterReading {
  if (was === undefined || now.value >= was.value) return now;
  return { ...now, series: Math.min(now.series, was.series - 1) };
}

function histogramAfterEnd(
  was: HistogramReading | null,
  now: HistogramReading | null,
): HistogramReading | null {
  if (was === null || now === null) return now;
  return { ...now, series: notLess(total(was), total(now)).series };
}

function total({ cumulative, series }: HistogramReading): CounterReading {
  return { value: cumulative.at(-1) ?? 0, series };
}

/** Readings without the instances of which something that was known is missing: part of the servers did not answer. */
export function withoutLosses(
  before: Readings | null,
  steps: readonly Readings[],
): { readonly steps: readonly Readings[]; readonly lost: readonly string[] } {
  const newest = steps.at(-1);
  const lost = Object.entries(before?.instances ?? {}).flatMap(([id, was]) => {
    const now = newest === undefined ? null : ofInstance(newest, id);
    return now !== null && pairs(was, now).some(([a, b]) => a !== null && isLess(b, a)) ? [id] : [];
  });
  return { steps: steps.map((step) => without(step, lost)), lost };
}

/**
 * A base without the instances of which more is known now than when it was read: it was read while part of the servers did not
 * answer, and what they hold would count as news.
 */
export function withoutGains(before: Readings, newest: Readings): Readings {
  const gained = Object.entries(before.instances).flatMap(([id, was]) => {
    const now = ofInstance(newest, id);
    return now !== null && pairs(was, now).some(([a, b]) => b !== null && (a === null || b.series > a.series))
      ? [id]
      : [];
  });
  return without(before, gained);
}

function isLess(now: CounterReading | null, was: CounterReading): boolean {
  return now === null || now.value < was.value || now.series < was.series;
}

function pairs(
  was: InstanceReading,
  now: InstanceReading,
): readonly (readonly [CounterReading | null, CounterReading | null])[] {
  const totalOf = ({ latency }: InstanceReading) => (latency === null ? null : total(latency));
  return [
    [was.requests, now.requests],
    [was.errors, now.errors],
    [was.dbConnectionErrors, now.dbConnectionErrors],
    [was.cpuSeconds, now.cpuSeconds],
    [totalOf(was), totalOf(now)],
  ];
}

export function without(readings: Readings, ids: readonly string[]): Readings {
  if (ids.length === 0) return readings;
  const instances = Object.entries(readings.instances).filter(([id]) => !ids.includes(id));
  return { atMs: readings.atMs, instances: Object.fromEntries(instances) };
}

function ofInstance(readings: Readings | null, id: string): InstanceReading | null {
  return readings !== null && Object.hasOwn(readings.instances, id) ? (readings.instances[id] ?? null) : null;
}
