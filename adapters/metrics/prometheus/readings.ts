import {
  type CounterReading,
  type EndpointReading,
  type HistogramReading,
  type InstanceReading,
  mostEndpoints,
  type Readings,
} from '../../../domain/counters.ts';
import type { Series } from './api.ts';
import { type Signal, statusLabels } from './queries.ts';

/** How series become readings. */
export interface ReadingSettings {
  /** Label that names the instance. */
  readonly instanceLabel: string;
  /** Label of the requests that names the endpoint; `null`: they are not told apart. */
  readonly endpointLabel: string | null;
  readonly latencyUnit: 'seconds' | 'milliseconds';
  /** What memory is a percentage of, bytes; `null`: bytes say nothing. */
  readonly memoryLimitBytes: number | null;
}

/** The series of each query that was asked. */
export type Answers = Readonly<Partial<Record<Signal, readonly Series[]>>>;

/** What the instances showed at each of these times, in their order; a time at which nobody showed anything is left out. */
export function readingsAlong(
  answers: Answers,
  timesMs: readonly number[],
  settings: ReadingSettings,
): Readings[] {
  const wanted = new Set(timesMs);
  const steps = new Map<number, Map<string, Draft>>();
  for (const signal of ['requests', 'errors', ...plainSignals, 'latency'] as const) {
    for (const { labels, points } of answers[signal] ?? []) {
      const instance = labels[settings.instanceLabel] ?? 'all';
      const add = adderOf(signal, labels, settings.endpointLabel);
      for (const { atMs, value } of points) {
        if (wanted.has(atMs) && value >= 0) add(draftFor(steps, atMs, instance), value);
      }
    }
  }
  const hasErrors = answers.errors !== undefined;
  return timesMs.flatMap((atMs) => {
    const drafts = steps.get(atMs);
    if (drafts === undefined) return [];
    const instances = [...drafts].map(
      ([id, draft]) => [id, readingOf(draft, atMs, hasErrors, settings)] as const,
    );
    return [{ atMs, instances: Object.fromEntries(instances) }];
  });
}

/** Whether errors can be told from successes. */
export function tellsErrors({ requests = [], errors }: Answers): boolean {
  return (
    errors !== undefined || requests.length === 0 || requests.some(({ labels }) => statusOf(labels) !== null)
  );
}

const plainSignals = [
  'dbConnectionErrors',
  'cpuSeconds',
  'memoryBytes',
  'memoryPercent',
  'startTime',
  'affectedUsers',
] as const;

/** When each instance was last scraped as of `atMs`, milliseconds since the epoch; `null`: nobody says. */
export function lastScrapes(
  { newest }: Answers,
  atMs: number,
  { instanceLabel }: ReadingSettings,
): ReadonlyMap<string, number> | null {
  if (newest === undefined || newest.length === 0) return null;
  return new Map(
    newest.flatMap(({ labels, points }) => {
      const point = points.find((entry) => entry.atMs === atMs);
      return point === undefined ? [] : [[labels[instanceLabel] ?? 'all', point.value * 1_000]];
    }),
  );
}

interface Sum {
  value: number;
  series: number;
  largest: number;
}

type Draft = Partial<Record<Signal | 'failed', Sum>> & {
  buckets?: Map<number, Sum>;
  endpoints?: Map<string, EndpointDraft>;
};

type EndpointDraft = Partial<Record<'requests' | 'errors' | 'failed', Sum>>;

function draftFor(steps: Map<number, Map<string, Draft>>, atMs: number, instance: string): Draft {
  const drafts = steps.get(atMs) ?? new Map<string, Draft>();
  steps.set(atMs, drafts);
  const draft = drafts.get(instance) ?? {};
  drafts.set(instance, draft);
  return draft;
}

function adderOf(
  signal: Signal,
  labels: Series['labels'],
  endpointLabel: string | null,
): (draft: Draft, value: number) => void {
  if (signal === 'latency') {
    const bound = boundOf(labels.le ?? '');
    return bound === null ? () => undefined : (draft, value) => addBucket(draft, bound, value);
  }
  const failed = signal === 'requests' && /^5(\d\d|xx)?$/i.test(statusOf(labels) ?? '');
  const endpoint = endpointLabel === null ? undefined : labels[endpointLabel];
  return (draft, value) => {
    draft[signal] = plus(draft[signal], value);
    if (failed) draft.failed = plus(draft.failed, value);
    if (endpoint === undefined || (signal !== 'requests' && signal !== 'errors')) return;
    const own = endpointFor(draft, endpoint);
    own[signal] = plus(own[signal], value);
    if (failed) own.failed = plus(own.failed, value);
  };
}

function endpointFor(draft: Draft, name: string): EndpointDraft {
  draft.endpoints ??= new Map();
  const endpoint = draft.endpoints.get(name) ?? {};
  draft.endpoints.set(name, endpoint);
  return endpoint;
}

function statusOf(labels: Series['labels']): string | null {
  const label = statusLabels.find((name) => (labels[name] ?? '') !== '');
  return label === undefined ? null : (labels[label] ?? null);
}

function addBucket(draft: Draft, bound: number, value: number): void {
  draft.buckets ??= new Map();
  draft.buckets.set(bound, plus(draft.buckets.get(bound), value));
}

function boundOf(text: string): number | null {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  const bound = Number(text);
  return text === '' || !Number.isFinite(bound) ? null : bound;
}

function plus(sum: Sum | undefined, value: number): Sum {
  if (sum === undefined) return { value, series: 1, largest: value };
  return { value: sum.value + value, series: sum.series + 1, largest: Math.max(sum.largest, value) };
}

function readingOf(
  draft: Draft,
  atMs: number,
  hasErrors: boolean,
  { latencyUnit, memoryLimitBytes }: ReadingSettings,
): InstanceReading {
  const requests = counterOf(draft.requests);
  const none = requests === null ? null : { value: 0, series: 0 };
  return {
    atMs,
    startedAtMs: draft.startTime === undefined ? null : Math.round(draft.startTime.largest * 1_000),
    requests,
    errors: hasErrors ? counterOf(draft.errors) : (counterOf(draft.failed) ?? none),
    dbConnectionErrors: counterOf(draft.dbConnectionErrors),
    cpuSeconds:
      draft.cpuSeconds === undefined
        ? null
        : { value: draft.cpuSeconds.value, series: draft.cpuSeconds.series },
    latency: histogramOf(draft.buckets, latencyUnit),
    memoryPercent: memoryPercentOf(draft, memoryLimitBytes),
    affectedUsers: draft.affectedUsers?.largest ?? null,
    ...endpointsOf(draft, hasErrors),
  };
}

/** A label with as many values is no endpoint's name. */
const mostLabels = 1_000;

/** The largest ones; one endpoint is the service itself. */
function endpointsOf({ endpoints }: Draft, hasErrors: boolean): Pick<InstanceReading, 'endpoints'> {
  if (endpoints === undefined || endpoints.size < 2 || endpoints.size >= mostLabels) return {};
  const none = { value: 0, series: 0 };
  const readings = [...endpoints].map(([name, { requests, errors, failed }]): [string, EndpointReading] => [
    name,
    { requests: counterOf(requests) ?? none, errors: counterOf(hasErrors ? errors : failed) ?? none },
  ]);
  const largest = readings.toSorted(([, a], [, b]) => b.requests.value - a.requests.value);
  return { endpoints: Object.fromEntries(largest.slice(0, mostEndpoints)) };
}

/** Whole events: some programs count fractions, for what they only sampled. */
function counterOf(sum: Sum | undefined): CounterReading | null {
  return sum === undefined ? null : { value: Math.round(sum.value), series: sum.series };
}

function histogramOf(
  buckets: ReadonlyMap<number, Sum> | undefined,
  unit: ReadingSettings['latencyUnit'],
): HistogramReading | null {
  if (buckets === undefined) return null;
  const bounds = [...buckets.keys()].toSorted((a, b) => a - b);
  const finite = bounds.filter(Number.isFinite);
  const cumulative = finite.map((bound) => Math.round(buckets.get(bound)?.value ?? 0));
  const all = buckets.get(Number.POSITIVE_INFINITY);
  const perUnit = unit === 'milliseconds' ? 1 : 1_000;
  return {
    boundsMs: finite.map((bound) => Math.round(bound * perUnit * 1e6) / 1e6),
    cumulative: [...cumulative, Math.round(all?.value ?? cumulative.at(-1) ?? 0)],
    series: all?.series ?? 1,
  };
}

function memoryPercentOf({ memoryPercent, memoryBytes }: Draft, limitBytes: number | null): number | null {
  if (memoryPercent !== undefined) return memoryPercent.largest;
  return memoryBytes === undefined || limitBytes === null ? null : (memoryBytes.value / limitBytes) * 100;
}
