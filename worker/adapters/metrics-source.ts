import type { MetricQuery } from '../../adapters/metrics/cloudwatch/queries.ts';
import { createCloudWatchSource } from '../../adapters/metrics/cloudwatch.ts';
import { createDatadogSource } from '../../adapters/metrics/datadog.ts';
import { createJsonSource } from '../../adapters/metrics/json.ts';
import type { MetricsSource } from '../../adapters/metrics/metrics-source.ts';
import { createOtlpSource } from '../../adapters/metrics/otlp.ts';
import { createPrometheusSource } from '../../adapters/metrics/prometheus.ts';
import { createScrapeSource } from '../../adapters/metrics/scrape.ts';
import type { StepSignal } from '../../adapters/metrics/steps.ts';
import { defaultOtlpNames, type OtlpNames, type PushedMetrics } from '../../adapters/otlp/pushed.ts';
import type { PushedRecords } from '../../adapters/store/pushed.ts';
import type { MetricsSettings } from '../../config/schema/metrics-sources.ts';
import { ms, text, texts, type Written } from './written.ts';

type ScrapeSettings = Extract<MetricsSettings, { readonly kind: 'scrape' }>;
type CloudWatchSettings = Extract<MetricsSettings, { readonly kind: 'cloudwatch' }>;
type DatadogSettings = Extract<MetricsSettings, { readonly kind: 'datadog' }>;
type JsonSettings = Extract<MetricsSettings, { readonly kind: 'json' }>;
type OtlpSettings = Extract<MetricsSettings, { readonly kind: 'otlp' }>;
type PrometheusSettings = Extract<MetricsSettings, { readonly kind: 'prometheus' }>;

/** Reads what is pushed. */
export type PushedReading = Pick<PushedRecords, 'read'>;

export function metricsOf(
  settings: MetricsSettings | undefined,
  written: Written,
  pushed: PushedReading = unread,
): MetricsSource {
  switch (settings?.kind) {
    case 'prometheus':
      return prometheusOf(settings, written);
    case 'json':
      return jsonOf(settings, written);
    case 'datadog':
      return datadogOf(settings, written);
    case 'cloudwatch':
      return cloudWatchOf(settings, written);
    case 'otlp':
      return createOtlpSource({
        records: pushed,
        names: otlpNamesOf(settings, written),
        memoryLimitMb: settings.memory_limit_mb,
        staleAfterMs: ms(settings.stale_after_seconds),
        timeoutMs: ms(settings.timeout_seconds),
      });
    default:
      return scrapeOf(settings, written);
  }
}

const unread: PushedReading = { read: () => Promise.reject(new Error('there is no store')) };

/** By which names a service is known that pushes; `undefined`: it does not. */
export function pushedOf(
  settings: MetricsSettings | undefined,
  { service, environment }: { readonly service: string; readonly environment: string },
  written: Written,
): PushedMetrics | undefined {
  if (settings?.kind !== 'otlp') return undefined;
  return {
    serviceName: text(settings.service_name, written) ?? service,
    environmentName: text(settings.environment_name, written) ?? environment,
    names: otlpNamesOf(settings, written),
  };
}

function otlpNamesOf({ names }: OtlpSettings, written: Written): OtlpNames {
  return {
    latency: text(names?.latency, written) ?? defaultOtlpNames.latency,
    dbConnectionErrors: text(names?.db_connection_errors, written) ?? null,
    memoryBytes: text(names?.memory_bytes, written) ?? defaultOtlpNames.memoryBytes,
    memoryPercent: text(names?.memory_percent, written) ?? null,
    cpuSeconds: text(names?.cpu_seconds, written) ?? defaultOtlpNames.cpuSeconds,
    affectedUsers: text(names?.affected_users, written) ?? null,
  };
}

interface StepQueries<Query> {
  readonly requests?: Query | undefined;
  readonly errors?: Query | undefined;
  readonly latency?: Query | undefined;
  readonly db_connection_errors?: Query | undefined;
  readonly memory_percent?: Query | undefined;
  readonly cpu_percent?: Query | undefined;
  readonly affected_users?: Query | undefined;
  readonly alive?: Query | undefined;
}

/** Queries as they are written, by the signal that they tell. */
function ofSteps<Query, Asked>(
  queries: StepQueries<Query> | null | undefined,
  read: (query: Query | undefined) => Asked | undefined,
): { readonly [Signal in StepSignal]: Asked | undefined } {
  return {
    requests: read(queries?.requests),
    errors: read(queries?.errors),
    latencyMs: read(queries?.latency),
    dbConnectionErrors: read(queries?.db_connection_errors),
    memoryPercent: read(queries?.memory_percent),
    cpuPercent: read(queries?.cpu_percent),
    affectedUsers: read(queries?.affected_users),
    alive: read(queries?.alive),
  };
}

function datadogOf(settings: DatadogSettings, written: Written): MetricsSource {
  return createDatadogSource({
    site: text(settings.site, written),
    url: text(settings.url, written),
    apiKey: written.text(settings.api_key),
    applicationKey: written.text(settings.application_key),
    operation: text(settings.operation, written),
    queries: ofSteps(settings.queries, (query) => text(query, written)),
    percentile: settings.percentile,
    latencyUnit: settings.latency_unit,
    settleMs: ms(settings.settle_seconds),
    staleAfterMs: ms(settings.stale_after_seconds),
    timeoutMs: ms(settings.timeout_seconds),
  });
}

function cloudWatchOf(settings: CloudWatchSettings, written: Written): MetricsSource {
  const { alb, ecs } = settings;
  return createCloudWatchSource({
    region: written.text(settings.region),
    ...(alb != null && {
      alb: {
        loadBalancer: written.text(alb.load_balancer),
        targetGroups: alb.target_groups.map(written.text),
      },
    }),
    ...(ecs != null && { ecs: { cluster: written.text(ecs.cluster), service: written.text(ecs.service) } }),
    queries: ofSteps(settings.queries, (list) => list?.map((query) => metricQueryOf(query, written))),
    percentile: settings.percentile,
    latencyUnit: settings.latency_unit,
    settleMs: ms(settings.settle_seconds),
    staleAfterMs: ms(settings.stale_after_seconds),
    timeoutMs: ms(settings.timeout_seconds),
  });
}

type CloudWatchList = NonNullable<CloudWatchSettings['queries']>['requests'];

/** The checks let one of both forms through. */
function metricQueryOf(query: NonNullable<CloudWatchList>[number], written: Written): MetricQuery {
  if (query.expression !== undefined) return { expression: written.text(query.expression) };
  return {
    namespace: written.text(query.namespace ?? ''),
    metric: written.text(query.metric ?? ''),
    dimensions: texts(query.dimensions ?? {}, written),
    stat: written.text(query.stat ?? ''),
  };
}

function jsonOf(settings: JsonSettings, written: Written): MetricsSource {
  const { values } = settings;
  return createJsonSource({
    path: text(settings.path, written),
    url: text(settings.url, written),
    paths: {
      requests: values.requests,
      errors: values.errors,
      latencyBuckets: values.latency_buckets,
      latencyPercentile: values.latency_percentile,
      dbConnectionErrors: values.db_connection_errors,
      memoryPercent: values.memory_percent,
      memoryBytes: values.memory_bytes,
      memoryLimitBytes: values.memory_limit_bytes,
      cpuSeconds: values.cpu_seconds,
      affectedUsers: values.affected_users,
      startTime: values.start_time,
      timestamp: values.timestamp,
    },
    counts: settings.counts,
    intervalMs: ms(settings.interval_seconds),
    latencyUnit: settings.latency_unit,
    buckets: settings.buckets,
    headers: texts(settings.headers ?? {}, written),
    memoryLimitMb: settings.memory_limit_mb,
    staleAfterMs: ms(settings.stale_after_seconds),
    timeoutMs: ms(settings.timeout_seconds),
  });
}

function prometheusOf(settings: PrometheusSettings, written: Written): MetricsSource {
  const { queries } = settings;
  const own = (query: string | undefined) => text(query, written);
  return createPrometheusSource({
    url: written.text(settings.url),
    set: settings.set,
    selector: own(settings.selector),
    instanceLabel: own(settings.instance_label),
    endpointLabel: own(settings.endpoint_label),
    latencyUnit: settings.latency_unit,
    histograms: settings.histograms,
    memoryLimitMb: settings.memory_limit_mb,
    bearerToken: own(settings.bearer_token),
    username: own(settings.username),
    password: own(settings.password),
    tenant: own(settings.tenant),
    resolutionMs: ms(settings.resolution_seconds),
    settleMs: ms(settings.settle_seconds),
    staleAfterMs: ms(settings.stale_after_seconds),
    timeoutMs: ms(settings.timeout_seconds),
    shareMs: ms(settings.share_seconds),
    queries: {
      requests: own(queries?.requests),
      errors: own(queries?.errors),
      latency: own(queries?.latency),
      dbConnectionErrors: own(queries?.db_connection_errors),
      memoryBytes: own(queries?.memory_bytes),
      memoryPercent: own(queries?.memory_percent),
      cpuSeconds: own(queries?.cpu_seconds),
      startTime: own(queries?.start_time),
      affectedUsers: own(queries?.affected_users),
      newest: own(queries?.newest),
    },
  });
}

function scrapeOf(settings: ScrapeSettings | undefined, written: Written): MetricsSource {
  const names = settings?.names ?? {};
  const named = {
    requests: names.requests,
    errors: names.errors,
    latency: names.latency,
    dbConnectionErrors: names.db_connection_errors,
    memoryBytes: names.memory_bytes,
    memoryPercent: names.memory_percent,
    cpuSeconds: names.cpu_seconds,
    startTime: names.start_time,
    affectedUsers: names.affected_users,
    endpointLabel: names.endpoint_label,
  };
  return createScrapeSource({
    path: text(settings?.path, written),
    timeoutMs: ms(settings?.timeout_seconds),
    memoryLimitMb: settings?.memory_limit_mb,
    // A name left out keeps its default; `undefined` would hide it.
    names: Object.fromEntries(
      Object.entries(named).flatMap(([key, name]) => (name === undefined ? [] : [[key, written.text(name)]])),
    ),
  });
}
