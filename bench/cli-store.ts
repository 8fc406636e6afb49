import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { serve } from '@hono/node-server';
import { openStore, type Store } from '../adapters/store/store.ts';
import { createApp } from '../client/api/app.ts';
import { noAccessSettings } from '../config/access.ts';
import { defaultPolicy } from '../domain/policy.ts';
import { aDeployment, anEntry, anIncident } from '../test/adapters/store/builders.ts';
import { type Spread, spreadOf, writeResult } from './result.ts';

/**
 * How long the command line takes with a store that has seen years: 10,000 deployments of 20 products, a dozen lines of timeline each, and
 * an incident for every twentieth. The API is the real one over SQLite; the commands are whole processes. Beside them the same
 * with an empty store: the difference is what the data costs.
 */
const { values } = parseArgs({
  options: {
    deployments: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '21' },
  },
});
const products = Array.from({ length: 20 }, (_, i) => `product-${i}`);
const program = fileURLToPath(new URL('../bin/orchestrator.js', import.meta.url));
const commands: readonly (readonly string[])[] = [
  ['--version'],
  ['status', 'product-7'],
  ['status'],
  ['incidents'],
  ['incidents', 'inc-20'],
  ['dashboard', 'rollbacks', '--days', '3650'],
  ['__complete', 'status', ''],
];

const folder = await mkdtemp(join(tmpdir(), 'cli-store-'));
const empty = await measured(0);
const full = await measured(Number(values.deployments));
await rm(folder, { recursive: true });

const rows = full.map((row, i) => ({
  command: row.command,
  ms: row.ms,
  emptyMs: empty[i]?.ms,
  ratio: Number((row.ms.median / (empty[i]?.ms.median ?? Number.NaN)).toFixed(2)),
}));
console.table(
  rows.map(({ command, ms, emptyMs, ratio }) => ({ command, ...ms, empty: emptyMs?.median, ratio })),
);
await writeResult('cli-store', { node: process.version, deployments: Number(values.deployments), rows });

async function measured(deployments: number): Promise<{ command: string; ms: Spread }[]> {
  const store = await openStore(join(folder, `${deployments}.db`));
  await fill(store, deployments);
  const api = await served(store);
  const times = commands.map(() => [] as number[]);
  for (let round = -1; round < Number(values.rounds); round += 1)
    for (const [i, args] of commands.entries()) {
      const ms = await timed(args, api.url);
      if (round >= 0) times[i]?.push(ms);
    }
  api.close();
  await store.close();
  return commands.map((args, i) => ({ command: args.join(' '), ms: spreadOf(times[i] ?? []) as Spread }));
}

async function fill(store: Store, deployments: number): Promise<void> {
  const beganMs = Date.now() - deployments * 60_000;
  for (let i = 0; i < deployments; i += 1) {
    const key = { product: products[i % products.length] as string, environment: 'production' };
    const deployment = `build-${i}`;
    const atMs = beganMs + i * 60_000;
    await store.deployments.register(aDeployment(deployment, { ...key, deployedAtMs: atMs }));
    await store.timeline.append(
      Array.from({ length: 12 }, (_, line) =>
        anEntry(`${deployment}/${line}`, { ...key, deployment, atMs: atMs + line * 1_000 }),
      ),
    );
    if (i % 20 === 0)
      await store.incidents.save(
        anIncident(`inc-${i}`, {
          ...key,
          deployment,
          openedAtMs: atMs,
          status: 'open',
          outcome: 'rolled_back',
        }),
      );
    else if (i < deployments - products.length)
      await store.deployments.end({ ...key, deployment }, 'healthy', 'watched for 24 h', atMs + 86_400_000);
  }
}

/** The real routes; what would ask Temporal is not asked here. */
async function served(store: Store): Promise<{ url: string; close(): void }> {
  const keys = products.map((product) => ({ product, environment: 'production' }));
  const app = createApp({
    store,
    operations: {} as never,
    catalog: {
      products: async () => keys,
      setup: async (key) => ({ ...key, policy: defaultPolicy }) as never,
    },
    token: 'x',
    access: async () => noAccessSettings,
    temporalUi: null,
    health: {
      problems: async () => [],
      ready: async () => ({ store: true, temporal: true }),
      rollbackPhase: async () => null,
    },
  });
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => server.close(),
  };
}

async function timed(args: readonly string[], url: string): Promise<number> {
  const env = { ...process.env, ORCHESTRATOR_API: url, ORCHESTRATOR_TOKEN: 'x' };
  const beganMs = performance.now();
  const child = spawn(process.execPath, [program, ...args], { env, stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0 && url !== '' && args[1] !== 'inc-20')
    throw new Error(`${args.join(' ')} ended with ${code}`);
  return performance.now() - beganMs;
}
