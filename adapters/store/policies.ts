import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Database } from './schema.ts';
import type { Run } from './store.ts';

export interface StoredPolicy {
  readonly version: number;
  /** The YAML text with `${ENV}` unresolved: whoever uses a value resolves it, secrets stay out of the store. */
  readonly source: string;
  readonly atMs: number;
}

export interface PolicyRecords {
  /** Adds a version unless the text is that of the newest one. */
  save(source: string, atMs: number): Promise<StoredPolicy>;
  newest(): Promise<StoredPolicy | null>;
}

export function createPolicyRecords(db: Kysely<Database>, run: Run): PolicyRecords {
  const newest = async (): Promise<StoredPolicy | null> => {
    const row = await db
      .selectFrom('policies')
      .select(['version', 'source', 'at_ms'])
      .orderBy('version', 'desc')
      .limit(1)
      .executeTakeFirst();
    return row === undefined ? null : { version: row.version, source: row.source, atMs: row.at_ms };
  };
  return {
    newest: () => run(newest),
    save: (source, atMs) =>
      run(async () => {
        const digest = createHash('sha256').update(source).digest('hex');
        for (;;) {
          const known = await newest();
          if (known?.source === source) return known;
          const version = (known?.version ?? 0) + 1;
          const { numInsertedOrUpdatedRows } = await db
            .insertInto('policies')
            .values({ version, digest, source, at_ms: atMs })
            .onConflict((conflict) => conflict.column('version').doNothing())
            .executeTakeFirst();
          // None: another process took this number, and its text may be the same.
          if (numInsertedOrUpdatedRows) return { version, source, atMs };
        }
      }),
  };
}
