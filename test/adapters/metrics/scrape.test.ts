import { gzipSync } from 'node:zlib';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import type { Cursor } from '../../../adapters/metrics/metrics-source.ts';
import { createScrapeSource, type ScrapeOptions } from '../../../adapters/metrics/scrape.ts';
import type { Instance } from '../../../domain/live.ts';
import { type Handler, type MetricsPage, startMetricsPage } from './metrics-page.ts';
import { describeMetricsSource } from './metrics-source.contract.ts';

const timeoutMs = 400;

describeMetricsSource('a scraped page', async () => {
  const page = await startMetricsPage();
  const troubles: Record<string, Handler> = {
    slow: (_request, response) => void response.writeHead(200).write('http_requests_total{status="200"} 1\n'),
    failing: (_request, response) => void response.writeHead(500).end('oops'),
    empty: (_request, response) => void response.end('# nothing yet\n'),
  };
  return {
    source: createScrapeSource({ timeoutMs }),
    timeoutMs,
    address: page.url,
    request: () => ({
      product: 'shop',
      environment: 'production',
      service: 'web',
      instances: [page.instance('a')],
    }),
    serve: async ({ requests, errors, latencyMs }) => page.serve(requests, errors, latencyMs),
    trouble: async (kind) => (kind === 'unreachable' ? page.close() : page.answer(troubles[kind] ?? null)),
    close: () => page.close().catch(() => undefined),
  };
});

describe('scraping', () => {
  const pages: MetricsPage[] = [];
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((page) => page.close()));
  });

  async function aPage(startedAtMs?: number): Promise<MetricsPage> {
    const page = await startMetricsPage(startedAtMs);
    pages.push(page);
    return page;
  }

  async function measure(instances: Instance[], cursor: Cursor | null = null, options: ScrapeOptions = {}) {
    const where = { product: 'shop', environment: 'production', service: 'web', instances };
    const { signal } = new AbortController();
    return createScrapeSource({ timeoutMs, ...options }).measure({ ...where, cursor, signal });
  }

  async function measured(instances: Instance[], cursor: Cursor | null = null, options: ScrapeOptions = {}) {
    const measurement = await measure(instances, cursor, options);
    if (measurement.kind !== 'measured') throw new Error(`${measurement.kind}: ${measurement.reason}`);
    return measurement;
  }

  async function blindTo(handler: Handler, options: ScrapeOptions = {}) {
    const page = await aPage();
    page.answer(handler);
    const measurement = await measure([page.instance('a')], null, options);
    if (measurement.kind === 'measured') throw new Error('measured');
    expect(measurement.reason).toContain(`${page.url}/metrics: `);
    return measurement;
  }

  const text =
    (body: string | Buffer, headers: Record<string, string> = {}): Handler =>
    (_request, response) =>
      void response.writeHead(200, { 'content-type': 'text/plain', ...headers }).end(body);

  it('tells endpoints apart by the usual labels, or by the one that is named', async () => {
    const page = await aPage();
    const lines = (pay: number) => [
      `http_requests_total{status="200",route="/",area="shop"} 100`,
      `http_requests_total{status="200",route="/pay",area="till"} ${pay}`,
      `http_requests_total{status="503",route="/pay",area="till"} ${pay / 10}`,
    ];
    const shown = (pay: number) => page.answer(text(`${lines(pay).join('\n')}\n`));
    for (const [options, names] of [
      [{}, ['/pay', '/']],
      [{ names: { endpointLabel: 'area' } }, ['till', 'shop']],
    ] as const) {
      shown(1_000);
      const { cursor } = await measured([page.instance('a')], null, options);
      shown(2_000);
      const { counts } = await measured([page.instance('a')], cursor, options);
      expect(counts.parts).toEqual([
        { by: 'endpoint', name: names[0], requests: 1_100, errors: 100 },
        { by: 'endpoint', name: names[1], requests: 0, errors: 0 },
      ]);
    }
  });

  it('does not take a label with a thousand values for an endpoint', async () => {
    const page = await aPage();
    const lines = Array.from({ length: 1_200 }, (_, i) => `http_requests_total{status="200",path="/${i}"} 1`);
    page.answer(text(`${lines.join('\n')}\n`));
    const { counts } = await measured([page.instance('a')]);
    expect(counts.parts).toBeUndefined();
  });

  it('adds up the instances and names those that did not answer', async () => {
    const [a, b] = [await aPage(), await aPage()];
    const instances = [a.instance('a'), b.instance('b'), { ...b.instance('stopped'), running: false }];
    const first = await measured(instances);
    a.serve(10, 1, 20);
    b.serve(5, 0, 20);
    const second = await measured(instances, first.cursor);
    expect(second).toMatchObject({ counts: { requests: 15, errors: 1 }, missing: [] });
    a.serve(3, 0, 20);
    b.serve(4, 4, 20);
    b.answer((_request, response) => void response.destroy());
    const third = await measured(instances, second.cursor);
    expect(third).toMatchObject({ counts: { requests: 3, errors: 0 }, missing: ['b'] });
    b.answer(null);
    expect((await measured(instances, third.cursor)).counts.errors).toBeGreaterThan(0);
  });

  it('counts a restarted process from zero', async () => {
    const page = await aPage();
    page.serve(1_000, 10, 20);
    const first = await measured([page.instance('a')]);
    page.restart(Date.now());
    page.serve(8, 2, 20);
    expect((await measured([page.instance('a')], first.cursor)).counts).toMatchObject({
      requests: 8,
      errors: 2,
    });
  });

  it('re-bases when metric names are reconfigured, instead of counting all history as one interval', async () => {
    const page = await aPage();
    page.serve(1_000, 10, 20);
    const first = await measured([page.instance('a')], null, { names: { requests: 'other_total' } }).catch(
      () => null,
    );
    const again = await measured([page.instance('a')], first?.cursor ?? null);
    expect(again.counts.requests).toBe(0);
  });

  it('reads requests and errors from the histogram where there is no counter', async () => {
    const registry = new Registry();
    const labelNames = ['status_code'];
    const name = 'http_request_duration_seconds';
    const histogram = new Histogram({
      name,
      help: 'h',
      labelNames,
      buckets: [0.1, 1],
      registers: [registry],
    });
    const page = await aPage();
    page.answer((_request, response) => void registry.metrics().then((body) => response.end(body)));
    histogram.observe({ status_code: '200' }, 0.05);
    const first = await measured([page.instance('a')]);
    histogram.observe({ status_code: '502' }, 0.5);
    histogram.observe({ status_code: '200' }, 0.05);
    histogram.observe({ status_code: '200' }, 5);
    const { counts } = await measured([page.instance('a')], first.cursor);
    expect(counts).toMatchObject({ requests: 3, errors: 1 });
    expect(counts.latency).toEqual({ boundsMs: [100, 1000], counts: [1, 1, 1] });
  });

  it('reads memory against the limit, processor time, database errors and affected users', async () => {
    const page = await aPage();
    const on = { help: 'h', registers: [page.registry] };
    new Gauge({ ...on, name: 'process_resident_memory_bytes' }).set(256 * 1_048_576);
    new Gauge({ ...on, name: 'users_with_errors' }).set(12);
    const database = new Counter({ ...on, name: 'db_connection_errors_total' });
    const cpu = new Counter({ ...on, name: 'process_cpu_seconds_total' });
    const options = { memoryLimitMb: 512, names: { affectedUsers: 'users_with_errors' } };
    const first = await measured([page.instance('a')], null, options);
    expect(first.counts).toMatchObject({ memoryPercent: 50, affectedUsers: 12, dbConnectionErrors: 0 });
    database.inc(4);
    cpu.inc(0.05);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const second = await measured([page.instance('a')], first.cursor, options);
    expect(second.counts.dbConnectionErrors).toBe(4);
    expect(second.counts.cpuPercent).toBeGreaterThan(10);
    expect(second.counts.cpuPercent).toBeLessThanOrEqual(50);
    const unlimited = await measured([page.instance('a')]);
    expect(unlimited.counts).toMatchObject({ memoryPercent: null, affectedUsers: null });
  });

  it('knows the default metrics of prom-client', async () => {
    const page = await aPage();
    page.registry.removeSingleMetric('process_start_time_seconds');
    collectDefaultMetrics({ register: page.registry });
    const { counts, cursor } = await measured([page.instance('a')], null, { memoryLimitMb: 1_000_000 });
    expect(counts.memoryPercent).toBeGreaterThan(0);
    expect(cursor).toMatchObject({ instances: { a: { startedAtMs: expect.any(Number) } } });
  });

  it('reads a compressed page and one of 10 MB, and remembers little of it', async () => {
    const lines = Array.from({ length: 120_000 }, (_, i) => {
      const status = i % 10 === 0 ? 500 : 200;
      return `http_requests_total{route="/some/long/route/number/${i}/of/this/shop",status="${status}"} 2\n`;
    }).join('');
    expect(lines.length).toBeGreaterThan(9_500_000);
    const page = await aPage();
    for (const handler of [text(lines), text(gzipSync(lines), { 'content-encoding': 'gzip' })]) {
      page.answer(handler);
      const { cursor } = await measured([page.instance('a')], null, { timeoutMs: 5_000 });
      expect(cursor).toMatchObject({
        instances: { a: { requests: { value: 240_000 }, errors: { value: 24_000 } } },
      });
      expect(JSON.stringify(cursor).length).toBeLessThan(2_000);
    }
  });

  it('refuses a page that is too large, as sent or once decompressed', async () => {
    const big = Buffer.alloc(3_000_000, 'a 1\n');
    const limit = { maxBytes: 1_000_000 };
    const plain = await blindTo(text(big), limit);
    expect(plain).toMatchObject({
      kind: 'error',
      reason: expect.stringContaining('larger than 1000000 bytes'),
    });
    const bomb = await blindTo(text(gzipSync(big), { 'content-encoding': 'gzip' }), limit);
    expect(bomb.reason).toContain('larger than 1000000 bytes');
  });

  it('refuses a damaged compressed page and one cut in the middle', async () => {
    const half = gzipSync('http_requests_total{status="200"} 12345\n'.repeat(1_000)).subarray(0, 60);
    expect((await blindTo(text(half, { 'content-encoding': 'gzip' }))).kind).toBe('error');
    expect((await blindTo(text('no gzip', { 'content-encoding': 'gzip' }))).reason).toContain('damaged');
    const cut: Handler = (_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('http_requests_total{status="200"} 12');
      setTimeout(() => response.destroy(), 20);
    };
    expect(await blindTo(cut)).toMatchObject({ kind: 'error', reason: expect.stringContaining('closed') });
  });

  it('follows no redirect', async () => {
    const elsewhere = await aPage();
    const { reason } = await blindTo(
      (_request, response) => void response.writeHead(302, { location: `${elsewhere.url}/metrics` }).end(),
    );
    expect(reason).toContain('HTTP 302 redirect, which is not followed');
  });

  it('tells a page of HTML or JSON from metrics', async () => {
    const html = await blindTo(text('<html></html>', { 'content-type': 'text/html; charset=utf-8' }));
    expect(html).toMatchObject({
      kind: 'error',
      reason: expect.stringContaining('not a metrics page but text/html'),
    });
    expect((await blindTo(text('<!doctype html>\n<p>Hello'))).reason).toContain('not a metrics page');
    expect((await blindTo(text('{"status":"ok"}'))).reason).toContain('not a metrics page');
  });

  it('says which metric it misses, and which label', async () => {
    const other = await blindTo(text('process_start_time_seconds 1\nmy_requests_total 5\n'));
    expect(other).toMatchObject({
      kind: 'no_data',
      reason: expect.stringContaining('neither http_requests_total nor http_request_duration_seconds'),
    });
    const unlabelled = await blindTo(text('http_requests_total 5\n'));
    expect(unlabelled.kind).toBe('no_data');
    expect(unlabelled.reason).toContain('no label status, status_code or code');
    const page = await aPage();
    page.answer(text('http_requests_total 5\nfailed_total 2\n'));
    const { cursor } = await measured([page.instance('a')], null, { names: { errors: 'failed_total' } });
    expect(cursor).toMatchObject({ instances: { a: { errors: { value: 2 } } } });
  });

  it('counts zero for a service that has declared its counter and met nobody yet', async () => {
    const page = await aPage();
    page.answer(text('# TYPE http_requests counter\n# EOF\n'));
    expect((await measured([page.instance('a')])).counts.requests).toBe(0);
  });

  it('gives up on a body that drips, when the time is over', async () => {
    const startedMs = performance.now();
    const drip: Handler = (_request, response) => {
      const timer = setInterval(() => response.write('a 1\n'), 20);
      response.on('close', () => clearInterval(timer));
    };
    const { kind, reason } = await blindTo(drip);
    expect(kind).toBe('timeout');
    expect(reason).toContain(`${timeoutMs} ms`);
    expect(performance.now() - startedMs).toBeLessThan(timeoutMs + 500);
  });

  it('names the most frequent cause when nobody answers, with what each address said', async () => {
    const pagesInTrouble = [await aPage(), await aPage(), await aPage()];
    for (const page of pagesInTrouble)
      page.answer((_request, response) => void response.writeHead(503).end());
    pagesInTrouble[0]?.answer(() => undefined);
    const instances = pagesInTrouble.map((page, i) => page.instance(`i${i}`));
    const measurement = await measure([...instances, { id: 'x', release: null, running: true, url: null }]);
    expect(measurement.kind).toBe('error');
    expect(measurement).toMatchObject({
      reason: expect.stringMatching(
        /none of 4 instances gave metrics: .*400 ms; .*HTTP 503 Service Unavailable.*and 1 more/,
      ),
    });
  });

  it('answers "rate_limited" to HTTP 429 and hides credentials of an address', async () => {
    const limited = await blindTo((_request, response) => void response.writeHead(429).end());
    expect(limited.kind).toBe('rate_limited');
    const url = 'http://admin:hunter2@127.0.0.1:1/base/?token=hunter3';
    const hidden = await measure([{ id: 'a', release: null, running: true, url }]);
    expect(JSON.stringify(hidden)).not.toMatch(/hunter/);
  });

  it('has no data when no instance runs', async () => {
    expect(await measure([])).toMatchObject({ kind: 'no_data', reason: expect.stringContaining('web') });
    const page = await aPage();
    expect(await measure([{ ...page.instance('a'), running: false }])).toMatchObject({ kind: 'no_data' });
  });
});
