import type { Kysely } from 'kysely';
import type { FiringAlert } from '../../domain/alerts.ts';
import type { ProductKey } from '../../domain/identity.ts';
import { scope } from './products.ts';
import type { Database } from './schema.ts';
import type { Run } from './store.ts';

export interface ReceivedAlert extends FiringAlert {
  /** The same alert has the same one, whenever it is told. */
  readonly fingerprint: string;
  readonly firing: boolean;
}

export interface AlertRecords {
  /** Takes the newest word of each alert; one that began later is not replaced by an older one that arrives late. */
  receive(key: ProductKey, alerts: readonly ReceivedAlert[], atMs: number): Promise<void>;
  /** Those that fire and were told of since then. */
  firing(key: ProductKey, seenSinceMs: number): Promise<FiringAlert[]>;
}

export function createAlertRecords(db: Kysely<Database>, run: Run): AlertRecords {
  return {
    receive: (key, alerts, atMs) =>
      run(() =>
        db.transaction().execute(async (transaction) => {
          for (const { fingerprint, service, name, summary, sinceMs, firing } of alerts) {
            const values = {
              service,
              name,
              summary,
              since_ms: sinceMs,
              firing: firing ? 1 : 0,
              seen_at_ms: atMs,
            };
            await transaction
              .insertInto('alerts')
              .values({ ...scope(key), fingerprint, ...values })
              .onConflict((conflict) =>
                conflict
                  .columns(['product', 'environment', 'fingerprint'])
                  .doUpdateSet(values)
                  .where('alerts.since_ms', '<=', sinceMs),
              )
              .execute();
          }
        }),
      ),
    firing: (key, seenSinceMs) =>
      run(async () => {
        const rows = await db
          .selectFrom('alerts')
          .select(['service', 'name', 'summary', 'since_ms'])
          .where('product', '=', key.product)
          .where('environment', '=', key.environment)
          .where('firing', '=', 1)
          .where('seen_at_ms', '>=', seenSinceMs)
          .orderBy('since_ms')
          .orderBy('fingerprint')
          .execute();
        return rows.map(({ service, name, summary, since_ms: sinceMs }) => ({
          service,
          name,
          summary,
          sinceMs,
        }));
      }),
  };
}
