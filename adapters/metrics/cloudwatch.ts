import { addressOf, type CallAnswer, type CloudWatchApi, createCloudWatchApi } from './cloudwatch/api.ts';
import {
  type AlbMetrics,
  albQueries,
  type CloudWatchQueries,
  type EcsMetrics,
  ecsQueries,
  fillQuery,
  type MetricQuery,
} from './cloudwatch/queries.ts';
import { sharedCloudWatch } from './cloudwatch/together.ts';
import { cursorFormat } from './cursor-format.ts';
import type { HistoryRequest, MeasureRequest, MetricsSource } from './metrics-source.ts';
import type { Blindness } from './per-instance.ts';
import {
  historyInSteps,
  measureSteps,
  type StepClock,
  type StepSignal,
  type StepsOf,
  spanOf,
} from './steps.ts';

export interface CloudWatchOptions {
  readonly region: string;
  /** Ready-made queries. */
  readonly alb?: AlbMetrics | undefined;
  readonly ecs?: EcsMetrics | undefined;
  /** In place of or beside the ready-made ones. */
  readonly queries?: CloudWatchQueries | undefined;
  /** The one that the trigger names. */
  readonly percentile?: 'p50' | 'p95' | 'p99' | undefined;
  /** Of the metric for latency; that of load balancers is in seconds. */
  readonly latencyUnit?: 'seconds' | 'milliseconds' | undefined;
  /** Newer values are not complete: they arrive late. */
  readonly settleMs?: number | undefined;
  readonly staleAfterMs?: number | undefined;
  /** Of one call, its pages and retries included. */
  readonly timeoutMs?: number | undefined;
  /** Only where it is not AWS's own. */
  readonly endpoint?: string | undefined;
  /** What time it is, milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
}

/** Asks CloudWatch for the counts of metrics. */
export function createCloudWatchSource(options: CloudWatchOptions): MetricsSource {
  const settings = settingsOf(options);
  const shared = sharedCloudWatch(options);
  const alone = createCloudWatchApi(options);
  return {
    measure: (request) => measure(shared, settings, request),
    history: (request) => history(alone, settings, request),
  };
}

interface Settings {
  readonly address: string;
  readonly queries: readonly (readonly [StepSignal, MetricQuery])[];
  readonly clock: StepClock;
  readonly latencyUnit: 'seconds' | 'milliseconds';
  readonly timeoutMs: number;
  readonly format: string;
  readonly now: () => number;
}

function settingsOf(options: CloudWatchOptions): Settings {
  const { alb, ecs, percentile = 'p95', latencyUnit = 'seconds' } = options;
  const own = Object.entries(options.queries ?? {}).filter(([, list]) => list !== undefined);
  const bySignal = {
    ...(alb === undefined ? {} : albQueries(alb, percentile)),
    ...(ecs === undefined ? {} : ecsQueries(ecs)),
    ...Object.fromEntries(own),
  };
  const queries = Object.entries(bySignal).flatMap(([signal, list]) =>
    (list ?? []).map((query) => [signal as StepSignal, query] as const),
  );
  return {
    address: addressOf(options),
    queries,
    clock: {
      stepMs: 60_000,
      settleMs: options.settleMs ?? 120_000,
      staleAfterMs: options.staleAfterMs ?? 15 * 60_000,
    },
    latencyUnit,
    timeoutMs: options.timeoutMs ?? 8_000,
    format: cursorFormat('cloudwatch/1', queries),
    now: options.now ?? Date.now,
  };
}

async function measure(api: CloudWatchApi, settings: Settings, request: MeasureRequest) {
  const { format, clock, address, timeoutMs } = settings;
  const span = spanOf(request.cursor, format, settings.now(), clock);
  const answer = await api({
    queries: settings.queries.map(([, query]) => fillQuery(query, request)),
    fromMs: span.sinceMs,
    untilMs: span.untilMs,
    stepMs: clock.stepMs,
    timeoutMs,
    signal: request.signal,
  });
  const read = stepsIn(answer, settings);
  if ('kind' in read) return read;
  const found = measureSteps(read.steps, span, { format, address, clock });
  return found.kind === 'measured' ? { ...found, missing: [...found.missing, ...read.partial] } : found;
}

/** Gauges are known again with the next check; without its counts a check counts nothing. */
const counts: readonly StepSignal[] = ['requests', 'errors', 'dbConnectionErrors'];

function stepsIn(
  answer: CallAnswer,
  { queries, latencyUnit, address }: Settings,
): { readonly steps: StepsOf; readonly partial: readonly string[] } | Blindness {
  if (answer.kind !== 'answered') return answer;
  const steps: Partial<Record<StepSignal, Map<number, number>>> = {};
  const partial: string[] = [];
  for (const [i, [signal]] of queries.entries()) {
    const result = answer.results[i];
    if (result === undefined) continue;
    if (result.trouble !== null) {
      if (counts.includes(signal))
        return { kind: 'error', reason: `${address}, asked for ${signal}: ${result.trouble}` };
      partial.push(`${signal}: ${result.trouble}`);
    }
    const scale = signal === 'latencyMs' && latencyUnit === 'seconds' ? 1_000 : 1;
    const known = steps[signal] ?? new Map<number, number>();
    steps[signal] = known;
    for (const [atMs, value] of result.series.flatMap((series) => [...series])) {
      const before = known.get(atMs) ?? 0;
      known.set(atMs, counts.includes(signal) ? before + value : Math.max(before, value * scale));
    }
  }
  return { steps, partial };
}

async function history(api: CloudWatchApi, settings: Settings, request: HistoryRequest) {
  const { stepMs, signal } = request;
  const nowMs = settings.now();
  const untilMs = Math.min(request.untilMs, nowMs - settings.clock.settleMs);
  const sinceMs = Math.max(request.sinceMs, nowMs - keptMs(stepMs));
  const queries = settings.queries.map(([, query]) => fillQuery(query, request));
  return historyInSteps({ sinceMs, untilMs, stepMs }, settings.address, async (piece) =>
    stepsIn(await api({ ...piece, queries, signal }), settings),
  );
}

const day = 24 * 3_600_000;

/** How long CloudWatch keeps values of such a step: minutes for 15 days, five minutes for 63, hours for 455. */
function keptMs(stepMs: number): number {
  if (stepMs % 3_600_000 === 0) return 455 * day;
  return (stepMs % 300_000 === 0 ? 63 : 15) * day;
}
