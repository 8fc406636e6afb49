import { addCounts, type Counts, noCounts, type Part } from '../../../domain/sample.ts';
import type { Answered, JsonSettings } from '../json.ts';
import type { Cursor } from '../metrics-source.ts';
import type { Counted, Failed } from '../per-instance.ts';

/** Which interval of each instance was counted last: when it was written, or where pages do not say, when it was read. */
type Seen = Readonly<Record<string, number>>;

/**
 * Counts each interval once. Of intervals that went by between two checks nothing is known: they are not made up, so a page whose
 * intervals are shorter than checks shows a sample of what happened.
 */
export function countIntervals(
  cursor: Cursor | null,
  read: readonly (Answered | Failed)[],
  settings: JsonSettings,
): Counted {
  const seen = readCursor(cursor, settings.format);
  const next: Record<string, number> = { ...seen };
  const missing: string[] = [];
  let counts: Counts = noCounts;
  const parts: Part[] = [];
  for (const entry of read) {
    if (entry.kind !== 'answered') {
      missing.push(entry.instance);
      continue;
    }
    const before = seen?.[entry.instance];
    const atMs = entry.writtenAtMs ?? entry.reading.atMs;
    // Clocks wobble; a page without a time is taken for a new one when an interval has passed.
    const isNew =
      entry.writtenAtMs === null ? atMs - (before ?? 0) >= settings.intervalMs * 0.9 : atMs !== before;
    if (before === undefined || isNew) next[entry.instance] = atMs;
    const own = seen === null || !isNew ? gaugesOf(entry) : countsOf(entry);
    counts = { ...addCounts(counts, own), memoryPercent: larger(counts.memoryPercent, own.memoryPercent) };
    parts.push({ by: 'instance', name: entry.instance, requests: own.requests, errors: own.errors });
  }
  const withParts = parts.length > 1 ? { ...counts, parts } : counts;
  return { counts: withParts, cursor: { format: settings.format, seen: next }, missing };
}

function readCursor(cursor: Cursor | null, format: string): Seen | null {
  if (cursor === null || typeof cursor !== 'object' || !('format' in cursor)) return null;
  return cursor.format === format ? (cursor as unknown as { seen: Seen }).seen : null;
}

/** Nothing was counted since the last check; gauges are those of now. */
function gaugesOf({ reading }: Answered): Counts {
  const { memoryPercent, affectedUsers, dbConnectionErrors, latency } = reading;
  return {
    ...noCounts,
    memoryPercent,
    affectedUsers,
    dbConnectionErrors: dbConnectionErrors === null ? null : 0,
    latency:
      latency === null ? null : { boundsMs: latency.boundsMs, counts: latency.cumulative.map(() => 0) },
  };
}

function countsOf(entry: Answered): Counts {
  const { reading } = entry;
  const { latency } = reading;
  const counts = latency?.cumulative.map((count, i) => count - (latency.cumulative[i - 1] ?? 0)) ?? [];
  return {
    ...gaugesOf(entry),
    requests: reading.requests?.value ?? 0,
    errors: reading.errors?.value ?? 0,
    dbConnectionErrors: reading.dbConnectionErrors?.value ?? null,
    latency: latency === null ? null : { boundsMs: latency.boundsMs, counts },
  };
}

function larger(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}
