import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createGraphiteSource } from '../../examples/adapter/graphite.ts';
import { aFaultyServer, type HttpFault, httpFaults } from '../adapters/http-faults.ts';
import { describeMetricsSource } from '../adapters/metrics/metrics-source.contract.ts';
import { cleanUp } from '../adapters/temporary.ts';

const minute = 60_000;
const timeoutMs = 400;
const where = { product: 'shop', environment: 'production', service: 'web', instances: [] };
const targets = {
  requests: 'stats_counts.{service}.requests',
  errors: 'stats_counts.{service}.errors',
  latencyMs: 'stats.timers.{service}.upper_95',
};

type Points = Map<number, number | null>;

/** The render API as Graphite documents it, over the points that a test has put there. */
async function startGraphite() {
  const known = new Map<string, Points>();
  let trouble: RequestListener | null = null;
  const server = createServer((request, response) => {
    if (trouble !== null) return trouble(request, response);
    let body = '';
    request.on('data', (piece: Buffer) => {
      body += piece.toString();
    });
    request.on('end', () => {
      const asked = new URLSearchParams(body);
      const [from, until] = [Number(asked.get('from')), Number(asked.get('until'))];
      const series = asked.getAll('target').flatMap((target) => {
        const [, name = '', alias] = /^alias\((.*),"(.*)"\)$/.exec(target) ?? [];
        const points = known.get(name);
        if (points === undefined) return [];
        const datapoints = [...points]
          .filter(([atMs]) => atMs > from * 1_000 && atMs <= until * 1_000)
          .map(([atMs, value]) => [value, atMs / 1_000]);
        return [{ target: alias, datapoints }];
      });
      response.setHeader('content-type', 'application/json').end(JSON.stringify(series));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    known,
    fail(listener: RequestListener) {
      trouble = listener;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describeMetricsSource('the worked example', async () => {
  const graphite = await startGraphite();
  let nowMs = Math.floor(Date.now() / minute) * minute + 1_000;
  const put = (name: string, atMs: number, value: number) => {
    const points: Points = graphite.known.get(name) ?? new Map();
    graphite.known.set(name, points.set(atMs, value));
  };
  const serve = (requests: number, errors: number, latencyMs: number) => {
    const atMs = nowMs - 1_000;
    put('stats_counts.web.requests', atMs, requests);
    put('stats_counts.web.errors', atMs, errors);
    put('stats.timers.web.upper_95', atMs, latencyMs);
    nowMs += 2 * minute;
  };
  serve(1, 0, 20);
  const troubles: Record<string, RequestListener> = {
    slow: () => undefined,
    failing: (_request, response) => void response.writeHead(500).end(),
    empty: (_request, response) => void response.setHeader('content-type', 'application/json').end('[]'),
  };
  return {
    source: createGraphiteSource({ url: graphite.url, targets, timeoutMs, now: () => nowMs }),
    timeoutMs,
    address: graphite.url,
    request: () => where,
    serve: async ({ requests, errors, latencyMs }) => serve(requests, errors, latencyMs),
    async trouble(kind) {
      if (kind === 'unreachable') await graphite.close();
      else graphite.fail(troubles[kind] as RequestListener);
    },
    close: () => graphite.close().catch(() => undefined),
  };
});

describe('the page about writing an adapter', () => {
  afterEach(cleanUp);

  it('shows the example as it is', async () => {
    const text = async (name: string) => readFile(new URL(`../../${name}`, import.meta.url), 'utf8');
    expect(await text('docs/write-an-adapter.md')).toContain(await text('examples/adapter/graphite.ts'));
  });

  const kinds: Partial<Record<HttpFault, string>> = {
    'no answer': 'timeout',
    'a slow drip': 'timeout',
    'HTTP 429': 'rate_limited',
  };
  it.for(httpFaults)('has an example that is blind, and says why, on %s', async (fault) => {
    const url = await aFaultyServer(fault);
    const source = createGraphiteSource({ url, targets, timeoutMs });
    const answer = await source.measure({ ...where, cursor: null, signal: AbortSignal.timeout(60_000) });
    expect(answer).toMatchObject({
      kind: kinds[fault] ?? 'error',
      reason: expect.stringContaining(url),
    });
  });
});
