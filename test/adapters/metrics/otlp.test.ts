import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { serve } from '@hono/node-server';
import {
  AggregationTemporalityPreference,
  OTLPMetricExporter as JsonExporter,
} from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtobufExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationType, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { afterEach, describe, expect, it } from 'vitest';
import type { Cursor, MetricsSource } from '../../../adapters/metrics/metrics-source.ts';
import { createOtlpSource } from '../../../adapters/metrics/otlp.ts';
import { defaultOtlpNames } from '../../../adapters/otlp/pushed.ts';
import { openStore } from '../../../adapters/store/store.ts';
import { createApp } from '../../../client/api/app.ts';
import type { Operations } from '../../../client/api/operations.ts';
import { noAccessSettings } from '../../../config/access.ts';
import { quantileMs } from '../../../domain/histogram.ts';
import { createCatalog } from '../../../worker/catalog.ts';
import { afterwards, cleanUp } from '../temporary.ts';
import { describeMetricsSource, type Served, type Trouble } from './metrics-source.contract.ts';

const token = 'token-of-the-api';
const shop = { product: 'shop', environment: 'production', service: 'web' };

/** The receiver of the API before a store, and the source that a worker would have. */
async function aReceiver(metrics = 'kind: otlp, memory_limit_mb: 512', more = '') {
  const store = await openStore(':memory:');
  const target = 'deploy_target: { kind: local-process, root: a, command: [b], base_port: 1 }';
  const source = `products: { shop: { services: { web: { ${target}, metrics: { ${metrics} } } } } ${more} }`;
  const catalog = createCatalog({
    read: async () => ({ version: 1, source, file: 'c.yml' }),
    env: {},
    incidentsFolder: '/nowhere',
    queues: { control: 'c', watch: 'w' },
    stdout: process.stderr,
    pushed: store.pushed,
  });
  const health = {
    problems: async () => [],
    ready: async () => ({ store: true, temporal: true }),
    rollbackPhase: async () => null,
  };
  // Nobody commands here.
  const app = createApp({
    operations: {} as Operations,
    store,
    catalog,
    token,
    access: async () => noAccessSettings,
    temporalUi: null,
    health,
  });
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 });
  await new Promise((resolve) => server.once('listening', resolve));
  const close = async () => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await store.close();
  };
  const setup = await catalog.setup(shop);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/metrics`,
    store,
    source: setup.services[0]?.metrics as MetricsSource,
    close,
  };
}

interface SdkOptions {
  readonly instance?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly isJson?: boolean;
  readonly isDelta?: boolean;
  readonly isExponential?: boolean;
}

/** A process with OpenTelemetry's own SDK, which pushes when it is told to. */
function aProcess(url: string, options: SdkOptions = {}) {
  const {
    instance = 'a',
    attributes = { 'service.name': 'web', 'deployment.environment.name': 'production' },
  } = options;
  const Exporter = options.isJson === true ? JsonExporter : ProtobufExporter;
  const exporter = new Exporter({
    url,
    headers: { authorization: `Bearer ${token}` },
    temporalityPreference:
      options.isDelta === true
        ? AggregationTemporalityPreference.DELTA
        : AggregationTemporalityPreference.CUMULATIVE,
  });
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({
    resource: resourceFromAttributes({ ...attributes, 'service.instance.id': instance }),
    readers: [reader],
    views:
      options.isExponential === true
        ? [{ instrumentName: 'http.server.*', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }]
        : [],
  });
  const meter = provider.getMeter('http');
  const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
  const duration = meter.createHistogram('http.server.request.duration', {
    unit: 's',
    advice: { explicitBucketBoundaries: boundaries },
  });
  meter.createObservableUpDownCounter('process.memory.usage', { unit: 'By' }).addCallback((result) => {
    result.observe(128 * 1_048_576);
  });
  return {
    meter,
    async serve({ requests, errors, latencyMs }: Served) {
      for (let i = 0; i < requests; i += 1)
        duration.record(latencyMs / 1_000, {
          'http.response.status_code': i < errors ? 503 : 200,
          'http.route': i % 2 === 0 ? '/cart' : '/pay',
        });
      await provider.forceFlush();
    },
    stop: () => provider.shutdown(),
  };
}

describeMetricsSource('OTLP', async () => {
  const receiver = await aReceiver();
  const process = aProcess(receiver.url);
  await process.serve({ requests: 1, errors: 0, latencyMs: 30 });
  let trouble: Trouble | null = null;
  const read: typeof receiver.store.pushed.read = async (key, sinceMs) => {
    if (trouble === 'slow') return new Promise(() => undefined);
    if (trouble === 'empty') return [];
    if (trouble !== null)
      throw new Error(trouble === 'failing' ? 'the database says 500' : 'connection refused');
    return receiver.store.pushed.read(key, sinceMs);
  };
  return {
    source: createOtlpSource({ records: { read }, names: defaultOtlpNames, timeoutMs: 400 }),
    timeoutMs: 400,
    address: 'OTLP of shop/web',
    request: () => ({ ...shop, instances: [] }),
    serve: process.serve,
    async trouble(kind) {
      trouble = kind;
    },
    async close() {
      await process.stop();
      await receiver.close();
    },
  };
});

describe('metrics that are pushed', () => {
  afterEach(cleanUp);

  async function aService(...settings: Parameters<typeof aReceiver>) {
    const receiver = await aReceiver(...settings);
    afterwards(receiver.close);
    const start = (options: SdkOptions = {}) => {
      const process = aProcess(receiver.url, options);
      afterwards(() => process.stop().catch(() => undefined));
      return process;
    };
    const measure = (cursor: Cursor | null = null) =>
      receiver.source.measure({ ...shop, instances: [], cursor, signal: AbortSignal.timeout(10_000) });
    const measured = async (cursor: Cursor | null = null) => {
      const found = await measure(cursor);
      if (found.kind !== 'measured') throw new Error(`${found.kind}: ${found.reason}`);
      return found;
    };
    const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
      fetch(receiver.url, {
        method: 'POST',
        body,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      });
    return { ...receiver, start, measure, measured, post };
  }

  it.each([
    ['protobuf, cumulative', {}],
    ['JSON, cumulative', { isJson: true }],
    ['protobuf, delta', { isDelta: true }],
    ['JSON, delta', { isJson: true, isDelta: true }],
    ['protobuf, exponential', { isExponential: true }],
    ['JSON, exponential, delta', { isJson: true, isExponential: true, isDelta: true }],
  ] satisfies [string, SdkOptions][])(
    'are counted as OpenTelemetry’s SDK pushes them: %s',
    async (_how, options) => {
      const { start, measured } = await aService();
      const process = start(options);
      await process.serve({ requests: 100, errors: 10, latencyMs: 30 });
      const first = await measured();
      await process.serve({ requests: 40, errors: 4, latencyMs: 400 });
      const second = await measured(first.cursor);
      expect(second.counts).toMatchObject({ requests: 40, errors: 4, memoryPercent: 25 });
      const p95 = quantileMs(second.counts.latency, 0.95) ?? 0;
      expect(p95).toBeGreaterThan(250);
      expect(p95).toBeLessThanOrEqual(500);
      expect(second.counts.parts?.find(({ name }) => name === '/cart')).toMatchObject({
        requests: 20,
        errors: 2,
      });
      await process.serve({ requests: 5, errors: 0, latencyMs: 30 });
      expect((await measured(second.cursor)).counts).toMatchObject({ requests: 5, errors: 0 });
    },
  );

  it('count a process that restarted under its old name from zero', async () => {
    const { start, measured } = await aService();
    const old = start();
    await old.serve({ requests: 1_000, errors: 10, latencyMs: 30 });
    const first = await measured();
    await old.serve({ requests: 100, errors: 1, latencyMs: 30 });
    const young = start();
    await young.serve({ requests: 30, errors: 3, latencyMs: 30 });
    expect((await measured(first.cursor)).counts).toMatchObject({ requests: 130, errors: 4 });
  });

  it('count a new instance from its start, and name one that is silent', async () => {
    const { start, measured, store } = await aService();
    await start().serve({ requests: 10, errors: 0, latencyMs: 30 });
    await store.pushed.change(
      { ...shop, instance: 'old' },
      Date.now() - 200_000,
      () => '{"startedAtMs":0,"series":{}}',
    );
    const first = await measured();
    expect(first.missing).toEqual(['old']);
    await start({ instance: 'b' }).serve({ requests: 20, errors: 5, latencyMs: 30 });
    const { counts } = await measured(first.cursor);
    expect(counts).toMatchObject({ requests: 20, errors: 5 });
    expect(counts.parts).toContainEqual({ by: 'instance', name: 'b', requests: 20, errors: 5 });
  });

  it('are stale when nobody pushes any more, and no data before anybody did', async () => {
    const { start, measure, store } = await aService();
    expect(await measure()).toMatchObject({
      kind: 'no_data',
      reason: expect.stringContaining('nothing was pushed'),
    });
    await start().serve({ requests: 1, errors: 0, latencyMs: 30 });
    await store.pushed.change({ ...shop, instance: 'a' }, Date.now() - 200_000, (before) => before ?? '');
    expect(await measure()).toMatchObject({
      kind: 'stale',
      reason: expect.stringContaining('was last pushed 200 s ago'),
    });
    await store.pushed.change({ ...shop, instance: 'a' }, Date.now(), () => '{"startedAtMs":0,"series":{}}');
    expect(await measure()).toMatchObject({
      kind: 'no_data',
      reason: expect.stringContaining('no http.server.request.duration is among what is pushed'),
    });
  });

  const aPoint = (value: number, timeUnixNano: number, startTimeUnixNano = 1e18) => ({
    startTimeUnixNano: String(startTimeUnixNano),
    timeUnixNano: String(timeUnixNano),
    count: String(value),
    bucketCounts: [String(value), '0'],
    explicitBounds: [1],
    attributes: [{ key: 'http.response.status_code', value: { intValue: '200' } }],
  });
  const aPush = (points: object[], name = 'web', more: object[] = []) =>
    JSON.stringify({
      resourceMetrics: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: name } }, ...more] },
          scopeMetrics: [
            {
              metrics: [
                {
                  name: 'http.server.request.duration',
                  unit: 's',
                  histogram: { aggregationTemporality: 2, dataPoints: points },
                },
              ],
            },
          ],
        },
      ],
    });

  it('change nothing when they are told again, or late', async () => {
    const { post, measured } = await aService();
    await post(aPush([aPoint(10, 2e18)]));
    const first = await measured();
    for (const point of [aPoint(15, 3e18), aPoint(15, 3e18), aPoint(12, 2.5e18)]) await post(aPush([point]));
    expect((await measured(first.cursor)).counts.requests).toBe(5);
  });

  it('are of the service that its names say, and of none else', async () => {
    const { post, measure } = await aService('kind: otlp, service_name: the-web, environment_name: prod');
    const told = async (body: string) => (await (await post(body)).json()) as object;
    const env = (name: string) => [{ key: 'deployment.environment.name', value: { stringValue: name } }];
    const points = [aPoint(1, 2e18)];
    expect(await told(aPush(points))).toEqual({
      partialSuccess: {
        rejectedDataPoints: '1',
        errorMessage: 'no service with metrics of kind otlp is called web',
      },
    });
    expect(await told(aPush(points, 'the-web', env('test')))).toMatchObject({
      partialSuccess: { errorMessage: 'no service with metrics of kind otlp is called the-web in test' },
    });
    expect(await measure()).toMatchObject({ kind: 'no_data' });
    expect(await told(aPush(points, 'the-web', env('prod')))).toEqual({});
    expect(await told(aPush(points, 'the-web'))).toEqual({});
    expect(await measure()).toMatchObject({ kind: 'measured' });
  });

  it('of two services with one name are told apart by environment, or refused', async () => {
    const target = 'deploy_target: { kind: local-process, root: a, command: [b], base_port: 1 }';
    const more = `, test: { environment: test, services: { web: { ${target}, metrics: { kind: otlp, memory_limit_mb: 1 } } } }`;
    const { post } = await aService('kind: otlp, memory_limit_mb: 1', more);
    expect(await (await post(aPush([aPoint(1, 2e18)]))).text()).toContain(
      'more than one service is called web: tell them apart by deployment.environment.name',
    );
  });

  it('are refused with what is allowed', async () => {
    const { post } = await aService();
    const refused = async (...args: Parameters<typeof post>) => {
      const response = await post(...args);
      return `${response.status} ${((await response.json()) as { error: string }).error}`;
    };
    expect(await refused('{}', { authorization: 'Bearer x' })).toMatch(
      /^401 the bearer token is none of this installation/,
    );
    expect(await refused('<a/>', { 'content-type': 'text/xml' })).toBe(
      '415 found text/xml; allowed: application/x-protobuf, application/json',
    );
    expect(await refused('{"resource')).toMatch(/^400 the body is no ExportMetricsServiceRequest/);
    expect(await refused('\u0007\u0007\u0007', { 'content-type': 'application/x-protobuf' })).toMatch(
      /^400 the body is no/,
    );
    expect(await refused('{}', { 'content-encoding': 'br' })).toBe(
      '400 found the content encoding br; allowed: gzip',
    );
    expect(await refused('{}', { 'content-encoding': 'gzip' })).toBe('400 the body is not gzip');
    expect(await refused(' '.repeat(1_100_000))).toBe('413 the body is larger than 1 MiB');
    const bomb = new Uint8Array(gzipSync(' '.repeat(17 * 1_048_576)));
    expect(await refused(bomb, { 'content-encoding': 'gzip' })).toBe(
      '400 the body is larger than 16 MiB, decompressed',
    );
  });

  it('are taken compressed', async () => {
    const { post, measured } = await aService();
    const body = new Uint8Array(gzipSync(aPush([aPoint(10, 2e18)])));
    expect((await post(body, { 'content-encoding': 'gzip' })).status).toBe(200);
    expect((await measured()).counts.requests).toBe(0);
  });

  it('of one instance fill no more than 1,000 series', async () => {
    const { post, store } = await aService();
    const points = Array.from({ length: 1_010 }, (_, i) => ({
      ...aPoint(1, 2e18),
      attributes: [{ key: 'http.route', value: { stringValue: `/${i}` } }],
    }));
    expect(await (await post(aPush(points))).json()).toMatchObject({
      partialSuccess: { rejectedDataPoints: '10', errorMessage: 'too many series of one instance' },
    });
    const [row] = await store.pushed.read(shop, 0);
    expect(Object.keys((JSON.parse(row?.document ?? '{}') as { series: object }).series)).toHaveLength(1_000);
  });
});
