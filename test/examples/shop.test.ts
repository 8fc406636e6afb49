import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createGitChanges } from '../../adapters/changes/git-changes.ts';
import { createFileLogs } from '../../adapters/logs/file-logs.ts';
import type { Cursor } from '../../adapters/metrics/metrics-source.ts';
import { createScrapeSource } from '../../adapters/metrics/scrape.ts';
import type { Trigger, TriggerType } from '../../domain/detection/verdict.ts';
import { hypothesize } from '../../domain/root-cause.ts';
import type { Counts } from '../../domain/sample.ts';
import {
  createShopHistory,
  exportRelease,
  type ShopRelease,
  shopCommand,
  shopMemoryLimitMb,
  shopReleases,
} from '../../examples/shop/history.ts';
import { type LoadReport, startLoad } from '../../examples/shop/load.ts';
import { eventually, freePorts, kill } from '../adapters/temporary.ts';

const examples = join(import.meta.dirname, '../../examples/shop');
const signal = AbortSignal.timeout(300_000);
let folder = '';
let repository = '';
let commits: Awaited<ReturnType<typeof createShopHistory>>;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shop-'));
  repository = join(folder, 'repository');
  commits = await createShopHistory({ repository });
  for (const release of shopReleases) {
    await exportRelease({ repository, release, folder: join(folder, 'releases', release) });
  }
});

afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('has the same commits in every run, whatever git is told by its surroundings', async () => {
  process.env.GIT_AUTHOR_DATE = '2001-01-01T00:00:00Z';
  try {
    expect(await createShopHistory({ repository: join(folder, 'again') })).toEqual(commits);
  } finally {
    delete process.env.GIT_AUTHOR_DATE;
  }
  const { changes, problem } = await changesBetween('v2.4.0', 'v3.2.0');
  expect(problem).toBeNull();
  expect(changes.map(({ subject }) => subject)).toEqual([
    'Charge a cart that is sent twice only once',
    'Revert "Log the answers that a deployment cuts short"',
    'Log the answers that a deployment cuts short',
    'Name the page that does not exist',
    'Load the product list with one query again',
    'Say how many pieces a cart holds',
    'Give each product a page of its own',
    'List the pages in the README',
  ]);
});

test('sends load to loopback addresses only', () => {
  const load = { requestsPerSecond: 1, seed: 1, maxSeconds: 1 };
  for (const url of ['http://example.com', 'http://10.0.0.1', 'http://127.0.0.1.example.com']) {
    expect(() => startLoad({ ...load, url })).toThrow('loopback addresses only');
  }
});

test('tells refused requests and maintenance from errors, in a process of its own that ends by itself', async () => {
  const server = createServer((request, response) => {
    const maintenance = request.url === '/products';
    response.writeHead(503, maintenance ? { 'retry-after': '5' } : {}).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sender = start(
    'node',
    [join(examples, 'load.ts'), '--url', url, '--rps', '50', '--seconds', '2'],
    {},
  );
  const output = (await sender.stdout?.toArray())?.join('') ?? '';
  const { total, firstBadAtMs } = JSON.parse(output.trim().split('\n').at(-1) ?? '') as LoadReport;
  expect(total.maintenance + total.errors).toBe(100);
  expect(total.maintenance).toBeGreaterThan(35);
  expect(firstBadAtMs).not.toBeNull();
  server.close();
  server.closeAllConnections();
  const afterwards = await startLoad({ url, requestsPerSecond: 50, seed: 1, maxSeconds: 1 }).ended;
  expect(afterwards.total).toEqual({ ok: 0, errors: 0, maintenance: 0, refused: 50 });
});

test('serves every visitor while its releases are good', async () => {
  const payments = await startPayments();
  await Promise.all(
    (['v2.4.0', 'v3.0.5', 'v3.2.0'] as const).map(async (release) => {
      const shop = await startShop(release, payments);
      await shop.measure();
      const { total } = await startLoad({ ...load, url: shop.url, maxSeconds: 6 }).ended;
      expect({ release, ...total }).toEqual({ release, ok: 480, errors: 0, maintenance: 0, refused: 0 });
      const { requests, errors, dbConnectionErrors, memoryPercent } = await shop.measure();
      expect({ requests, errors, dbConnectionErrors }).toEqual({
        requests: 480,
        errors: 0,
        dbConnectionErrors: 0,
      });
      expect(memoryPercent).toBeGreaterThan(40);
      expect(memoryPercent).toBeLessThan(60);
    }),
  );
});

test('v2.5.0 runs out of connections under load, and the first guess is its N+1 query', async () => {
  const shop = await startShop('v2.5.0', await startPayments());
  await shop.measure();
  expect((await fetch(`${shop.url}/products`)).status).toBe(200);
  const { total } = await startLoad({ ...load, url: shop.url, maxSeconds: 6 }).ended;
  expect(total.errors / 480).toBeGreaterThan(0.2);
  expect(total.refused).toBe(0);
  const { errors, dbConnectionErrors } = await shop.measure();
  expect(errors).toBe(total.errors);
  expect(dbConnectionErrors).toBe(total.errors);

  const logs = await shop.logs();
  expect(logs[0]).toContain(
    'ConnectionPoolTimeoutError: no connection became free within 100 ms (pool of 8)',
  );
  const changes = [await changesBetween('v2.4.0', 'v2.5.0')];
  const guess = hypothesize({ triggers: [fired('error_rate'), fired('database')], logs, changes });
  expect(guess).toMatchObject({ cause: 'n_plus_one_query', confidence: 'high' });
  expect(guess.summary).toContain('src/products.js');
});

test('v3.1.0 fills its memory under load, and the first guess is its listener leak', async () => {
  const shop = await startShop('v3.1.0', await startPayments());
  expect((await shop.measure()).memoryPercent).toBeLessThan(60);
  const running = startLoad({ ...load, url: shop.url, maxSeconds: 30 });
  const startedAtMs = Date.now();
  while (((await shop.measure()).memoryPercent ?? 0) <= 90 && Date.now() - startedAtMs < 30_000) {
    await sleep(250);
  }
  const seconds = (Date.now() - startedAtMs) / 1_000;
  const { total } = await running.stop();
  expect(seconds).toBeGreaterThan(10);
  expect(seconds).toBeLessThan(30);
  expect(total).toMatchObject({ errors: 0, refused: 0 });

  const logs = await shop.logs();
  expect(logs.join('\n')).toContain('MaxListenersExceededWarning');
  const changes = [await changesBetween('v3.0.5', 'v3.1.0')];
  const guess = hypothesize({ triggers: [fired('memory')], logs, changes });
  expect(guess).toMatchObject({ cause: 'listener_leak', confidence: 'high' });
  expect(guess.summary).toContain('src/respond.js');
});

test('v3.2.0 and the release before it are equally sick while payments fail', async () => {
  const payments = await startPayments();
  const shops = [await startShop('v3.2.0', payments), await startShop('v3.0.5', payments)];
  await fetch(`${payments}/control`, { method: 'PUT', body: '{"failing":true}' });
  for (const { total } of await Promise.all(
    shops.map(({ url }) => startLoad({ ...load, url, maxSeconds: 4 }).ended),
  )) {
    expect(total.errors / 320).toBeGreaterThan(0.25);
  }
  await fetch(`${payments}/control`, { method: 'PUT', body: '{"failing":false}' });
  expect((await fetch(`${shops[0]?.url}/checkout?user=1`, { method: 'POST' })).status).toBe(200);

  const logs = (await shops[0]?.logs()) ?? [];
  const changes = [await changesBetween('v3.0.5', 'v3.2.0')];
  const guess = hypothesize({ triggers: [fired('error_rate')], logs, changes });
  expect(guess.cause).toBe('dependency_failure');
});

const load = { requestsPerSecond: 80, seed: 7 };

interface Shop {
  readonly url: string;
  /** Since the last call, through the scraper that monitors use. */
  measure(): Promise<Counts>;
  logs(): Promise<readonly string[]>;
}

async function startShop(release: ShopRelease, payments: string): Promise<Shop> {
  const port = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const logFile = join(folder, `${release}-${port}.log`);
  const log = await open(logFile, 'a');
  const [program, ...parameters] = shopCommand;
  const env = { PORT: String(port), RELEASE: release, PAYMENTS_URL: payments };
  start(program, parameters, env, { cwd: join(folder, 'releases', release), log: log.fd });
  await log.close();
  await untilHealthy(url);
  const sinceMs = Date.now();
  const metrics = createScrapeSource({ memoryLimitMb: shopMemoryLimitMb });
  let cursor: Cursor | null = null;
  return {
    url,
    async measure() {
      const measurement = await metrics.measure({
        product: 'shop',
        environment: 'production',
        service: 'web',
        instances: [{ id: 'web/0', release, running: true, url }],
        cursor,
        signal,
      });
      if (measurement.kind !== 'measured') throw new Error(measurement.reason);
      cursor = measurement.cursor;
      return measurement.counts;
    },
    async logs() {
      const request = { service: 'web', release, sinceMs, untilMs: Date.now(), limit: 100, signal };
      return (await createFileLogs({ paths: [logFile] }).excerpt(request)).lines;
    },
  };
}

async function startPayments(): Promise<string> {
  const port = await freePorts(1);
  start('node', [join(examples, 'payments.js')], { PORT: String(port) });
  const url = `http://127.0.0.1:${port}`;
  await untilHealthy(url);
  return url;
}

function start(
  program: string,
  parameters: readonly string[],
  env: Record<string, string>,
  { cwd = folder, log }: { cwd?: string; log?: number } = {},
): ChildProcess {
  const output = log ?? 'pipe';
  const child = spawn(program === 'node' ? process.execPath : program, parameters, {
    cwd,
    env,
    stdio: ['ignore', output, log ?? 'inherit'],
  });
  children.push(child);
  return child;
}

async function untilHealthy(url: string): Promise<void> {
  await eventually(async () => {
    const answer = await fetch(`${url}/healthz`).catch(() => null);
    await answer?.text();
    return answer?.ok;
  });
}

function changesBetween(from: ShopRelease, to: ShopRelease) {
  return createGitChanges({ repository }).between({ service: 'web', from, to, signal });
}

function fired(type: TriggerType): Trigger {
  const numbers = { baseline: null, current: null, threshold: null };
  return { type, severity: 'critical', service: 'web', ...numbers, reason: `${type} is high`, sinceMs: 0 };
}
