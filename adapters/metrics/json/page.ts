import type { CounterReading, HistogramReading, InstanceReading } from '../../../domain/counters.ts';
import { valueAt } from './value-at.ts';

/** Where on the page a figure is, as a dotted path. */
export interface JsonPaths {
  readonly requests: string;
  readonly errors: string;
  /** A mapping from upper bound to count, or a list of `[bound, count]` or `{ le, count }`; the last bound may be `+Inf`. */
  readonly latencyBuckets?: string | undefined;
  /** The percentile that the trigger names. */
  readonly latencyPercentile?: string | undefined;
  readonly dbConnectionErrors?: string | undefined;
  /** Percent, 0..100. */
  readonly memoryPercent?: string | undefined;
  readonly memoryBytes?: string | undefined;
  readonly memoryLimitBytes?: string | undefined;
  readonly cpuSeconds?: string | undefined;
  readonly affectedUsers?: string | undefined;
  /** When the process started. Times are seconds or milliseconds since 1970, or a text as of ISO 8601. */
  readonly startTime?: string | undefined;
  /** When the page was written. */
  readonly timestamp?: string | undefined;
}

export interface PageForm {
  readonly paths: JsonPaths;
  readonly latencyUnit: 'seconds' | 'milliseconds';
  /** Whether each bucket holds those below it, as Prometheus' do, or its own requests alone. */
  readonly buckets: 'cumulative' | 'separate';
  /** What memory is a percentage of where the page does not say, bytes. */
  readonly memoryLimitBytes: number | null;
}

export type Page =
  | {
      readonly kind: 'answered';
      readonly reading: InstanceReading;
      readonly percentileMs: number | null;
      /** When the page says that it was written, milliseconds since the epoch. */
      readonly writtenAtMs: number | null;
      /** Figures that are configured and not on the page. */
      readonly lacking: readonly string[];
    }
  | { readonly kind: 'no_data' | 'error'; readonly found: string };

/** What a page shows. Without requests or errors it tells nothing; another figure may be missing. */
export function readPage(value: unknown, form: PageForm, atMs: number): Page {
  const { paths } = form;
  try {
    const requests = numberAt(value, paths, 'requests');
    const errors = numberAt(value, paths, 'errors');
    for (const name of ['requests', 'errors'] as const)
      if (valueAt(value, paths[name]) == null)
        return { kind: 'no_data', found: `there is nothing at ${paths[name]}, where ${name} should be` };
    const counter = (name: Figure) => counterOf(numberAt(value, paths, name));
    const percentile = numberAt(value, paths, 'latencyPercentile');
    return {
      kind: 'answered',
      reading: {
        atMs,
        startedAtMs: timeAt(value, paths, 'startTime'),
        requests: counterOf(requests),
        errors: counterOf(errors),
        dbConnectionErrors: counter('dbConnectionErrors'),
        cpuSeconds: counter('cpuSeconds'),
        latency: histogramAt(value, form),
        memoryPercent: memoryAt(value, form),
        affectedUsers: numberAt(value, paths, 'affectedUsers'),
      },
      percentileMs: percentile === null ? null : percentile * perUnit(form),
      writtenAtMs: timeAt(value, paths, 'timestamp'),
      lacking: lackingOn(value, paths),
    };
  } catch (error) {
    if (error instanceof NotAFigure) return { kind: 'error', found: error.message };
    throw error;
  }
}

type Figure = keyof JsonPaths;

class NotAFigure extends Error {}

function numberAt(value: unknown, paths: JsonPaths, name: Figure): number | null {
  const path = paths[name];
  const found = path === undefined ? undefined : valueAt(value, path);
  if (found == null) return null;
  if (typeof found === 'number' && Number.isFinite(found) && found >= 0) return found;
  throw new NotAFigure(
    `${path}, where ${name} should be, holds ${kindOf(found)}; allowed: a number of 0 or more`,
  );
}

/** Its text may be a secret. */
function kindOf(found: unknown): string {
  if (typeof found === 'number') return String(found);
  return Array.isArray(found) ? 'a list' : typeof found === 'string' ? 'a text' : `a ${typeof found}`;
}

/** Later than this as seconds is beyond the year 5000. */
const leastMilliseconds = 1e11;

function timeAt(value: unknown, paths: JsonPaths, name: 'startTime' | 'timestamp'): number | null {
  const path = paths[name];
  const found = path === undefined ? undefined : valueAt(value, path);
  if (found == null) return null;
  const atMs = typeof found === 'string' ? Date.parse(found) : Number(found);
  if (typeof found === 'object' || !Number.isFinite(atMs))
    throw new NotAFigure(
      `${path}, where ${name} should be, holds ${kindOf(found)}; allowed: seconds or milliseconds since 1970, or a time like 2026-11-24T15:00:00Z`,
    );
  return Math.round(typeof found === 'string' || atMs >= leastMilliseconds ? atMs : atMs * 1_000);
}

function counterOf(value: number | null): CounterReading | null {
  return value === null ? null : { value, series: 1 };
}

function memoryAt(value: unknown, form: PageForm): number | null {
  const percent = numberAt(value, form.paths, 'memoryPercent');
  const bytes = numberAt(value, form.paths, 'memoryBytes');
  const limit = numberAt(value, form.paths, 'memoryLimitBytes') ?? form.memoryLimitBytes;
  if (percent !== null) return percent;
  return bytes === null || limit === null || limit === 0 ? null : (bytes / limit) * 100;
}

/** A page has some dozen bounds; one with thousands is no latency histogram and must not fill the cursor. */
const mostBuckets = 500;

function histogramAt(value: unknown, form: PageForm): HistogramReading | null {
  const path = form.paths.latencyBuckets;
  const found = path === undefined ? undefined : valueAt(value, path);
  if (found == null) return null;
  const entries = Array.isArray(found) ? found.map(pairOf) : Object.entries(found);
  const pairs = entries.map(([bound, count]) => [boundOf(bound), Number(count)] as const);
  if (typeof found !== 'object' || pairs.length > mostBuckets || pairs.some((pair) => !pair.every(isCount)))
    throw new NotAFigure(
      `${path}, where latency_buckets should be, is no histogram; allowed: a mapping from bound to count, or a list of [bound, count] or {le, count}`,
    );
  const sorted = pairs.toSorted(([a], [b]) => a - b);
  let below = 0;
  const cumulative = sorted.map(([, count]) => {
    below = form.buckets === 'cumulative' ? count : below + count;
    return below;
  });
  const hasAll = sorted.at(-1)?.[0] === Number.POSITIVE_INFINITY;
  const boundsMs = sorted
    .map(([bound]) => Math.round(bound * perUnit(form) * 1e6) / 1e6)
    .filter(Number.isFinite);
  return { boundsMs, cumulative: hasAll ? cumulative : [...cumulative, cumulative.at(-1) ?? 0], series: 1 };
}

function pairOf(entry: unknown): readonly [unknown, unknown] {
  if (Array.isArray(entry)) return [entry[0], entry[1]];
  const { le, count } = (entry ?? {}) as { le?: unknown; count?: unknown };
  return [le, count];
}

function boundOf(bound: unknown): number {
  if (typeof bound === 'string' && /^\+?inf(inity)?$/i.test(bound)) return Number.POSITIVE_INFINITY;
  return bound === '' || bound == null ? Number.NaN : Number(bound);
}

function isCount(value: number): boolean {
  return value >= 0;
}

function perUnit({ latencyUnit }: PageForm): number {
  return latencyUnit === 'seconds' ? 1_000 : 1;
}

function lackingOn(value: unknown, paths: JsonPaths): string[] {
  return Object.entries(paths).flatMap(([name, path]) =>
    path !== undefined && valueAt(value, path) == null ? [`${name} (nothing at ${path})`] : [],
  );
}
