import type { Kysely } from 'kysely';
import type { Grant, Role } from '../../domain/access.ts';
import type { Database } from './schema.ts';
import type { Run } from './store.ts';

/** An API token as it is kept: who holds it cannot be read from here, only recognized. */
export interface TokenRecord extends Grant {
  readonly id: string;
  readonly name: string;
  /** SHA-256 of the secret, hexadecimal: the secret has 256 random bits, so that no slow hash is needed. */
  readonly hash: string;
  readonly createdBy: string;
  /** Milliseconds since the epoch, as all times here. */
  readonly createdAtMs: number;
  /** `null`: never. */
  readonly expiresAtMs: number | null;
  readonly lastUsedAtMs: number | null;
  readonly revokedAtMs: number | null;
}

export type NewToken = Omit<TokenRecord, 'lastUsedAtMs' | 'revokedAtMs'>;

export interface TokenRecords {
  /** `false`: there is one of this name that still works. */
  create(token: NewToken): Promise<boolean>;
  read(id: string): Promise<TokenRecord | null>;
  /** Newest first; revoked and expired ones, too. */
  list(): Promise<TokenRecord[]>;
  /** `false`: it is not known, or revoked already. */
  revoke(id: string, atMs: number): Promise<boolean>;
  markUsed(id: string, atMs: number): Promise<void>;
}

export function createTokenRecords(db: Kysely<Database>, run: Run): TokenRecords {
  return {
    create: (token) => run(() => create(db, token)),
    read: (id) =>
      run(async () => {
        const row = await db.selectFrom('tokens').selectAll().where('id', '=', id).executeTakeFirst();
        return row === undefined ? null : recordOf(row);
      }),
    list: () =>
      run(async () => {
        const rows = await db.selectFrom('tokens').selectAll().orderBy('created_at_ms', 'desc').execute();
        return rows.map(recordOf);
      }),
    revoke: (id, atMs) =>
      run(async () => {
        const { numUpdatedRows } = await db
          .updateTable('tokens')
          .set({ revoked_at_ms: atMs })
          .where('id', '=', id)
          .where('revoked_at_ms', 'is', null)
          .executeTakeFirst();
        return numUpdatedRows > 0n;
      }),
    markUsed: (id, atMs) =>
      run(async () => {
        await db.updateTable('tokens').set({ last_used_at_ms: atMs }).where('id', '=', id).execute();
      }),
  };
}

async function create(db: Kysely<Database>, token: NewToken): Promise<boolean> {
  return db.transaction().execute(async (transaction) => {
    const working = await transaction
      .selectFrom('tokens')
      .select('id')
      .where('name', '=', token.name)
      .where('revoked_at_ms', 'is', null)
      .where((where) =>
        where.or([where('expires_at_ms', 'is', null), where('expires_at_ms', '>', token.createdAtMs)]),
      )
      .executeTakeFirst();
    if (working !== undefined) return false;
    await transaction
      .insertInto('tokens')
      .values({
        id: token.id,
        name: token.name,
        hash: token.hash,
        role: token.role,
        product: token.product,
        created_by: token.createdBy,
        created_at_ms: token.createdAtMs,
        expires_at_ms: token.expiresAtMs,
        last_used_at_ms: null,
        revoked_at_ms: null,
      })
      .execute();
    return true;
  });
}

function recordOf(row: Database['tokens']): TokenRecord {
  return {
    id: row.id,
    name: row.name,
    hash: row.hash,
    role: row.role as Role,
    product: row.product,
    createdBy: row.created_by,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
    revokedAtMs: row.revoked_at_ms,
  };
}
