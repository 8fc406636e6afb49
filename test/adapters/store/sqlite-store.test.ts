import { once } from 'node:events';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { openStore } from '../../../adapters/store/store.ts';
import { afterwards, cleanUp, startNode, temporaryFolder } from '../temporary.ts';
import { aDeployment, shop } from './builders.ts';
import { describeStore } from './store.contract.ts';

describeStore('SQLite', async () => {
  const location = join(await temporaryFolder(), 'data', 'store.db');
  const beside = () => {
    const database = new DatabaseSync(location);
    afterwards(() => database.close());
    return database;
  };
  return {
    location,
    execute: async (sql) => beside().exec(sql),
    refuseWrites: async () => beside().exec('begin immediate'),
  };
});

describe('SQLite, shared with another process', { timeout: 30_000 }, () => {
  afterEach(cleanUp);

  it('waits for a lock held for half a second, and the event loop goes on meanwhile', async () => {
    const location = join(await temporaryFolder(), 'store.db');
    const store = await openStore(location);
    afterwards(() => store.close());
    const holder = startNode(['--disable-warning=ExperimentalWarning', '-e', holdLock, location, '500']);
    await once(holder.stdout as NodeJS.ReadableStream, 'data');
    const pulse = startPulse();
    const startedAt = performance.now();
    await store.deployments.register(aDeployment('first'));
    const waitedMs = performance.now() - startedAt;
    expect(waitedMs).toBeGreaterThan(200);
    expect(waitedMs).toBeLessThan(1_500);
    expect(pulse.longestPauseMs()).toBeLessThan(400);
    expect((await store.products.read(shop)).currentDeployment).toBe('first');
  });

  it('reads while another process writes', async () => {
    const location = join(await temporaryFolder(), 'store.db');
    const store = await openStore(location);
    afterwards(() => store.close());
    const holder = startNode(['--disable-warning=ExperimentalWarning', '-e', holdLock, location, '5000']);
    await once(holder.stdout as NodeJS.ReadableStream, 'data');
    const startedAt = performance.now();
    expect(await store.products.read(shop)).toMatchObject({ currentDeployment: null });
    expect(performance.now() - startedAt).toBeLessThan(100);
  });

  it('is created once when several processes open it for the first time', async () => {
    const location = join(await temporaryFolder(), 'store.db');
    const writer = fileURLToPath(new URL('./pause-writer.ts', import.meta.url));
    const args = ['--disable-warning=ExperimentalWarning', writer, location, '1'];
    const exits = await Promise.all(Array.from({ length: 4 }, () => once(startNode(args), 'exit')));
    expect(exits.map(([code]) => code as number)).toEqual([0, 0, 0, 0]);
    const store = await openStore(location);
    afterwards(() => store.close());
    expect((await store.products.read(shop)).pause?.untilMs).toBe(4);
  });
});

const holdLock = `
const { DatabaseSync } = require('node:sqlite');
const database = new DatabaseSync(process.argv[1]);
database.exec('begin immediate');
console.log('held');
setTimeout(() => database.exec('commit'), Number(process.argv[2]));
`;

/** Measures how long the event loop stood still. */
function startPulse() {
  let last = performance.now();
  let longest = 0;
  const beat = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(beat, 5);
  afterwards(() => clearInterval(timer));
  return {
    longestPauseMs() {
      beat();
      return longest;
    },
  };
}
