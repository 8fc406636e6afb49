import type { Kysely } from 'kysely';
import type { ProductKey } from '../../domain/identity.ts';
import type { ReleaseStanding, Standing } from '../../domain/last-known-good.ts';
import { byName } from '../../domain/redaction.ts';
import { scope } from './products.ts';
import type { Database } from './schema.ts';
import type { Run } from './store.ts';

export interface ReleaseRecords {
  set(key: ProductKey, standing: ReleaseStanding): Promise<void>;
  list(key: ProductKey): Promise<ReleaseStanding[]>;
}

export function createReleaseRecords(db: Kysely<Database>, run: Run): ReleaseRecords {
  return {
    set: (key, { service, release, standing, author, reason, atMs }) =>
      run(async () => {
        const values = { standing, author, reason: byName(reason), at_ms: atMs };
        await db
          .insertInto('releases')
          .values({ ...scope(key), service, release, ...values })
          .onConflict((conflict) =>
            conflict.columns(['product', 'environment', 'service', 'release']).doUpdateSet(values),
          )
          .execute();
      }),
    list: (key) =>
      run(async () => {
        const rows = await db
          .selectFrom('releases')
          .selectAll()
          .where('product', '=', key.product)
          .where('environment', '=', key.environment)
          .orderBy('at_ms', 'desc')
          .execute();
        return rows.map((row) => ({
          service: row.service,
          release: row.release,
          standing: row.standing as Standing,
          author: row.author,
          reason: row.reason,
          atMs: row.at_ms,
        }));
      }),
  };
}
