import { createHash } from 'node:crypto';
import { countsBetween, type InstanceReading, type Readings } from '../../domain/counters.ts';
import type { Instance } from '../../domain/live.ts';
import type { Cursor, Measurement, MeasureRequest, MetricsSource } from './metrics-source.ts';
import { createPageReader, defaultMetricNames, type MetricNames } from './page-reading.ts';
import { type PageFailure, readPage } from './read-page.ts';

export interface ScrapeOptions {
  /** Appended to an instance's URL. */
  readonly path?: string;
  /** For one instance from connecting to the last byte; instances are read in parallel. */
  readonly timeoutMs?: number;
  /** Of one page, as sent and decompressed. */
  readonly maxBytes?: number;
  /** What memory is a percentage of, MiB (1,048,576 bytes); without it `memoryPercent` is unknown. */
  readonly memoryLimitMb?: number | null;
  readonly names?: Partial<MetricNames>;
}

/** Reads the `/metrics` page of every running instance, in Prometheus' text format. */
export function createScrapeSource(options: ScrapeOptions = {}): MetricsSource {
  const settings: Settings = {
    path: options.path ?? '/metrics',
    timeoutMs: options.timeoutMs ?? 5_000,
    maxBytes: options.maxBytes ?? 32 * 1_048_576,
    memoryLimitBytes: options.memoryLimitMb == null ? null : options.memoryLimitMb * 1_048_576,
    names: { ...defaultMetricNames, ...options.names },
  };
  const format = formatOf(settings.names);
  return {
    async measure(request) {
      const running = request.instances.filter((instance) => instance.running);
      if (running.length === 0) return nothingRuns(request);
      const outcomes = await Promise.all(
        running.map((instance) => scrape(instance, settings, request.signal)),
      );
      const answered = outcomes.filter((outcome) => outcome.kind === 'answered');
      if (answered.length === 0) return blindness(outcomes.filter((outcome) => outcome.kind !== 'answered'));
      return measured(outcomes, readCursor(request.cursor, format), format);
    },
  };
}

interface Settings {
  readonly path: string;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly memoryLimitBytes: number | null;
  readonly names: MetricNames;
}

type Answered = { readonly kind: 'answered'; readonly instance: string; readonly reading: InstanceReading };
type Failed = PageFailure & { readonly instance: string; readonly address: string };
type Outcome = Answered | Failed;

function nothingRuns(request: MeasureRequest): Measurement {
  const of = request.instances.length === 0 ? 'no instance is known' : `0 of ${request.instances.length} run`;
  return { kind: 'no_data', reason: `no running instance of ${request.service} to read metrics from: ${of}` };
}

async function scrape(instance: Instance, settings: Settings, signal: AbortSignal): Promise<Outcome> {
  const about = { instance: instance.id, address: instance.id };
  if (instance.url === null) return { ...about, kind: 'unreachable', found: 'its URL is not known' };
  const url = instance.url.replace(/\/+$/, '') + settings.path;
  const reader = createPageReader(settings.names, settings.memoryLimitBytes);
  const page = await readPage(url, { ...settings, signal, onText: (text) => reader.write(text) });
  const address = withoutSecrets(url);
  if (page.kind !== 'read') return { ...page, instance: instance.id, address };
  const result = reader.finish(Date.now());
  return result.kind === 'answered'
    ? { ...result, instance: instance.id }
    : { ...result, instance: instance.id, address };
}

/** An address fit for a sentence: credentials and query, which may hold a token, are left out. */
function withoutSecrets(url: string): string {
  if (!URL.canParse(url)) return url;
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

function measured(outcomes: readonly Outcome[], previous: Readings | null, format: string): Measurement {
  const read: Record<string, InstanceReading> = {};
  const kept: Record<string, InstanceReading> = {};
  const missing: string[] = [];
  for (const outcome of outcomes) {
    const before = previous?.instances[outcome.instance];
    if (outcome.kind === 'answered') read[outcome.instance] = outcome.reading;
    else missing.push(outcome.instance);
    // What a silent instance showed last stays its base, or its return would count for nothing.
    if (outcome.kind !== 'answered' && before !== undefined) kept[outcome.instance] = before;
  }
  const atMs = Math.max(...Object.values(read).map((reading) => reading.atMs));
  const counts = countsBetween(previous, { atMs, instances: read });
  const cursor = { format, atMs, instances: { ...kept, ...read } };
  return { kind: 'measured', counts, cursor: cursor as unknown as Cursor, missing };
}

/**
 * Readings taken under other metric names are no base: compared with them, a counter's whole history would look
 * like one interval.
 */
function formatOf(names: MetricNames): string {
  return `scrape/1/${createHash('sha256').update(JSON.stringify(names)).digest('hex').slice(0, 12)}`;
}

function readCursor(cursor: Cursor | null, format: string): Readings | null {
  if (cursor === null || typeof cursor !== 'object' || !('format' in cursor)) return null;
  return cursor.format === format ? (cursor as unknown as Readings) : null;
}

const kindOfFailure = {
  unreachable: 'error',
  timeout: 'timeout',
  failed: 'error',
  rate_limited: 'rate_limited',
  too_large: 'error',
  not_metrics: 'error',
  no_metric: 'no_data',
} as const satisfies Record<Failed['kind'], Exclude<Measurement['kind'], 'measured'>>;

/** No instance answered: the most frequent cause names the kind, the first met wins a tie. */
function blindness(failures: readonly Failed[]): Measurement {
  const shown = failures.slice(0, 3).map((failure) => `${failure.address}: ${failure.found}`);
  const more = failures.length > shown.length ? `; and ${failures.length - shown.length} more` : '';
  const kinds = failures.map((failure) => kindOfFailure[failure.kind]);
  const times = (kind: string): number => kinds.filter((other) => other === kind).length;
  const kind = kinds.reduce((best, other) => (times(other) > times(best) ? other : best));
  const who = failures.length === 1 ? 'the instance' : `none of ${failures.length} instances`;
  const gave = failures.length === 1 ? 'gave no metrics' : 'gave metrics';
  return { kind, reason: `${who} ${gave}: ${shown.join('; ')}${more}` };
}
