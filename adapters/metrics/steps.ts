import { type Counts, noCounts, type Sample } from '../../domain/sample.ts';
import type { Cursor, History, Measurement } from './metrics-source.ts';
import type { Blindness } from './per-instance.ts';

/**
 * For sources that keep counts by steps of time, as Datadog and CloudWatch do, and not counters that grow. A step is known by its
 * begin, milliseconds since the epoch; one in which nothing happened may be absent.
 */
export type StepSignal =
  | 'requests'
  | 'errors'
  /** The percentile that the trigger names, milliseconds. */
  | 'latencyMs'
  | 'dbConnectionErrors'
  /** Percent (0..100). */
  | 'memoryPercent'
  /** Percent (0..100). */
  | 'cpuPercent'
  | 'affectedUsers'
  /** Whatever is told in each step, requests or none: tells "nobody came" from "nothing is known". */
  | 'alive';

export type Steps = ReadonlyMap<number, number>;

export type StepsOf = { readonly [Signal in StepSignal]?: Steps };

export interface StepClock {
  readonly stepMs: number;
  /** The newest steps are not complete until this long after their end. */
  readonly settleMs: number;
  /** A service of which nothing was told for this long is not known. */
  readonly staleAfterMs: number;
}

/** Longer ago nothing is made up for: a check after a gap starts anew. */
const longestGapMs = 60 * 60_000;

export interface Span {
  /** Asked from here, to see whether anything is known at all. */
  readonly sinceMs: number;
  /** Counted from here: where the last check ended. */
  readonly fromMs: number;
  /** The end of the newest complete step, and never before `fromMs`: workers' clocks differ. */
  readonly untilMs: number;
  readonly isFirst: boolean;
}

/** Which steps a check looks at. */
export function spanOf(cursor: Cursor | null, format: string, nowMs: number, clock: StepClock): Span {
  const counted = readCursor(cursor, format);
  const untilMs = Math.max(floorTo(nowMs - clock.settleMs, clock.stepMs), counted ?? 0);
  const fromMs = Math.max(counted ?? untilMs, untilMs - longestGapMs);
  const sinceMs = Math.min(fromMs, untilMs - Math.max(longestGapMs, 2 * clock.staleAfterMs));
  return { sinceMs: floorTo(sinceMs, clock.stepMs), fromMs, untilMs, isFirst: counted === null };
}

function readCursor(cursor: Cursor | null, format: string): number | null {
  if (cursor === null || typeof cursor !== 'object' || !('format' in cursor)) return null;
  const { format: of, untilMs } = cursor as { format: unknown; untilMs: number };
  return of === format ? untilMs : null;
}

export function floorTo(atMs: number, stepMs: number): number {
  return Math.floor(atMs / stepMs) * stepMs;
}

/** What the steps between two checks come to. */
export function measureSteps(
  steps: StepsOf,
  span: Span,
  about: { readonly format: string; readonly address: string; readonly clock: StepClock },
): Measurement {
  const { format, address, clock } = about;
  const newestMs = newestOf(steps, span.untilMs);
  if (newestMs === null)
    return { kind: 'no_data', reason: `${address}: nothing is known of the last ${minutes(span)} min` };
  const ageMs = span.untilMs - clock.stepMs - newestMs;
  if (ageMs >= clock.staleAfterMs)
    return { kind: 'stale', reason: `${address}: the newest values are ${Math.round(ageMs / 1_000)} s old` };
  const fromMs = span.isFirst ? span.untilMs : span.fromMs;
  // A gauge is told late now and then; a counter may not be told, where there was nothing to count.
  const counts = { ...countSteps(steps, fromMs, span.untilMs), ...gauges(steps, span, clock) };
  return {
    kind: 'measured',
    counts,
    cursor: { format, untilMs: span.untilMs },
    missing: lackingIn(steps, span.untilMs),
  };
}

function minutes({ sinceMs, untilMs }: Span): number {
  return Math.round((untilMs - sinceMs) / 60_000);
}

function newestOf(steps: StepsOf, untilMs: number): number | null {
  const times = Object.values(steps).flatMap((signal) => [...signal.keys()].filter((atMs) => atMs < untilMs));
  return times.length === 0 ? null : times.reduce((a, b) => Math.max(a, b));
}

/** What should always be there and never was: such a signal is asked for wrongly, and would look like peace. */
function lackingIn(steps: StepsOf, untilMs: number): string[] {
  const always = ['requests', 'memoryPercent', 'cpuPercent', 'alive'] as const;
  return always.flatMap((name) => {
    const signal = steps[name];
    const isKnown = signal === undefined || [...signal.keys()].some((atMs) => atMs < untilMs);
    return isKnown ? [] : [`${name}: nothing is told of it`];
  });
}

/** The sum of the steps that begin from `fromMs` on and before `untilMs`. */
function countSteps(steps: StepsOf, fromMs: number, untilMs: number): Counts {
  const within = (signal: Steps | undefined) =>
    [...(signal ?? [])].filter(([atMs]) => atMs >= fromMs && atMs < untilMs);
  const sum = (signal: Steps | undefined) =>
    Math.round(within(signal).reduce((all, [, value]) => all + value, 0));
  const largest = (signal: Steps | undefined) =>
    within(signal).reduce<number | null>((all, [, value]) => Math.max(all ?? value, value), null);
  const latency = meanOf(within(steps.latencyMs), steps.requests);
  return {
    ...noCounts,
    requests: sum(steps.requests),
    errors: sum(steps.errors),
    ...(latency === null ? {} : { latencyQuantileMs: latency }),
    dbConnectionErrors: steps.dbConnectionErrors === undefined ? null : sum(steps.dbConnectionErrors),
    memoryPercent: largest(steps.memoryPercent),
    cpuPercent: largest(steps.cpuPercent),
    affectedUsers: largest(steps.affectedUsers),
  };
}

/** Percentiles do not add up: their mean over the requests stands for them all. */
function meanOf(latency: readonly (readonly [number, number])[], requests: Steps | undefined): number | null {
  if (latency.length === 0) return null;
  const weighted = latency.map(([atMs, value]) => [requests?.get(atMs) ?? 0, value] as const);
  const all = weighted.reduce((sum, [weight]) => sum + weight, 0);
  if (all === 0) return latency.reduce((sum, [, value]) => sum + value, 0) / latency.length;
  return weighted.reduce((sum, [weight, value]) => sum + weight * value, 0) / all;
}

function gauges(
  { memoryPercent, cpuPercent }: StepsOf,
  { untilMs }: Span,
  { staleAfterMs }: StepClock,
): Pick<Counts, 'memoryPercent' | 'cpuPercent'> {
  const newest = (signal: Steps | undefined) => {
    const known = [...(signal ?? [])].filter(([atMs]) => atMs < untilMs && atMs >= untilMs - staleAfterMs);
    return known.toSorted(([a], [b]) => b - a)[0]?.[1] ?? null;
  };
  return { memoryPercent: newest(memoryPercent), cpuPercent: newest(cpuPercent) };
}

/** A sample for each step of which anything is known. */
function samplesOf(steps: StepsOf, stepMs: number, untilMs: number): Sample[] {
  const times = new Set(Object.values(steps).flatMap((signal) => [...signal.keys()]));
  return [...times]
    .filter((atMs) => atMs + stepMs <= untilMs)
    .toSorted((a, b) => a - b)
    .map((fromMs) => {
      const atMs = fromMs + stepMs;
      const counts = countSteps(steps, fromMs, atMs);
      return { ...counts, tick: atMs, regular: true, atMs, durationMs: stepMs, probes: [], missing: [] };
    });
}

/** Fewer than the 1,500 points of a series beyond which Datadog answers in longer steps. */
const mostSteps = 1_000;
/** A question about the past covers more and may take longer. */
const historyTimeoutMs = 60_000;

export interface Piece {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly stepMs: number;
  readonly timeoutMs: number;
}

/** The past, a sample for each step, asked for in pieces. */
export async function historyInSteps(
  {
    sinceMs,
    untilMs,
    stepMs,
  }: { readonly sinceMs: number; readonly untilMs: number; readonly stepMs: number },
  address: string,
  ask: (piece: Piece) => Promise<{ readonly steps: StepsOf } | Blindness>,
): Promise<History> {
  const samples: Sample[] = [];
  const firstMs = Math.ceil(sinceMs / stepMs) * stepMs;
  for (let fromMs = firstMs; fromMs + stepMs <= untilMs; fromMs += mostSteps * stepMs) {
    const endMs = Math.min(fromMs + mostSteps * stepMs, untilMs);
    const found = await ask({ fromMs, untilMs: endMs, stepMs, timeoutMs: historyTimeoutMs });
    if (!('steps' in found)) return found;
    samples.push(...samplesOf(found.steps, stepMs, endMs));
  }
  if (samples.length === 0)
    return { kind: 'no_data', reason: `${address}: nothing is known of the service in that time` };
  return { kind: 'read', samples };
}

/** The steps of two answers, the later one of each step in force. */
export function mergeSteps(a: StepsOf, b: StepsOf): StepsOf {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])] as StepSignal[];
  return Object.fromEntries(names.map((name) => [name, new Map([...(a[name] ?? []), ...(b[name] ?? [])])]));
}
