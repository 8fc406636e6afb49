import type { Kysely } from 'kysely';
import type { ProductKey } from '../../domain/identity.ts';
import { scope } from './products.ts';
import type { Database } from './schema.ts';
import type { Run } from './store.ts';

export type ServiceKey = ProductKey & { readonly service: string };

/** What one instance pushed, as JSON. */
export interface Pushed {
  readonly instance: string;
  /** When it last pushed, milliseconds since the epoch. */
  readonly atMs: number;
  readonly document: string;
}

export interface PushedRecords {
  /** Replaces what is known of an instance by what `change` makes of it; two who push for one instance do not lose each other's. */
  change(
    key: ServiceKey & { readonly instance: string },
    atMs: number,
    change: (before: string | null) => string,
  ): Promise<void>;
  /** Every instance that pushed since then, in the order of their names. */
  read(key: ServiceKey, sinceMs: number): Promise<Pushed[]>;
  /** Forgets instances that did not push since then. */
  prune(beforeMs: number): Promise<void>;
}

/** Who loses this often to others gives up: an exporter tries again. */
const mostAttempts = 10;

export function createPushedRecords(db: Kysely<Database>, run: Run): PushedRecords {
  return {
    change: ({ service, instance, ...key }, atMs, change) =>
      run(async () => {
        for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
          const found = await db
            .selectFrom('pushed')
            .select(['version', 'document'])
            .where('product', '=', key.product)
            .where('environment', '=', key.environment)
            .where('service', '=', service)
            .where('instance', '=', instance)
            .executeTakeFirst();
          const document = change(found?.document ?? null);
          const { numInsertedOrUpdatedRows = 0n } = await db
            .insertInto('pushed')
            .values({ ...scope(key), service, instance, version: 1, at_ms: atMs, document })
            .onConflict((conflict) =>
              conflict
                .columns(['product', 'environment', 'service', 'instance'])
                .doUpdateSet({ version: Number(found?.version ?? 0) + 1, at_ms: atMs, document })
                .where('pushed.version', '=', Number(found?.version ?? 0)),
            )
            .executeTakeFirst();
          if (numInsertedOrUpdatedRows > 0n) return;
        }
        throw new Error(
          `what ${instance} of ${service} pushed was not written: others write it all the time`,
        );
      }),
    read: ({ service, ...key }, sinceMs) =>
      run(async () => {
        const rows = await db
          .selectFrom('pushed')
          .select(['instance', 'at_ms', 'document'])
          .where('product', '=', key.product)
          .where('environment', '=', key.environment)
          .where('service', '=', service)
          .where('at_ms', '>=', sinceMs)
          .orderBy('instance')
          .execute();
        return rows.map(({ instance, at_ms: atMs, document }) => ({
          instance,
          atMs: Number(atMs),
          document,
        }));
      }),
    prune: (beforeMs) =>
      run(async () => {
        await db.deleteFrom('pushed').where('at_ms', '<', beforeMs).execute();
      }),
  };
}
