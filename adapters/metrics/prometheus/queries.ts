import { fillPlaceholders, placeholderProblem } from '../placeholders.ts';

/**
 * What is asked: ready-made queries for common instrumentations, and a user's own. Counters are asked for as they are,
 * never as `rate` or `increase`, which extrapolate to the ends of their window and so give fractions of requests.
 */
export interface Queries {
  /** Counter; a label with the status (see {@link statusLabels}) tells errors apart. */
  readonly requests: string;
  /** Counter, where requests carry no status. */
  readonly errors?: string | undefined;
  /** Counters of a classic histogram's buckets, by `le`. */
  readonly latency?: string | undefined;
  readonly dbConnectionErrors?: string | undefined;
  /** Counter, seconds. */
  readonly cpuSeconds?: string | undefined;
  /** Gauge, bytes. */
  readonly memoryBytes?: string | undefined;
  /** Gauge, percent (0..100) of the limit; where it is served it replaces bytes and limit. */
  readonly memoryPercent?: string | undefined;
  /** Gauge, seconds since the epoch. */
  readonly startTime?: string | undefined;
  /** Gauge of distinct users who met an error. */
  readonly affectedUsers?: string | undefined;
  /** When the requests were last scraped, seconds since the epoch: a server repeats an old value for minutes. */
  readonly newest?: string | undefined;
}

export type Signal = keyof Queries;

/** The ones that matter most first: of several that fail the first is told. */
export const signals = [
  'requests',
  'errors',
  'latency',
  'dbConnectionErrors',
  'newest',
  'startTime',
  'cpuSeconds',
  'memoryPercent',
  'memoryBytes',
  'affectedUsers',
] as const satisfies readonly Signal[];

/** Labels by which instrumentations say how a request ended: `503`, `5xx`, or `5`. */
export const statusLabels = [
  'status',
  'status_code',
  'code',
  'response_code',
  'http_response_status_code',
  'envoy_response_code_class',
];

/** A common instrumentation: what it calls things, and which label usually names the service. */
export interface QuerySet {
  /** Label matchers; what a user writes instead replaces them. */
  readonly selector: string;
  readonly latencyUnit: 'seconds' | 'milliseconds';
  readonly queries: Queries;
}

const perInstance = (metric: string): string => `sum by ({{instance}}) (${metric}{{{selector}}})`;
const perStatus = (metric: string, status: string): string =>
  `sum by ({{instance}}, ${status}{{endpoint}}) (${metric}{{{selector}}})`;
const perBucket = (metric: string): string => `sum by ({{instance}}, le) (${metric}_bucket{{{selector}}})`;
const scrapedAt = (metric: string): string => `max by ({{instance}}) (timestamp(${metric}{{{selector}}}))`;

/** What the client libraries of Prometheus call the figures of a process. */
const processQueries = {
  memoryBytes: perInstance('process_resident_memory_bytes'),
  cpuSeconds: perInstance('process_cpu_seconds_total'),
  startTime: `max by ({{instance}}) (process_start_time_seconds{{{selector}}})`,
};

const ofJob = 'job="{{service}}"';

/**
 * Names are those of the instrumentations' own documentation. Those of proxies tell nothing of the process behind them: memory and
 * CPU are then queries of the user's own.
 */
export const querySets = {
  'prom-client': {
    selector: ofJob,
    latencyUnit: 'seconds',
    queries: {
      ...processQueries,
      requests: perStatus('http_requests_total', 'status, status_code, code'),
      latency: perBucket('http_request_duration_seconds'),
      dbConnectionErrors: perInstance('db_connection_errors_total'),
      memoryPercent: `max by ({{instance}}) (memory_usage_percent{{{selector}}})`,
      newest: scrapedAt('http_requests_total'),
    },
  },
  /** express-prom-bundle: a histogram alone. */
  express: {
    selector: ofJob,
    latencyUnit: 'seconds',
    queries: {
      ...processQueries,
      requests: perStatus('http_request_duration_seconds_count', 'status_code'),
      latency: perBucket('http_request_duration_seconds'),
      newest: scrapedAt('http_request_duration_seconds_count'),
    },
  },
  /** promhttp's middleware gives the label `code`; the names, which it leaves to the program, are the usual ones. */
  go: {
    selector: ofJob,
    latencyUnit: 'seconds',
    queries: {
      ...processQueries,
      requests: perStatus('http_requests_total', 'code'),
      latency: perBucket('http_request_duration_seconds'),
      newest: scrapedAt('http_requests_total'),
    },
  },
  /** Micrometer; the buckets need `management.metrics.distribution.percentiles-histogram.http.server.requests=true`. */
  'spring-boot': {
    selector: ofJob,
    latencyUnit: 'seconds',
    queries: {
      requests: perStatus('http_server_requests_seconds_count', 'status'),
      latency: perBucket('http_server_requests_seconds'),
      dbConnectionErrors: perInstance('hikaricp_connections_timeout_total'),
      cpuSeconds: `${perInstance('process_cpu_time_ns_total')} / 1e9`,
      memoryPercent:
        '100 * sum by ({{instance}}) (jvm_memory_used_bytes{area="heap", {{selector}}})' +
        ' / sum by ({{instance}}) (jvm_memory_max_bytes{area="heap", {{selector}}})',
      startTime: processQueries.startTime,
      newest: scrapedAt('http_server_requests_seconds_count'),
    },
  },
  /** The stable HTTP semantic conventions, as OpenTelemetry's metrics are named in Prometheus. */
  opentelemetry: {
    selector: ofJob,
    latencyUnit: 'seconds',
    queries: {
      requests: perStatus('http_server_request_duration_seconds_count', 'http_response_status_code'),
      latency: perBucket('http_server_request_duration_seconds'),
      cpuSeconds: perInstance('process_cpu_time_seconds_total'),
      memoryBytes: perInstance('process_memory_usage_bytes'),
      newest: scrapedAt('http_server_request_duration_seconds_count'),
    },
  },
  'ingress-nginx': {
    selector: 'ingress="{{service}}"',
    latencyUnit: 'seconds',
    queries: {
      requests: perStatus('nginx_ingress_controller_requests', 'status'),
      latency: perBucket('nginx_ingress_controller_request_duration_seconds'),
      newest: scrapedAt('nginx_ingress_controller_requests'),
    },
  },
  /** NGINX Plus by nginx-prometheus-exporter; the free NGINX's `stub_status` tells no errors apart. */
  'nginx-plus': {
    selector: 'server_zone="{{service}}"',
    latencyUnit: 'seconds',
    queries: {
      requests: perStatus('nginxplus_server_zone_responses', 'code'),
      newest: scrapedAt('nginxplus_server_zone_responses'),
    },
  },
  /** The free NGINX with the module nginx-module-vts. Its code `total` is the sum of the others. */
  'nginx-vts': {
    selector: 'host="{{service}}"',
    latencyUnit: 'seconds',
    queries: {
      requests:
        'sum by ({{instance}}, code{{endpoint}}) (nginx_vts_server_requests_total{code=~"[1-5]xx", {{selector}}})',
      latency: perBucket('nginx_vts_server_request_duration_seconds'),
      newest: scrapedAt('nginx_vts_server_requests_total'),
    },
  },
  /** HAProxy's own exporter; of latency it has averages alone. */
  haproxy: {
    selector: 'proxy="{{service}}"',
    latencyUnit: 'seconds',
    queries: {
      requests: perStatus('haproxy_backend_http_responses_total', 'code'),
      newest: scrapedAt('haproxy_backend_http_responses_total'),
    },
  },
  envoy: {
    selector: 'envoy_cluster_name="{{service}}"',
    latencyUnit: 'milliseconds',
    queries: {
      requests: perStatus('envoy_cluster_upstream_rq_xx', 'envoy_response_code_class'),
      latency: perBucket('envoy_cluster_upstream_rq_time'),
      newest: scrapedAt('envoy_cluster_upstream_rq_xx'),
    },
  },
  istio: {
    selector: 'reporter="destination", destination_service_name="{{service}}"',
    latencyUnit: 'milliseconds',
    queries: {
      requests: perStatus('istio_requests_total', 'response_code'),
      latency: perBucket('istio_request_duration_milliseconds'),
      newest: scrapedAt('istio_requests_total'),
    },
  },
} as const satisfies Record<string, QuerySet>;

export type QuerySetName = keyof typeof querySets;

/** Those of a set where the program serves native histograms, which have no series for buckets and counts. */
export function ofNativeHistograms(queries: Queries): Queries {
  const { requests, latency, newest } = queries;
  const histogram = /^sum by \(\{\{instance\}\}, le\) \((\w+)_bucket(\{.*\})\)$/.exec(latency ?? '');
  if (histogram === null) return queries;
  const [, name = '', selector = ''] = histogram;
  const series = `${name}_count${selector}`;
  return {
    ...queries,
    requests: requests.replace(series, `histogram_count(${name}${selector})`),
    latency: `sum by ({{instance}}) (${name}${selector})`,
    ...(newest === undefined ? {} : { newest: newest.replace(series, `${name}${selector}`) }),
  };
}

/** What stands in double braces in a query. */
export interface Placeholders {
  readonly product: string;
  readonly environment: string;
  readonly service: string;
  /** Running releases; `null`: whichever, as of the past nobody knows. */
  readonly releases: readonly string[] | null;
  readonly selector: string;
  readonly instanceLabel: string;
  /** Label by which ready-made queries tell endpoints apart; `null`: they do not. */
  readonly endpointLabel: string | null;
}

/** Those that a user's own queries may have. */
export const placeholderNames = ['product', 'environment', 'service', 'release', 'selector', 'instance'];

/** Puts values into a query. The selector comes first: it may hold the others. */
export function fillQuery(template: string, values: Placeholders): string {
  const known: Readonly<Record<string, string>> = {
    product: quoted(values.product),
    environment: quoted(values.environment),
    service: quoted(values.service),
    release: values.releases === null ? '.+' : values.releases.map(pattern).join('|'),
    instance: values.instanceLabel,
    endpoint: values.endpointLabel === null ? '' : `, ${values.endpointLabel}`,
  };
  return fillPlaceholders(template.replaceAll('{{selector}}', values.selector), known);
}

/**
 * The sentence that says what is wrong with a user's own query, or `null`. A release goes into a pattern: two of them run
 * side by side while one replaces the other.
 */
export function queryProblem(template: string): string | null {
  const problem = placeholderProblem(template, placeholderNames);
  if (problem !== null) return problem;
  const matched = template.replaceAll(/=~\s*"[^"]*"/g, '');
  if (/\{\{\s*release\s*\}\}/.test(matched))
    return 'a release is matched as a pattern; allowed: label=~"{{release}}"';
  return null;
}

/** As it stands between the quotes of PromQL. */
export function quoted(text: string): string {
  return text.replace(/[\\"\n]/g, (sign) => (sign === '\n' ? '\\n' : `\\${sign}`));
}

/** As it stands between the quotes of PromQL, matched as it is. */
export function pattern(text: string): string {
  return quoted(text.replace(/[\\^$.*+?()[\]{}|]/g, (sign) => `\\${sign}`));
}
