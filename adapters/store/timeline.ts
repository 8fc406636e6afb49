import type { Kysely } from 'kysely';
import type { TimelineEntry, TimelineKind } from '../../domain/timeline.ts';
import { scope } from './products.ts';
import type { Database } from './schema.ts';
import type { Run } from './store.ts';

export interface TimelineFilter {
  readonly product: string;
  readonly environment: string;
  readonly deployment?: string;
  readonly incident?: string;
  readonly sinceMs?: number;
  readonly limit: number;
}

export interface TimelineRecords {
  /** Writes entries whose key is not known yet. */
  append(entries: readonly TimelineEntry[]): Promise<void>;
  /** The newest `limit` entries, oldest first. */
  list(filter: TimelineFilter): Promise<TimelineEntry[]>;
}

export function createTimelineRecords(db: Kysely<Database>, run: Run): TimelineRecords {
  return {
    append: (entries) =>
      run(async () => {
        if (entries.length === 0) return;
        const rows = entries.map((entry) => ({
          ...scope(entry),
          key: entry.key,
          deployment: entry.deployment,
          incident: entry.incident,
          at_ms: entry.atMs,
          kind: entry.kind,
          text: entry.text,
        }));
        await db
          .insertInto('timeline')
          .values(rows)
          .onConflict((conflict) => conflict.column('key').doNothing())
          .execute();
      }),
    list: (filter) =>
      run(async () => {
        let query = db
          .selectFrom('timeline')
          .selectAll()
          .where('product', '=', filter.product)
          .where('environment', '=', filter.environment);
        if (filter.deployment !== undefined) query = query.where('deployment', '=', filter.deployment);
        if (filter.incident !== undefined) query = query.where('incident', '=', filter.incident);
        if (filter.sinceMs !== undefined) query = query.where('at_ms', '>=', filter.sinceMs);
        const rows = await query
          .orderBy('at_ms', 'desc')
          .orderBy('seq', 'desc')
          .limit(filter.limit)
          .execute();
        return rows.reverse().map((row) => ({
          product: row.product,
          environment: row.environment,
          deployment: row.deployment,
          key: row.key,
          atMs: row.at_ms,
          kind: row.kind as TimelineKind,
          text: row.text,
          incident: row.incident,
        }));
      }),
  };
}
