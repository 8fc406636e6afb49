import type { Instance } from '../../domain/live.ts';
import { cursorFormat } from './cursor-format.ts';
import type { MetricsSource } from './metrics-source.ts';
import { createPageReader, defaultMetricNames, type MetricNames, type PageResult } from './page-reading.ts';
import { addressOf, blindness, countedSince, nothingRuns, type Outcome } from './per-instance.ts';
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
  const format = cursorFormat('scrape/1', settings.names);
  return {
    async measure(request) {
      const running = request.instances.filter((instance) => instance.running);
      if (running.length === 0) return nothingRuns(request);
      const outcomes = await Promise.all(
        running.map((instance) => scrape(instance, settings, request.signal)),
      );
      const failed = outcomes.filter((outcome) => outcome.kind !== 'answered');
      if (failed.length === outcomes.length) return blindness(failed);
      return { kind: 'measured', ...countedSince(request.cursor, outcomes, format) };
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

async function scrape(instance: Instance, settings: Settings, signal: AbortSignal): Promise<Outcome> {
  if (instance.url === null)
    return { kind: 'error', instance: instance.id, address: instance.id, found: 'its URL is not known' };
  const url = instance.url.replace(/\/+$/, '') + settings.path;
  const about = { instance: instance.id, address: addressOf(url) };
  const reader = createPageReader(settings.names, settings.memoryLimitBytes);
  const page = await readPage(url, { ...settings, signal, onText: (text) => reader.write(text) });
  if (page.kind !== 'read') return { ...about, kind: kindOfFailure[page.kind], found: page.found };
  const result = reader.finish(Date.now());
  if (result.kind === 'answered') return { ...result, instance: instance.id };
  return { ...about, kind: kindOfFailure[result.kind], found: result.found };
}

type Failure = Exclude<PageFailure['kind'] | PageResult['kind'], 'answered'>;

const kindOfFailure = {
  unreachable: 'error',
  timeout: 'timeout',
  failed: 'error',
  rate_limited: 'rate_limited',
  too_large: 'error',
  not_metrics: 'error',
  no_metric: 'no_data',
} as const satisfies Record<Failure, Exclude<Outcome['kind'], 'answered'>>;
