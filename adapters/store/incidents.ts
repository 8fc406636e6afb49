import type { Kysely, Transaction } from 'kysely';
import type { Incident } from '../../domain/incident.ts';
import type { Evidence } from '../../domain/post-mortem.ts';
import { scope } from './products.ts';
import type { Database } from './schema.ts';
import type { Run } from './store.ts';

export interface IncidentFilter {
  readonly product?: string;
  /** Of these only; absent: of every product. */
  readonly products?: readonly string[] | undefined;
  readonly environment?: string;
  readonly sinceMs?: number;
  /** Only what came before. */
  readonly untilMs?: number | undefined;
  readonly limit: number;
}

export interface IncidentRecords {
  /** Writes the whole incident; the report, if one is saved, stays. */
  save(incident: Incident): Promise<void>;
  /** Changes an incident in a transaction; `null` when it is not known. */
  change(id: string, change: (incident: Incident) => Incident): Promise<Incident | null>;
  read(id: string): Promise<Incident | null>;
  /** Newest first. */
  list(filter: IncidentFilter): Promise<Incident[]>;
  saveReport(id: string, report: unknown): Promise<void>;
  readReport(id: string): Promise<unknown>;
  saveEvidence(id: string, evidence: Evidence): Promise<void>;
  readEvidence(id: string): Promise<Evidence | null>;
}

export function createIncidentRecords(db: Kysely<Database>, run: Run): IncidentRecords {
  return {
    save: (incident) => run(() => save(db, incident)),
    change: (id, change) =>
      run(() =>
        db.transaction().execute(async (transaction) => {
          await hold(transaction, id);
          const found = await readOne(transaction, id);
          if (found === null) return null;
          const changed = change(found);
          await save(transaction, changed);
          return changed;
        }),
      ),
    read: (id) => run(() => readOne(db, id)),
    list: (filter) =>
      run(async () => {
        let query = db.selectFrom('incidents').select('document');
        if (filter.product !== undefined) query = query.where('product', '=', filter.product);
        if (filter.products !== undefined) query = query.where('product', 'in', filter.products);
        if (filter.environment !== undefined) query = query.where('environment', '=', filter.environment);
        if (filter.sinceMs !== undefined) query = query.where('opened_at_ms', '>=', filter.sinceMs);
        if (filter.untilMs !== undefined) query = query.where('opened_at_ms', '<', filter.untilMs);
        const rows = await query.orderBy('opened_at_ms', 'desc').limit(filter.limit).execute();
        return rows.map((row) => JSON.parse(row.document) as Incident);
      }),
    saveReport: (id, report) => run(() => saveDocument(db, id, 'report', report)),
    readReport: (id) => run(() => readDocument(db, id, 'report')),
    saveEvidence: (id, evidence) => run(() => saveDocument(db, id, 'evidence', evidence)),
    readEvidence: (id) => run(async () => (await readDocument(db, id, 'evidence')) as Evidence | null),
  };
}

type DocumentColumn = 'report' | 'evidence';

async function saveDocument(
  db: Kysely<Database>,
  id: string,
  column: DocumentColumn,
  document: unknown,
): Promise<void> {
  await db
    .updateTable('incidents')
    .set({ [column]: JSON.stringify(document) })
    .where('id', '=', id)
    .execute();
}

async function readDocument(db: Kysely<Database>, id: string, column: DocumentColumn): Promise<unknown> {
  const found = await db.selectFrom('incidents').select(column).where('id', '=', id).executeTakeFirst();
  const text = found?.[column];
  return text ? (JSON.parse(text) as unknown) : null;
}

async function save(db: Kysely<Database> | Transaction<Database>, incident: Incident): Promise<void> {
  const values = {
    status: incident.status,
    opened_at_ms: incident.openedAtMs,
    document: JSON.stringify(incident),
  };
  await db
    .insertInto('incidents')
    .values({ id: incident.id, ...scope(incident), deployment: incident.deployment, ...values })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(values))
    .execute();
}

/** From here to the transaction's end nobody else changes it. */
async function hold(transaction: Transaction<Database>, id: string): Promise<void> {
  await transaction
    .updateTable('incidents')
    .set((update) => ({ status: update.ref('status') }))
    .where('id', '=', id)
    .execute();
}

async function readOne(db: Kysely<Database> | Transaction<Database>, id: string): Promise<Incident | null> {
  const found = await db.selectFrom('incidents').select('document').where('id', '=', id).executeTakeFirst();
  return found === undefined ? null : (JSON.parse(found.document) as Incident);
}
