import type { Kysely, Selectable } from 'kysely';
import { byName } from '../../domain/redaction.ts';
import type { Database } from './schema.ts';
import type { Run } from './store.ts';

/** One command, done or refused: who, when, from where, what, why, and the answer. */
export interface AuditEntry {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly who: string;
  /** How that was proven: `person`, `token`, `workload`; `nobody` where it was not. */
  readonly kind: string;
  /** Address of the caller, or the chat it came through. */
  readonly from: string;
  /** `POST /v1/products/{product}/rollback` */
  readonly call: string;
  readonly product: string | null;
  readonly environment: string | null;
  /** The reason or note that came with it. */
  readonly why: string | null;
  /** HTTP status of the answer. */
  readonly status: number;
  readonly answer: string;
}

export interface AuditFilter {
  readonly product?: string | undefined;
  readonly who?: string | undefined;
  readonly limit: number;
}

export interface AuditRecords {
  append(entry: AuditEntry): Promise<void>;
  /** Newest first. */
  list(filter: AuditFilter): Promise<AuditEntry[]>;
}

export function createAuditRecords(db: Kysely<Database>, run: Run): AuditRecords {
  return {
    append: ({ atMs, from, why, answer, ...entry }) =>
      run(async () => {
        await db
          .insertInto('audit')
          .values({
            ...entry,
            why: why === null ? null : byName(why),
            answer: byName(answer),
            at_ms: atMs,
            origin: from,
          })
          .execute();
      }),
    list: ({ product, who, limit }) =>
      run(async () => {
        let query = db.selectFrom('audit').selectAll();
        if (product !== undefined) query = query.where('product', '=', product);
        if (who !== undefined) query = query.where('who', '=', who);
        const rows = await query.orderBy('seq', 'desc').limit(limit).execute();
        return rows.map(entryOf);
      }),
  };
}

function entryOf({
  at_ms: atMs,
  origin: from,
  who,
  kind,
  call,
  product,
  environment,
  why,
  status,
  answer,
}: Selectable<Database['audit']>): AuditEntry {
  return { atMs, who, kind, from, call, product, environment, why, status, answer };
}
