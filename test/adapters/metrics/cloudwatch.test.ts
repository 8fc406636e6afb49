import type { RequestListener } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { cloudWatchQueryProblem } from '../../../adapters/metrics/cloudwatch/queries.ts';
import { type CloudWatchOptions, createCloudWatchSource } from '../../../adapters/metrics/cloudwatch.ts';
import type { Cursor } from '../../../adapters/metrics/metrics-source.ts';
import { aFaultyServer, type HttpFault, httpFaults } from '../http-faults.ts';
import { afterwards, cleanUp } from '../temporary.ts';
import { nameOf, refuse, startCloudWatch } from './cloudwatch-server.ts';
import { describeMetricsSource } from './metrics-source.contract.ts';

const timeoutMs = 1_500;
const minute = 60_000;
const where = { product: 'shop', environment: 'production', service: 'web' };
const alb = { loadBalancer: 'app/shop', targetGroups: ['targetgroup/blue'] };

beforeAll(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 's3cret');
});
afterAll(() => void vi.unstubAllEnvs());

/** A load balancer whose every serving lasts a minute, of which CloudWatch knows all when two more have passed. */
async function aLoadBalancer() {
  const server = await startCloudWatch();
  let nowMs = Math.floor(Date.now() / minute) * minute + 1_000;
  const put = (metric: string, value: number) =>
    server.put(`${metric} app/shop targetgroup/blue`, nowMs - 1_000, value);
  const serve = (requests: number, errors: number, latencyMs: number) => {
    put('RequestCount', requests);
    // Not reported when there was none.
    if (errors > 0) put('HTTPCode_Target_5XX_Count', errors);
    put('TargetResponseTime', latencyMs / 1_000);
    put('HealthyHostCount', 2);
    nowMs += 3 * minute;
  };
  serve(1, 0, 20);
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { server, serve, now: () => nowMs, pass };
}

describeMetricsSource('CloudWatch', async () => {
  const { server, serve, now } = await aLoadBalancer();
  const troubles: Record<string, RequestListener> = {
    slow: (_request, response) => void response.writeHead(200).write('{"Metric'),
    failing: (_request, response) => refuse(response, 500, 'InternalServiceFault', 'oops'),
  };
  return {
    source: createCloudWatchSource({ region: 'eu-central-1', endpoint: server.url, alb, timeoutMs, now }),
    timeoutMs,
    address: server.url,
    request: () => ({ ...where, instances: [] }),
    serve: async ({ requests, errors, latencyMs }) => serve(requests, errors, latencyMs),
    async trouble(kind) {
      if (kind === 'unreachable') await server.close();
      else if (kind === 'empty') server.metrics.clear();
      else server.answer(troubles[kind] ?? null);
    },
    close: () => server.close().catch(() => undefined),
  };
});

describe('asking CloudWatch', () => {
  afterEach(cleanUp);

  async function aService() {
    const service = await aLoadBalancer();
    afterwards(service.server.close);
    return service;
  }

  function measure(options: Partial<CloudWatchOptions>, cursor: Cursor | null = null) {
    const source = createCloudWatchSource({ region: 'eu-central-1', alb, timeoutMs, ...options });
    return source.measure({ ...where, instances: [], cursor, signal: new AbortController().signal });
  }

  async function measured(...args: Parameters<typeof measure>) {
    const measurement = await measure(...args);
    if (measurement.kind !== 'measured') throw new Error(`${measurement.kind}: ${measurement.reason}`);
    return measurement;
  }

  const answers: Record<HttpFault, [kind: string, found: RegExp]> = {
    'a refused connection': ['error', /ECONNREFUSED/],
    'no answer': ['timeout', /no complete answer within 1500 ms/],
    'HTTP 401': ['error', /HTTP 401/],
    'HTTP 403': ['error', /HTTP 403/],
    'HTTP 404': ['error', /HTTP 404/],
    'HTTP 429': ['rate_limited', /HTTP 429/],
    'HTTP 500': ['error', /HTTP 500/],
    'HTTP 503': ['error', /HTTP 503/],
    'a redirect': ['error', /HTTP 302/],
    'a truncated body': ['error', /aborted|terminated|JSON/i],
    'a body of 10 MB': ['error', /not that of GetMetricData/],
    'a wrong content type': ['error', /JSON|Deserialization|HTTP 200/i],
    'a slow drip': ['timeout', /no complete answer within 1500 ms/],
  };

  it.each(httpFaults)('answers %s with the kind that fits, and without its keys', async (fault) => {
    const endpoint = await aFaultyServer(fault);
    const [kind, found] = answers[fault];
    const answer = await measure({ endpoint, timeoutMs: kind === 'timeout' ? timeoutMs : 20_000 });
    expect(answer).toMatchObject({ kind, reason: expect.stringMatching(found) });
    expect(JSON.stringify(answer)).toContain(endpoint);
    expect(JSON.stringify(answer)).not.toMatch(/s3cret|AKIDEXAMPLE/);
  });

  it.each([
    [
      'throttling',
      400,
      'ThrottlingException',
      'Rate exceeded',
      'rate_limited',
      'ThrottlingException: Rate exceeded',
    ],
    [
      'a lack of rights',
      403,
      'AccessDeniedException',
      'User: x is not authorized to perform',
      'error',
      'the worker needs cloudwatch:GetMetricData',
    ],
    [
      'an expired token',
      403,
      'ExpiredTokenException',
      'The security token included in the request is expired',
      'error',
      "the worker's credentials for AWS must be renewed",
    ],
    [
      'a metric it cannot read',
      400,
      'InvalidParameterValue',
      'The parameter is wrong',
      'error',
      'InvalidParameterValue',
    ],
  ])('says so of %s', async (_what, status, name, message, kind, found) => {
    const { server, now } = await aService();
    server.answer((_request, response) => refuse(response, status, name, message));
    const answer = await measure({ endpoint: server.url, now, timeoutMs: 20_000 });
    expect(answer).toMatchObject({ kind, reason: expect.stringContaining(found) });
  });

  it('asks for all signals in one call, in whole minutes, signed for the region', async () => {
    const { server, now } = await aService();
    const ecs = { cluster: 'main', service: 'web' };
    await measured({ endpoint: server.url, now, ecs, percentile: 'p99' });
    expect(server.asked).toHaveLength(1);
    const [asked] = server.asked;
    expect(
      asked?.MetricDataQueries.map(({ Id, MetricStat }) => [
        Id,
        MetricStat?.Metric.Namespace,
        MetricStat?.Metric.MetricName,
        MetricStat?.Stat,
        MetricStat?.Period,
      ]),
    ).toEqual([
      ['q0', 'AWS/ApplicationELB', 'RequestCount', 'Sum', 60],
      ['q1', 'AWS/ApplicationELB', 'HTTPCode_Target_5XX_Count', 'Sum', 60],
      ['q2', 'AWS/ApplicationELB', 'TargetConnectionErrorCount', 'Sum', 60],
      ['q3', 'AWS/ApplicationELB', 'TargetResponseTime', 'p99', 60],
      ['q4', 'AWS/ApplicationELB', 'HealthyHostCount', 'Maximum', 60],
      ['q5', 'AWS/ECS', 'MemoryUtilization', 'Maximum', 60],
      ['q6', 'AWS/ECS', 'CPUUtilization', 'Average', 60],
    ]);
    expect(asked?.MetricDataQueries[0]?.MetricStat?.Metric.Dimensions).toEqual([
      { Name: 'LoadBalancer', Value: 'app/shop' },
      { Name: 'TargetGroup', Value: 'targetgroup/blue' },
    ]);
    expect([asked?.StartTime, asked?.EndTime].map((at) => Number(at) % 60)).toEqual([0, 0]);
    expect(server.headers[0]?.authorization).toContain('/eu-central-1/monitoring/aws4_request');
  });

  it('reads all pages', async () => {
    const { server, serve, now } = await aService();
    const first = await measured({ endpoint: server.url, now });
    serve(40, 3, 100);
    server.paged(2);
    const { counts } = await measured({ endpoint: server.url, now }, first.cursor);
    expect(counts).toMatchObject({ requests: 40, errors: 3, latencyQuantileMs: 100 });
    expect(server.asked.slice(1).map(({ NextToken }) => NextToken)).toEqual([undefined, '2', '4']);
  });

  it('counts refused connections as errors and adds up both target groups', async () => {
    const { server, serve, now } = await aService();
    const options = {
      endpoint: server.url,
      now,
      alb: { ...alb, targetGroups: ['targetgroup/blue', 'targetgroup/green'] },
    };
    const first = await measured(options);
    const atMs = now() - 1_000;
    serve(40, 3, 100);
    server.put('RequestCount app/shop targetgroup/green', atMs, 10);
    server.put('TargetConnectionErrorCount app/shop targetgroup/green', atMs, 4);
    server.put('TargetResponseTime app/shop targetgroup/green', atMs, 0.3);
    const { counts } = await measured(options, first.cursor);
    expect(counts).toMatchObject({ requests: 50, errors: 7, latencyQuantileMs: 300 });
  });

  it('calls a quiet load balancer quiet, and one that is not known no_data', async () => {
    const { server, now, pass } = await aService();
    const first = await measured({ endpoint: server.url, now });
    pass(30 * minute);
    expect(await measure({ endpoint: server.url, now })).toMatchObject({ kind: 'stale' });
    server.put('HealthyHostCount app/shop targetgroup/blue', now() - 3 * minute - 1_000, 2);
    const quiet = await measured({ endpoint: server.url, now }, first.cursor);
    expect(quiet.counts).toMatchObject({ requests: 0, errors: 0 });
    expect(quiet.missing).toEqual([]);
    pass(100 * minute);
    expect(await measure({ endpoint: server.url, now })).toMatchObject({ kind: 'no_data' });
  });

  it.each([
    ['PartialData', 'PartialData'],
    ['Forbidden', 'Forbidden: Forbidden Authentication too complex to retrieve cross region data'],
    ['InternalError', 'InternalError'],
  ])('is blind when the counts are %s, and names a gauge that is', async (StatusCode, words) => {
    const { server, now } = await aService();
    const ecs = { cluster: 'main', service: 'web' };
    server.put('CPUUtilization main web', now() - 3 * minute - 1_000, 12);
    const message = { Code: 'Forbidden', Value: 'Authentication too complex to retrieve cross region data' };
    const status = { StatusCode, ...(StatusCode === 'Forbidden' ? { Messages: [message] } : {}) };
    server.statuses.set('MemoryUtilization main web', status);
    const found = await measured({ endpoint: server.url, now, ecs });
    expect(found.missing).toContain(`memoryPercent: ${words}`);
    server.statuses.set('HTTPCode_Target_5XX_Count app/shop targetgroup/blue', status);
    expect(await measure({ endpoint: server.url, now, ecs })).toMatchObject({
      kind: 'error',
      reason: expect.stringContaining(`asked for errors: ${words}`),
    });
  });

  it('asks for metrics and expressions of one’s own, with the product and service in them', async () => {
    const { server, now } = await aService();
    const queries = {
      requests: [
        { expression: 'SUM(SEARCH(\'{Shop,Service} Service="{{service}}" MetricName="Hits"\', \'Sum\'))' },
      ],
      errors: [
        {
          namespace: 'Shop',
          metric: 'Failures',
          dimensions: { Service: '{{product}}-{{service}}' },
          stat: 'Sum',
        },
      ],
    };
    server.put('Failures shop-web', now() - 3 * minute - 1_000, 1);
    await measured({ endpoint: server.url, now, alb: undefined, queries });
    expect(server.asked[0]?.MetricDataQueries.map(nameOf)).toEqual([
      'SUM(SEARCH(\'{Shop,Service} Service="web" MetricName="Hits"\', \'Sum\'))',
      'Failures shop-web',
    ]);
  });

  it('reads the past in minutes, as far as CloudWatch keeps them', async () => {
    const { server, serve, now } = await aService();
    serve(40, 4, 30);
    const source = createCloudWatchSource({ region: 'eu-central-1', endpoint: server.url, alb, now });
    const found = await source.history?.({
      ...where,
      sinceMs: now() - 30 * 24 * 60 * minute,
      untilMs: now(),
      stepMs: minute,
      signal: new AbortController().signal,
    });
    if (found?.kind !== 'read') throw new Error(JSON.stringify(found));
    expect(found.samples.map(({ requests, errors }) => [requests, errors])).toEqual([
      [1, 0],
      [40, 4],
    ]);
    const oldest = Math.min(...server.asked.map(({ StartTime }) => StartTime));
    expect(oldest).toBeGreaterThanOrEqual(now() / 1_000 - 15 * 24 * 3_600);
  });

  it('asks once for what 200 monitors ask in the same moment, at most 500 metrics a call', async () => {
    const { server, now } = await aService();
    const groups = Array.from({ length: 200 }, (_, i) => `targetgroup/${i}`);
    for (const [i, group] of groups.entries()) {
      server.put(`RequestCount app/shop ${group}`, now() - 6 * minute - 1_000, 1);
      server.put(`RequestCount app/shop ${group}`, now() - 3 * minute - 1_000, 1_000 + i);
    }
    const base = now() - 3 * minute;
    const sources = groups.map((group) =>
      createCloudWatchSource({
        region: 'eu-central-1',
        endpoint: server.url,
        alb: { ...alb, targetGroups: [group] },
        now,
        timeoutMs: 20_000,
      }),
    );
    const ask = (cursors: readonly (Cursor | null)[]) =>
      Promise.all(
        sources.map((source, i) =>
          source.measure({
            ...where,
            instances: [],
            cursor: cursors[i] ?? null,
            signal: AbortSignal.timeout(20_000),
          }),
        ),
      );
    const first = await ask([]);
    const cursors = first.map((found) => {
      if (found.kind !== 'measured') throw new Error(found.reason);
      return { ...(found.cursor as object), untilMs: base - 1_000 } as Cursor;
    });
    // 200 monitors ask for 5 metrics each.
    expect(server.asked).toHaveLength(3);
    expect(
      Math.max(...server.asked.map(({ MetricDataQueries }) => MetricDataQueries.length)),
    ).toBeLessThanOrEqual(500);
    const second = await ask(cursors);
    expect(second.map((found) => (found.kind === 'measured' ? found.counts.requests : found.reason))).toEqual(
      groups.map((_, i) => 1_000 + i),
    );
    expect(server.asked).toHaveLength(6);
  });

  it('does not cancel the others when one check is cancelled', async () => {
    const { server, now } = await aService();
    const controller = new AbortController();
    const options = { region: 'eu-central-1', endpoint: server.url, alb, now, timeoutMs };
    const request = { ...where, instances: [], cursor: null };
    const cancelled = createCloudWatchSource(options).measure({ ...request, signal: controller.signal });
    const other = createCloudWatchSource(options).measure({
      ...request,
      signal: AbortSignal.timeout(10_000),
    });
    controller.abort();
    expect(await cancelled).toMatchObject({ kind: 'error', reason: expect.stringContaining('cancelled') });
    expect(await other).toMatchObject({ kind: 'measured' });
  });

  it('asks no link-local endpoint', async () => {
    const source = createCloudWatchSource({ region: 'eu-central-1', endpoint: 'http://169.254.1.1', alb });
    const { signal } = new AbortController();
    expect(await source.measure({ ...where, instances: [], cursor: null, signal })).toMatchObject({
      kind: 'error',
      reason: expect.stringContaining(
        '169.254.1.1 is a link-local address, where clouds keep their metadata: it is not asked',
      ),
    });
  });

  it('knows a placeholder that there is not', () => {
    expect(cloudWatchQueryProblem('{{service}}')).toBeNull();
    expect(cloudWatchQueryProblem('{{release}}')).toContain('{{release}} is not known; allowed: {{product}}');
  });
});
