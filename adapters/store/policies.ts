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
        const known = await newest();
        if (known?.source === source) return known;
        const digest = createHash('sha256').update(source).digest('hex');
        const row = await db
          .insertInto('policies')
          .values({ digest, source, at_ms: atMs })
          .returning('version')
          .executeTakeFirstOrThrow();
        return { version: row.version, source, atMs };
      }),
  };
}
