import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Catalog, ProductSetup } from '../../activities/dependencies.ts';
import { createWebhookNotifier } from '../../adapters/notify/webhook.ts';
import { openStore, type Store } from '../../adapters/store/store.ts';
import { defaultPolicy } from '../../domain/policy.ts';
import type { EmbeddedServer } from '../../worker/embedded-server.ts';
import { createSweep, type Sweep, startSweeping } from '../../worker/sweep.ts';
import { startReceiver } from '../adapters/notify/receiver.ts';
import { aDeployment, aTick, aWatch, shop } from '../adapters/store/builders.ts';
import { afterwards, cleanUp, eventually, temporaryFolder } from '../adapters/temporary.ts';
import { startDevServer } from '../support/dev-world.ts';

const minute = 60_000;
const hour = 60 * minute;

describe('the sweep', { timeout: 30_000 }, () => {
  let folder = '';
  let server: EmbeddedServer | undefined;
  let connection: NativeConnection;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sweep-'));
    server = await startDevServer(folder);
    connection = await NativeConnection.connect({ address: server.address });
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  afterEach(cleanUp);

  let store: Store;
  let sweep: Sweep;
  let receiver: Awaited<ReturnType<typeof startReceiver>>;
  let nowMs: number;
  beforeEach(async () => {
    store = await openStore(join(await temporaryFolder(), 'store.db'));
    afterwards(() => store.close());
    receiver = await startReceiver((_received, response) => response.writeHead(204).end());
    afterwards(() => receiver.close());
    // The middle of an hour: a notice counts by the hour.
    nowMs = Math.floor(Date.now() / hour) * hour + 10 * minute;
    sweep = sweepOver(connection);
  });

  function sweepOver(temporal: Pick<NativeConnection, 'workflowService'>, watchdog = '/watchdog'): Sweep {
    const channel = createWebhookNotifier({ url: `${receiver.origin}/alert`, secret: null });
    const catalog: Catalog = {
      products: async () => [shop],
      setup: async (key) =>
        ({ ...key, policy: defaultPolicy, notifiers: () => [channel] }) as unknown as ProductSetup,
    };
    return createSweep({
      store,
      catalog,
      connection: temporal,
      namespace: 'default',
      watchdogUrl: async () => `${receiver.origin}${watchdog}`,
      temporalUi: 'http://temporal.example/namespaces/default',
      now: () => nowMs,
    });
  }

  const posted = (path: string) => receiver.received.filter((one) => one.path === path);
  const alerts = () => posted('/alert').map(({ body }) => body);

  async function aWatched(deployment: string, product = 'shop'): Promise<void> {
    await store.deployments.register(aDeployment(deployment, { product, deployedAtMs: nowMs - hour }));
  }

  async function look(deployment: string, atMs: number, product = 'shop'): Promise<void> {
    const key = { ...shop, product, deployment };
    await store.watches.record(key, aWatch(atMs, { lastAtMs: atMs }), [aTick(atMs)]);
  }

  async function aHeldRow(id: string, product: string, sinceMs: number): Promise<void> {
    const rollback = { id, deployment: 'bad', sinceMs };
    await store.products.change({ ...shop, product }, (row) => ({
      ...row,
      currentDeployment: 'bad',
      rollback,
    }));
  }

  async function startRollback(product: string): Promise<void> {
    await new Client({ connection }).workflow.start('rollback', {
      workflowId: `rollback/${product}/production`,
      taskQueue: 'nobody-polls',
    });
  }

  it('clears a row whose rollback does not run, and tells it once', async () => {
    await aHeldRow('inc-1', 'missing', nowMs - 2 * minute);
    expect(await sweep.sweep()).toEqual([
      'The row of missing named rollback inc-1, whose workflow does not run (missing); it was cleared. Look at what is live and at traffic.',
    ]);
    expect((await store.products.read({ ...shop, product: 'missing' })).rollback).toBeNull();
    expect(await sweep.sweep()).toEqual([]);
    expect(alerts()).toHaveLength(1);
    expect(alerts()[0]).toContain('Stale rollback cleared: missing');
    expect(alerts()[0]).toContain('http://temporal.example/namespaces/default/workflows/monitor%2Fmissing');
  });

  it('clears a row whose rollback has ended', async () => {
    await startRollback('closed');
    await new Client({ connection }).workflow.getHandle('rollback/closed/production').terminate();
    await aHeldRow('inc-1', 'closed', nowMs - 2 * minute);
    expect((await sweep.sweep())[0]).toContain('does not run (closed)');
    expect((await store.products.read({ ...shop, product: 'closed' })).rollback).toBeNull();
  });

  it('leaves a row whose rollback runs, is young, or was taken by hand', async () => {
    await startRollback('running');
    await aHeldRow('inc-1', 'running', nowMs - 2 * hour);
    await aHeldRow('inc-2', 'young', nowMs - minute / 2);
    await aHeldRow('direct/1', 'by-hand', nowMs - 2 * minute);
    expect(await sweep.sweep()).toEqual([]);
    for (const product of ['running', 'young', 'by-hand'])
      expect((await store.products.read({ ...shop, product })).rollback).not.toBeNull();
    expect(alerts()).toEqual([]);
  });

  it('leaves every row while Temporal does not answer', async () => {
    const other = await mkdtemp(join(tmpdir(), 'sweep-down-'));
    afterwards(() => rm(other, { recursive: true, force: true }));
    const down = await startDevServer(other);
    afterwards(() => down.stop());
    const lost = await NativeConnection.connect({ address: down.address });
    afterwards(() => lost.close());
    await down.stop();
    await aHeldRow('inc-1', 'shop', nowMs - 2 * minute);
    expect(await sweepOver(lost).sweep()).toEqual([]);
    expect((await store.products.read(shop)).rollback?.id).toBe('inc-1');
  });

  it('tells once an hour that nobody looks at a deployment, for each product', async () => {
    await aWatched('build-1');
    await aWatched('build-1', 'blog');
    await look('build-1', nowMs - 10 * minute);
    const found = await sweep.sweep();
    expect(found.toSorted()).toEqual([
      'Nobody has looked at build-1 of blog for 60 min: is a worker polling the watch queue?',
      'Nobody has looked at build-1 of shop for 10 min: is a worker polling the watch queue?',
    ]);
    nowMs += minute;
    expect(await sweep.sweep()).toHaveLength(2);
    expect(
      alerts()
        .map((body) => String(/"product":"(\w+)"/.exec(body)?.[1]))
        .toSorted(),
    ).toEqual(['blog', 'shop']);
    nowMs += hour;
    await sweep.sweep();
    expect(alerts()).toHaveLength(4);
  });

  it('says nothing of a deployment that is looked at, new, rolled back just now, or ended', async () => {
    await aWatched('seen');
    await look('seen', nowMs - 2 * minute);
    await store.deployments.register(aDeployment('new', { product: 'blog', deployedAtMs: nowMs - minute }));
    await aWatched('bad', 'wiki');
    await store.products.change({ ...shop, product: 'wiki' }, (row) => ({
      ...row,
      rollback: { id: 'inc-1', deployment: 'bad', sinceMs: nowMs },
    }));
    await aWatched('done', 'mail');
    await store.deployments.end({ ...shop, product: 'mail', deployment: 'done' }, 'healthy', 'x', nowMs);
    expect(await sweep.staleWatches()).toEqual([]);
  });

  it('calls the watchdog only while nothing is stale', async () => {
    await aWatched('build-1');
    await look('build-1', nowMs - minute);
    await sweep.sweep();
    expect(posted('/watchdog')).toHaveLength(1);
    nowMs += 3 * minute;
    await sweep.sweep();
    expect(posted('/watchdog')).toHaveLength(1);
    await look('build-1', nowMs);
    await sweep.sweep();
    expect(posted('/watchdog')).toHaveLength(2);
  });

  it('ends a pause by its time, and says so once', async () => {
    const pause = { untilMs: nowMs - 1, by: 'Ana', reason: 'migration' };
    await store.products.change(shop, (row) => ({ ...row, pause }));
    expect(await sweep.sweep()).toEqual([
      'The pause of shop by Ana (migration) has ended: automatic rollbacks act again.',
    ]);
    expect((await store.products.read(shop)).pause).toBeNull();
    expect(await sweep.sweep()).toEqual([]);
    expect(alerts()).toHaveLength(1);
    expect((await store.timeline.list({ ...shop, limit: 5 })).map(({ text }) => text)).toContainEqual(
      expect.stringContaining('has ended'),
    );
  });

  it('leaves a product to who rolls back by hand, and asks after a while whether somebody is still at it', async () => {
    await aHeldRow('direct/1', 'shop', nowMs - 5 * minute);
    expect(await sweep.sweep()).toEqual([]);
    nowMs += 11 * minute;
    expect(await sweep.sweep()).toEqual([expect.stringContaining('orchestrator resolve shop')]);
    expect((await store.products.read(shop)).rollback?.id).toBe('direct/1');
  });

  it('goes on by itself until it is stopped', async () => {
    await aHeldRow('inc-1', 'shop', nowMs - 2 * minute);
    const stop = startSweeping(sweep, pino({ level: 'silent' }), 50);
    afterwards(stop);
    await eventually(async () => (await store.products.read(shop)).rollback === null);
    stop();
    const calls = posted('/watchdog').length;
    await sleep(200);
    expect(posted('/watchdog').length - calls).toBeLessThanOrEqual(1);
  });

  it('goes on when the watchdog or a channel does not answer, and tells again later', async () => {
    await aHeldRow('inc-1', 'shop', nowMs - 2 * minute);
    receiver.answer((_received, response) => response.writeHead(500).end());
    expect(await sweep.sweep()).toHaveLength(1);
    await aWatched('build-1', 'blog');
    await sweep.sweep();
    const told = alerts().filter((body) => body.includes('Monitoring has stopped')).length;
    receiver.answer((_received, response) => response.writeHead(204).end());
    await sweep.sweep();
    await sweep.sweep();
    expect(alerts().filter((body) => body.includes('Monitoring has stopped')).length).toBe(told + 1);
  });
});
