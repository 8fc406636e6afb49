import type { Kysely, Transaction } from 'kysely';
import type { Deployment, DeploymentStatus, Outcome } from '../../domain/deployment.ts';
import type { DeploymentKey, ProductKey } from '../../domain/identity.ts';
import { endRollback, isHeldBy, registerDeployment } from '../../domain/product-row.ts';
import { changeRow, holdRow, scope } from './products.ts';
import type { Database } from './schema.ts';
import type { Run } from './store.ts';

export type NewDeployment = Omit<Deployment, 'status' | 'outcome' | 'outcomeReason' | 'endedAtMs' | 'goodMs'>;

export interface Registered {
  readonly deployment: Deployment;
  /** `false`: the same deployment was reported before. */
  readonly isNew: boolean;
  /** The deployment that was current until now. */
  readonly superseded: string | null;
}

export interface ListFilter {
  readonly product?: string;
  /** Of these only; absent: of every product. */
  readonly products?: readonly string[] | undefined;
  readonly environment?: string;
  readonly sinceMs?: number;
  /** Only what came before. */
  readonly untilMs?: number | undefined;
  readonly status?: DeploymentStatus;
  readonly limit: number;
}

export interface DeploymentRecords {
  /** One transaction with the product row: the deployment becomes current, or waits while a rollback runs. */
  register(deployment: NewDeployment): Promise<Registered>;
  /**
   * The same in place of one that is current, which ends with this outcome. `null`, and nothing is changed, where that one is
   * not current any more, or a rollback holds the product: somebody else was there first.
   */
  registerInPlaceOf(replaced: Replaced, deployment: NewDeployment): Promise<Deployment | null>;
  read(key: DeploymentKey): Promise<Deployment | null>;
  /** Newest first. */
  list(filter: ListFilter): Promise<Deployment[]>;
  /** Sets the outcome unless one is set already; the first word stands. */
  end(key: DeploymentKey, outcome: Outcome, reason: string, atMs: number): Promise<Deployment | null>;
  setGood(key: DeploymentKey, goodMs: number): Promise<void>;
  /** Ends a rollback in one transaction: the row is cleared, the old deployment ends, the new current one begins. */
  concludeRollback(conclusion: Conclusion): Promise<Concluded>;
  /** Frees a row whose rollback does not run any more, and lets in who waited. `null` when somebody else holds it. */
  freeRow(key: ProductKey, rollbackId: string, atMs: number): Promise<{ released: string | null } | null>;
}

export interface Replaced {
  readonly deployment: string;
  readonly outcome: Outcome;
  readonly reason: string;
  readonly atMs: number;
}

export interface Conclusion {
  readonly key: DeploymentKey;
  readonly rollback: string;
  readonly outcome: Outcome;
  readonly reason: string;
  readonly atMs: number;
  /** The restored release's deployment; `null` where nothing was restored. */
  readonly restored: NewDeployment | null;
  /** Deployments that waited and that the restored release has replaced, too. */
  readonly replaced?: readonly string[];
}

export interface Concluded {
  readonly restored: Deployment | null;
  /** The newest deployment that waited: it is current now, for it was made later than what this rollback did last. */
  readonly released: string | null;
}

export function createDeploymentRecords(db: Kysely<Database>, run: Run): DeploymentRecords {
  return {
    register: (deployment) =>
      run(() => db.transaction().execute((transaction) => register(transaction, deployment))),
    registerInPlaceOf: (replaced, deployment) =>
      run(() =>
        db.transaction().execute((transaction) => registerInPlaceOf(transaction, replaced, deployment)),
      ),
    read: (key) => run(() => readOne(db, key)),
    list: (filter) => run(() => list(db, filter)),
    end: (key, outcome, reason, atMs) =>
      run(() => db.transaction().execute((transaction) => end(transaction, key, outcome, reason, atMs))),
    setGood: (key, goodMs) =>
      run(async () => {
        await db
          .updateTable('deployments')
          .set({ good_ms: goodMs })
          .where('product', '=', key.product)
          .where('environment', '=', key.environment)
          .where('deployment', '=', key.deployment)
          .execute();
      }),
    concludeRollback: (conclusion) =>
      run(() => db.transaction().execute((transaction) => conclude(transaction, conclusion))),
    freeRow: (key, rollbackId, atMs) =>
      run(() => db.transaction().execute((transaction) => freeRow(transaction, key, rollbackId, atMs))),
  };
}

async function register(transaction: Transaction<Database>, report: NewDeployment): Promise<Registered> {
  // Before looking: the same report in another transaction must not find it missing, too.
  await holdRow(transaction, report);
  const known = await readOne(transaction, report);
  if (known !== null) return { deployment: known, isNew: false, superseded: null };
  let status: DeploymentStatus = 'watching';
  let superseded: string | null = null;
  await changeRow(transaction, report, (row) => {
    const registering = registerDeployment(row, report.deployment);
    ({ status, superseded } = registering);
    return registering.row;
  });
  if (superseded !== null) {
    const older = { ...report, deployment: superseded };
    await end(transaction, older, 'superseded', `superseded by ${report.deployment}`, report.deployedAtMs);
  }
  const deployment = await insert(transaction, report, status);
  return { deployment, isNew: true, superseded };
}

async function registerInPlaceOf(
  transaction: Transaction<Database>,
  { deployment, outcome, reason, atMs }: Replaced,
  report: NewDeployment,
): Promise<Deployment | null> {
  await holdRow(transaction, report);
  const { row } = await changeRow(transaction, report, () => null);
  if (row.currentDeployment !== deployment || row.rollback !== null) return null;
  await end(transaction, { ...report, deployment }, outcome, reason, atMs);
  return (await register(transaction, report)).deployment;
}

async function conclude(transaction: Transaction<Database>, conclusion: Conclusion): Promise<Concluded> {
  const { key, restored, rollback, atMs } = conclusion;
  await holdRow(transaction, key);
  const known = restored === null ? null : await readOne(transaction, restored);
  const { row } = await changeRow(transaction, key, () => null);
  for (const deployment of conclusion.replaced ?? [])
    await end(transaction, { ...key, deployment }, 'superseded', `replaced by ${rollback}`, atMs);
  const released = isHeldBy(row, rollback, key.deployment) ? await letIn(transaction, key, atMs) : null;
  // What is known already was made current by an earlier attempt; somebody may have deployed since.
  const current = released ?? (known === null ? (restored?.deployment ?? null) : null);
  await changeRow(transaction, key, (held) => endRollback(held, rollback, current, key.deployment));
  await end(transaction, key, conclusion.outcome, conclusion.reason, atMs);
  if (restored === null) return { restored: null, released };
  const made = known ?? (await insert(transaction, restored, 'watching'));
  if (released === null) return { restored: made, released };
  return {
    restored: await end(transaction, made, 'superseded', `superseded by ${released}`, atMs),
    released,
  };
}

async function freeRow(
  transaction: Transaction<Database>,
  key: ProductKey,
  rollbackId: string,
  atMs: number,
): Promise<{ released: string | null } | null> {
  await holdRow(transaction, key);
  const { row } = await changeRow(transaction, key, () => null);
  if (row.rollback?.id !== rollbackId) return null;
  const released = await letIn(transaction, key, atMs);
  await changeRow(transaction, key, (held) => endRollback(held, rollbackId, released));
  if (released !== null && row.currentDeployment !== null) {
    const older = { ...key, deployment: row.currentDeployment };
    await end(transaction, older, 'superseded', `superseded by ${released}`, atMs);
  }
  return { released };
}

/** The newest deployment that waits is watched from now on, older ones are superseded by it. */
async function letIn(
  transaction: Transaction<Database>,
  { product, environment }: ProductKey,
  atMs: number,
): Promise<string | null> {
  const waiting = await list(transaction, { product, environment, status: 'waiting', limit: 1_000 });
  const [newest, ...older] = waiting;
  if (newest === undefined) return null;
  for (const deployment of older)
    await end(transaction, deployment, 'superseded', `superseded by ${newest.deployment}`, atMs);
  await write(transaction, { ...newest, status: 'watching' });
  return newest.deployment;
}

async function end(
  transaction: Transaction<Database>,
  key: DeploymentKey,
  outcome: Outcome,
  reason: string,
  atMs: number,
): Promise<Deployment | null> {
  const found = await readOne(transaction, key);
  if (found === null || found.outcome !== null) return found;
  const ended: Deployment = { ...found, status: 'ended', outcome, outcomeReason: reason, endedAtMs: atMs };
  const isFirst = await write(transaction, ended);
  return isFirst ? ended : readOne(transaction, key);
}

async function insert(
  transaction: Transaction<Database>,
  report: NewDeployment,
  status: DeploymentStatus,
): Promise<Deployment> {
  const deployment: Deployment = {
    ...report,
    status,
    outcome: null,
    outcomeReason: null,
    endedAtMs: null,
    goodMs: 0,
  };
  await transaction
    .insertInto('deployments')
    .values({ ...scope(deployment), deployment: deployment.deployment, ...columns(deployment) })
    .execute();
  return deployment;
}

/** `false` when it has ended meanwhile: an outcome is never overwritten. */
async function write(transaction: Transaction<Database>, deployment: Deployment): Promise<boolean> {
  const { good_ms: _, ...changed } = columns(deployment);
  const { numUpdatedRows } = await transaction
    .updateTable('deployments')
    .set(changed)
    .where('product', '=', deployment.product)
    .where('environment', '=', deployment.environment)
    .where('deployment', '=', deployment.deployment)
    .where('outcome', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

function columns(deployment: Deployment) {
  return {
    status: deployment.status,
    outcome: deployment.outcome,
    deployed_at_ms: deployment.deployedAtMs,
    ended_at_ms: deployment.endedAtMs,
    origin: deployment.origin,
    good_ms: deployment.goodMs,
    document: JSON.stringify(deployment),
  };
}

async function readOne(
  db: Kysely<Database> | Transaction<Database>,
  key: DeploymentKey,
): Promise<Deployment | null> {
  const found = await db
    .selectFrom('deployments')
    .select(['document', 'good_ms'])
    .where('product', '=', key.product)
    .where('environment', '=', key.environment)
    .where('deployment', '=', key.deployment)
    .executeTakeFirst();
  return found === undefined ? null : parse(found);
}

async function list(db: Kysely<Database> | Transaction<Database>, filter: ListFilter): Promise<Deployment[]> {
  let query = db.selectFrom('deployments').select(['document', 'good_ms']);
  if (filter.product !== undefined) query = query.where('product', '=', filter.product);
  if (filter.products !== undefined) query = query.where('product', 'in', filter.products);
  if (filter.environment !== undefined) query = query.where('environment', '=', filter.environment);
  if (filter.sinceMs !== undefined) query = query.where('deployed_at_ms', '>=', filter.sinceMs);
  if (filter.untilMs !== undefined) query = query.where('deployed_at_ms', '<', filter.untilMs);
  if (filter.status !== undefined) query = query.where('status', '=', filter.status);
  const rows = await query
    .orderBy('deployed_at_ms', 'desc')
    .orderBy('deployment', 'desc')
    .limit(filter.limit)
    .execute();
  return rows.map(parse);
}

function parse(row: { document: string; good_ms: number }): Deployment {
  return { ...(JSON.parse(row.document) as Deployment), goodMs: row.good_ms };
}

/** The deployments of one product, newest first. */
export function ofProduct(key: ProductKey, limit: number): ListFilter {
  return { product: key.product, environment: key.environment, limit };
}
