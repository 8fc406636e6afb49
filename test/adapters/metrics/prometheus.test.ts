import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Cursor } from '../../../adapters/metrics/metrics-source.ts';
import { type QuerySetName, queryProblem, querySets } from '../../../adapters/metrics/prometheus/queries.ts';
import { createPrometheusSource, type PrometheusOptions } from '../../../adapters/metrics/prometheus.ts';
import { quantileMs } from '../../../domain/histogram.ts';
import type { Instance } from '../../../domain/live.ts';
import { describeMetricsSource } from './metrics-source.contract.ts';
import {
  answerWith,
  matrix,
  type PrometheusHandler,
  type PrometheusServer,
  startPrometheusServer,
} from './prometheus-server.ts';
import { aProcess } from './scraped-process.ts';

const timeoutMs = 400;

describeMetricsSource('Prometheus', async () => {
  const server = await startPrometheusServer();
  const web = aProcess('a:1');
  web.serve(1, 0);
  server.scrape(Date.now(), web.series());
  const troubles: Record<string, PrometheusHandler> = {
    slow: (_request, response) => void response.writeHead(200).write('{"status":'),
    failing: (_request, response) => void response.writeHead(500).end('oops'),
    empty: (_request, response) => answerWith(response, matrix([])),
  };
  return {
    source: createPrometheusSource({ url: server.url, timeoutMs, settleMs: 0, resolutionMs: 1_000 }),
    timeoutMs,
    address: server.url,
    request: () => ({ product: 'shop', environment: 'production', service: 'web', instances: [] }),
    serve: async ({ requests, errors, latencyMs }) => {
      web.serve(requests, errors, latencyMs);
      server.scrape(Date.now(), web.series());
    },
    trouble: async (kind) =>
      kind === 'unreachable' ? server.close() : server.answer(troubles[kind] ?? null),
    close: () => server.close().catch(() => undefined),
  };
});

const second = 1_000;
const where = { product: 'shop', environment: 'production', service: 'web' };

describe('asking Prometheus', () => {
  let server: PrometheusServer;
  beforeEach(async () => {
    server = await startPrometheusServer();
  });
  afterEach(() => server.close().catch(() => undefined));

  function measure(
    cursor: Cursor | null = null,
    options: Partial<PrometheusOptions> = {},
    instances: Instance[] = [],
  ) {
    const source = createPrometheusSource({ url: server.url, timeoutMs, settleMs: 0, ...options });
    return source.measure({ ...where, instances, cursor, signal: new AbortController().signal });
  }

  async function measured(cursor: Cursor | null = null, options: Partial<PrometheusOptions> = {}) {
    const measurement = await measure(cursor, options);
    if (measurement.kind !== 'measured') throw new Error(`${measurement.kind}: ${measurement.reason}`);
    return measurement;
  }

  async function blind(cursor: Cursor | null = null, options: Partial<PrometheusOptions> = {}) {
    const measurement = await measure(cursor, options);
    if (measurement.kind === 'measured') throw new Error('measured');
    expect(measurement.reason).toContain(server.url);
    return measurement;
  }

  /** A cursor of a minute ago. */
  async function aMinuteAgo(cursor: Cursor): Promise<Cursor> {
    const readings = JSON.parse(JSON.stringify(cursor)) as {
      atMs: number;
      instances: Record<string, { atMs: number }>;
    };
    const moved = Object.entries(readings.instances).map(([id, reading]) => [
      id,
      { ...reading, atMs: reading.atMs - 60 * second },
    ]);
    return { ...readings, atMs: readings.atMs - 60 * second, instances: Object.fromEntries(moved) as never };
  }

  describe('answers with the kind that fits', () => {
    const json = { 'content-type': 'application/json' };
    const refusal =
      (status: number, headers: Record<string, string> = {}, body = ''): PrometheusHandler =>
      (_request, response) =>
        void response.writeHead(status, headers).end(body);
    const failure = (errorType: string, error: string) =>
      JSON.stringify({ status: 'error', errorType, error });
    const faults: [what: string, handler: PrometheusHandler, kind: string, found: string][] = [
      ['401', refusal(401), 'error', 'HTTP 401 Unauthorized'],
      ['403', refusal(403), 'error', 'HTTP 403 Forbidden'],
      ['404', refusal(404), 'error', 'HTTP 404 Not Found: no /api/v1/query_range there'],
      [
        'a redirect',
        refusal(302, { location: 'http://127.0.0.1:1/' }),
        'error',
        'a redirect, which is not followed',
      ],
      ['429', refusal(429), 'rate_limited', 'HTTP 429 Too Many Requests'],
      ['429 with Retry-After', refusal(429, { 'retry-after': '30' }), 'rate_limited', 'asks to wait 30 s'],
      [
        '429 with a date',
        refusal(429, { 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() }),
        'rate_limited',
        'asks to wait 3',
      ],
      ['500', refusal(500), 'error', 'HTTP 500'],
      [
        '502 of a proxy',
        refusal(502, { 'content-type': 'text/html' }, '<html>'),
        'error',
        'HTTP 502 Bad Gateway',
      ],
      [
        'a query it cannot read',
        refusal(400, json, failure('bad_data', 'parse error')),
        'error',
        'bad_data: parse error',
      ],
      [
        'a query it cannot execute',
        refusal(422, json, failure('execution', 'too many samples')),
        'error',
        'HTTP 422 Unprocessable Entity: execution: too many samples',
      ],
      [
        'its own time limit',
        refusal(503, json, failure('timeout', 'query timed out')),
        'timeout',
        'query timed out',
      ],
      ['an error with 200', refusal(200, json, failure('internal', 'no')), 'error', 'internal: no'],
      [
        'HTML',
        refusal(200, { 'content-type': 'text/html' }, '<html>log in</html>'),
        'error',
        'not the Prometheus API: text/html',
      ],
      ['other JSON', refusal(200, json, '{"ok":true}'), 'error', 'not the JSON of the Prometheus API'],
      [
        'a vector',
        refusal(200, json, JSON.stringify({ status: 'success', data: { resultType: 'vector', result: [] } })),
        'error',
        'not a matrix',
      ],
      [
        'half of the JSON',
        refusal(200, json, '{"status":"success","da'),
        'error',
        'not the JSON of the Prometheus API',
      ],
      [
        'a body that ends too early',
        (_request, response) => {
          response.writeHead(200, { ...json, 'content-length': '1000' }).write('{"status":');
          setTimeout(() => response.destroy(), 20);
        },
        'error',
        'connection',
      ],
      [
        'a connection that is closed',
        (_request, response) => void response.destroy(),
        'error',
        'connection closed',
      ],
      ['silence', () => undefined, 'timeout', `no complete answer within ${timeoutMs} ms`],
      [
        'a slow drip',
        (_request, response) => {
          response.writeHead(200, json);
          const drip = setInterval(() => response.write(' '), 50);
          response.on('close', () => clearInterval(drip));
        },
        'timeout',
        `no complete answer within ${timeoutMs} ms`,
      ],
      ['10 MB', refusal(200, json, ' '.repeat(10_000_000)), 'error', 'larger than 4194304 bytes'],
      [
        '10 MB in a few compressed kB',
        refusal(200, { ...json, 'content-encoding': 'gzip' }, gzipSync(' '.repeat(10_000_000)) as never),
        'error',
        'larger than 4194304 bytes',
      ],
      [
        'no series',
        (_request, response) => answerWith(response, matrix([])),
        'no_data',
        'no series matches the query for requests',
      ],
    ];
    it.each(faults)('%s', async (_what, handler, kind, found) => {
      server.answer(handler);
      // A busy machine must not make a timeout of what is none.
      const options = kind === 'timeout' ? {} : { timeoutMs: 20_000 };
      const measurement = await blind(null, { maxBytes: 4 * 1_048_576, ...options });
      expect(measurement).toMatchObject({ kind, reason: expect.stringContaining(found) });
    });

    it('a port where nobody listens', async () => {
      await server.close();
      expect(await blind()).toMatchObject({
        kind: 'error',
        reason: expect.stringContaining('connection refused'),
      });
    });

    it('an address that is none, without its secrets', async () => {
      const measurement = await measure(null, { url: 'not a url' });
      expect(measurement).toMatchObject({
        kind: 'error',
        reason: expect.stringContaining('not a valid URL'),
      });
    });
  });

  it('does not ask again while a server asks to wait', async () => {
    server.answer((_request, response) => void response.writeHead(429, { 'retry-after': '60' }).end());
    const source = createPrometheusSource({ url: server.url, timeoutMs });
    const request = { ...where, instances: [], cursor: null, signal: new AbortController().signal };
    await source.measure(request);
    const before = server.asked.length;
    expect(await source.measure(request)).toMatchObject({
      kind: 'rate_limited',
      reason: expect.stringContaining('asked to wait'),
    });
    expect(server.asked.length).toBe(before);
  });

  it('sends a token, or a name and a password, and a tenant, and tells none of them', async () => {
    server.answer((_request, response) => void response.writeHead(401).end());
    const url = server.url.replace('http://', 'http://reader:s%40cret@');
    const texts = [
      (await blind(null, { url, tenant: 'team-a' })).reason,
      (await blind(null, { bearerToken: 'abc', username: 'reader', password: 's@cret' })).reason,
    ];
    const basic = `Basic ${Buffer.from('reader:s@cret').toString('base64')}`;
    const sent = server.headers.map(({ authorization }) => authorization);
    expect(new Set(sent)).toEqual(new Set([basic, 'Bearer abc']));
    expect(server.headers[0]).toMatchObject({ 'x-scope-orgid': 'team-a' });
    expect(texts.join(' ')).not.toMatch(/cret|abc|team-a/);
  });

  it('asks in steps of the scrapes from the last check on, each query once', async () => {
    const web = aProcess('a:1');
    web.serve(10, 1);
    server.scrape(Date.now() - 90 * second, web.series());
    const first = await measured();
    const before = server.asked.length;
    await measured(first.cursor);
    const asked = server.asked.slice(before);
    const [form] = asked;
    expect(form?.get('step')).toBe('15');
    expect(Number(form?.get('end')) - Number(form?.get('start'))).toBeLessThanOrEqual(135);
    expect(new Set(asked.map((entry) => entry.get('query'))).size).toBe(asked.length);
  });

  it('adds up the instances, each a part of its own', async () => {
    const [a, b] = [aProcess('a:1'), aProcess('b:1')];
    a.serve(10, 1);
    b.serve(20, 0);
    server.scrape(Date.now(), [...a.series(), ...b.series()]);
    const first = await measured();
    a.serve(5, 1);
    b.serve(7, 3);
    server.scrape(Date.now(), [...a.series(), ...b.series()]);
    const { counts, missing } = await measured(first.cursor, { memoryLimitMb: 256 });
    expect(counts).toMatchObject({ requests: 12, errors: 4, memoryPercent: 50 });
    expect(counts.parts).toContainEqual({ by: 'instance', name: 'b:1', requests: 7, errors: 3 });
    expect(missing).toEqual([]);
  });

  it('tells endpoints apart where a label names them', async () => {
    const scrape = (values: readonly [route: string, status: string, value: number][]) =>
      server.scrape(
        Date.now(),
        values.map(([route, status, value]) => ({
          name: 'http_requests_total',
          labels: { job: 'web', instance: 'a', route, status },
          value,
        })),
      );
    const options = { endpointLabel: 'route' };
    scrape([
      ['/cart', '200', 100],
      ['/pay', '200', 10],
      ['/pay', '503', 1],
    ]);
    const first = await measured(null, options);
    scrape([
      ['/cart', '200', 160],
      ['/pay', '200', 12],
      ['/pay', '503', 5],
    ]);
    const { counts } = await measured(first.cursor, options);
    expect(counts).toMatchObject({ requests: 66, errors: 4 });
    expect(counts.parts).toEqual([
      { by: 'endpoint', name: '/cart', requests: 60, errors: 0 },
      { by: 'endpoint', name: '/pay', requests: 6, errors: 4 },
    ]);
  });

  it('reads native histograms as the API has them, coarser ones too', async () => {
    let buckets: unknown[] = [];
    let count = 0;
    server.answer((_request, response, form) => {
      const query = form.get('query') ?? '';
      const at = Number(form.get('end'));
      if (query.includes('histogram_count'))
        return answerWith(
          response,
          matrix([{ metric: { instance: 'a', status_code: '200' }, values: [[at, String(count)]] }]),
        );
      if (query !== 'sum by (instance) (http_request_duration_seconds{job="web"})')
        return answerWith(response, matrix([]));
      const histograms = [[at, { count: String(count), sum: '9', buckets }]];
      return answerWith(response, matrix([{ metric: { instance: 'a' }, histograms }]));
    });
    const options = { set: 'express', histograms: 'native' } as const;
    buckets = [
      [3, '-0.001', '0.001', '2'],
      [0, '0.0220970869120796', '0.0262780129766786', '98'],
    ];
    count = 100;
    const first = await measured(null, options);
    // Coarser by now: schema 0 in place of 2.
    buckets = [
      [3, '-0.001', '0.001', '2'],
      [0, '0.015625', '0.03125', '98'],
      [0, '0.5', '1', '40'],
    ];
    count = 140;
    const { counts } = await measured(first.cursor, options);
    expect(counts.requests).toBe(40);
    expect(quantileMs(counts.latency, 0.95)).toBeGreaterThan(500);
    expect(quantileMs(counts.latency, 0.95)).toBeLessThanOrEqual(1_000);
  });

  it('counts what a process did before it restarted between two checks, and after', async () => {
    const nowMs = Date.now();
    const old = aProcess('a:1', nowMs - 3_600_000);
    old.serve(1_000, 10);
    server.scrape(nowMs - 62 * second, old.series());
    const first = await measured(null);
    old.serve(100, 5);
    server.scrape(nowMs - 40 * second, old.series());
    const young = aProcess('a:1', nowMs - 30 * second);
    young.serve(30, 1);
    server.scrape(nowMs - 10 * second, young.series());
    const { counts } = await measured(await aMinuteAgo(first.cursor));
    expect(counts).toMatchObject({ requests: 130, errors: 6 });
  });

  it.each([
    ['with a start time', Date.now() - 3_600_000],
    ['without one', null],
  ])('takes no expired series for a restart, %s', async (_what, startedAtMs) => {
    const web = aProcess('a:1', startedAtMs);
    web.serve(100_000, 2_000);
    const [ok, failed, ...others] = web.series();
    if (ok === undefined || failed === undefined) throw new Error('no series');
    server.scrape(Date.now(), [ok, failed, ...others]);
    const first = await measured();
    server.scrape(Date.now(), [{ ...ok, value: ok.value - 3_000 }, failed, ...others]);
    const second = await measured(first.cursor);
    expect(second.counts).toMatchObject({ requests: 0, errors: 0 });
    server.scrape(Date.now(), [{ ...ok, value: ok.value - 2_990 }, failed, ...others]);
    expect((await measured(second.cursor)).counts).toMatchObject({ requests: 10, errors: 0 });
  });

  it('without a start time takes a fall to less than half for a restart', async () => {
    const old = aProcess('a:1', null);
    old.serve(1_000, 10);
    server.scrape(Date.now(), old.series());
    const first = await measured();
    const young = aProcess('a:1', null);
    young.serve(40, 2);
    server.scrape(Date.now(), young.series());
    expect((await measured(first.cursor)).counts).toMatchObject({ requests: 40, errors: 2 });
  });

  it('takes a new instance whole only when it started after the last check', async () => {
    const a = aProcess('a:1');
    a.serve(10, 0);
    server.scrape(Date.now(), a.series());
    const first = await measured();
    const old = aProcess('old:1', Date.now() - 60_000);
    const young = aProcess('young:1', Date.now() + 2_000);
    old.serve(50_000, 500);
    young.serve(20, 2);
    server.scrape(Date.now(), [...a.series(), ...old.series(), ...young.series()]);
    expect((await measured(first.cursor)).counts).toMatchObject({ requests: 20, errors: 2 });
  });

  it('calls a service stale that was scraped until minutes ago, and one that the server only remembers', async () => {
    const web = aProcess('a:1');
    web.serve(10, 0);
    server.scrape(Date.now() - 100 * second, web.series());
    server.scrape(Date.now() - 30 * second, []);
    expect(await blind()).toMatchObject({
      kind: 'stale',
      reason: expect.stringContaining('newest values are'),
    });
    const other = await startPrometheusServer();
    other.scrape(Date.now() - 200 * second, web.series());
    const remembered = await measure(null, { url: other.url });
    expect(remembered).toMatchObject({
      kind: 'stale',
      reason: expect.stringContaining('last scraped more than 2 min ago'),
    });
    await other.close();
  });

  it('does not know errors where no series has a status', async () => {
    server.scrape(Date.now(), [
      { name: 'http_requests_total', labels: { job: 'web', instance: 'a' }, value: 5 },
    ]);
    expect(await blind()).toMatchObject({
      kind: 'no_data',
      reason: expect.stringContaining('errors cannot be told'),
    });
  });

  it('is blind without one of the counters, and says so of a gauge', async () => {
    const web = aProcess('a:1');
    web.serve(10, 0);
    server.scrape(Date.now(), web.series());
    const without =
      (metric: string): PrometheusHandler =>
      (_request, response, form) => {
        if (form.get('query')?.includes(metric)) return void response.writeHead(500).end();
        const labels = { instance: 'a:1', status: '200' };
        const at = Number(form.get('end'));
        answerWith(
          response,
          matrix(
            form.get('query')?.includes('http_requests_total')
              ? [
                  {
                    metric: labels,
                    values: [[at, form.get('query')?.includes('timestamp') ? String(at) : '10']],
                  },
                ]
              : [],
          ),
        );
      };
    server.answer(without('process_cpu_seconds_total'));
    expect(await blind()).toMatchObject({
      kind: 'error',
      reason: expect.stringContaining('asked for cpuSeconds: HTTP 500'),
    });
    server.answer(without('process_resident_memory_bytes'));
    expect((await measured()).missing).toEqual([expect.stringContaining('memoryBytes: HTTP 500')]);
  });

  describe('of which part of the servers did not answer', () => {
    const row = (instance: string, status: string, value: number, form: URLSearchParams) => ({
      metric: { instance, status },
      values: [[Number(form.get('end')), String(value)]],
    });
    const requestsOf =
      (
        values: readonly [instance: string, status: string, value: number][],
        warnings: string[],
      ): PrometheusHandler =>
      (_request, response, form) => {
        const isCounter = /^sum by \(instance, status, .*http_requests_total/.test(form.get('query') ?? '');
        answerWith(
          response,
          matrix(isCounter ? values.map((entry) => row(...entry, form)) : [], { warnings }),
        );
      };
    const lost = ['store 10.0.0.7 did not answer'];

    it('counts the instances that are whole, and names the others', async () => {
      server.answer(
        requestsOf(
          [
            ['a', '200', 100],
            ['a', '503', 5],
            ['b', '200', 100],
            ['b', '503', 5],
          ],
          [],
        ),
      );
      const first = await measured();
      server.answer(
        requestsOf(
          [
            ['a', '200', 110],
            ['a', '503', 6],
            ['b', '200', 120],
          ],
          lost,
        ),
      );
      const second = await measured(first.cursor);
      expect(second.counts).toMatchObject({ requests: 11, errors: 1 });
      expect(second.missing).toEqual(['b', 'part of the data: store 10.0.0.7 did not answer']);
      server.answer(
        requestsOf(
          [
            ['a', '200', 110],
            ['a', '503', 6],
            ['b', '200', 130],
            ['b', '503', 7],
          ],
          [],
        ),
      );
      expect((await measured(second.cursor)).counts).toMatchObject({ requests: 32, errors: 2 });
    });

    it('does not take for news what was only missing in the first answer', async () => {
      server.answer(requestsOf([['a', '200', 100]], lost));
      const first = await measured();
      server.answer(
        requestsOf(
          [
            ['a', '200', 110],
            ['a', '503', 4_000],
          ],
          [],
        ),
      );
      const second = await measured(first.cursor);
      expect(second.counts).toMatchObject({ requests: 0, errors: 0 });
      server.answer(
        requestsOf(
          [
            ['a', '200', 120],
            ['a', '503', 4_001],
          ],
          [],
        ),
      );
      expect((await measured(second.cursor)).counts).toMatchObject({ requests: 11, errors: 1 });
    });

    it('is an error where nothing of the service is left', async () => {
      server.answer(requestsOf([['a', '200', 100]], []));
      const first = await measured();
      server.answer(requestsOf([['a', '200', 50]], lost));
      expect(await blind(first.cursor)).toMatchObject({
        kind: 'error',
        reason: expect.stringContaining('store 10.0.0.7'),
      });
    });

    it('is not one about whose query Prometheus remarks something', async () => {
      server.answer(requestsOf([['a', '200', 100]], ['PromQL info: metric might not be a counter']));
      expect((await measured()).missing).toEqual([]);
    });
  });

  describe('about the past', () => {
    const stepMs = 60 * second;
    const nowMs = Math.floor(Date.now() / stepMs) * stepMs;

    async function past(minutes: number, options: Partial<PrometheusOptions> = {}) {
      const source = createPrometheusSource({ url: server.url, timeoutMs, ...options });
      const range = { sinceMs: nowMs - minutes * stepMs, untilMs: nowMs, stepMs };
      const found = await source.history?.({ ...where, ...range, signal: new AbortController().signal });
      if (found === undefined) throw new Error('no history');
      return found;
    }

    it('gives samples as checks would have taken them, gaps left out', async () => {
      const web = aProcess('a:1', nowMs - 3_600_000);
      for (let minute = -20; minute <= 0; minute += 1) {
        web.serve(100, minute % 2 === 0 ? 1 : 0);
        // Ten minutes without Prometheus: it remembers for five of them.
        if (minute < -15 || minute > -6) server.scrape(nowMs + minute * stepMs, web.series());
      }
      const found = await past(20, { memoryLimitMb: 256 });
      if (found.kind !== 'read') throw new Error(found.reason);
      const before = found.samples.filter(({ atMs }) => atMs <= nowMs - 16 * stepMs);
      const after = found.samples.filter(({ atMs }) => atMs > nowMs - 5 * stepMs);
      expect(before.map(({ requests, errors, durationMs }) => [requests, errors, durationMs])).toEqual([
        [100, 0, stepMs],
        [100, 1, stepMs],
        [100, 0, stepMs],
        [100, 1, stepMs],
      ]);
      expect(after.map(({ requests }) => requests)).toEqual([100, 100, 100, 100, 100]);
      expect(after[0]).toMatchObject({ memoryPercent: 50, regular: true, tick: nowMs - 4 * stepMs });
      // What the gap hid is no minute of a thousand requests.
      expect(
        Math.max(...found.samples.map(({ requests, durationMs }) => (requests * stepMs) / durationMs)),
      ).toBe(100);
    });

    it('asks a week in pieces', async () => {
      server.answer((_request, response) => answerWith(response, matrix([])));
      expect(await past(7 * 1_440)).toMatchObject({ kind: 'no_data' });
      const spans = server.asked.map(
        (form) => (Number(form.get('end')) - Number(form.get('start'))) / 60 + 1,
      );
      expect(Math.max(...spans)).toBeLessThanOrEqual(11_000);
      expect(spans.length).toBeGreaterThan(7);
    });

    it('is unknown where only the process was seen, and in error where part of it is missing', async () => {
      const web = aProcess('a:1');
      for (const minute of [-3, -2, -1, 0]) server.scrape(nowMs + minute * stepMs, web.series());
      expect(await past(3)).toMatchObject({ kind: 'no_data' });
      server.answer((_request, response) => answerWith(response, matrix([], { warnings: ['store lost'] })));
      expect(await past(3)).toMatchObject({ kind: 'error', reason: expect.stringContaining('store lost') });
      server.answer((_request, response) =>
        answerWith(response, { ...(matrix([]) as object), isPartial: true }),
      );
      expect(await past(3)).toMatchObject({ kind: 'error', reason: expect.stringContaining('partial') });
    });
  });

  describe('with queries of one’s own', () => {
    it('puts in product, service, environment and the running releases', async () => {
      server.answer((_request, response) => answerWith(response, matrix([])));
      const requests =
        'sum by (instance, code) (hits{app="{{product}}-{{service}}",env="{{environment}}",version=~"{{release}}"})';
      const instances = ['v1.2', 'v2'].map((release) => ({ id: release, release, running: true, url: null }));
      await measure(null, { queries: { requests } }, instances);
      await measure(null, { queries: { requests } });
      expect(server.asked.map((form) => form.get('query'))).toEqual([
        'sum by (instance, code) (hits{app="shop-web",env="production",version=~"v1\\\\.2|v2"})',
        'sum by (instance, code) (hits{app="shop-web",env="production",version=~".+"})',
      ]);
    });

    it('says what is wrong with one', () => {
      expect(queryProblem('hits{a="{{team}}"}')).toContain('{{team}} is not known');
      expect(queryProblem('hits{version="{{release}}"}')).toContain('label=~"{{release}}"');
      expect(queryProblem('hits{version=~"{{release}}-.*", a="{{service}}"}')).toBeNull();
    });

    it('takes other readings for no base', async () => {
      const web = aProcess('a:1');
      web.serve(100, 0);
      server.scrape(Date.now(), web.series());
      const first = await measured();
      web.serve(100, 0);
      server.scrape(Date.now(), web.series());
      const { counts } = await measured(first.cursor, { selector: 'job="web", instance="a:1"' });
      expect(counts.requests).toBe(0);
    });
  });

  it.each(Object.keys(querySets) as QuerySetName[])('fills in every query of the set %s', async (set) => {
    server.answer((_request, response) => answerWith(response, matrix([])));
    await measure(null, { set });
    const queries = server.asked.map((form) => form.get('query') ?? '');
    expect(queries.length).toBe(Object.keys(querySets[set].queries).length);
    for (const query of queries) expect(query).not.toMatch(/\{\{|\}\}/);
    expect(queries.filter((query) => query.includes('{{')).length).toBe(0);
  });

  it.each([
    [
      'envoy',
      'envoy_cluster_upstream_rq_xx',
      'envoy_response_code_class',
      '2',
      '5',
      { envoy_cluster_name: 'web' },
    ],
    ['haproxy', 'haproxy_backend_http_responses_total', 'code', '2xx', '5xx', { proxy: 'web' }],
    [
      'istio',
      'istio_requests_total',
      'response_code',
      '200',
      '503',
      { reporter: 'destination', destination_service_name: 'web' },
    ],
    [
      'opentelemetry',
      'http_server_request_duration_seconds_count',
      'http_response_status_code',
      '200',
      '500',
      { job: 'web' },
    ],
    ['spring-boot', 'http_server_requests_seconds_count', 'status', '200', '500', { job: 'web' }],
  ] as const)('knows an error of %s by its status', async (set, name, label, good, bad, labels) => {
    const scrape = (ok: number, failed: number) =>
      server.scrape(Date.now(), [
        { name, labels: { ...labels, instance: 'a', [label]: good }, value: ok },
        { name, labels: { ...labels, instance: 'a', [label]: bad }, value: failed },
      ]);
    server.answer(null);
    const own = { ...querySets[set].queries };
    const options = {
      set,
      queries: Object.fromEntries(
        Object.keys(own)
          .filter((key) => key !== 'requests')
          .map((key) => [key, 'sum by (instance) (nothing{})']),
      ),
    };
    scrape(10, 1);
    const first = await measured(null, options);
    scrape(15, 3);
    expect((await measured(first.cursor, options)).counts).toMatchObject({ requests: 7, errors: 2 });
  });
});
