import type { Kysely, Transaction } from 'kysely';
import type { ProductKey } from '../../domain/identity.ts';
import { newProductRow, type ProductRow } from '../../domain/product-row.ts';
import type { Database } from './schema.ts';
import type { Run } from './store.ts';

export interface ProductRecords {
  read(key: ProductKey): Promise<ProductRow>;
  /** Changes the row by compare-and-set; `change` may run more than once and returns `null` to leave it alone. */
  change(key: ProductKey, change: (row: ProductRow) => ProductRow | null): Promise<ProductRow>;
  list(): Promise<(ProductKey & { row: ProductRow })[]>;
}

export function createProductRecords(db: Kysely<Database>, run: Run): ProductRecords {
  return {
    read: (key) => run(async () => (await readRow(db, key)).row),
    change: (key, change) =>
      run(() =>
        db.transaction().execute(async (transaction) => {
          const { row, changed } = await changeRow(transaction, key, change);
          return changed ?? row;
        }),
      ),
    list: () =>
      run(async () => {
        const rows = await db
          .selectFrom('products')
          .selectAll()
          .orderBy('product')
          .orderBy('environment')
          .execute();
        return rows.map((row) => ({
          product: row.product,
          environment: row.environment,
          row: JSON.parse(row.state) as ProductRow,
        }));
      }),
  };
}

/** Reads and changes the row inside a transaction that also writes other records. */
export async function changeRow(
  transaction: Transaction<Database>,
  key: ProductKey,
  change: (row: ProductRow) => ProductRow | null,
): Promise<{ row: ProductRow; changed: ProductRow | null }> {
  await holdRow(transaction, key);
  for (;;) {
    const { row, version } = await readRow(transaction, key);
    const changed = change(row);
    if (changed === null) return { row, changed };
    const result = await transaction
      .updateTable('products')
      .set({ state: JSON.stringify(changed), version: version + 1 })
      .where('product', '=', key.product)
      .where('environment', '=', key.environment)
      .where('version', '=', version)
      .executeTakeFirst();
    if (result.numUpdatedRows > 0n) return { row, changed };
  }
}

/** From here to the transaction's end nobody else registers, begins or ends anything of this product; makes the row if need be. */
export async function holdRow(transaction: Transaction<Database>, key: ProductKey): Promise<void> {
  await transaction
    .insertInto('products')
    .values({ ...scope(key), state: JSON.stringify(newProductRow), version: 0 })
    .onConflict((conflict) =>
      conflict
        .columns(['product', 'environment'])
        .doUpdateSet((update) => ({ version: update.ref('products.version') })),
    )
    .execute();
}

async function readRow(
  db: Kysely<Database> | Transaction<Database>,
  key: ProductKey,
): Promise<{ row: ProductRow; version: number }> {
  const found = await db
    .selectFrom('products')
    .select(['state', 'version'])
    .where('product', '=', key.product)
    .where('environment', '=', key.environment)
    .executeTakeFirst();
  if (found === undefined) return { row: newProductRow, version: 0 };
  return { row: JSON.parse(found.state) as ProductRow, version: found.version };
}

export function scope(key: ProductKey): ProductKey {
  return { product: key.product, environment: key.environment };
}
