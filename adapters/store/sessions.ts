import type { Kysely } from 'kysely';
import type { Database } from './schema.ts';
import type { Run } from './store.ts';

/** A sign-in to the page, or a link that becomes one. What it may do is derived anew from `identity` at each request. */
export interface SessionRecord {
  /** SHA-256 of what the browser holds, hexadecimal. */
  readonly hash: string;
  readonly kind: 'session' | 'link';
  readonly identity: SessionIdentity;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

export type SessionIdentity =
  /** By an API token, and only while that one works; `local` is the one of the data folder. */
  | { readonly by: 'token'; readonly token: string; readonly name: string }
  | { readonly by: 'oidc'; readonly issuer: string; readonly claims: Readonly<Record<string, unknown>> };

export interface SessionRecords {
  open(session: SessionRecord): Promise<void>;
  read(hash: string, atMs: number): Promise<SessionRecord | null>;
  /** Ends it; `null` when there is none of that kind. Of two who ask at once one gets it. */
  close(hash: string, kind: SessionRecord['kind'], atMs: number): Promise<SessionRecord | null>;
}

export function createSessionRecords(db: Kysely<Database>, run: Run): SessionRecords {
  return {
    open: ({ hash, kind, identity, expiresAtMs }) =>
      run(async () => {
        await db
          .insertInto('sessions')
          .values({ hash, kind, identity: JSON.stringify(identity), expires_at_ms: expiresAtMs })
          .execute();
      }),
    read: (hash, atMs) =>
      run(async () => {
        const row = await db
          .selectFrom('sessions')
          .selectAll()
          .where('hash', '=', hash)
          .where('expires_at_ms', '>', atMs)
          .executeTakeFirst();
        return row === undefined ? null : recordOf(row);
      }),
    close: (hash, kind, atMs) =>
      run(async () => {
        // What has expired goes along: nobody else tidies up.
        await db.deleteFrom('sessions').where('expires_at_ms', '<=', atMs).execute();
        const row = await db
          .deleteFrom('sessions')
          .where('hash', '=', hash)
          .where('kind', '=', kind)
          .returningAll()
          .executeTakeFirst();
        return row === undefined ? null : recordOf(row);
      }),
  };
}

function recordOf(row: Database['sessions']): SessionRecord {
  return {
    hash: row.hash,
    kind: row.kind as SessionRecord['kind'],
    identity: JSON.parse(row.identity) as SessionIdentity,
    expiresAtMs: row.expires_at_ms,
  };
}
