import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import {
  CompiledQuery,
  type DatabaseConnection,
  type DialectAdapter,
  type Driver,
  Kysely,
  type KyselyPlugin,
  OperationNodeTransformer,
  type PluginTransformQueryArgs,
  type PluginTransformResultArgs,
  PostgresDialect,
  type PrimitiveValueListNode,
  type RootOperationNode,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
  type ValueNode,
} from 'kysely';
import pg from 'pg';
import { type Dialect, migrate } from './migrations.ts';
import type { Database } from './schema.ts';

/**
 * How long one statement waits for another process' lock. Next to nothing: node:sqlite blocks the whole event loop meanwhile, and
 * with a store locked for minutes that starved heartbeats and steps. Whoever asks waits and tries again without blocking.
 */
const sqliteBusyMs = 5;

export interface Connection {
  readonly db: Kysely<Database>;
  readonly dialect: Dialect;
}

/** Opens `postgres://…` or a SQLite file, and brings its schema up to date. */
export async function connect(location: string, clean: Clean): Promise<Connection> {
  const dialect = dialectOf(location);
  const db = new Kysely<Database>({
    dialect: dialect === 'postgres' ? postgres(location) : sqlite(location),
    plugins: [new CleanParameters(clean)],
  });
  try {
    await migrate(db, dialect);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return { db, dialect };
}

/** Takes out of a text what must not be stored. */
export type Clean = (text: string) => string;

/** Every text that is written passes through here, whoever writes it. */
class CleanParameters extends OperationNodeTransformer implements KyselyPlugin {
  readonly #clean: Clean;

  constructor(clean: Clean) {
    super();
    this.#clean = clean;
  }

  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    return this.transformNode(node);
  }

  async transformResult({ result }: PluginTransformResultArgs) {
    return result;
  }

  protected override transformValue(node: ValueNode): ValueNode {
    return { ...node, value: this.#cleaned(node.value) };
  }

  protected override transformPrimitiveValueList(node: PrimitiveValueListNode): PrimitiveValueListNode {
    return { ...node, values: node.values.map((value) => this.#cleaned(value)) };
  }

  #cleaned(value: unknown): unknown {
    return typeof value === 'string' ? this.#clean(value) : value;
  }
}

export function dialectOf(location: string): Dialect {
  return /^postgres(ql)?:/.test(location) ? 'postgres' : 'sqlite';
}

function postgres(connectionString: string): PostgresDialect {
  const pool = new pg.Pool({
    connectionString,
    max: 10,
    connectionTimeoutMillis: 2_000,
    statement_timeout: 10_000,
  });
  // A dropped idle connection is an event, not a crash: the next query opens a new one.
  pool.on('error', () => undefined);
  // 20 is int8: all of ours are milliseconds or counters, exact below 2^53.
  pg.types.setTypeParser(20, Number);
  return new PostgresDialect({ pool });
}

function sqlite(file: string): SqliteDialect {
  if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(file);
  database.exec(
    `PRAGMA busy_timeout = ${sqliteBusyMs}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;`,
  );
  return new ImmediateSqliteDialect({ database: likeBetterSqlite(database) });
}

/** The four methods that Kysely's dialect asks of better-sqlite3, over Node's own SQLite. */
function likeBetterSqlite(database: DatabaseSync): SqliteDatabase {
  return {
    close: () => database.close(),
    prepare(sql) {
      const statement = database.prepare(sql);
      const values = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[];
      return {
        reader: /^\s*(select|with|pragma|explain)\b|\breturning\b/i.test(sql),
        all: (parameters) => statement.all(...values(parameters)),
        run: (parameters) => statement.run(...values(parameters)),
        iterate: (parameters) => statement.iterate(...values(parameters)),
      };
    },
  };
}

/** Transactions take the write lock at once: a read that later wants to write would fail, not wait (SQLITE_BUSY_SNAPSHOT). */
class ImmediateSqliteDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig;

  constructor(config: SqliteDialectConfig) {
    super(config);
    this.#config = config;
  }

  override createAdapter(): DialectAdapter {
    return new TransactionalDdlAdapter();
  }

  override createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#config);
  }
}

/** Two processes that start at once must not both create the tables, and one that is killed must not leave half of them. */
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class ImmediateSqliteDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }
}
