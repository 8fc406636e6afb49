import { setTimeout as sleep } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import pg from 'pg';
import { afterAll, beforeAll, describe } from 'vitest';
import { freePorts } from '../temporary.ts';
import { describeStore } from './store.contract.ts';

describe('PostgreSQL in this process, spoken to by the real driver over a socket', () => {
  let database: PGlite;
  let server: PGLiteSocketServer;
  let location: string;
  beforeAll(async () => {
    database = await PGlite.create();
    const port = await freePorts(1);
    server = new PGLiteSocketServer({ db: database, host: '127.0.0.1', port, maxConnections: 60 });
    await server.start();
    location = `postgres://postgres@127.0.0.1:${port}/postgres`;
  });
  afterAll(async () => {
    await server.stop();
    await database.close();
  });

  describeStore('PGlite', async () => {
    await database.exec('set default_transaction_read_only = off');
    await database.exec('drop schema public cascade; create schema public');
    return {
      location,
      execute: async (sql) => void (await database.exec(sql)),
      // All connections share the one session of PGlite.
      refuseWrites: async () => void (await database.exec('set default_transaction_read_only = on')),
    };
  });
});

const { TEST_POSTGRES_URL: serverUrl } = process.env;

describe.runIf(serverUrl)('PostgreSQL at TEST_POSTGRES_URL', () => {
  let admin: pg.Client;
  let count = 0;
  const names: string[] = [];
  beforeAll(async () => {
    admin = new pg.Client({ connectionString: serverUrl });
    await admin.connect();
  });
  afterAll(async () => {
    for (const name of names) await admin.query(`drop database if exists ${name} with (force)`);
    await admin.end();
  });

  describeStore('a PostgreSQL server', async () => {
    count += 1;
    const name = `rollback_test_${process.pid}_${count}`;
    await admin.query(`create database ${name}`);
    names.push(name);
    const location = new URL(serverUrl as string);
    location.pathname = `/${name}`;
    return {
      location: location.href,
      async execute(sql) {
        const client = new pg.Client({ connectionString: location.href });
        await client.connect();
        await client.query(sql);
        await client.end();
      },
      async refuseWrites() {
        await admin.query(`alter database ${name} set default_transaction_read_only = on`);
        await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
        // The pool hears of the end of its idle connections a moment later.
        await sleep(100);
      },
    };
  });
});
