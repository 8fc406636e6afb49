import { afterEach, describe, expect, it } from 'vitest';
import type { Cursor, Measurement } from '../../../adapters/metrics/metrics-source.ts';
import { querySets } from '../../../adapters/metrics/prometheus/queries.ts';
import { templateOf } from '../../../adapters/metrics/prometheus/template.ts';
import { createPrometheusSource, type PrometheusOptions } from '../../../adapters/metrics/prometheus.ts';
import { afterwards, cleanUp } from '../temporary.ts';
import { answerWith, matrix, type Scraped, startPrometheusServer } from './prometheus-server.ts';
import { aProcess } from './scraped-process.ts';

const signals = Object.keys(querySets['prom-client'].queries).length;

describe('several products that ask Prometheus in the same moment', () => {
  afterEach(cleanUp);

  /** Many services of one server, each with counts of its own. */
  async function manyServices(count: number) {
    const server = await startPrometheusServer();
    afterwards(() => server.close());
    const services = Array.from({ length: count }, (_, i) => ({
      name: `svc.${i}`,
      process: aProcess(`a:${i}`),
    }));
    const scrape = () =>
      server.scrape(
        Date.now(),
        services.flatMap(({ name, process }): Scraped[] =>
          process.series().map((series) => ({ ...series, labels: { ...series.labels, job: name } })),
        ),
      );
    const serve = () => {
      for (const [i, { process }] of services.entries()) process.serve(10 + i, i % 5);
      scrape();
    };
    serve();
    return { server, services, serve };
  }

  function measureAll(
    url: string,
    services: readonly { readonly name: string }[],
    cursors: readonly (Cursor | null)[] = [],
    options: Partial<PrometheusOptions> = {},
    signal = new AbortController().signal,
  ): Promise<Measurement[]> {
    return Promise.all(
      services.map(({ name }, i) =>
        createPrometheusSource({ url, settleMs: 0, timeoutMs: 20_000, ...options }).measure({
          product: `product-${i}`,
          environment: 'production',
          service: name,
          instances: [],
          cursor: cursors[i] ?? null,
          signal,
        }),
      ),
    );
  }

  const cursorsOf = (found: readonly Measurement[]) =>
    found.map((one) => {
      if (one.kind !== 'measured') throw new Error(one.reason);
      return one.cursor;
    });
  const countsOf = (found: readonly Measurement[]) =>
    found.map((one) => (one.kind === 'measured' ? [one.counts.requests, one.counts.errors] : one.reason));

  it('ask one question a signal for each hundred of 200 monitors, and count what each would count alone', async () => {
    const { server, services, serve } = await manyServices(200);
    const first = await measureAll(server.url, services);
    expect(server.asked).toHaveLength(2 * signals);
    serve();
    const together = await measureAll(server.url, services, cursorsOf(first));
    expect(server.asked).toHaveLength(4 * signals);
    expect(countsOf(together)).toEqual(services.map((_, i) => [10 + i, i % 5]));
    const alone = await measureAll(server.url, services, cursorsOf(first), { shareMs: 0 });
    expect(server.asked).toHaveLength(4 * signals + 200 * signals);
    expect(countsOf(alone)).toEqual(countsOf(together));
  });

  it('ask the same question once', async () => {
    const { server, services } = await manyServices(1);
    const found = await measureAll(server.url, [...services, ...services, ...services]);
    expect(new Set(found.map((one) => one.kind))).toEqual(new Set(['measured']));
    expect(server.asked).toHaveLength(signals);
    expect(server.asked[0]?.get('query')).toContain('job="svc.0"');
  });

  it('are each told that nothing is known of them alone', async () => {
    const { server, services } = await manyServices(2);
    const found = await measureAll(server.url, [...services, { name: 'other' }]);
    expect(found.map((one) => one.kind)).toEqual(['measured', 'measured', 'no_data']);
    expect(server.asked).toHaveLength(signals);
  });

  it('keep queries apart that cannot be one', async () => {
    const { server, services } = await manyServices(2);
    server.answer((_request, response) => answerWith(response, matrix([])));
    const requests = 'sum by (instance, status) (hits{job="{{service}}"} or up{job="{{service}}"})';
    await measureAll(server.url, services, [], { queries: { requests } });
    expect(server.asked.map((form) => String(form.get('query'))).toSorted()).toEqual([
      'sum by (instance, status) (hits{job="svc.0"} or up{job="svc.0"})',
      'sum by (instance, status) (hits{job="svc.1"} or up{job="svc.1"})',
    ]);
  });

  it('ask each for itself when the question of all is too much', async () => {
    const { server, services } = await manyServices(3);
    server.answer((_request, response, form) =>
      form.get('query')?.includes('=~')
        ? answerWith(response, { status: 'error', errorType: 'execution', error: 'too many samples' }, 422)
        : answerWith(
            response,
            matrix([{ metric: { instance: 'a', status: '200' }, values: [[Number(form.get('end')), '5']] }]),
          ),
    );
    const queries = { requests: 'sum by (instance, status) (hits{job="{{service}}"})' };
    const found = await measureAll(server.url, services, [], { queries });
    expect(found.map((one) => one.kind)).toEqual(['measured', 'measured', 'measured']);
    expect(server.asked).toHaveLength(4);
  });

  it('fail together when the server does, and are asked no more than that', async () => {
    const { server, services } = await manyServices(5);
    server.answer((_request, response) => void response.writeHead(503).end());
    const found = await measureAll(server.url, services);
    expect(new Set(found.map((one) => one.kind))).toEqual(new Set(['error']));
    expect(server.asked).toHaveLength(signals);
  });

  it('wait together after 429', async () => {
    const { server, services } = await manyServices(2);
    server.answer((_request, response) => void response.writeHead(429, { 'retry-after': '60' }).end());
    await measureAll(server.url, services.slice(0, 1));
    const before = server.asked.length;
    expect(await measureAll(server.url, services.slice(1))).toMatchObject([{ kind: 'rate_limited' }]);
    expect(server.asked.length).toBe(before);
  });

  it('do not share with one that has another token', async () => {
    const { server, services } = await manyServices(2);
    const [a, b] = [services.slice(0, 1), services.slice(1)];
    await Promise.all([
      measureAll(server.url, a, [], { bearerToken: 'a' }),
      measureAll(server.url, b, [], { bearerToken: 'b' }),
    ]);
    expect(server.asked).toHaveLength(2 * signals);
    expect(new Set(server.headers.map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer a', 'Bearer b']),
    );
  });

  it('answer one that is cancelled at once, and the others all the same', async () => {
    const { server, services } = await manyServices(2);
    const controller = new AbortController();
    const [a, b] = [services.slice(0, 1), services.slice(1)];
    const cancelled = measureAll(server.url, a, [], {}, controller.signal);
    const other = measureAll(server.url, b);
    controller.abort();
    expect(await cancelled).toMatchObject([{ kind: 'error' }]);
    expect(await other).toMatchObject([{ kind: 'measured' }]);
  });
});

describe('a query as a template', () => {
  it.each([
    [
      'sum by (instance, code) (hits{job="a.b", code!="4xx"})',
      'sum by (job, instance, code) (hits{job=~"a\\\\.b|c", code!="4xx"})',
    ],
    [
      'max by (instance) (timestamp(hits{job="a.b"}))',
      'max by (job, instance) (timestamp(hits{job=~"a\\\\.b|c"}))',
    ],
    [
      'sum by (instance) (cpu_ns{job="a.b"}) / 1e9',
      'sum by (job, instance) (cpu_ns{job=~"a\\\\.b|c"}) / 1e9',
    ],
  ])('%s', (query, about) => {
    expect(templateOf(query, 'a.b')?.about(['a.b', 'c'])).toBe(about);
  });

  it.each([
    ['two selectors', 'sum by (i) (a{job="web"}) / sum by (i) (b{job="web"})'],
    ['a function', 'sum by (i) (rate(a{job="web"}[5m]))'],
    ['an average', 'avg by (i) (a{job="web"})'],
    ['no grouping', 'sum(a{job="web"})'],
    ['the service in two matchers', 'sum by (i) (a{job="web", app="web"})'],
    ['the service in part of a matcher', 'sum by (i) (a{job="shop-web"})'],
    ['a pattern', 'sum by (i) (a{job=~"web"})'],
    ['the label twice', 'sum by (i) (a{job="web", job!="x"})'],
    ['the label in the grouping', 'sum by (job) (a{job="web"})'],
  ])('is none with %s', (_what, query) => {
    expect(templateOf(query, 'web')).toBeNull();
  });
});
