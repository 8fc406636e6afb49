import { askJson, type JsonAnswer } from '../http/ask-json.ts';
import { cursorFormat } from './cursor-format.ts';
import { countIntervals } from './json/intervals.ts';
import { type JsonPaths, type Page, type PageForm, readPage } from './json/page.ts';
import { percentileOf } from './json/percentile.ts';
import type { MeasureRequest, MetricsSource } from './metrics-source.ts';
import { addressOf, blindness, countedSince, type Failed, nothingRuns } from './per-instance.ts';
import { fillPlaceholders, placeholderProblem } from './placeholders.ts';

export interface JsonOptions {
  /** Appended to the URL of each instance. */
  readonly path?: string | undefined;
  /**
   * In place of it: where the page of the service is, or with `{{instance}}` that of each. `{{product}}`, `{{environment}}`
   * and `{{service}}` are replaced, too.
   */
  readonly url?: string | undefined;
  readonly paths: JsonPaths;
  /** What counters count: all since the process started, or what happened in the page's last interval. */
  readonly counts?: 'since_start' | 'per_interval' | undefined;
  /** Of a page that counts intervals. */
  readonly intervalMs?: number | undefined;
  readonly latencyUnit?: PageForm['latencyUnit'] | undefined;
  readonly buckets?: PageForm['buckets'] | undefined;
  /** What memory is a percentage of, MiB (1,048,576 bytes). */
  readonly memoryLimitMb?: number | undefined;
  /** As sent, secrets included. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A page that was written longer ago says nothing of now. */
  readonly staleAfterMs?: number | undefined;
  /** For one page, from connecting to the last byte; pages are read in parallel. */
  readonly timeoutMs?: number | undefined;
  /** Of one page, as sent and decompressed. */
  readonly maxBytes?: number | undefined;
}

/** Reads figures from pages in JSON, at paths that the user names. */
export function createJsonSource(options: JsonOptions): MetricsSource {
  const settings = settingsOf(options);
  return {
    async measure(request) {
      const places = placesOf(request, options);
      if (places.length === 0) return nothingRuns(request);
      const read = await Promise.all(places.map((place) => readAt(place, settings, request.signal)));
      const failed = read.filter((entry) => entry.kind !== 'answered');
      if (failed.length === read.length) return blindness(failed);
      const counted =
        settings.counts === 'since_start'
          ? countedSince(request.cursor, read, settings.format)
          : countIntervals(request.cursor, read, settings);
      const answered = read.filter((entry) => entry.kind === 'answered');
      const lacking = answered.flatMap((entry) => entry.lacking.map((name) => `${entry.instance}: ${name}`));
      const counts = { ...counted.counts, ...percentileOf(answered) };
      return { kind: 'measured', ...counted, counts, missing: [...counted.missing, ...lacking] };
    },
  };
}

export interface JsonSettings extends PageForm {
  readonly counts: 'since_start' | 'per_interval';
  readonly intervalMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly staleAfterMs: number;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly format: string;
}

function settingsOf(options: JsonOptions): JsonSettings {
  const { paths, counts = 'since_start', intervalMs = 60_000 } = options;
  const form: PageForm = {
    paths,
    latencyUnit: options.latencyUnit ?? 'milliseconds',
    buckets: options.buckets ?? 'cumulative',
    memoryLimitBytes: options.memoryLimitMb === undefined ? null : options.memoryLimitMb * 1_048_576,
  };
  return {
    ...form,
    counts,
    intervalMs,
    headers: options.headers ?? {},
    staleAfterMs: options.staleAfterMs ?? 120_000,
    timeoutMs: options.timeoutMs ?? 5_000,
    maxBytes: options.maxBytes ?? 4 * 1_048_576,
    format: cursorFormat('json/1', [options.path, options.url, form, counts]),
  };
}

interface Place {
  readonly instance: string;
  /** `null`: nobody knows. */
  readonly url: string | null;
}

function placesOf(request: MeasureRequest, { url, path = '/metrics.json' }: JsonOptions): Place[] {
  const running = request.instances.filter((instance) => instance.running);
  if (url === undefined)
    return running.map(({ id, url: at }) => ({
      instance: id,
      url: at === null ? null : at.replace(/\/+$/, '') + path,
    }));
  const { product, environment, service } = request;
  const filled = (instance: string) => {
    const values = Object.entries({ product, environment, service, instance });
    return fillPlaceholders(
      url,
      Object.fromEntries(values.map(([name, value]) => [name, encodeURIComponent(value)])),
    );
  };
  if (!/\{\{\s*instance\s*\}\}/.test(url)) return [{ instance: request.service, url: filled('') }];
  return running.map(({ id }) => ({ instance: id, url: filled(id) }));
}

/** The sentence that says what is wrong with a URL's placeholders, or `null`. */
export function jsonUrlProblem(url: string): string | null {
  return placeholderProblem(url, ['product', 'environment', 'service', 'instance']);
}

export type Answered = Extract<Page, { kind: 'answered' }> & { readonly instance: string };

async function readAt(
  { instance, url }: Place,
  settings: JsonSettings,
  signal: AbortSignal,
): Promise<Answered | Failed> {
  if (url === null) return { kind: 'error', instance, address: instance, found: 'its URL is not known' };
  const about = { instance, address: addressOf(url) };
  const { headers, timeoutMs, maxBytes } = settings;
  const answer = await askJson({ method: 'GET', url, headers, timeoutMs, maxBytes, signal });
  if (answer.kind !== 'answered') return { ...about, ...failureOf(answer) };
  if (answer.value === undefined) {
    const found = `the answer is not JSON${answer.contentType === '' ? '' : `, but ${answer.contentType}`}`;
    return { ...about, kind: 'error', found };
  }
  const page = readPage(answer.value, settings, Date.now());
  if (page.kind !== 'answered') return { ...about, ...page };
  const ageMs = page.writtenAtMs === null ? 0 : Date.now() - page.writtenAtMs;
  if (ageMs > settings.staleAfterMs)
    return { ...about, kind: 'stale', found: `the page was written ${Math.round(ageMs / 1_000)} s ago` };
  return { ...page, instance };
}

function failureOf(answer: Exclude<JsonAnswer, { kind: 'answered' }>): Pick<Failed, 'kind' | 'found'> {
  const { kind, found } = answer;
  return { kind: kind === 'timeout' || kind === 'rate_limited' ? kind : 'error', found };
}
