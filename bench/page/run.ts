import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { serve } from '@hono/node-server';
import { openStore } from '../../adapters/store/store.ts';
import { createApp } from '../../client/api/app.ts';
import type { Operations } from '../../client/api/operations.ts';
import { createIncidentMemory } from '../../client/api/reading/incident-memory.ts';
import { noAccessSettings } from '../../config/access.ts';
import { createCatalog } from '../../worker/catalog.ts';
import { startEmbedded } from '../../worker/embedded-server.ts';
import { freePort } from '../../worker/free-port.ts';
import { findServerProgram } from '../../worker/temporal-server.ts';
import { writeResult } from '../result.ts';
import { type Filling, fillStore, productName } from './filled-store.ts';
import { firstPaints } from './first-paint.ts';

const filling: Filling = {
  products: 40,
  deployments: 10_000,
  incidents: 1_000,
  watched: 20,
  watchedHours: 24,
};
const rounds = 31;
const token = 'a-token-for-the-bench';

/** How long the page, the API and the CLI take over a store of 10,000 deployments and 1,000 incidents. */
const folder = await mkdtemp(join(tmpdir(), 'orchestrator-page-'));
const store = await openStore(join(folder, 'store.db'));
const began = performance.now();
await fillStore(store, filling, Date.now());
console.log(`filled in ${Math.round((performance.now() - began) / 1_000)} s`);
const recall = createIncidentMemory(store);
await recall();
const app = createApp({
  recall,
  operations: {} as Operations,
  store,
  catalog: products(filling.products),
  token,
  access: async () => noAccessSettings,
  temporalUi: null,
  health: {
    problems: async () => [],
    ready: async () => ({ store: true, temporal: true }),
    rollbackPhase: async () => null,
  },
});
const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 });
await new Promise((resolve) => server.once('listening', resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
try {
  const cookie = await signIn();
  const watched = `/deployments/${productName(0)}/deploy-249`;
  const rows = [
    await timed('page Now', '/', { cookie, accept: 'text/html' }),
    await timed('page Deployment, 24 h watched', watched, { cookie, accept: 'text/html' }),
    await timed('page Deployments', '/deployments', { cookie, accept: 'text/html' }),
    await timed('page Incidents', '/incidents', { cookie, accept: 'text/html' }),
    await timed('page Incident', `/incidents/inc-${productName(1)}-deploy-9`, {
      cookie,
      accept: 'text/html',
    }),
    await timed('page Statistics, 30 days', '/statistics', { cookie, accept: 'text/html' }),
    await timed('page Statistics, a year', '/statistics?from=2025-11-25', { cookie, accept: 'text/html' }),
    await timed('page Access', '/access', { cookie, accept: 'text/html' }),
    await timed('API overview', '/v1/overview', bearer()),
    await timed('API status of a product', `/v1/products/${productName(0)}`, bearer()),
    await timed('API series, 24 h', `/v1${watched}/series`, bearer()),
    await timed('API incidents', '/v1/incidents', bearer()),
    await timed('API statistics, 30 days', '/v1/statistics', bearer()),
    await timed('API lessons', '/v1/lessons?query=pool+timeout', bearer()),
    await timed('API audit', '/v1/audit', bearer()),
  ];
  const floor = await timed('the same server, /readyz (floor)', '/readyz', {});
  const cli = await commandLine();
  console.table([...rows, floor]);
  console.table(cli);
  const weight = await weightOf(watched, cookie);
  console.log(weight);
  const temporal = await temporalUi();
  const paints = await firstPaints(cookie, {
    'an empty answer (floor)': { target: `${url}/healthz`, ours: false },
    'page Now': { target: `${url}/`, ours: true },
    'page Deployment, 24 h watched': { target: `${url}${watched}`, ours: true },
    'Temporal Web UI, workflows (none)': { target: temporal.url, ours: false },
  });
  await temporal.stop();
  console.table(paints);
  const result = { filling, rounds, rows: [...rows, floor], cli, weight, paints };
  await writeResult('page', result);
  const slow = [...rows, ...adjusted(cli)].filter(({ medianMs }) => medianMs > 100).map(({ what }) => what);
  if (slow.length > 0) console.log(`slower than 100 ms: ${slow.join(', ')}`);
  const isHeavy =
    weight.compressedBytes > 150_000 || paints.some(({ ours, medianMs }) => ours && medianMs > 300);
  if (process.argv.includes('--check') && (isHeavy || slow.length > 0)) process.exitCode = 1;
} finally {
  if ('closeAllConnections' in server) server.closeAllConnections();
  server.close();
  await store.close();
  await rm(folder, { recursive: true, force: true });
}

/** The page that people look at otherwise, of a server of its own on this machine. */
async function temporalUi(): Promise<{ url: string; stop(): Promise<unknown> }> {
  const program = await findServerProgram({ say: () => undefined });
  const server = await startEmbedded({
    program,
    dbFile: join(folder, 'temporal.db'),
    logFile: join(folder, 'temporal.log'),
    port: await freePort(),
    uiPort: await freePort(),
  });
  return { url: `${server.uiUrl}/namespaces/default/workflows`, stop: () => server.stop() };
}

function products(count: number) {
  const target = 'deploy_target: { kind: local-process, root: a, command: [b], base_port: 1 }';
  const one = `{ services: { web: { ${target}, metrics: { kind: otlp, memory_limit_mb: 512 } } } }`;
  const all = Array.from({ length: count }, (_, i) => `${productName(i)}: ${one}`).join(', ');
  return createCatalog({
    read: async () => ({ version: 1, source: `products: { ${all} }`, file: 'c.yml' }),
    env: {},
    incidentsFolder: folder,
    queues: { control: 'c', watch: 'w' },
    stdout: process.stderr,
  });
}

function bearer() {
  return { authorization: `Bearer ${token}` };
}

async function signIn(): Promise<string> {
  const response = await fetch(`${url}/sign-in`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ token, to: '/' }).toString(),
  });
  return response.headers.getSetCookie()[0]?.split(';')[0] ?? '';
}

/** Median and 95th percentile of the whole answer, to its last byte. */
async function timed(what: string, path: string, headers: Record<string, string>) {
  const times: number[] = [];
  for (let round = 0; round < rounds + 3; round += 1) {
    const startedMs = performance.now();
    const response = await fetch(`${url}${path}`, { headers });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    if (round >= 3) times.push(performance.now() - startedMs);
  }
  return { what, ...summary(times) };
}

function summary(times: readonly number[]) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) =>
    Math.round((sorted[Math.floor(part * (sorted.length - 1))] as number) * 10) / 10;
  return { medianMs: at(0.5), p95Ms: at(0.95) };
}

/** On a machine that takes longer to start Node at all, that is taken off: it is not ours. */
function adjusted(cli: readonly { readonly what: string; readonly medianMs: number }[]) {
  const usualMs = 40;
  const late = Math.max(0, (cli[0]?.medianMs ?? 0) - usualMs);
  return cli.map(({ what, medianMs }) => ({ what, medianMs: medianMs - late }));
}

/** Whole processes, from nothing to the last byte, beside one that does nothing. */
async function commandLine() {
  const env = { ...process.env, ORCHESTRATOR_API: url, ORCHESTRATOR_TOKEN: token };
  const run = promisify(execFile);
  const commands = {
    'node -e 0 (floor)': ['-e', '0'],
    'orchestrator status PRODUCT': ['bin/orchestrator.js', 'status', productName(0)],
    'orchestrator status': ['bin/orchestrator.js', 'status'],
    'orchestrator incidents': ['bin/orchestrator.js', 'incidents'],
    'orchestrator dashboard rollbacks': ['bin/orchestrator.js', 'dashboard', 'rollbacks'],
  };
  const rows = [];
  for (const [what, args] of Object.entries(commands)) {
    const times: number[] = [];
    for (let round = 0; round < 11; round += 1) {
      const startedMs = performance.now();
      await run(process.execPath, args, { env });
      if (round > 0) times.push(performance.now() - startedMs);
    }
    rows.push({ what, ...summary(times) });
  }
  return rows;
}

/** What a browser loads for the heaviest page, as it comes over the wire. */
async function weightOf(path: string, cookie: string) {
  const headers = { cookie, accept: 'text/html', 'accept-encoding': 'br, gzip' };
  const html = await (await fetch(`${url}${path}`, { headers })).text();
  const links = [...html.matchAll(/(?:src|href)="(\/static\/[^"]+)"/g)].map(([, link]) => String(link));
  const sizes: Record<string, number> = { [path]: await bytesOf(path, headers) };
  for (const link of new Set(links)) sizes[link] = await bytesOf(link, headers);
  return { compressedBytes: Object.values(sizes).reduce((sum, size) => sum + size, 0), sizes };
}

async function bytesOf(path: string, headers: Record<string, string>): Promise<number> {
  const { request } = await import('undici');
  const { body } = await request(`${url}${path}`, { headers });
  return (await body.arrayBuffer()).byteLength;
}
