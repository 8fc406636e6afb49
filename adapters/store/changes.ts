import { type Kysely, sql } from 'kysely';
import { type ProductKey, productName } from '../../domain/identity.ts';
import type { Database } from './schema.ts';
import type { Run } from './store.ts';

/** How far a reader has seen: by table and product, the newest that was written. */
export type ChangeMark = Readonly<Record<Source, Readonly<Record<string, number>>>>;

type Source = 'rows' | 'timeline' | 'watches' | 'readiness';

export interface ChangeRecords {
  /** The products of which something was written since the mark; with `null`: none, only where things stand. */
  since(
    mark: ChangeMark | null,
  ): Promise<{ readonly mark: ChangeMark; readonly products: readonly ProductKey[] }>;
}

/** What changed, at the price of four index look-ups: one such question a second serves every page that is open. */
export function createChangeRecords(db: Kysely<Database>, run: Run): ChangeRecords {
  return {
    since: (mark) =>
      run(async () => {
        const newest = await newestOf(db);
        const changed = new Map<string, ProductKey>();
        for (const source of Object.keys(newest) as Source[])
          for (const { value, ...key } of newest[source])
            if (mark !== null && mark[source][productName(key)] !== value) changed.set(productName(key), key);
        return { mark: markOf(mark, newest), products: [...changed.values()] };
      }),
  };
}

interface Newest extends ProductKey {
  readonly value: number;
}

/**
 * What was written lately. Not simply all that is newer than the newest seen: transactions end in another order than they begin in,
 * and workers' clocks differ.
 */
const lately = { entries: 1_000, ms: 10 * 60_000 } as const;

async function newestOf(db: Kysely<Database>): Promise<Record<Source, Newest[]>> {
  const rows = await db
    .selectFrom('products')
    .select(['product', 'environment', 'version as value'])
    .execute();
  const timeline = await db
    .selectFrom('timeline')
    .select(({ fn }) => ['product', 'environment', fn.max('seq').as('value')])
    .where('seq', '>', sql<number>`(select coalesce(max(seq), 0) from timeline) - ${lately.entries}`)
    .groupBy(['product', 'environment'])
    .execute();
  const watches = await db
    .selectFrom('watches')
    .select(({ fn }) => ['product', 'environment', fn.max('last_at_ms').as('value')])
    .where('last_at_ms', '>', sql<number>`(select coalesce(max(last_at_ms), 0) from watches) - ${lately.ms}`)
    .groupBy(['product', 'environment'])
    .execute();
  const readiness = await db
    .selectFrom('readiness')
    .select(['product', 'environment', 'at_ms as value'])
    .execute();
  const numbers = (found: readonly (ProductKey & { value: number | string | bigint | null })[]) =>
    found.map(({ product, environment, value }) => ({ product, environment, value: Number(value ?? 0) }));
  return {
    rows: numbers(rows),
    timeline: numbers(timeline),
    watches: numbers(watches),
    readiness: numbers(readiness),
  };
}

function markOf(before: ChangeMark | null, newest: Record<Source, Newest[]>): ChangeMark {
  const merged = (source: Source) => ({
    ...before?.[source],
    ...Object.fromEntries(newest[source].map(({ value, ...key }) => [productName(key), value])),
  });
  return {
    rows: merged('rows'),
    timeline: merged('timeline'),
    watches: merged('watches'),
    readiness: merged('readiness'),
  };
}
