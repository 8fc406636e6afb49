import type { Kysely, Transaction } from 'kysely';
import type { DeploymentKey, ProductKey } from '../../domain/identity.ts';
import type { Sample } from '../../domain/sample.ts';
import type { WatchState } from '../../domain/watch.ts';
import { scope } from './products.ts';
import type { Database } from './schema.ts';
import type { Run } from './store.ts';

export interface Tick {
  readonly service: string;
  readonly kind: 'sample' | 'blind' | 'gap';
  readonly sample: Sample;
}

export interface WatchRecords {
  read(key: DeploymentKey): Promise<WatchState | null>;
  /**
   * Writes one tick and the state after it in one transaction. A tick that is known is not counted twice; a state
   * older than the stored one is not written: a late attempt writes only its own tick.
   */
  record(key: DeploymentKey, state: WatchState, ticks: readonly Tick[]): Promise<void>;
  /** Samples of one deployment, oldest first. */
  samples(key: DeploymentKey, range: { sinceMs: number; untilMs: number }): Promise<Tick[]>;
  /**
   * Regular samples of one service over all deployments, oldest first, without those of deployments that were rolled back or
   * need attention: what is known of the service's normal life.
   */
  history(
    service: ProductKey & { readonly service: string },
    range: { sinceMs: number; untilMs: number },
  ): Promise<Sample[]>;
  /** The newest regular ticks of a service, oldest first. */
  newest(key: DeploymentKey & { readonly service: string }, count: number): Promise<Tick[]>;
  /** Forgets samples older than this; what was learned of them stays in the watches. Returns how many. */
  prune(beforeMs: number): Promise<number>;
  /** When each watched deployment was last looked at, milliseconds since the epoch. */
  lastLooks(): Promise<(DeploymentKey & { atMs: number | null })[]>;
}

export function createWatchRecords(db: Kysely<Database>, run: Run): WatchRecords {
  return {
    read: (key) =>
      run(async () => {
        const found = await whereKey(db.selectFrom('watches').select('state'), key).executeTakeFirst();
        return found === undefined ? null : (JSON.parse(found.state) as WatchState);
      }),
    record: (key, state, ticks) =>
      run(() => db.transaction().execute((transaction) => record(transaction, key, state, ticks))),
    samples: (key, range) =>
      run(async () => {
        const rows = await whereKey(db.selectFrom('ticks').select(['service', 'kind', 'document']), key)
          .where('at_ms', '>', range.sinceMs)
          .where('at_ms', '<=', range.untilMs)
          .orderBy('at_ms')
          .execute();
        return rows.map(tickOf);
      }),
    newest: ({ service, ...key }, count) =>
      run(async () => {
        const rows = await whereKey(db.selectFrom('ticks').select(['service', 'kind', 'document']), key)
          .where('service', '=', service)
          .where('regular', '=', 1)
          .orderBy('tick_ms', 'desc')
          .limit(count)
          .execute();
        return rows.reverse().map(tickOf);
      }),
    history: ({ service, ...key }, range) =>
      run(async () => {
        const rows = await db
          .selectFrom('ticks')
          .innerJoin('deployments', (join) =>
            join
              .onRef('ticks.product', '=', 'deployments.product')
              .onRef('ticks.environment', '=', 'deployments.environment')
              .onRef('ticks.deployment', '=', 'deployments.deployment'),
          )
          .select('ticks.document')
          .where('ticks.product', '=', key.product)
          .where('ticks.environment', '=', key.environment)
          .where('ticks.service', '=', service)
          .where('ticks.at_ms', '>', range.sinceMs)
          .where('ticks.at_ms', '<=', range.untilMs)
          .where('ticks.regular', '=', 1)
          .where('ticks.kind', '=', 'sample')
          .where((where) =>
            where.or([
              where('deployments.outcome', 'is', null),
              where('deployments.outcome', 'not in', ['rolled_back', 'needs_attention']),
            ]),
          )
          .orderBy('ticks.at_ms')
          .execute();
        return rows.map((row) => JSON.parse(row.document) as Sample);
      }),
    prune: (beforeMs) =>
      run(async () => {
        const { numDeletedRows } = await db
          .deleteFrom('ticks')
          .where('at_ms', '<', beforeMs)
          .executeTakeFirst();
        return Number(numDeletedRows);
      }),
    lastLooks: () =>
      run(async () => {
        const rows = await db
          .selectFrom('deployments')
          .leftJoin('watches', (join) =>
            join
              .onRef('watches.product', '=', 'deployments.product')
              .onRef('watches.environment', '=', 'deployments.environment')
              .onRef('watches.deployment', '=', 'deployments.deployment'),
          )
          .select([
            'deployments.product',
            'deployments.environment',
            'deployments.deployment',
            'watches.last_at_ms',
          ])
          .where('deployments.status', '=', 'watching')
          .execute();
        return rows.map((row) => ({
          product: row.product,
          environment: row.environment,
          deployment: row.deployment,
          atMs: row.last_at_ms,
        }));
      }),
  };
}

function tickOf(row: { service: string; kind: string; document: string }): Tick {
  return {
    service: row.service,
    kind: row.kind as Tick['kind'],
    sample: JSON.parse(row.document) as Sample,
  };
}

async function record(
  transaction: Transaction<Database>,
  key: DeploymentKey,
  state: WatchState,
  ticks: readonly Tick[],
): Promise<void> {
  for (const { service, kind, sample } of ticks) {
    await transaction
      .insertInto('ticks')
      .values({
        ...scope(key),
        deployment: key.deployment,
        service,
        tick_ms: sample.tick,
        at_ms: sample.atMs,
        regular: sample.regular ? 1 : 0,
        kind,
        document: JSON.stringify(sample),
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  const values = { last_tick_ms: state.lastTickMs, last_at_ms: state.lastAtMs, state: JSON.stringify(state) };
  await transaction
    .insertInto('watches')
    .values({ ...scope(key), deployment: key.deployment, ...values })
    .onConflict((conflict) =>
      conflict
        .columns(['product', 'environment', 'deployment'])
        .doUpdateSet(values)
        .where((where) =>
          where.or([
            where('watches.last_tick_ms', 'is', null),
            where('watches.last_tick_ms', '<', state.lastTickMs ?? 0),
          ]),
        ),
    )
    .execute();
}

interface Keyed<Query> {
  where(column: 'product' | 'environment' | 'deployment', operator: '=', value: string): Query;
}

function whereKey<Query extends Keyed<Query>>(query: Query, key: DeploymentKey): Query {
  return query
    .where('product', '=', key.product)
    .where('environment', '=', key.environment)
    .where('deployment', '=', key.deployment);
}
