import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { datadogQueryProblem } from '../../../adapters/metrics/datadog/queries.ts';
import { createDatadogSource, type DatadogOptions } from '../../../adapters/metrics/datadog.ts';
import type { Cursor } from '../../../adapters/metrics/metrics-source.ts';
import type { Instance } from '../../../domain/live.ts';
import { aFaultyServer, aServer, type HttpFault, httpFaults } from '../http-faults.ts';
import { afterwards, cleanUp } from '../temporary.ts';
import { startDatadog } from './datadog-server.ts';
import { describeMetricsSource } from './metrics-source.contract.ts';

const timeoutMs = 400;
const minute = 60_000;
const keys = { apiKey: 'api-s3cret', applicationKey: 'app-s3cret' };
const seconds = [{ family: 'time', name: 'second', scale_factor: 1, short_name: 's' }, null];
const where = { product: 'shop', environment: 'production', service: 'web' };

/** A service whose every serving lasts a minute, of which Datadog knows all when the next one has passed. */
async function aTracedService() {
  const server = await startDatadog();
  const [hits, errors, p95] = [new Map(), new Map(), new Map()] as Map<number, number>[];
  let nowMs = Math.floor(Date.now() / minute) * minute + 1_000;
  server.series.push(
    { metric: 'trace.express.request.hits', points: hits as Map<number, number> },
    { metric: 'trace.express.request.errors', points: errors as Map<number, number> },
    { metric: 'p95:trace.express.request', points: p95 as Map<number, number>, unit: seconds },
  );
  const serve = (requests: number, failed: number, latencyMs: number) => {
    const atMs = nowMs - 1_000;
    hits?.set(atMs, requests);
    // Datadog tells of no error that did not happen.
    if (failed > 0) errors?.set(atMs, failed);
    p95?.set(atMs, latencyMs / 1_000);
    nowMs += 2 * minute;
  };
  serve(1, 0, 20);
  return { server, serve, now: () => nowMs };
}

describeMetricsSource('Datadog', async () => {
  const { server, serve, now } = await aTracedService();
  const troubles: Record<string, RequestListener> = {
    slow: (_request, response) => void response.writeHead(200).write('{"data":'),
    failing: (_request, response) => void response.writeHead(500).end('oops'),
  };
  return {
    source: createDatadogSource({ url: server.url, ...keys, operation: 'express.request', timeoutMs, now }),
    timeoutMs,
    address: server.url,
    request: () => ({ ...where, instances: [] }),
    serve: async ({ requests, errors, latencyMs }) => serve(requests, errors, latencyMs),
    async trouble(kind) {
      if (kind === 'unreachable') await server.close();
      else if (kind === 'empty') server.series.length = 0;
      else server.answer(troubles[kind] ?? null);
    },
    close: () => server.close().catch(() => undefined),
  };
});

describe('asking Datadog', () => {
  afterEach(cleanUp);

  async function aService() {
    const service = await aTracedService();
    afterwards(service.server.close);
    return service;
  }

  function measure(
    options: Partial<DatadogOptions>,
    cursor: Cursor | null = null,
    instances: Instance[] = [],
  ) {
    const source = createDatadogSource({ ...keys, operation: 'express.request', timeoutMs, ...options });
    return source.measure({ ...where, instances, cursor, signal: new AbortController().signal });
  }

  async function measured(...args: Parameters<typeof measure>) {
    const measurement = await measure(...args);
    if (measurement.kind !== 'measured') throw new Error(`${measurement.kind}: ${measurement.reason}`);
    return measurement;
  }

  const answers: Record<HttpFault, [kind: string, found: string]> = {
    'a refused connection': ['error', 'connection refused'],
    'no answer': ['timeout', 'no complete answer within 400 ms'],
    'HTTP 401': ['error', 'HTTP 401 Unauthorized; allowed: an API key, and an application key'],
    'HTTP 403': ['error', 'HTTP 403 Forbidden; allowed: an API key, and an application key that may'],
    'HTTP 404': ['error', 'HTTP 404 Not Found; is this the address of your site'],
    'HTTP 429': ['rate_limited', 'asks to wait 7 s'],
    'HTTP 500': ['error', 'HTTP 500'],
    'HTTP 503': ['error', 'HTTP 503'],
    'a redirect': ['error', 'a redirect, which is not followed'],
    'a truncated body': ['error', 'connection'],
    'a body of 10 MB': ['error', 'larger than 8388608 bytes'],
    'a wrong content type': ['error', "the answer is not that of Datadog's time series"],
    'a slow drip': ['timeout', 'no complete answer within 400 ms'],
  };

  it.each(httpFaults)('answers %s with the kind that fits, and without its keys', async (fault) => {
    const url = await aFaultyServer(fault);
    const [kind, found] = answers[fault];
    // A busy machine must not make a timeout of what is none.
    const answer = await measure({ url, timeoutMs: kind === 'timeout' ? timeoutMs : 20_000 });
    expect(answer).toMatchObject({ kind, reason: expect.stringContaining(found) });
    expect(JSON.stringify(answer)).toContain(`${url}/api/v2/query/timeseries`);
    expect(JSON.stringify(answer)).not.toContain('s3cret');
  });

  it('asks for all signals in one request, with both keys and in whole minutes', async () => {
    const { server, now } = await aService();
    await measured({ url: server.url, now });
    expect(server.asked).toHaveLength(1);
    expect(server.headers[0]).toMatchObject({
      'dd-api-key': 'api-s3cret',
      'dd-application-key': 'app-s3cret',
    });
    const { type, attributes } = server.asked[0]?.data ?? {};
    expect(type).toBe('timeseries_request');
    expect([attributes?.from, attributes?.to, attributes?.interval].map((ms) => Number(ms) % minute)).toEqual(
      [0, 0, 0],
    );
    expect(attributes?.queries).toEqual([
      {
        data_source: 'metrics',
        name: 'requests',
        query: 'sum:trace.express.request.hits{service:web,env:production}.as_count()',
      },
      {
        data_source: 'metrics',
        name: 'errors',
        query: 'sum:trace.express.request.errors{service:web,env:production}.as_count()',
      },
      {
        data_source: 'metrics',
        name: 'latencyMs',
        query: 'p95:trace.express.request{service:web,env:production}',
      },
    ]);
    expect(attributes?.formulas).toEqual([
      { formula: 'requests' },
      { formula: 'errors' },
      { formula: 'latencyMs' },
    ]);
  });

  it('waits as long as X-RateLimit-Reset says', async () => {
    let times = 0;
    const url = await aServer((_request, response) => {
      times += 1;
      const limits = { 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '42' };
      response
        .writeHead(429, limits)
        .end('{"errors":["Rate limit of 100 requests in 3600 seconds reached"]}');
    });
    const source = createDatadogSource({ ...keys, url, operation: 'a', timeoutMs });
    const request = { ...where, instances: [], cursor: null, signal: new AbortController().signal };
    const reason = async () => (await source.measure(request)) as { kind: string; reason: string };
    expect(await reason()).toMatchObject({
      kind: 'rate_limited',
      reason: expect.stringContaining('wait 42 s'),
    });
    expect(await reason()).toMatchObject({
      kind: 'rate_limited',
      reason: expect.stringContaining('asked to wait'),
    });
    expect(times).toBe(1);
  });

  it.each([
    [
      'a query it cannot read',
      400,
      { errors: ['Error parsing query'] },
      'HTTP 400 Bad Request: Error parsing query',
    ],
    ['an error with status 200', 200, { errors: 'query timed out' }, 'query timed out'],
    ['other JSON', 200, { ok: true }, "the answer is not that of Datadog's time series"],
    [
      'longer steps than were asked for',
      200,
      { data: { attributes: { times: [0, 300_000], series: [], values: [] } } },
      'answers in steps of 300 s, asked for 60 s',
    ],
  ])('says so of %s', async (_what, status, body, found) => {
    const url = await aServer(
      (_request, response) => void response.writeHead(status).end(JSON.stringify(body)),
    );
    expect(await measure({ url })).toMatchObject({ kind: 'error', reason: expect.stringContaining(found) });
  });

  it('leaves out the newest minute, which is not complete, and counts it with a later check', async () => {
    const { server, serve, now } = await aService();
    const hits = server.series[0]?.points as Map<number, number>;
    const first = await measured({ url: server.url, now });
    serve(100, 1, 20);
    // Arriving: of the minute before now.
    hits.set(now() - 1_000 - minute, 7);
    const second = await measured({ url: server.url, now }, first.cursor);
    expect(second.counts.requests).toBe(100);
    const later = () => now() + minute;
    expect((await measured({ url: server.url, now: later }, second.cursor)).counts.requests).toBe(7);
  });

  it('counts nothing twice when another worker’s clock is behind', async () => {
    const { server, serve, now } = await aService();
    const first = await measured({ url: server.url, now });
    serve(100, 1, 20);
    const second = await measured({ url: server.url, now }, first.cursor);
    const behind = await measured({ url: server.url, now: () => now() - 2 * minute }, second.cursor);
    expect(behind.counts.requests).toBe(0);
    expect((await measured({ url: server.url, now }, behind.cursor)).counts.requests).toBe(0);
  });

  it('calls a service stale whose values ended, and one of which nothing is known no_data', async () => {
    const { server, now } = await aService();
    const later = (ms: number) => () => now() + ms;
    expect(await measure({ url: server.url, now: later(14 * minute) })).toMatchObject({ kind: 'measured' });
    expect(await measure({ url: server.url, now: later(20 * minute) })).toMatchObject({
      kind: 'stale',
      reason: expect.stringContaining('the newest values are 1200 s old'),
    });
    expect(await measure({ url: server.url, now: later(300 * minute) })).toMatchObject({
      kind: 'no_data',
      reason: expect.stringContaining('nothing is known of the last 60 min'),
    });
  });

  it('adds up the series of a query that is grouped, takes the highest of a gauge, and names what is not there', async () => {
    const { server, serve, now } = await aService();
    const options = {
      url: server.url,
      now,
      queries: {
        memoryPercent: 'max:docker.mem.in_use{service:{{service}}} by {host}',
        dbConnectionErrors: 'sum:db.refused{service:{{service}}}.as_count()',
        cpuPercent: 'avg:not.there{*}',
      },
    };
    const first = await measured(options);
    const atMs = now() - 1_000;
    serve(10, 0, 20);
    server.series.push({ metric: 'hits', points: new Map([[atMs, 5]]), tags: ['host:b'] });
    server.series.push({ metric: 'mem.in_use', points: new Map([[atMs, 40]]), tags: ['host:a'] });
    server.series.push({ metric: 'mem.in_use', points: new Map([[atMs, 70]]), tags: ['host:b'] });
    const { counts, missing } = await measured(options, first.cursor);
    expect(counts).toMatchObject({
      requests: 15,
      memoryPercent: 70,
      dbConnectionErrors: 0,
      cpuPercent: null,
    });
    expect(missing).toEqual(['cpuPercent: nothing is told of it']);
  });

  it('weighs the percentiles of several minutes by their requests', async () => {
    const { server, serve, now } = await aService();
    const first = await measured({ url: server.url, now });
    serve(300, 0, 100);
    serve(100, 0, 500);
    expect((await measured({ url: server.url, now }, first.cursor)).counts.latencyQuantileMs).toBeCloseTo(
      200,
    );
  });

  it('asks for the releases that run, as Datadog writes tags', async () => {
    const { server, now } = await aService();
    const queries = {
      requests: 'sum:hits{service:{{service}} AND {{release}}}.as_count()',
      errors: 'sum:bad{*}.as_count()',
    };
    const running = (id: string, release: string): Instance => ({ id, release, running: true, url: null });
    server.series.push({ metric: 'sum:hits', points: new Map([[now() - 3 * minute, 1]]) });
    const options = { url: server.url, now, operation: undefined, queries };
    await measure(options, null, [running('a', 'V1+build'), running('b', 'v2'), running('c', 'v2')]);
    await measure(options);
    expect(server.asked.map(({ data }) => data.attributes.queries[0]?.query)).toEqual([
      'sum:hits{service:web AND version IN (v1_build, v2)}.as_count()',
      'sum:hits{service:web AND version:*}.as_count()',
    ]);
  });

  it('reads the past in minutes; one of which nothing is known is missing', async () => {
    const { server, serve, now } = await aService();
    serve(40, 4, 30);
    serve(60, 0, 30);
    const source = createDatadogSource({ url: server.url, ...keys, operation: 'express.request', now });
    const found = await source.history?.({
      ...where,
      sinceMs: now() - 2_000 * minute,
      untilMs: now(),
      stepMs: minute,
      signal: new AbortController().signal,
    });
    if (found?.kind !== 'read') throw new Error(JSON.stringify(found));
    expect(found.samples.map(({ requests, errors }) => [requests, errors])).toEqual([
      [1, 0],
      [40, 4],
      [60, 0],
    ]);
    expect(found.samples[1]).toMatchObject({ durationMs: minute, latencyQuantileMs: 30, regular: true });
    // In pieces that Datadog does not answer in longer steps.
    expect(server.asked).toHaveLength(2);
  });

  it.each([
    ['requests', 'sum:a{service:{{service}}}.as_count()', null],
    ['latency', 'p95:trace.a{service:{{service}},env:{{environment}}}', null],
    ['requests', 'sum:a{service:{{pod}}}.as_count()', '{{pod}} is not known'],
    ['errors', 'sum:a{*}', 'a count may be told as a rate; allowed: sum:…{…}.as_count()'],
    ['latency', 'p95:a{service:b,{{release}}}', '{{release}} stands beside a comma'],
  ])('judges the query for %s: %s', (signal, query, problem) => {
    expect(datadogQueryProblem(signal, query)).toEqual(
      problem === null ? null : expect.stringContaining(problem),
    );
  });
});
