import { exponentialToGrid } from './exponential.ts';
import { metricsProto } from './metrics-proto.ts';

/** Attributes as texts: `503` of the number 503. */
export type Attributes = Readonly<Record<string, string>>;

export interface OtlpResource {
  readonly attributes: Attributes;
  readonly points: readonly OtlpPoint[];
}

/** One point of one series. */
export interface OtlpPoint {
  readonly metric: string;
  readonly attributes: Attributes;
  /** `delta`: since the point before it; `total`: since the process started; `gauge`: now. */
  readonly means: 'delta' | 'total' | 'gauge';
  /** When its counting began, milliseconds since the epoch. */
  readonly startMs: number | null;
  readonly atMs: number;
  /** A histogram's is the number of its values. Durations and sizes are in the metric's own unit. */
  readonly value: number;
  readonly histogram: { readonly boundsMs: readonly number[]; readonly counts: readonly number[] } | null;
}

/** What was pushed, of protobuf. Throws where it is none. */
export async function decodeProtobuf(body: Uint8Array): Promise<OtlpResource[]> {
  const { default: protobuf } = await import('protobufjs');
  const type = protobuf.parse(metricsProto).root.lookupType('ExportMetricsServiceRequest');
  return resourcesIn(type.toObject(type.decode(body), { longs: String }));
}

/** What was pushed, of JSON. Throws where it is none. */
export function decodeJson(text: string): OtlpResource[] {
  return resourcesIn(JSON.parse(text));
}

type Tree = { readonly [key: string]: unknown };

function resourcesIn(request: unknown): OtlpResource[] {
  return listIn(request, 'resourceMetrics').map((entry) => ({
    attributes: attributesIn(entry.resource),
    points: listIn(entry, 'scopeMetrics').flatMap((scope) => listIn(scope, 'metrics').flatMap(pointsIn)),
  }));
}

function listIn(tree: unknown, name: string): Tree[] {
  const list = (tree as Tree | null | undefined)?.[name];
  return Array.isArray(list) ? list.filter((entry) => typeof entry === 'object' && entry !== null) : [];
}

function attributesIn(tree: unknown): Attributes {
  const entries = listIn(tree, 'attributes').map(({ key, value }) => {
    const [found = ''] = Object.values((value ?? {}) as Tree);
    return [String(key), String(found)];
  });
  return Object.fromEntries(entries) as Attributes;
}

const delta = 1;
/** The flag of a point that says that there is no value. */
const noValue = 1;

function pointsIn(metric: Tree): OtlpPoint[] {
  const unitMs = metric.unit === 'ms' ? 1 : 1_000;
  const kinds = ['gauge', 'sum', 'histogram', 'exponentialHistogram'] as const;
  return kinds.flatMap((kind) => {
    const data = metric[kind] as Tree | undefined;
    // The names of enumerations stand in some JSON.
    const isDelta =
      data?.aggregationTemporality === delta || /DELTA$/.test(String(data?.aggregationTemporality));
    const isGauge = kind === 'gauge' || (kind === 'sum' && data?.isMonotonic !== true);
    return listIn(data, 'dataPoints')
      .filter(({ flags }) => (Number(flags ?? 0) & noValue) === 0)
      .map((point): OtlpPoint => {
        const startMs = millisecondsOf(point.startTimeUnixNano);
        return {
          metric: String(metric.name),
          attributes: attributesIn(point),
          means: isGauge ? 'gauge' : isDelta ? 'delta' : 'total',
          startMs: startMs === 0 ? null : startMs,
          atMs: millisecondsOf(point.timeUnixNano),
          value: Number(point.count ?? point.asDouble ?? point.asInt ?? 0),
          histogram: kind === 'gauge' || kind === 'sum' ? null : histogramIn(point, unitMs),
        };
      });
  });
}

function millisecondsOf(nanoseconds: unknown): number {
  return Math.round(Number(nanoseconds ?? 0) / 1e6);
}

function histogramIn(point: Tree, unitMs: number): OtlpPoint['histogram'] {
  const numbers = (list: unknown) => (Array.isArray(list) ? list.map(Number) : []);
  if (point.scale !== undefined || point.positive !== undefined) {
    const positive = (point.positive ?? {}) as Tree;
    return exponentialToGrid({
      scale: Number(point.scale ?? 0),
      zeroCount: Number(point.zeroCount ?? 0),
      offset: Number(positive.offset ?? 0),
      counts: numbers(positive.bucketCounts),
      unitMs,
    });
  }
  const boundsMs = numbers(point.explicitBounds).map((bound) => Math.round(bound * unitMs * 1e6) / 1e6);
  const counts = numbers(point.bucketCounts);
  return counts.length === boundsMs.length + 1 ? { boundsMs, counts } : null;
}
