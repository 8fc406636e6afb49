import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { decodeJson, decodeProtobuf, type OtlpResource } from '../../adapters/otlp/decode.ts';
import { type PushedInstance, type PushedMetrics, takeIn } from '../../adapters/otlp/pushed.ts';
import type { ServiceKey } from '../../adapters/store/pushed.ts';
import { may, refusalOf } from '../../domain/access.ts';
import { ApiError } from './api-error.ts';
import type { App, AppOptions } from './app-types.ts';

/** Decompressed. */
const mostBytes = 16 * 1_048_576;
/** An instance that does not push for longer is forgotten. */
const keptMs = 25 * 3_600_000;
const pruneEveryMs = 3_600_000;

/** `POST /v1/metrics` of OTLP over HTTP, in protobuf and JSON: what services push of their metrics. */
export function addOtlpRoutes(app: App, { store, catalog }: AppOptions): void {
  let prunedMs = 0;
  app.post('/v1/metrics', async (context) => {
    const type = context.req.header('content-type')?.split(';')[0]?.trim();
    const isJson = type === 'application/json';
    if (!isJson && type !== 'application/x-protobuf')
      return context.json(
        { error: `found ${type ?? 'no content type'}; allowed: application/x-protobuf, application/json` },
        415,
      );
    const body = await decompressed(await context.req.arrayBuffer(), context.req.header('content-encoding'));
    const resources = await decoded(body, isJson);
    const { principal } = context.get('caller');
    const nowMs = Date.now();
    const services = await pushingServices(catalog);
    const refused = { points: 0, words: new Set<string>() };
    for (const resource of resources) {
      const named = serviceOf(resource, services);
      const found =
        typeof named === 'string' || may(principal, 'report', named.key.product)
          ? named
          : refusalOf(principal, 'report', named.key.product);
      if (typeof found === 'string') {
        refused.points += resource.points.length;
        refused.words.add(found);
      } else refused.points += await keep(resource, found, nowMs);
    }
    if (nowMs - prunedMs > pruneEveryMs) {
      prunedMs = nowMs;
      await store.pushed.prune(nowMs - keptMs);
    }
    return answer(refused, isJson);
  });

  async function keep(resource: OtlpResource, to: Pushing, nowMs: number): Promise<number> {
    const { key, pushed } = to;
    const instance = instanceOf(resource);
    let lost = 0;
    await store.pushed.change({ ...key, instance }, nowMs, (before) => {
      const known = before === null ? null : (JSON.parse(before) as PushedInstance);
      const taken = takeIn(known, resource.points, pushed.names, nowMs);
      lost = taken.refused;
      return JSON.stringify(taken.instance);
    });
    return lost;
  }
}

async function decompressed(body: ArrayBuffer, encoding = 'identity'): Promise<Uint8Array> {
  if (encoding === 'identity') return new Uint8Array(body);
  if (encoding !== 'gzip') throw new ApiError(400, `found the content encoding ${encoding}; allowed: gzip`);
  return promisify(gunzip)(body, { maxOutputLength: mostBytes }).catch((error: NodeJS.ErrnoException) => {
    const isLarge = error.code === 'ERR_BUFFER_TOO_LARGE';
    throw new ApiError(
      400,
      isLarge ? 'the body is larger than 16 MiB, decompressed' : 'the body is not gzip',
    );
  });
}

async function decoded(body: Uint8Array, isJson: boolean): Promise<OtlpResource[]> {
  try {
    return isJson ? decodeJson(new TextDecoder().decode(body)) : await decodeProtobuf(body);
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    throw new ApiError(400, `the body is no ExportMetricsServiceRequest: ${found.slice(0, 200)}`);
  }
}

interface Pushing {
  readonly key: ServiceKey;
  readonly pushed: PushedMetrics;
}

async function pushingServices(catalog: AppOptions['catalog']): Promise<Pushing[]> {
  const setups = await Promise.all((await catalog.products()).map((key) => catalog.setup(key)));
  return setups.flatMap(({ product, environment, services }) =>
    services.flatMap(({ service, pushed }) =>
      pushed === undefined ? [] : [{ key: { product, environment, service }, pushed }],
    ),
  );
}

/** The service that calls itself so, or the sentence why there is none. */
function serviceOf({ attributes }: OtlpResource, services: readonly Pushing[]): Pushing | string {
  const name = attributes['service.name'];
  if (name === undefined) return 'a resource has no service.name';
  const environment = attributes['deployment.environment.name'] ?? attributes['deployment.environment'];
  const found = services.filter(
    ({ pushed }) =>
      pushed.serviceName === name && (environment === undefined || pushed.environmentName === environment),
  );
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const where = environment === undefined ? '' : ` in ${environment}`;
  if (only === undefined) return `no service with metrics of kind otlp is called ${name}${where}`;
  return `more than one service is called ${name}${where}: tell them apart by deployment.environment.name`;
}

function instanceOf({ attributes }: OtlpResource): string {
  const names = ['service.instance.id', 'k8s.pod.name', 'host.name'] as const;
  return names.map((name) => attributes[name]).find((value) => value !== undefined) ?? 'all';
}

/** What was refused is told as a partial success: a refusal of all would be repeated for nothing. */
async function answer(
  { points, words }: { readonly points: number; readonly words: ReadonlySet<string> },
  isJson: boolean,
): Promise<Response> {
  const errorMessage = [...words].join('; ') || 'too many series of one instance';
  if (isJson) {
    const partialSuccess = { rejectedDataPoints: String(points), errorMessage };
    return Response.json(points === 0 ? {} : { partialSuccess });
  }
  const { default: protobuf } = await import('protobufjs');
  const writer = protobuf.Writer.create();
  if (points > 0) writer.uint32(10).fork().uint32(8).int64(points).uint32(18).string(errorMessage).ldelim();
  const body = Buffer.from(writer.finish());
  return new Response(body, { headers: { 'content-type': 'application/x-protobuf' } });
}
