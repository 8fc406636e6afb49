import type { Kysely } from 'kysely';
import type { DeploymentKey, ProductKey } from '../../domain/identity.ts';
import type { Readiness } from '../../domain/readiness.ts';
import { scope } from './products.ts';
import type { Database } from './schema.ts';
import type { Run } from './store.ts';

export interface StoredReadiness extends Readiness {
  /** Whose way back it is. */
  readonly deployment: string;
}

/** What is known of the way back before it is needed. */
export interface WayBackRecords {
  /** Keeps how a release is put there; the newest stands. */
  keepRecipe(key: ProductKey, recipe: RecordedRecipe): Promise<void>;
  recipe(key: ProductKey, service: string, release: string): Promise<string | null>;
  saveReadiness(key: DeploymentKey, readiness: Readiness): Promise<void>;
  readiness(key: ProductKey): Promise<StoredReadiness | null>;
}

export interface RecordedRecipe {
  readonly service: string;
  readonly release: string;
  readonly recipe: string;
  readonly atMs: number;
}

export function createWayBackRecords(db: Kysely<Database>, run: Run): WayBackRecords {
  return {
    keepRecipe: (key, { service, release, recipe, atMs }) =>
      run(async () => {
        const values = { recipe, at_ms: atMs };
        await db
          .insertInto('recipes')
          .values({ ...scope(key), service, release, ...values })
          .onConflict((conflict) =>
            conflict.columns(['product', 'environment', 'service', 'release']).doUpdateSet(values),
          )
          .execute();
      }),
    recipe: (key, service, release) =>
      run(async () => {
        const found = await db
          .selectFrom('recipes')
          .select('recipe')
          .where('product', '=', key.product)
          .where('environment', '=', key.environment)
          .where('service', '=', service)
          .where('release', '=', release)
          .executeTakeFirst();
        return found?.recipe ?? null;
      }),
    saveReadiness: (key, readiness) =>
      run(async () => {
        const values = {
          deployment: key.deployment,
          at_ms: readiness.atMs,
          document: JSON.stringify(readiness),
        };
        await db
          .insertInto('readiness')
          .values({ ...scope(key), ...values })
          .onConflict((conflict) => conflict.columns(['product', 'environment']).doUpdateSet(values))
          .execute();
      }),
    readiness: (key) =>
      run(async () => {
        const found = await db
          .selectFrom('readiness')
          .select(['deployment', 'document'])
          .where('product', '=', key.product)
          .where('environment', '=', key.environment)
          .executeTakeFirst();
        if (found === undefined) return null;
        return { ...(JSON.parse(found.document) as Readiness), deployment: found.deployment };
      }),
  };
}
