import {
  type CounterReading,
  type EndpointReading,
  type HistogramReading,
  type InstanceReading,
  mostEndpoints,
} from '../../domain/counters.ts';
import { createPrometheusTextParser, type MetricSample, parseValue } from './prometheus-text.ts';

/** Which metric of a page means what. Defaults are what services instrumented with prom-client usually call them. */
export interface MetricNames {
  /** Counter of requests; its label `status`, `status_code` or `code` tells errors (5xx) apart. */
  readonly requests: string;
  /** Counter of failed requests, for services whose requests carry no status; `null` = read the status label. */
  readonly errors: string | null;
  /** Histogram of request durations: seconds, or milliseconds when the name ends in `_ms` or `_milliseconds`. */
  readonly latency: string;
  readonly dbConnectionErrors: string;
  /** Gauge, bytes. */
  readonly memoryBytes: string;
  /** Gauge, percent (0..100) of the limit; where the page shows it, it replaces bytes and limit. */
  readonly memoryPercent: string;
  /** Counter, seconds. */
  readonly cpuSeconds: string;
  /** Gauge, seconds since the epoch. */
  readonly startTime: string;
  /** Gauge of distinct users who met an error; `null` = not measured. */
  readonly affectedUsers: string | null;
  /** Label of the requests that names the endpoint; `null` = the first of the usual ones that is there. */
  readonly endpointLabel: string | null;
}

/** `path` last: some write there what was asked for, and not the route. */
const endpointLabels = ['route', 'handler', 'endpoint', 'uri', 'http_route', 'path'];

export const defaultMetricNames: MetricNames = {
  requests: 'http_requests_total',
  errors: null,
  latency: 'http_request_duration_seconds',
  dbConnectionErrors: 'db_connection_errors_total',
  memoryBytes: 'process_resident_memory_bytes',
  memoryPercent: 'memory_usage_percent',
  cpuSeconds: 'process_cpu_seconds_total',
  startTime: 'process_start_time_seconds',
  affectedUsers: null,
  endpointLabel: null,
};

export type PageResult =
  | { readonly kind: 'answered'; readonly reading: InstanceReading }
  | { readonly kind: 'not_metrics' | 'no_metric'; readonly found: string };

export interface PageReader {
  write(text: string): void;
  /** `atMs`: when the page was read. */
  finish(atMs: number): PageResult;
}

/** Adds up the wanted series of one page while it arrives; holds sums only, however many series there are. */
export function createPageReader(names: MetricNames, memoryLimitBytes: number | null): PageReader {
  const { endpointLabel, ...metrics } = names;
  const labels = endpointLabel === null ? endpointLabels : [endpointLabel];
  const wanted = new Set(Object.values(metrics).filter((name) => name !== null));
  for (const part of ['_bucket', '_count']) wanted.add(names.latency + part);
  const totals = new Map<string, Total>();
  const buckets = new Map<number, number>();

  function take(sample: MetricSample): void {
    if (!Number.isFinite(sample.value) || sample.value < 0) return;
    if (sample.name === `${names.latency}_bucket`) addBucket(buckets, sample);
    else addToTotal(totalFor(totals, sample.name), sample, labels);
  }

  const parser = createPrometheusTextParser({
    wanted,
    onSample: take,
    onDeclared(name) {
      if (name === names.latency) totalFor(totals, `${name}_count`);
      // OpenMetrics declares a counter without the suffix that its samples carry.
      for (const known of [name, `${name}_total`]) if (wanted.has(known)) totalFor(totals, known);
    },
  });
  return {
    write: (text) => parser.write(text),
    finish(atMs) {
      const summary = parser.end();
      if (summary.malformed > summary.samples + summary.declared) {
        const lines = `${summary.malformed} of ${summary.malformed + summary.samples} lines are not metrics`;
        return { kind: 'not_metrics', found: `not a metrics page: ${lines}` };
      }
      return readingOf({ names, totals, buckets, memoryLimitBytes, samples: summary.samples }, atMs);
    },
  };
}

interface Total {
  value: number;
  largest: number;
  series: number;
  withStatus: number;
  errors: number;
  errorSeries: number;
  readonly endpoints: Map<string, EndpointTotal>;
}

type EndpointTotal = Pick<Total, 'value' | 'series' | 'errors' | 'errorSeries'>;

function totalFor(totals: Map<string, Total>, name: string): Total {
  const known = totals.get(name);
  if (known !== undefined) return known;
  const total = {
    value: 0,
    largest: 0,
    series: 0,
    withStatus: 0,
    errors: 0,
    errorSeries: 0,
    endpoints: new Map(),
  };
  totals.set(name, total);
  return total;
}

function addToTotal(total: Total, sample: MetricSample, endpointLabels: readonly string[]): void {
  const { labels, value } = sample;
  const status = labels.get('status') ?? labels.get('status_code') ?? labels.get('code');
  const failed = status !== undefined && /^5(\d\d|xx)$/i.test(status);
  addSeries(total, value, failed);
  total.largest = Math.max(total.largest, value);
  if (status !== undefined) total.withStatus += 1;
  const label = endpointLabels.find((name) => labels.has(name));
  if (label === undefined) return;
  const endpoint = endpointFor(total, labels.get(label) ?? '');
  if (endpoint !== null) addSeries(endpoint, value, failed);
}

function addSeries(sum: EndpointTotal, value: number, failed: boolean): void {
  sum.value += value;
  sum.series += 1;
  if (!failed) return;
  sum.errors += value;
  sum.errorSeries += 1;
}

/** A label with thousands of values is not an endpoint's name, and must not fill the memory. */
const mostLabels = 1_000;

function endpointFor({ endpoints }: Total, name: string): EndpointTotal | null {
  const known = endpoints.get(name);
  if (known !== undefined) return known;
  if (endpoints.size >= mostLabels) return null;
  const endpoint = { value: 0, series: 0, errors: 0, errorSeries: 0 };
  endpoints.set(name, endpoint);
  return endpoint;
}

/** A page has some dozen bucket bounds; one with thousands is not a latency histogram and must not fill the cursor. */
const maxBuckets = 500;

function addBucket(buckets: Map<number, number>, sample: MetricSample): void {
  const bound = parseValue(sample.labels.get('le') ?? '');
  if (bound === null || Number.isNaN(bound) || (buckets.size >= maxBuckets && !buckets.has(bound))) return;
  buckets.set(bound, (buckets.get(bound) ?? 0) + sample.value);
}

interface Page {
  readonly names: MetricNames;
  readonly totals: ReadonlyMap<string, Total>;
  readonly buckets: ReadonlyMap<number, number>;
  readonly memoryLimitBytes: number | null;
  readonly samples: number;
}

function readingOf(page: Page, atMs: number): PageResult {
  const { names, totals } = page;
  const counter = totals.get(names.requests);
  const histogram = totals.get(`${names.latency}_count`);
  const requests = counter !== undefined && !lacksStatus(counter, histogram, names) ? counter : histogram;
  if (requests === undefined) {
    const found = `neither ${names.requests} nor ${names.latency} among ${page.samples} samples`;
    return { kind: 'no_metric', found };
  }
  if (names.errors === null && requests.series > 0 && requests.withStatus === 0) {
    return {
      kind: 'no_metric',
      found: `${names.requests} has no label status, status_code or code: errors cannot be told`,
    };
  }
  const started = totals.get(names.startTime);
  const reading: InstanceReading = {
    atMs,
    startedAtMs: started === undefined || started.series === 0 ? null : Math.round(started.largest * 1_000),
    requests: { value: requests.value, series: requests.series },
    errors:
      names.errors === null
        ? { value: requests.errors, series: requests.errorSeries }
        : sumOf(totals.get(names.errors)),
    dbConnectionErrors: sumOf(totals.get(names.dbConnectionErrors)),
    cpuSeconds: sumOf(totals.get(names.cpuSeconds)),
    latency: latencyOf(page, histogram?.series ?? 0),
    memoryPercent: memoryPercentOf(page),
    affectedUsers: names.affectedUsers === null ? null : largestOf(totals.get(names.affectedUsers)),
    ...endpointsOf(requests, names.errors === null ? null : (totals.get(names.errors) ?? null)),
  };
  return { kind: 'answered', reading };
}

/**
 * The largest endpoints.
 * @param errors where the requests carry no status; `null`: they do
 */
function endpointsOf(requests: Total, errors: Total | null): Pick<InstanceReading, 'endpoints'> {
  // One endpoint is the service itself, and with a thousand of them the label is no endpoint's name.
  if (requests.endpoints.size < 2 || requests.endpoints.size >= mostLabels) return {};
  const largest = [...requests.endpoints]
    .toSorted(([, a], [, b]) => b.value - a.value)
    .slice(0, mostEndpoints);
  const errorsOf = (name: string, total: EndpointTotal): CounterReading => {
    if (errors === null) return { value: total.errors, series: total.errorSeries };
    const { value = 0, series = 0 } = errors.endpoints.get(name) ?? {};
    return { value, series };
  };
  const readings = largest.map(([name, total]): [string, EndpointReading] => [
    name,
    { requests: { value: total.value, series: total.series }, errors: errorsOf(name, total) },
  ]);
  return { endpoints: Object.fromEntries(readings) };
}

/** Whether the requests counter cannot tell errors although the histogram can. */
function lacksStatus(counter: Total, histogram: Total | undefined, names: MetricNames): boolean {
  const statusInHistogram = histogram !== undefined && histogram.withStatus > 0;
  return names.errors === null && counter.series > 0 && counter.withStatus === 0 && statusInHistogram;
}

function sumOf(total: Total | undefined): CounterReading | null {
  return total === undefined ? null : { value: total.value, series: total.series };
}

function largestOf(total: Total | undefined): number | null {
  return total === undefined || total.series === 0 ? null : total.largest;
}

function latencyOf(page: Page, series: number): HistogramReading | null {
  if (page.buckets.size === 0) return null;
  const bounds = [...page.buckets.keys()].sort((a, b) => a - b);
  const finite = bounds.filter(Number.isFinite);
  const perUnit = /_(ms|milliseconds)$/.test(page.names.latency) ? 1 : 1_000;
  const inBounds = finite.map((bound) => page.buckets.get(bound) ?? 0);
  const all = page.buckets.get(Number.POSITIVE_INFINITY) ?? inBounds.at(-1) ?? 0;
  return {
    boundsMs: finite.map((bound) => Math.round(bound * perUnit * 1e6) / 1e6),
    cumulative: [...inBounds, all],
    series,
  };
}

function memoryPercentOf(page: Page): number | null {
  const percent = largestOf(page.totals.get(page.names.memoryPercent));
  const bytes = page.totals.get(page.names.memoryBytes);
  if (percent !== null) return percent;
  if (bytes === undefined || bytes.series === 0 || page.memoryLimitBytes === null) return null;
  return (bytes.value / page.memoryLimitBytes) * 100;
}
