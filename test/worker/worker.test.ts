import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NativeConnection } from '@temporalio/worker';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Catalog } from '../../activities/dependencies.ts';
import { openStore, type Store } from '../../adapters/store/store.ts';
import { freePort } from '../../worker/free-port.ts';
import { installRuntime } from '../../worker/runtime.ts';
import { type RunningWorker, startWorker } from '../../worker/start-worker.ts';
import { bundleWorkflows } from '../../worker/workers.ts';
import { aDeployment, anIncident, shop } from '../adapters/store/builders.ts';
import { eventually } from '../adapters/temporary.ts';

describe('a worker’s metrics page', () => {
  const ends: (() => unknown)[] = [];
  let store: Store;
  let worker: RunningWorker;
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'worker-'));
    ends.push(() => rm(folder, { recursive: true, force: true }));
    const sdkMetricsPort = await freePort();
    const logger = pino({ level: 'silent' });
    // Before anything else of the SDK is used in this process: there is one runtime only.
    installRuntime(logger, sdkMetricsPort);
    const { startDevServer } = await import('../support/dev-world.ts');
    const server = await startDevServer(folder);
    ends.push(() => server.stop());
    const connection = await NativeConnection.connect({ address: server.address });
    ends.push(() => connection.close());
    store = await openStore(join(folder, 'store.db'));
    ends.push(() => store.close());
    const catalog: Catalog = {
      products: async () => [],
      setup: () => Promise.reject(new Error('unknown product')),
    };
    worker = await startWorker({
      connection,
      namespace: 'default',
      store,
      catalog,
      logger,
      temporalUi: null,
      address: server.address,
      metrics: { host: '127.0.0.1', port: 0, sdkMetricsPort },
      sweep: { staleWatches: async () => [] },
    });
    ends.push(() => worker.stop());
  });
  afterAll(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function page(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${worker.metricsPort}/metrics`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    return response.text();
  }

  it('carries our names and the SDK’s, each by Prometheus’ conventions', async () => {
    await eventually(async () => (await page()).includes('temporal_worker_task_slots_available'), 20_000);
    const families = [...(await page()).matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name, type]) => ({
      name: name as string,
      type: type as string,
    }));
    const names = families.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(
      expect.arrayContaining([
        'orchestrator_activity_duration_seconds',
        'orchestrator_messages_total',
        'orchestrator_watched_deployments',
        'orchestrator_stale_watches',
        'orchestrator_rollbacks_running',
        'orchestrator_incidents',
        'process_cpu_seconds_total',
      ]),
    );
    for (const { name, type } of families) {
      expect(name).toMatch(/^(orchestrator|temporal|process|nodejs)_[a-z0-9_]+$/);
      if (type === 'counter') expect(name).toMatch(/_total$/);
      else if (!name.startsWith('nodejs_')) expect(name).not.toMatch(/_total$|_(milliseconds|ms|minutes)$/);
      if (/latency|duration/.test(name) && type === 'histogram') expect(name).toMatch(/_seconds$/);
    }
  });

  it('counts what the store knows at the time it is asked', async () => {
    await store.deployments.register(aDeployment('build-1'));
    await store.products.change(shop, (row) => ({
      ...row,
      rollback: { id: 'inc-1', deployment: 'build-1', sinceMs: Date.now() },
    }));
    await store.incidents.save(anIncident('inc-1', { openedAtMs: Date.now(), outcome: 'rolled_back' }));
    await store.incidents.save(anIncident('inc-0', { openedAtMs: Date.now() - 40 * 24 * 3_600_000 }));
    const text = await page();
    expect(text).toContain('\norchestrator_watched_deployments 1\n');
    expect(text).toContain('\norchestrator_rollbacks_running 1\n');
    expect(text).toContain('\norchestrator_incidents{outcome="rolled_back"} 1\n');
    expect(text).not.toContain('outcome="rolling_back"');
  });

  it('says what it knows also when the store does not answer', async () => {
    const { products } = store;
    Object.assign(store, { products: { ...products, list: () => Promise.reject(new Error('disk full')) } });
    try {
      const text = await page();
      expect(text).toMatch(/^orchestrator_rollbacks_running Nan$/im);
      expect(text).toContain('\norchestrator_watched_deployments 1\n');
    } finally {
      Object.assign(store, { products });
    }
  });

  it('answers 404 beside /metrics', async () => {
    expect((await fetch(`http://127.0.0.1:${worker.metricsPort}/`)).status).toBe(404);
  });
});

describe('the workflow bundle', () => {
  it('builds, small, and holds neither zod nor Node’s own modules', async () => {
    const bundle = await bundleWorkflows();
    const code = 'code' in bundle ? bundle.code : '';
    const [program = '', map = ''] = code.split('//# sourceMappingURL=');
    expect(program).toContain('monitorDeployment');
    expect(program).not.toMatch(/(require|import)\(["']node:/);
    expect(program).not.toMatch(/from ["']node:/);
    expect(program).not.toMatch(/node_modules\/(zod|@hono|hono|kysely|pg|yaml|undici|pino)\//);
    expect(map).not.toBe('');
    const sources = (
      JSON.parse(Buffer.from(map.split('base64,')[1] ?? '', 'base64').toString()) as {
        sources: string[];
      }
    ).sources;
    expect(
      sources.filter((source) => /zod|\/(adapters|config|worker|client|activities)\//.test(source)),
    ).toEqual([]);
    const size = Math.round(program.length / 1024);
    console.log(`workflow bundle: ${size} KiB, ${sources.length} modules`);
    expect(size).toBeLessThan(2_048);
  });
});
