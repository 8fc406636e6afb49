import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe } from 'vitest';
import { describeStore } from '../adapters/store/store.contract.ts';

const { TEST_POSTGRES_URL: serverUrl } = process.env;
if (!serverUrl)
  throw new Error('TEST_POSTGRES_URL is not set: run npm run test:integration, which starts a server');

describe('PostgreSQL at TEST_POSTGRES_URL', () => {
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
    const location = new URL(serverUrl);
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
