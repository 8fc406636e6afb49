import type { Readings } from '../../../domain/counters.ts';
import type { Cursor, Measurement, MeasureRequest } from '../metrics-source.ts';
import { askAll, type Blindness, blind, noStatus, placeholdersOf, type Settings, signalsOf } from './ask.ts';
import { countSteps, without, withoutGains, withoutLosses } from './counts.ts';
import { type Answers, lastScrapes, readingsAlong, tellsErrors } from './readings.ts';
import type { SharedPrometheus } from './shared.ts';

/** After a longer time only the newest steps are looked at. Times of 50 points and more VictoriaMetrics moves to its own grid. */
const mostSteps = 49;

/** What happened since the cursor, in steps of the scrapes. */
export async function measure(
  api: SharedPrometheus,
  settings: Settings,
  request: MeasureRequest,
): Promise<Measurement> {
  const cursor = readCursor(request.cursor, settings.format);
  const endMs = api.nowMs() - settings.settleMs;
  const timesMs = timesUpTo(endMs, Math.min(cursor?.atMs ?? endMs, endMs - settings.staleAfterMs), settings);
  const running = request.instances.filter((instance) => instance.running);
  const releases = [...new Set(running.flatMap(({ release }) => release ?? []))];
  const asked = await askAll(api, settings, {
    about: placeholdersOf(settings, request, releases.length > 0 ? releases : null),
    signals: signalsOf(settings),
    timesMs,
    timeoutMs: settings.timeoutMs,
    signal: request.signal,
  });
  if ('failure' in asked) return blind(settings, asked);
  const { answers, warnings, unanswered } = asked;
  const along = readingsAlong(answers, timesMs, settings);
  const nothing = whyNothing(answers, along, endMs, settings);
  if (nothing !== null) return nothing;
  const stale = staleInstances(answers, endMs, settings);
  if (along.at(-1) !== undefined && everybody(along.at(-1) as Readings, stale)) {
    const reason = `${settings.address}: ${request.service} was last scraped more than ${age(settings.staleAfterMs)} ago`;
    return { kind: 'stale', reason };
  }
  return counted(cursor, along, { stale, warnings, unanswered }, settings);
}

function counted(
  cursor: PrometheusCursor | null,
  along: readonly Readings[],
  lacks: {
    readonly stale: readonly string[];
    readonly warnings: readonly string[];
    readonly unanswered: readonly string[];
  },
  settings: Settings,
): Measurement {
  const { stale, warnings, unanswered } = lacks;
  const isPartial = warnings.length > 0;
  const fresh = along.map((step) => without(step, stale));
  const { steps, lost } = isPartial ? withoutLosses(cursor, fresh) : { steps: fresh, lost: [] };
  const newest = steps.at(-1) as Readings;
  if (isPartial && Object.keys(newest.instances).length === 0)
    return { kind: 'error', reason: `${settings.address}: part of the data is missing: ${warnings[0]}` };
  const before = cursor?.isPartial === true ? withoutGains(cursor, newest) : cursor;
  const later = steps.filter(({ atMs }) => atMs > (before?.atMs ?? Number.NEGATIVE_INFINITY));
  const [first = newest, ...others] = later;
  const { counts, base } = countSteps(before, [first, ...others]);
  const next = { format: settings.format, isPartial, atMs: base.atMs, instances: base.instances };
  const missing = [...stale, ...lost, ...warnings.map((text) => `part of the data: ${text}`), ...unanswered];
  return { kind: 'measured', counts, cursor: next as unknown as Cursor, missing };
}

interface PrometheusCursor extends Readings {
  readonly format: string;
  /** It was read while part of the servers did not answer. */
  readonly isPartial: boolean;
}

function readCursor(cursor: Cursor | null, format: string): PrometheusCursor | null {
  if (cursor === null || typeof cursor !== 'object' || !('format' in cursor)) return null;
  return cursor.format === format ? (cursor as unknown as PrometheusCursor) : null;
}

/** From the newest time backwards, later than `afterMs`; the newest time always. */
function timesUpTo(endMs: number, afterMs: number, { resolutionMs }: Settings): number[] {
  const steps = Math.floor((endMs - afterMs) / resolutionMs);
  const count = Math.max(1, Math.min(steps + 1, mostSteps));
  return Array.from({ length: count }, (_, i) => endMs - (count - 1 - i) * resolutionMs);
}

/** Why there is nothing to count, or `null`. */
function whyNothing(
  answers: Answers,
  along: readonly Readings[],
  endMs: number,
  { address }: Settings,
): Blindness | null {
  if (!tellsErrors(answers)) return noStatus(address);
  const anyRequests = along.some(({ instances }) =>
    Object.values(instances).some(({ requests }) => requests !== null),
  );
  // A counter that has counted nothing yet has no series: only one that was seen is known to be asked for rightly.
  if (!anyRequests)
    return { kind: 'no_data', reason: `${address}: no series matches the query for requests` };
  const newestMs = along.at(-1)?.atMs ?? 0;
  if (newestMs === endMs) return null;
  return { kind: 'stale', reason: `${address}: the newest values are ${age(endMs - newestMs)} old` };
}

/** Instances whose values are repeated by the server although they are not scraped any more. */
function staleInstances(answers: Answers, endMs: number, settings: Settings): string[] {
  const scrapes = lastScrapes(answers, endMs, settings);
  if (scrapes === null) return [];
  return [...scrapes]
    .filter(([, atMs]) => endMs - atMs > settings.staleAfterMs)
    .map(([instance]) => instance);
}

function everybody({ instances }: Readings, stale: readonly string[]): boolean {
  return Object.keys(instances).every((instance) => stale.includes(instance));
}

function age(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / 60_000)} min`;
}
