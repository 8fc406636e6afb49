import { cursorFormat } from './cursor-format.ts';
import { createDatadogApi, type DatadogApi } from './datadog/api.ts';
import { type DatadogQueries, fillQuery, traceQueries } from './datadog/queries.ts';
import type { HistoryRequest, MeasureRequest, MetricsSource } from './metrics-source.ts';
import { historyInSteps, measureSteps, type StepClock, type StepSignal, spanOf } from './steps.ts';

export interface DatadogOptions {
  /** Like `datadoghq.eu`; default `datadoghq.com`. */
  readonly site?: string | undefined;
  /** In place of the site's own address. */
  readonly url?: string | undefined;
  readonly apiKey: string;
  readonly applicationKey: string;
  /** Of APM, like `express.request`: its ready-made queries. */
  readonly operation?: string | undefined;
  /** In place of or beside the ready-made ones. */
  readonly queries?: DatadogQueries | undefined;
  /** The one that the trigger names. */
  readonly percentile?: 'p50' | 'p95' | 'p99' | undefined;
  /** Where Datadog does not know the unit of the metric. */
  readonly latencyUnit?: 'seconds' | 'milliseconds' | undefined;
  /** Of one count. */
  readonly stepMs?: number | undefined;
  /** Newer values are not complete. */
  readonly settleMs?: number | undefined;
  readonly staleAfterMs?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly maxBytes?: number | undefined;
  /** What time it is, milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
}

/** Asks Datadog for the counts of time series. */
export function createDatadogSource(options: DatadogOptions): MetricsSource {
  const settings = settingsOf(options);
  const { url, apiKey, applicationKey } = { ...options, url: settings.address };
  const api = createDatadogApi({ url, apiKey, applicationKey });
  return {
    measure: (request) => measure(api, settings, request),
    history: (request) => history(api, settings, request),
  };
}

interface Settings {
  readonly address: string;
  readonly queries: readonly (readonly [StepSignal, string])[];
  readonly clock: StepClock;
  readonly latencyUnit: 'seconds' | 'milliseconds';
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly format: string;
  readonly now: () => number;
}

function settingsOf(options: DatadogOptions): Settings {
  const { operation, site = 'datadoghq.com', percentile = 'p95', latencyUnit = 'seconds' } = options;
  const ready = operation === undefined ? {} : traceQueries(operation, percentile);
  const own = Object.entries(options.queries ?? {}).filter(([, query]) => query !== undefined);
  const queries = Object.entries({ ...ready, ...Object.fromEntries(own) }) as [StepSignal, string][];
  const clock = {
    stepMs: options.stepMs ?? 60_000,
    settleMs: options.settleMs ?? 60_000,
    staleAfterMs: options.staleAfterMs ?? 15 * 60_000,
  };
  return {
    address: (options.url ?? `https://api.${site}`).replace(/\/+$/, ''),
    queries,
    clock,
    latencyUnit,
    timeoutMs: options.timeoutMs ?? 8_000,
    maxBytes: options.maxBytes ?? 8 * 1_048_576,
    format: cursorFormat('datadog/1', [queries, clock.stepMs]),
    now: options.now ?? Date.now,
  };
}

async function measure(api: DatadogApi, settings: Settings, request: MeasureRequest) {
  const { format, clock, address } = settings;
  const span = spanOf(request.cursor, format, settings.now(), clock);
  const running = request.instances.filter((instance) => instance.running);
  const releases = [...new Set(running.flatMap(({ release }) => release ?? []))];
  const answer = await api({
    ...settings,
    queries: filled(settings, request, releases),
    fromMs: span.sinceMs,
    untilMs: span.untilMs,
    stepMs: clock.stepMs,
    signal: request.signal,
  });
  if (answer.kind !== 'answered') return answer;
  return measureSteps(answer.steps, span, { format, address, clock });
}

async function history(api: DatadogApi, settings: Settings, request: HistoryRequest) {
  const { sinceMs, stepMs, signal } = request;
  const untilMs = Math.min(request.untilMs, settings.now() - settings.clock.settleMs);
  const queries = filled(settings, request, []);
  return historyInSteps({ sinceMs, untilMs, stepMs }, settings.address, (piece) =>
    api({ ...settings, ...piece, queries, signal }),
  );
}

function filled(
  { queries }: Settings,
  { product, environment, service }: Pick<MeasureRequest, 'product' | 'environment' | 'service'>,
  releases: readonly string[],
) {
  return queries.map(
    ([signal, query]) => [signal, fillQuery(query, { product, environment, service, releases })] as const,
  );
}
