import { countsBetween, type InstanceReading, type Readings } from '../../domain/counters.ts';
import type { Counts } from '../../domain/sample.ts';
import type { Cursor, Measurement, MeasureRequest } from './metrics-source.ts';

export type Blindness = Exclude<Measurement, { readonly kind: 'measured' }>;

/** What one instance's page came to. */
export type Outcome =
  | { readonly kind: 'answered'; readonly instance: string; readonly reading: InstanceReading }
  | Failed;

/** `found` never names the address. */
export interface Failed {
  readonly kind: Blindness['kind'];
  readonly instance: string;
  readonly address: string;
  readonly found: string;
}

export function nothingRuns(request: MeasureRequest): Blindness {
  const of = request.instances.length === 0 ? 'no instance is known' : `0 of ${request.instances.length} run`;
  return { kind: 'no_data', reason: `no running instance of ${request.service} to read metrics from: ${of}` };
}

/** An address fit for a sentence: credentials and query, which may hold a token, are left out. */
export function addressOf(url: string): string {
  if (!URL.canParse(url)) return url;
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

export interface Counted {
  readonly counts: Counts;
  readonly cursor: Cursor;
  readonly missing: readonly string[];
}

/** What the instances that answered counted since the cursor, which other figures' readings are no base for. */
export function countedSince(cursor: Cursor | null, outcomes: readonly Outcome[], format: string): Counted {
  const previous = readCursor(cursor, format);
  const read: Record<string, InstanceReading> = {};
  const kept: Record<string, InstanceReading> = {};
  const missing: string[] = [];
  for (const outcome of outcomes) {
    const before = previous?.instances[outcome.instance];
    if (outcome.kind === 'answered') read[outcome.instance] = outcome.reading;
    else missing.push(outcome.instance);
    // What a silent instance showed last stays its base, or its return would count for nothing.
    if (outcome.kind !== 'answered' && before !== undefined) kept[outcome.instance] = before;
  }
  const atMs = Math.max(...Object.values(read).map((reading) => reading.atMs));
  const counts = countsBetween(previous, { atMs, instances: read });
  const next = { format, atMs, instances: { ...kept, ...read } };
  return { counts, cursor: next as unknown as Cursor, missing };
}

function readCursor(cursor: Cursor | null, format: string): Readings | null {
  if (cursor === null || typeof cursor !== 'object' || !('format' in cursor)) return null;
  return cursor.format === format ? (cursor as unknown as Readings) : null;
}

/** No instance answered: the most frequent cause names the kind, the first met wins a tie. */
export function blindness(failures: readonly Failed[]): Blindness {
  const shown = failures.slice(0, 3).map((failure) => `${failure.address}: ${failure.found}`);
  const more = failures.length > shown.length ? `; and ${failures.length - shown.length} more` : '';
  const kinds = failures.map((failure) => failure.kind);
  const times = (kind: string): number => kinds.filter((other) => other === kind).length;
  const kind = kinds.reduce((best, other) => (times(other) > times(best) ? other : best));
  const who = failures.length === 1 ? 'the instance' : `none of ${failures.length} instances`;
  const gave = failures.length === 1 ? 'gave no metrics' : 'gave metrics';
  return { kind, reason: `${who} ${gave}: ${shown.join('; ')}${more}` };
}
