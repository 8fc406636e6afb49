import { z } from 'zod';
import { type QuerySetName, querySets } from '../../adapters/metrics/prometheus/queries.ts';
import {
  byKind,
  duration,
  durationOrNone,
  environmentVariables,
  mapping,
  second,
  section,
  text,
  texts,
  url,
} from './fields.ts';

const querySetNames = Object.keys(querySets) as QuerySetName[];

const memoryLimit = z
  .number('a number above 0')
  .positive('a number above 0')
  .describe('What memory is a percentage of, MiB; without it the memory trigger is off')
  .optional();

/** Metrics and queries that are named alike wherever they are read. */
const plainMetrics = {
  db_connection_errors: text('Counter').optional(),
  memory_bytes: text('Gauge').optional(),
  memory_percent: text('Gauge, 0 to 100').optional(),
  cpu_seconds: text('Counter').optional(),
  start_time: text('Gauge, seconds since 1970').optional(),
  affected_users: text('Gauge of users who met an error').optional(),
};

const scrape = mapping({
  kind: z.literal('scrape').describe('The /metrics page of every instance, in the format of Prometheus'),
  path: text('Appended to the URL of an instance; default /metrics', 'a path').optional(),
  timeout_seconds: duration('seconds', 'For one page', 5 * second).optional(),
  memory_limit_mb: memoryLimit,
  names: section('Which metric means what, where it is not the usual name.', {
    requests: text('Counter with a label status, status_code or code').optional(),
    errors: text('Counter, where requests carry no status').optional(),
    latency: text('Histogram').optional(),
    ...plainMetrics,
    endpoint_label: text(
      'Label of the requests that names the endpoint; by default route, handler, endpoint, uri, http_route or path',
    ).optional(),
  }),
});

const prometheus = mapping({
  kind: z
    .literal('prometheus')
    .describe('The HTTP API of Prometheus, also as Thanos, Mimir or VictoriaMetrics serve it'),
  url: url('What stands before /api/v1, like http://prometheus:9090'),
  set: z
    .enum(querySetNames, querySetNames.join(', '))
    .describe('Ready-made queries; default prom-client, or none where queries has requests')
    .optional(),
  selector: text(
    'Label matchers of the ready-made queries, in place of their own, like job="shop"',
  ).optional(),
  instance_label: text('Label that names the instance; default instance', 'a label').optional(),
  endpoint_label: text(
    'Label of the requests that names the endpoint, like route; without it endpoints are not told apart',
    'a label',
  ).optional(),
  queries: section(
    'PromQL of your own, in place of or beside the ready-made. Counters as they are: no rate, no increase. {{product}}, {{service}}, {{environment}}, {{release}}, {{selector}} and {{instance}} are replaced.',
    {
      requests: text('Counter; a label with the status tells errors apart').optional(),
      errors: text('Counter, where requests carry no status').optional(),
      latency: text('Counters of the buckets of a histogram, by le').optional(),
      ...plainMetrics,
      newest: text('When the requests were last scraped, seconds since 1970').optional(),
    },
  ),
  latency_unit: z
    .enum(['seconds', 'milliseconds'], 'seconds, milliseconds')
    .describe('Of the bounds of the histogram; default that of the set')
    .optional(),
  histograms: z
    .enum(['classic', 'native'], 'classic, native')
    .describe('What ready-made queries ask for; default classic')
    .optional(),
  bearer_token: text('Sent as a bearer token (a secret)').optional(),
  username: text('For basic authentication').optional(),
  password: text('For basic authentication (a secret)').optional(),
  tenant: text('Sent as X-Scope-OrgID').optional(),
  resolution_seconds: duration(
    'seconds',
    'Between two steps of a question; as often as the service is scraped',
    15 * second,
  ).optional(),
  settle_seconds: durationOrNone('seconds', 'The newest values are this old', 5 * second).optional(),
  stale_after_seconds: duration(
    'seconds',
    'An instance that was not scraped for this long is not known',
    120 * second,
  ).optional(),
  timeout_seconds: duration('seconds', 'For one query', 5 * second).optional(),
  share_seconds: durationOrNone(
    'seconds',
    'A question waits this long for those of other products, with which it is asked as one',
    0.2 * second,
  ).optional(),
  memory_limit_mb: memoryLimit,
});

const json = mapping({
  kind: z.literal('json').describe('Pages in JSON, of each instance or of the service'),
  path: text('Appended to the URL of an instance; default /metrics.json', 'a path').optional(),
  url: url(
    'In place of path: the page of the service, or with {{instance}} that of each. {{product}}, {{environment}} and {{service}} are replaced.',
  ).optional(),
  values: mapping({
    requests: text('Counter', 'a dotted path'),
    errors: text('Counter', 'a dotted path'),
    latency_buckets: text(
      'Histogram: a mapping from bound to count, or a list of them',
      'a dotted path',
    ).optional(),
    latency_percentile: text('The percentile that the trigger names', 'a dotted path').optional(),
    ...plainMetrics,
    memory_limit_bytes: text('Gauge', 'a dotted path').optional(),
    timestamp: text('When the page was written', 'a dotted path').optional(),
  }).describe('Where on the page each figure is: a dotted path, like http.requests or timers.0.p95.'),
  counts: z
    .enum(['since_start', 'per_interval'], 'since_start, per_interval')
    .describe('What counters count: since the process started (default), or in the last interval')
    .optional(),
  interval_seconds: duration('seconds', 'Of a page that counts intervals', 60 * second).optional(),
  latency_unit: z
    .enum(['seconds', 'milliseconds'], 'seconds, milliseconds')
    .describe('Of bounds and percentile; default milliseconds')
    .optional(),
  buckets: z
    .enum(['cumulative', 'separate'], 'cumulative, separate')
    .describe('Whether a bucket holds those below it, too; default cumulative')
    .optional(),
  headers: environmentVariables('Sent with the question (secrets)').optional(),
  stale_after_seconds: duration(
    'seconds',
    'A page that was written longer ago says nothing',
    120 * second,
  ).optional(),
  timeout_seconds: duration('seconds', 'For one page', 5 * second).optional(),
  memory_limit_mb: memoryLimit,
});

/** Of sources that keep counts by steps of time. */
const stepped = {
  percentile: z
    .enum(['p50', 'p95', 'p99'], 'p50, p95, p99')
    .describe('Of the ready-made queries; the one that the trigger latency names. Default p95')
    .optional(),
  settle_seconds: durationOrNone('seconds', 'Newer values are not complete').optional(),
  stale_after_seconds: duration(
    'seconds',
    'A service of which nothing was told for this long is not known',
    900 * second,
  ).optional(),
};

const datadog = mapping({
  kind: z.literal('datadog').describe('The time series of Datadog'),
  site: text('Like datadoghq.eu; default datadoghq.com', 'a site').optional(),
  url: url('In place of https://api.<site>, as through a proxy').optional(),
  api_key: text('An API key (a secret)'),
  application_key: text('An application key that may query time series (a secret)'),
  operation: text(
    'Of APM, like express.request: its ready-made queries',
    'the name of an operation',
  ).optional(),
  queries: section(
    'Queries of your own, in place of or beside the ready-made. Counts with as_count(). {{product}}, {{service}}, {{environment}} and {{release}} are replaced.',
    {
      requests: text('Count').optional(),
      errors: text('Count').optional(),
      latency: text('The percentile that the trigger names').optional(),
      db_connection_errors: text('Count').optional(),
      memory_percent: text('Gauge, 0 to 100').optional(),
      cpu_percent: text('Gauge, 0 to 100').optional(),
      affected_users: text('Gauge of users who met an error').optional(),
      alive: text('Anything that is told each minute, requests or none').optional(),
    },
  ),
  latency_unit: z
    .enum(['seconds', 'milliseconds'], 'seconds, milliseconds')
    .describe('Where Datadog does not know it; default seconds')
    .optional(),
  ...stepped,
  timeout_seconds: duration('seconds', 'For one question', 8 * second).optional(),
});

/** All keys of both forms are named, so that a mistake is told with them; which of them belong together is checked across. */
const cloudWatchQuery = mapping({
  namespace: text('Like AWS/ApplicationELB or one of your own').optional(),
  metric: text('Its name').optional(),
  dimensions: environmentVariables(
    'Names and values; {{product}}, {{service}} and {{environment}} are replaced',
  ).optional(),
  stat: text('Sum, Maximum, Average, p95 …').optional(),
  expression: text('In place of them: SEARCH(…), or SELECT … of Metrics Insights').optional(),
});

const cloudWatchQueries = (description: string) =>
  z
    .array(cloudWatchQuery, 'a list of metrics')
    .min(1, 'a list of at least one metric')
    .describe(description)
    .optional();

const cloudwatch = mapping({
  kind: z
    .literal('cloudwatch')
    .describe('The metrics of Amazon CloudWatch; credentials as everywhere in AWS’s tools'),
  region: text('Like eu-central-1', 'a region'),
  alb: section('Ready-made queries for an Application Load Balancer.', {
    load_balancer: text('As CloudWatch names it: app/shop/50dc6c495c0c9188', 'the end of its ARN, app/…'),
    target_groups: texts('targetgroup/blue/73e2d6bc24d8a067; those of two releases are added up'),
  }),
  ecs: section('Ready-made queries for memory and CPU of a service of ECS.', {
    cluster: text('Its name'),
    service: text('Its name'),
  }),
  queries: section(
    'Metrics of your own, in place of or beside the ready-made; counts add up, of gauges the highest counts.',
    {
      requests: cloudWatchQueries('Count'),
      errors: cloudWatchQueries('Count'),
      latency: cloudWatchQueries('The percentile that the trigger names'),
      db_connection_errors: cloudWatchQueries('Count'),
      memory_percent: cloudWatchQueries('Gauge, 0 to 100'),
      cpu_percent: cloudWatchQueries('Gauge, 0 to 100'),
      affected_users: cloudWatchQueries('Gauge of users who met an error'),
      alive: cloudWatchQueries('Anything that is told each minute, requests or none'),
    },
  ),
  latency_unit: z
    .enum(['seconds', 'milliseconds'], 'seconds, milliseconds')
    .describe('Of the metric for latency; default seconds, as load balancers tell it')
    .optional(),
  ...stepped,
  timeout_seconds: duration('seconds', 'For one call, its pages and retries included', 8 * second).optional(),
});

const otlp = mapping({
  kind: z
    .literal('otlp')
    .describe('What the service pushes to POST /v1/metrics of the API, as OpenTelemetry does'),
  service_name: text('Its service.name; default the name of the service').optional(),
  environment_name: text(
    'Its deployment.environment.name; default the environment of the product',
  ).optional(),
  names: section('Which metric means what, where it is not the name of the semantic conventions.', {
    latency: text('Histogram; its count is the requests. Default http.server.request.duration').optional(),
    db_connection_errors: text('Counter').optional(),
    memory_bytes: text('Default process.memory.usage').optional(),
    memory_percent: text('Gauge, 0 to 100').optional(),
    cpu_seconds: text('Counter; default process.cpu.time').optional(),
    affected_users: text('Gauge of users who met an error').optional(),
  }),
  stale_after_seconds: duration(
    'seconds',
    'An instance that did not push for this long is not known',
    180 * second,
  ).optional(),
  timeout_seconds: duration('seconds', 'For the store', 5 * second).optional(),
  memory_limit_mb: memoryLimit,
});

export const metricsSource = byKind([scrape, prometheus, json, datadog, cloudwatch, otlp]).describe(
  'Where errors, latency and memory are read.',
);

export type MetricsSettings = z.infer<typeof metricsSource>;
