import type { Store } from '../../../adapters/store/store.ts';
import { baselineMetrics } from '../../../domain/baseline.ts';
import type { TriggerType } from '../../../domain/detection/verdict.ts';
import type { DeploymentKey } from '../../../domain/identity.ts';
import { type Point, type SampledTick, type Signal, seriesOf, signalUnits } from '../../../domain/series.ts';
import type { ServiceWatch } from '../../../domain/watch.ts';

/** One signal of one service over the watch. */
export interface SignalSeries {
  readonly signal: Signal;
  readonly unit: string;
  /** In the unit of the points; `null`: not known. */
  readonly baseline: number | null;
  /** Where the trigger's condition begins to hold; `null`: no trigger looks at it. */
  readonly threshold: number | null;
  readonly points: readonly Point[];
}

export interface ServiceSeries {
  readonly service: string;
  readonly release: string;
  readonly signals: readonly SignalSeries[];
}

export interface SeriesRange {
  /** Milliseconds since the epoch; left out: the whole watch. */
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  /** Of a signal, at most. */
  readonly points: number;
}

/** What was measured of a deployment, service by service; a service that was never looked at has no signals. */
export async function readSeries(
  store: Pick<Store, 'watches'>,
  key: DeploymentKey,
  { sinceMs = 0, untilMs = Number.MAX_SAFE_INTEGER, points }: SeriesRange,
  services: readonly ServiceWatch[],
): Promise<ServiceSeries[]> {
  const ticks = await store.watches.samples(key, { sinceMs, untilMs });
  return services.map((watch) =>
    drawn(
      watch,
      ticks.filter(({ service }) => service === watch.service),
      points,
    ),
  );
}

/** The newest checks of each service, one point each. */
export async function readNewest(
  store: Pick<Store, 'watches'>,
  { product, environment, deployment }: DeploymentKey,
  points: number,
  services: readonly ServiceWatch[],
): Promise<ServiceSeries[]> {
  const key = { product, environment, deployment };
  return Promise.all(
    services.map(async (watch) =>
      drawn(watch, await store.watches.newest({ ...key, service: watch.service }, points), points),
    ),
  );
}

function drawn(watch: ServiceWatch, ticks: readonly SampledTick[], most: number): ServiceSeries {
  return {
    service: watch.service,
    release: watch.release,
    signals: seriesOf(ticks, most).map(({ signal, points }) => ({
      signal,
      unit: signalUnits[signal],
      ...boundsOf(signal, watch),
      points,
    })),
  };
}

const triggerOf: Readonly<Partial<Record<Signal, TriggerType>>> = {
  error_rate: 'error_rate',
  latency_p95: 'performance',
  memory: 'memory',
  db_connection_errors: 'database',
};

/** As the judge used them last; before it has judged, the release's own first minutes. */
function boundsOf(
  signal: Signal,
  { verdicts, baseline }: ServiceWatch,
): Pick<SignalSeries, 'baseline' | 'threshold'> {
  const verdict = verdicts.find(({ trigger }) => trigger === triggerOf[signal]);
  const own = baselineMetrics(baseline);
  const measured: Readonly<Record<Signal, number | null>> = {
    error_rate: own.error_rate,
    latency_p50: own.p50_latency_ms,
    latency_p95: own.p95_latency_ms,
    latency_p99: own.p99_latency_ms,
    request_rate: own.request_rate,
    memory: own.memory_usage_percent,
    cpu: own.cpu_usage_percent,
    db_connection_errors: null,
    health: null,
  };
  const known = baseline.samples > 0 ? measured[signal] : null;
  return { baseline: verdict?.baseline ?? known, threshold: verdict?.threshold ?? null };
}
