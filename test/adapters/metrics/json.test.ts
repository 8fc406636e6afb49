import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { JsonPaths } from '../../../adapters/metrics/json/page.ts';
import { createJsonSource, type JsonOptions, jsonUrlProblem } from '../../../adapters/metrics/json.ts';
import type { Cursor } from '../../../adapters/metrics/metrics-source.ts';
import type { Instance } from '../../../domain/live.ts';
import { aFaultyServer, aServer, type HttpFault, httpFaults } from '../http-faults.ts';
import { cleanUp } from '../temporary.ts';
import { describeMetricsSource, type Served, type Trouble } from './metrics-source.contract.ts';

const timeoutMs = 400;
const paths: JsonPaths = { requests: 'http.requests', errors: 'http.errors', latencyBuckets: 'http.latency' };
const bounds = [10, 25, 50, 100, 250, 500, 1_000];

/** A service's own page of figures, in process. */
async function startPage(counts: 'since_start' | 'per_interval') {
  let page = { requests: 1, errors: 0, buckets: bounds.map(() => 1) };
  let writtenAtMs = Date.now() - 1_000;
  let listener: RequestListener | null = null;
  const server = createServer((request, response) => {
    if (listener !== null) return listener(request, response);
    const { requests, errors, buckets } = page;
    const latency = Object.fromEntries([...bounds, '+Inf'].map((le, i) => [le, buckets[i] ?? requests]));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ http: { requests, errors, latency }, at: writtenAtMs }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const troubles: Partial<Record<Trouble, RequestListener>> = {
    slow: (_request, response) => void response.writeHead(200).write('{'),
    failing: (_request, response) => void response.writeHead(500).end('oops'),
    empty: (_request, response) => void response.end('{"http":{}}'),
  };
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    serve({ requests, errors, latencyMs }: Served) {
      const base = counts === 'since_start' ? page : { requests: 0, errors: 0, buckets: bounds.map(() => 0) };
      const buckets = bounds.map((le, i) => (base.buckets[i] ?? 0) + (latencyMs <= le ? requests : 0));
      page = { requests: base.requests + requests, errors: base.errors + errors, buckets };
      writtenAtMs += 1;
    },
    async trouble(kind: Trouble) {
      if (kind === 'unreachable') await close();
      else listener = troubles[kind] ?? null;
    },
    close: async () => void (await close()),
  };
}

for (const counts of ['since_start', 'per_interval'] as const)
  describeMetricsSource(`JSON that counts ${counts}`, async () => {
    const page = await startPage(counts);
    const source = createJsonSource({
      url: `${page.url}/figures/{{service}}?key=s3cret`,
      paths: { ...paths, timestamp: 'at' },
      counts,
      timeoutMs,
    });
    return {
      source,
      timeoutMs,
      address: `${page.url}/figures/web`,
      request: () => ({ product: 'shop', environment: 'production', service: 'web', instances: [] }),
      serve: async (served) => page.serve(served),
      trouble: page.trouble,
      close: page.close,
    };
  });

describe('asking for JSON', () => {
  afterEach(cleanUp);

  const anInstance = (id: string, url: string | null): Instance => ({
    id,
    release: null,
    running: true,
    url,
  });

  function measure(
    options: Partial<JsonOptions>,
    instances: Instance[] = [],
    cursor: Cursor | null = null,
    signal = new AbortController().signal,
  ) {
    const source = createJsonSource({ paths, timeoutMs, ...options });
    return source.measure({
      product: 'shop',
      environment: 'production',
      service: 'web',
      instances,
      cursor,
      signal,
    });
  }

  async function measured(...args: Parameters<typeof measure>) {
    const measurement = await measure(...args);
    if (measurement.kind !== 'measured') throw new Error(`${measurement.kind}: ${measurement.reason}`);
    return measurement;
  }

  /** A page that shows what is written here. */
  const aPage = (page: unknown) =>
    aServer(
      (_request, response) =>
        void response.setHeader('content-type', 'application/json').end(JSON.stringify(page)),
    );

  const answers: Record<HttpFault, [kind: string, found: string]> = {
    'a refused connection': ['error', 'connection refused'],
    'no answer': ['timeout', 'no complete answer within 400 ms'],
    'HTTP 401': ['error', 'HTTP 401 Unauthorized'],
    'HTTP 403': ['error', 'HTTP 403 Forbidden'],
    'HTTP 404': ['error', 'HTTP 404 Not Found'],
    'HTTP 429': ['rate_limited', 'asks to wait 7 s'],
    'HTTP 500': ['error', 'HTTP 500'],
    'HTTP 503': ['error', 'HTTP 503'],
    'a redirect': ['error', 'a redirect, which is not followed'],
    'a truncated body': ['error', 'connection'],
    'a body of 10 MB': ['error', 'larger than 4194304 bytes'],
    'a wrong content type': ['error', 'the answer is not JSON, but text/html'],
    'a slow drip': ['timeout', 'no complete answer within 400 ms'],
  };

  it.each(httpFaults)('answers %s with the kind that fits, and without its secrets', async (fault) => {
    const url = await aFaultyServer(fault);
    const [kind, found] = answers[fault];
    const answer = await measure({
      url: `${url.replace('http://', 'http://user:s3cret@')}/page?token=s3cret`,
      headers: { authorization: 'Bearer s3cret' },
      // A busy machine must not make a timeout of what is none.
      timeoutMs: kind === 'timeout' ? timeoutMs : 20_000,
    });
    expect(answer).toMatchObject({ kind, reason: expect.stringContaining(found) });
    expect(JSON.stringify(answer)).toContain(`${url}/page`);
    expect(JSON.stringify(answer)).not.toContain('s3cret');
  });

  it('reads one page of each running instance, adds them up and names the one that is silent', async () => {
    const a = await aPage({ http: { requests: 10, errors: 1 } });
    const b = await aPage({ http: { requests: 20, errors: 0 } });
    const [first, second] = [anInstance('a', a), anInstance('b', `${b}/`)];
    const silent = anInstance('c', await aFaultyServer('HTTP 503'));
    const unknown = anInstance('d', null);
    const found = await measured({ path: '/page' }, [first, second, silent, unknown]);
    expect(found.missing).toEqual([
      'c',
      'd',
      'a: latencyBuckets (nothing at http.latency)',
      'b: latencyBuckets (nothing at http.latency)',
    ]);
    expect(found.counts.parts?.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('asks for one page of each instance by its name where the URL says so', async () => {
    const asked: string[] = [];
    const url = await aServer((request, response) => {
      asked.push(String(request.url));
      response.end('{"http":{"requests":1,"errors":0}}');
    });
    const at = `${url}/{{product}}/{{ environment }}/{{service}}/{{instance}}`;
    await measured({ url: at }, [anInstance('a b', null), anInstance('c', null)]);
    expect(asked.toSorted()).toEqual(['/shop/production/web/a%20b', '/shop/production/web/c']);
    expect(await measure({ url: at })).toMatchObject({ kind: 'no_data' });
  });

  it('reads every figure, with keys that hold dots, texts as times and a list as a histogram', async () => {
    const nowMs = Date.now();
    const url = await aPage({
      counters: { 'http.requests': { count: 10 }, 'http.errors': { count: 2 } },
      timers: [{ p95: 0.25 }],
      histogram: [
        { le: 0.1, count: 7 },
        { le: '+Inf', count: 3 },
      ],
      memory: { used: 256, limit: 1_024 },
      started: new Date(nowMs - 30_000).toISOString(),
      at: nowMs / 1_000,
      db: 1,
      cpu: 12,
      users: 3,
    });
    const all: JsonPaths = {
      requests: 'counters.http.requests.count',
      errors: 'counters.http.errors.count',
      latencyBuckets: 'histogram',
      latencyPercentile: 'timers.0.p95',
      memoryBytes: 'memory.used',
      memoryLimitBytes: 'memory.limit',
      startTime: 'started',
      timestamp: 'at',
      dbConnectionErrors: 'db',
      cpuSeconds: 'cpu',
      affectedUsers: 'users',
    };
    const options = { url, paths: all, latencyUnit: 'seconds', buckets: 'separate' } as const;
    const first = await measured(options);
    expect(first.missing).toEqual([]);
    // Of a minute ago, when the process had not started.
    const cursor = { ...(first.cursor as object), atMs: nowMs - 60_000, instances: {} } as Cursor;
    const { counts } = await measured(options, [], cursor);
    expect(counts).toMatchObject({
      requests: 10,
      errors: 2,
      latency: { boundsMs: [100], counts: [7, 3] },
      latencyQuantileMs: 250,
      memoryPercent: 25,
      dbConnectionErrors: 1,
      affectedUsers: 3,
    });
  });

  it('counts a process that restarted from zero', async () => {
    let page = { http: { requests: 1_000, errors: 10 } };
    const url = await aServer((_request, response) => void response.end(JSON.stringify(page)));
    const first = await measured({ url });
    page = { http: { requests: 40, errors: 2 } };
    expect((await measured({ url }, [], first.cursor)).counts).toMatchObject({ requests: 40, errors: 2 });
  });

  it.each([
    ['nothing of requests', { http: { errors: 0 } }, 'no_data', 'nothing at http.requests, where requests'],
    ['nothing of errors', { http: { requests: 1 } }, 'no_data', 'nothing at http.errors, where errors'],
    [
      'a text for a number',
      { http: { requests: 'token', errors: 0 } },
      'error',
      'http.requests, where requests should be, holds a text; allowed: a number of 0 or more',
    ],
    [
      'a number below zero',
      { http: { requests: -1, errors: 0 } },
      'error',
      'http.requests, where requests should be, holds -1',
    ],
    [
      'a histogram that is none',
      { http: { requests: 1, errors: 0, latency: [['fast', 1]] } },
      'error',
      'http.latency, where latency_buckets should be, is no histogram',
    ],
    ['a page of long ago', { http: { requests: 1, errors: 0 }, at: 1e9 }, 'stale', 'the page was written'],
    [
      'a time that is none',
      { http: { requests: 1, errors: 0 }, at: 'now' },
      'error',
      'at, where timestamp should be, holds a text; allowed: seconds or milliseconds',
    ],
  ])('says so of %s', async (_what, page, kind, found) => {
    const url = await aPage(page);
    const answer = await measure({ url, paths: { ...paths, timestamp: 'at' } });
    expect(answer).toMatchObject({ kind, reason: expect.stringContaining(found) });
    expect(JSON.stringify(answer)).not.toContain('token');
  });

  it('counts an interval of a page without a time once', async () => {
    const url = await aPage({ http: { requests: 30, errors: 3 } });
    const options = { url, counts: 'per_interval', intervalMs: 60_000 } as const;
    const first = await measured(options);
    expect(first.counts).toMatchObject({ requests: 0, errors: 0 });
    expect((await measured(options, [], first.cursor)).counts).toMatchObject({ requests: 0, errors: 0 });
    const { format } = first.cursor as { format: string };
    const cursor: Cursor = { format, seen: { web: Date.now() - 60_000 } };
    expect((await measured(options, [], cursor)).counts).toMatchObject({ requests: 30, errors: 3 });
  });

  it('sends its headers, and takes readings of other paths for no base', async () => {
    const sent: unknown[] = [];
    const url = await aServer((request, response) => {
      sent.push(request.headers['x-api-key']);
      response.end('{"http":{"requests":500,"errors":9},"other":{"requests":9000,"errors":0}}');
    });
    const first = await measured({ url, headers: { 'x-api-key': 'k' } });
    expect(sent).toEqual(['k']);
    const others = { requests: 'other.requests', errors: 'other.errors' };
    const { counts } = await measured({ url, paths: others }, [], first.cursor);
    expect(counts).toMatchObject({ requests: 0, errors: 0 });
  });

  it('knows a placeholder that there is not', () => {
    expect(jsonUrlProblem('http://a/{{service}}/{{instance}}')).toBeNull();
    expect(jsonUrlProblem('http://a/{{pod}}')).toBe(
      '{{pod}} is not known; allowed: {{product}}, {{environment}}, {{service}}, {{instance}}',
    );
  });
});
