import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import type { Database } from './schema.ts';

export type Dialect = 'sqlite' | 'postgres';

/** Brings the schema up to date; a database that a newer version has migrated further is refused. */
export async function migrate(db: Kysely<Database>, dialect: Dialect): Promise<void> {
  const migrations = migrationsFor(dialect);
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrations) } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) {
    const reason = error instanceof Error ? error.message : String(error);
    const unknown = /previously executed migration (\S+) is missing/.exec(reason);
    if (unknown !== null) {
      throw new Error(
        `a newer version of this program has migrated the store (to ${unknown[1]}); run that version, or open another store`,
        { cause: error },
      );
    }
    throw new Error(`the store's schema could not be brought up to date: ${reason}`, { cause: error });
  }
}

/** A table whose rows belong to a product's environment. */
function scopedTable(db: Kysely<unknown>, table: string) {
  return db.schema
    .createTable(table)
    .addColumn('product', 'text', (column) => column.notNull())
    .addColumn('environment', 'text', (column) => column.notNull());
}

function migrationsFor(dialect: Dialect): Record<string, Migration> {
  const serial = dialect === 'sqlite' ? sql`integer primary key autoincrement` : sql`bigserial primary key`;
  return {
    '0001_first': {
      async up(db) {
        const scoped = (table: string) => scopedTable(db, table);
        await scoped('products')
          .addColumn('state', 'text', (column) => column.notNull())
          .addColumn('version', 'bigint', (column) => column.notNull())
          .addPrimaryKeyConstraint('products_key', ['product', 'environment'])
          .execute();
        await scoped('deployments')
          .addColumn('deployment', 'text', (column) => column.notNull())
          .addColumn('status', 'text', (column) => column.notNull())
          .addColumn('outcome', 'text')
          .addColumn('deployed_at_ms', 'bigint', (column) => column.notNull())
          .addColumn('ended_at_ms', 'bigint')
          .addColumn('origin', 'text', (column) => column.notNull())
          .addColumn('good_ms', 'bigint', (column) => column.notNull())
          .addColumn('document', 'text', (column) => column.notNull())
          .addPrimaryKeyConstraint('deployments_key', ['product', 'environment', 'deployment'])
          .execute();
        await db.schema
          .createIndex('deployments_by_time')
          .on('deployments')
          .columns(['deployed_at_ms'])
          .execute();
        await scoped('watches')
          .addColumn('deployment', 'text', (column) => column.notNull())
          .addColumn('last_tick_ms', 'bigint')
          .addColumn('last_at_ms', 'bigint')
          .addColumn('state', 'text', (column) => column.notNull())
          .addPrimaryKeyConstraint('watches_key', ['product', 'environment', 'deployment'])
          .execute();
        await scoped('ticks')
          .addColumn('deployment', 'text', (column) => column.notNull())
          .addColumn('service', 'text', (column) => column.notNull())
          .addColumn('tick_ms', 'bigint', (column) => column.notNull())
          .addColumn('at_ms', 'bigint', (column) => column.notNull())
          .addColumn('regular', 'integer', (column) => column.notNull())
          .addColumn('kind', 'text', (column) => column.notNull())
          .addColumn('document', 'text', (column) => column.notNull())
          .addPrimaryKeyConstraint('ticks_key', [
            'product',
            'environment',
            'deployment',
            'service',
            'tick_ms',
          ])
          .execute();
        await scoped('releases')
          .addColumn('service', 'text', (column) => column.notNull())
          .addColumn('release', 'text', (column) => column.notNull())
          .addColumn('standing', 'text', (column) => column.notNull())
          .addColumn('author', 'text', (column) => column.notNull())
          .addColumn('reason', 'text', (column) => column.notNull())
          .addColumn('at_ms', 'bigint', (column) => column.notNull())
          .addPrimaryKeyConstraint('releases_key', ['product', 'environment', 'service', 'release'])
          .execute();
        await scoped('timeline')
          .addColumn('seq', serial)
          .addColumn('key', 'text', (column) => column.notNull().unique())
          .addColumn('deployment', 'text', (column) => column.notNull())
          .addColumn('incident', 'text')
          .addColumn('at_ms', 'bigint', (column) => column.notNull())
          .addColumn('kind', 'text', (column) => column.notNull())
          .addColumn('text', 'text', (column) => column.notNull())
          .execute();
        await db.schema
          .createIndex('timeline_by_deployment')
          .on('timeline')
          .columns(['product', 'environment', 'deployment', 'at_ms'])
          .execute();
        await scoped('incidents')
          .addColumn('id', 'text', (column) => column.primaryKey())
          .addColumn('deployment', 'text', (column) => column.notNull())
          .addColumn('status', 'text', (column) => column.notNull())
          .addColumn('opened_at_ms', 'bigint', (column) => column.notNull())
          .addColumn('document', 'text', (column) => column.notNull())
          .addColumn('report', 'text')
          .execute();
        await db.schema.createIndex('incidents_by_time').on('incidents').columns(['opened_at_ms']).execute();
        await db.schema
          .createTable('policies')
          .addColumn('version', serial)
          .addColumn('digest', 'text', (column) => column.notNull())
          .addColumn('source', 'text', (column) => column.notNull())
          .addColumn('at_ms', 'bigint', (column) => column.notNull())
          .execute();
        await db.schema
          .createTable('notices')
          .addColumn('key', 'text', (column) => column.notNull())
          .addColumn('channel', 'text', (column) => column.notNull())
          .addColumn('sent_at_ms', 'bigint', (column) => column.notNull())
          .addPrimaryKeyConstraint('notices_key', ['key', 'channel'])
          .execute();
      },
    },
    '0002_evidence': {
      async up(db) {
        await db.schema.alterTable('incidents').addColumn('evidence', 'text').execute();
      },
    },
    '0003_ticks_by_time': {
      async up(db) {
        await db.schema
          .createIndex('ticks_by_time')
          .on('ticks')
          .columns(['product', 'environment', 'service', 'at_ms'])
          .execute();
      },
    },
    '0004_way_back': {
      async up(db) {
        const scoped = (table: string) => scopedTable(db, table);
        await scoped('recipes')
          .addColumn('service', 'text', (column) => column.notNull())
          .addColumn('release', 'text', (column) => column.notNull())
          .addColumn('recipe', 'text', (column) => column.notNull())
          .addColumn('at_ms', 'bigint', (column) => column.notNull())
          .addPrimaryKeyConstraint('recipes_key', ['product', 'environment', 'service', 'release'])
          .execute();
        await scoped('readiness')
          .addColumn('deployment', 'text', (column) => column.notNull())
          .addColumn('at_ms', 'bigint', (column) => column.notNull())
          .addColumn('document', 'text', (column) => column.notNull())
          .addPrimaryKeyConstraint('readiness_key', ['product', 'environment'])
          .execute();
      },
    },
    '0005_alerts': {
      async up(db) {
        await scopedTable(db, 'alerts')
          .addColumn('fingerprint', 'text', (column) => column.notNull())
          .addColumn('service', 'text')
          .addColumn('name', 'text', (column) => column.notNull())
          .addColumn('summary', 'text', (column) => column.notNull())
          .addColumn('since_ms', 'bigint', (column) => column.notNull())
          .addColumn('firing', 'integer', (column) => column.notNull())
          .addColumn('seen_at_ms', 'bigint', (column) => column.notNull())
          .addPrimaryKeyConstraint('alerts_key', ['product', 'environment', 'fingerprint'])
          .execute();
      },
    },
    '0006_pushed': {
      async up(db) {
        await scopedTable(db, 'pushed')
          .addColumn('service', 'text', (column) => column.notNull())
          .addColumn('instance', 'text', (column) => column.notNull())
          .addColumn('version', 'bigint', (column) => column.notNull())
          .addColumn('at_ms', 'bigint', (column) => column.notNull())
          .addColumn('document', 'text', (column) => column.notNull())
          .addPrimaryKeyConstraint('pushed_key', ['product', 'environment', 'service', 'instance'])
          .execute();
      },
    },
    '0007_threads': {
      async up(db) {
        await db.schema
          .createTable('threads')
          .addColumn('thread', 'text', (column) => column.notNull())
          .addColumn('channel', 'text', (column) => column.notNull())
          .addColumn('opened_at_ms', 'bigint', (column) => column.notNull())
          .addColumn('document', 'text', (column) => column.notNull())
          .addPrimaryKeyConstraint('threads_key', ['thread', 'channel'])
          .execute();
      },
    },
    '0008_access': {
      async up(db) {
        await db.schema
          .createTable('tokens')
          .addColumn('id', 'text', (column) => column.primaryKey())
          .addColumn('name', 'text', (column) => column.notNull())
          .addColumn('hash', 'text', (column) => column.notNull())
          .addColumn('role', 'text', (column) => column.notNull())
          .addColumn('product', 'text')
          .addColumn('created_by', 'text', (column) => column.notNull())
          .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
          .addColumn('expires_at_ms', 'bigint')
          .addColumn('last_used_at_ms', 'bigint')
          .addColumn('revoked_at_ms', 'bigint')
          .execute();
        await db.schema
          .createTable('sessions')
          .addColumn('hash', 'text', (column) => column.primaryKey())
          .addColumn('kind', 'text', (column) => column.notNull())
          .addColumn('identity', 'text', (column) => column.notNull())
          .addColumn('expires_at_ms', 'bigint', (column) => column.notNull())
          .execute();
        await db.schema
          .createTable('audit')
          .addColumn('seq', serial)
          .addColumn('at_ms', 'bigint', (column) => column.notNull())
          .addColumn('who', 'text', (column) => column.notNull())
          .addColumn('kind', 'text', (column) => column.notNull())
          .addColumn('origin', 'text', (column) => column.notNull())
          .addColumn('call', 'text', (column) => column.notNull())
          .addColumn('product', 'text')
          .addColumn('environment', 'text')
          .addColumn('why', 'text')
          .addColumn('status', 'integer', (column) => column.notNull())
          .addColumn('answer', 'text', (column) => column.notNull())
          .execute();
        await db.schema.createIndex('audit_by_product').on('audit').columns(['product', 'seq']).execute();
      },
    },
    '0009_by_product': {
      async up(db) {
        // A page asks for the newest of one product among ten thousand of others.
        await db.schema
          .createIndex('deployments_by_product')
          .on('deployments')
          .columns(['product', 'environment', 'deployed_at_ms'])
          .execute();
        await db.schema
          .createIndex('incidents_by_product')
          .on('incidents')
          .columns(['product', 'environment', 'opened_at_ms'])
          .execute();
        await db.schema.createIndex('watches_by_time').on('watches').columns(['last_at_ms']).execute();
        await db.schema.createIndex('deployments_by_status').on('deployments').columns(['status']).execute();
      },
    },
  };
}
