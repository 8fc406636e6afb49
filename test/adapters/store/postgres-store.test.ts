import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
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
