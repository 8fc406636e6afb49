import { writeFile } from 'node:fs/promises';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Cursor, MetricsSource } from '../../adapters/metrics/metrics-source.ts';
import { querySets } from '../../adapters/metrics/prometheus/queries.ts';
import { createPrometheusSource, type PrometheusOptions } from '../../adapters/metrics/prometheus.ts';
import { histogramTotal, quantileMs } from '../../domain/histogram.ts';
import { type Handler, startMetricsPage } from '../adapters/metrics/metrics-page.ts';
import { describeMetricsSource } from '../adapters/metrics/metrics-source.contract.ts';
import { aProcess } from '../adapters/metrics/scraped-process.ts';
import { afterwards, cleanUp, temporaryFolder } from '../adapters/temporary.ts';
import { runCli } from '../client/run-cli.ts';
import { startNativeHistogramsPage } from './native-histograms-page.ts';
import { type PrometheusProcess, startPrometheus, until } from './prometheus-process.ts';

const where = { product: 'shop', environment: 'production', service: 'web', instances: [] };

/** Its answer is what Prometheus says, unless a test has another one. */
async function startProxy(target: string) {
  let handler: Handler | null = null;
  const server = createServer((request, response) => {
    if (handler !== null) return handler(request, response);
    const { method, headers, url } = request;
    const passed = forward(target + url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    request.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close,
    answer(replacement: Handler | null) {
      handler = replacement;
    },
  };
}

/** Waits until what was served is scraped. */
async function scraped(prometheus: PrometheusProcess, requests: number): Promise<void> {
  await until(async () => (await prometheus.valueOf('sum(http_requests_total)')) === requests);
  // The buckets of that scrape are visible with it, or a moment later.
  await sleep(50);
}

async function aScrapedService() {
  const page = await startMetricsPage();
  const prometheus = await startPrometheus({ targets: { web: [page.url.slice('http://'.length)] } });
  let total = 0;
  return {
    page,
    prometheus,
    async serve(requests: number, errors: number, latencyMs = 30) {
      page.serve(requests, errors, latencyMs);
      total += requests;
      await scraped(prometheus, total);
    },
    async restart() {
      page.restart(Date.now());
      total = 0;
    },
  };
}

const quick = { settleMs: 0, resolutionMs: 1_000, staleAfterMs: 10_000 } as const;

describeMetricsSource('a real Prometheus', async () => {
  const service = await aScrapedService();
  await service.serve(1, 0);
  const proxy = await startProxy(service.prometheus.url);
  const troubles: Record<string, Handler> = {
    slow: () => undefined,
    failing: (_request, response) => void response.writeHead(500).end(),
    empty: (_request, response) =>
      void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{"status":"success","data":{"resultType":"matrix","result":[]}}'),
  };
  return {
    source: createPrometheusSource({ url: proxy.url, timeoutMs: 2_000, ...quick }),
    timeoutMs: 2_000,
    address: proxy.url,
    request: () => where,
    serve: ({ requests, errors, latencyMs }) => service.serve(requests, errors, latencyMs),
    trouble: async (kind) => (kind === 'unreachable' ? proxy.close() : proxy.answer(troubles[kind] ?? null)),
    close: async () => {
      await proxy.close().catch(() => undefined);
      await service.page.close();
      await cleanUp();
    },
  };
});

describe('a real Prometheus', () => {
  afterEach(cleanUp);

  const measure = (source: MetricsSource, cursor: Cursor | null) =>
    source.measure({ ...where, cursor, signal: AbortSignal.timeout(10_000) });

  async function measured(source: MetricsSource, cursor: Cursor | null) {
    const measurement = await measure(source, cursor);
    if (measurement.kind !== 'measured') throw new Error(`${measurement.kind}: ${measurement.reason}`);
    return measurement;
  }

  it('counts what a process served before and after its restart, to the last request', async () => {
    const service = await aScrapedService();
    afterwards(() => service.page.close());
    await service.serve(500, 20);
    const source = createPrometheusSource({ url: service.prometheus.url, ...quick });
    const first = await measured(source, null);
    await service.serve(40, 4);
    // Start times are rounded to seconds: a restart moves them by more than two.
    await sleep(1_100);
    await service.restart();
    await service.serve(30, 3, 900);
    await sleep(1_100);
    const { counts, missing } = await measured(source, first.cursor);
    expect(counts).toMatchObject({ requests: 70, errors: 7 });
    expect(counts.latency === null ? 0 : histogramTotal(counts.latency)).toBe(70);
    expect(missing).toEqual([]);
  });

  it('serves native histograms that count as classic ones do', async () => {
    const page = await startNativeHistogramsPage();
    page.serve(100, '200', 30);
    const prometheus = await startPrometheus({ targets: { web: [page.target] } });
    const total = 'sum(histogram_count(http_request_duration_seconds))';
    await until(async () => (await prometheus.valueOf(total)) === 100);
    const source = createPrometheusSource({
      url: prometheus.url,
      set: 'express',
      histograms: 'native',
      ...quick,
    });
    const first = await measured(source, null);
    page.serve(40, '200', 400);
    page.serve(10, '503', 400);
    await until(async () => (await prometheus.valueOf(total)) === 150);
    const { counts } = await measured(source, first.cursor);
    expect(counts).toMatchObject({ requests: 50, errors: 10 });
    expect(quantileMs(counts.latency, 0.95)).toBeGreaterThan(350);
    expect(quantileMs(counts.latency, 0.95)).toBeLessThanOrEqual(421);
  });

  it('gives products that share a question what it gives each alone', async () => {
    const names = ['web', 'a.b', 'a-b', 'aXb'];
    const pages = await Promise.all(names.map(() => startMetricsPage()));
    for (const [i, page] of pages.entries()) {
      afterwards(() => page.close());
      page.serve(10 + i, i, 30);
    }
    const targets = Object.fromEntries(
      names.map((name, i) => [name, [pages[i]?.url.slice('http://'.length) ?? '']]),
    );
    const prometheus = await startPrometheus({ targets });
    await until(async () => (await prometheus.valueOf('sum(http_requests_total)')) === 46);
    const check = (shareMs: number, cursors: readonly (Cursor | null)[] = []) =>
      Promise.all(
        names.map((service, i) =>
          createPrometheusSource({ url: prometheus.url, ...quick, shareMs }).measure({
            ...where,
            service,
            cursor: cursors[i] ?? null,
            signal: AbortSignal.timeout(10_000),
          }),
        ),
      );
    const cursors = (await check(200)).map((found) => (found.kind === 'measured' ? found.cursor : null));
    for (const [i, page] of pages.entries()) page.serve(100 + i, 2 * i, 300);
    await until(async () => (await prometheus.valueOf('sum(http_requests_total)')) === 452);
    const countsOf = (found: Awaited<ReturnType<typeof check>>) =>
      found.map((one) =>
        one.kind === 'measured' ? [one.counts.requests, one.counts.errors, one.counts.latency] : one.reason,
      );
    const [together, alone] = [countsOf(await check(200, cursors)), countsOf(await check(0, cursors))];
    expect(together).toEqual(alone);
    expect(together.map((counts) => counts.slice(0, 2))).toEqual([
      [100, 0],
      [101, 2],
      [102, 4],
      [103, 6],
    ]);
  });

  it('calls a service stale that is not scraped any more', async () => {
    const service = await aScrapedService();
    await service.serve(10, 1);
    const source = createPrometheusSource({ url: service.prometheus.url, ...quick });
    const first = await measured(source, null);
    await service.page.close();
    await until(async () => (await service.prometheus.valueOf('up')) === 0);
    await sleep(1_500);
    expect(await measure(source, first.cursor)).toMatchObject({ kind: 'stale' });
  });

  it('understands every ready-made query, and says what is wrong with others', async () => {
    const prometheus = await startPrometheus({});
    const ask = (options: Partial<PrometheusOptions>) =>
      measure(createPrometheusSource({ url: prometheus.url, ...options }), null);
    for (const set of Object.keys(querySets) as (keyof typeof querySets)[])
      expect(await ask({ set }), set).toMatchObject({ kind: 'no_data' });
    expect(await ask({ queries: { requests: 'sum by (' } })).toMatchObject({
      kind: 'error',
      reason: expect.stringContaining('bad_data'),
    });
    expect(await ask({ url: `${prometheus.url}/elsewhere` })).toMatchObject({
      kind: 'error',
      reason: expect.stringContaining('HTTP 404'),
    });
  });

  it('judges a deployment of yesterday by what it still has', async () => {
    const minuteMs = 60_000;
    const nowMs = Math.floor(Date.now() / minuteMs) * minuteMs;
    const deployedAtMs = nowMs - 4 * 60 * minuteMs;
    const prometheus = await startPrometheus({ past: aPast(nowMs, deployedAtMs) });
    const folder = await temporaryFolder();
    const config = join(folder, 'c.yml');
    const service = [
      'deploy_target: { kind: local-process, root: apps, command: [node, a.js], base_port: 4000 }',
      `metrics: { kind: prometheus, url: "${prometheus.url}", memory_limit_mb: 1024 }`,
    ];
    await writeFile(
      config,
      `products:\n  shop:\n    services:\n      web:\n        ${service.join('\n        ')}\n`,
    );
    const at = new Date(deployedAtMs).toISOString();
    const run = await runCli([
      'backtest',
      'shop',
      '--prometheus',
      '--deployed-at',
      at,
      '--config',
      config,
      '--data',
      folder,
    ]);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toMatch(/measured for 4(\.\d+)? h\n {2}this policy: minute \d+(\.\d+)?: error rate/);
  });
});

/** Two days of one process in OpenMetrics, a scrape each minute; from `badFromMs` on it fails ten times as often. */
function aPast(untilMs: number, badFromMs: number): string {
  const sinceMs = untilMs - 48 * 3_600_000;
  const web = aProcess('a:1', sinceMs);
  const lines = new Map<string, string[]>();
  for (let atMs = sinceMs; atMs <= untilMs; atMs += 60_000) {
    const minute = atMs / 60_000;
    web.serve(1_000 + (minute % 37), atMs > badFromMs ? 20 + (minute % 5) : minute % 4, 40);
    for (const { name, labels, value } of web.series()) {
      const written = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
      const ofName = lines.get(name) ?? [];
      lines.set(name, ofName);
      ofName.push(`${name}{${written.join(',')}} ${value} ${atMs / 1_000}`);
    }
  }
  // Every line of one metric stands together, and all of them are untyped: a counter's buckets are numbers like any others.
  return `${[...lines].flatMap(([name, ofName]) => [`# TYPE ${name} unknown`, ...ofName]).join('\n')}\n# EOF\n`;
}
