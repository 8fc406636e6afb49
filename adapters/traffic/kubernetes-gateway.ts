import type { ReadinessCheck } from '../../domain/readiness.ts';
import { createKubernetesApi, type KubernetesApi, type KubernetesApiOptions } from '../kubernetes/api.ts';
import { endpointsOf, untilInForce } from '../kubernetes/endpoints.ts';
import { annotate, type Operation } from '../kubernetes/json-patch.ts';
import { checkRights } from '../kubernetes/rights.ts';
import type { ResumeTraffic, StopTraffic, TrafficControl, TrafficState } from './traffic-control.ts';

export interface KubernetesGatewayOptions extends KubernetesApiOptions {
  readonly namespace: string;
  /** The name of the HTTPRoute that users' traffic goes through. */
  readonly route: string;
  /**
   * The Service that answers "back soon", one of the backends of the route with weight 0 while all is well. Gateway API has
   * no answer of its own to give, and one without any backend is a bare 500.
   */
  readonly maintenance: string;
  /** Until the gateways have taken a switch; default 30,000 milliseconds. */
  readonly inForceWithinMs?: number;
}

interface BackendRef {
  readonly name: string;
  readonly kind?: string;
  readonly weight?: number;
}

interface Rule {
  readonly backendRefs?: readonly BackendRef[];
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly observedGeneration?: number;
  readonly message?: string;
}

interface HttpRoute {
  readonly metadata: {
    readonly uid: string;
    readonly generation?: number;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly rules?: readonly Rule[] };
  readonly status?: { readonly parents?: readonly { readonly conditions?: readonly Condition[] }[] };
}

interface Place extends KubernetesGatewayOptions {
  readonly api: KubernetesApi;
  readonly path: string;
}

/** Kept while traffic is stopped: the weights that the route had before, rule by rule. */
const weightsAnnotation = 'rollback-orchestrator/weights';
const reasonAnnotation = 'rollback-orchestrator/maintenance';
const fullWeight = 100;

/** Switches by the weights of an HTTPRoute's backends, which every implementation of Gateway API honours. */
export function createKubernetesGatewayTraffic(options: KubernetesGatewayOptions): TrafficControl {
  const { namespace, route } = options;
  const path = `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/httproutes/${route}`;
  const place: Place = { ...options, api: createKubernetesApi(options), path };
  return {
    state: async (_service, signal) => stateOf(place, await read(place, signal)),
    stop: async (_service, request) => stopAt(place, request),
    resume: async (_service, request) => resumeAt(place, request),
    checks: async (_service, signal) => checksAt(place, signal),
  };
}

/** A Service is not a release, so there are no weights by release to tell. */
function stateOf(place: Place, route: HttpRoute): TrafficState {
  const others = ours(place, route).flatMap(({ backends }) =>
    backends.filter(({ name }) => name !== place.maintenance),
  );
  return { maintenance: others.every((backend) => weightOf(backend) === 0), weights: {} };
}

async function stopAt(place: Place, { reason, signal }: StopTraffic): Promise<void> {
  const route = await read(place, signal);
  const weights = Object.fromEntries(
    ours(place, route).map(({ index, backends }) => [index, backends.map(weightOf)]),
  );
  const kept: Record<string, string> = stateOf(place, route).maintenance
    ? {}
    : { [weightsAnnotation]: JSON.stringify(weights) };
  const only = ({ name }: BackendRef) => (name === place.maintenance ? fullWeight : 0);
  await weigh(
    place,
    route,
    (_rule, backend) => only(backend),
    { ...kept, [reasonAnnotation]: reason },
    signal,
  );
}

/** All traffic to the backends in which the release's instances are: with one Service it is that one, with blue and green the right one. */
async function resumeAt(place: Place, { release, instances, signal }: ResumeTraffic): Promise<void> {
  const running = instances.filter((instance) => instance.running).map(({ id }) => id);
  if (running.length === 0)
    throw new Error(`${shown(place)}: no running instance of ${release} to send traffic to`);
  const route = await read(place, signal);
  const holders = await holdersOf(place, route, running, signal);
  const before = keptWeights(route);
  const weight = (rule: number, backend: BackendRef, position: number) => {
    if (!holders.includes(backend.name)) return 0;
    return before[rule]?.[position] || weightOf(backend) || fullWeight;
  };
  await weigh(place, route, weight, { [weightsAnnotation]: null, [reasonAnnotation]: null }, signal);
}

/** A Service learns of a pod a moment after the pod is ready. */
async function holdersOf(
  place: Place,
  route: HttpRoute,
  pods: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const { api, namespace, maintenance } = place;
  const named = ours(place, route).flatMap(({ backends }) => backends.map(({ name }) => name));
  const services = [...new Set(named)].filter((name) => name !== maintenance);
  let holders: string[] = [];
  await untilInForce(shown(place), { withinMs: limitOf(place), signal }, async () => {
    const endpoints = await Promise.all(services.map((name) => endpointsOf(api, namespace, name, signal)));
    holders = services.filter((_name, index) => endpoints[index]?.some((pod) => pods.includes(pod)));
    const missing = pods.filter((pod) => !endpoints.some((names) => names.includes(pod)));
    return missing.length === 0 ? null : `${missing.join(', ')} is behind none of ${services.join(', ')}`;
  });
  return holders;
}

function keptWeights({ metadata }: HttpRoute): Readonly<Record<number, readonly number[] | undefined>> {
  const text = metadata.annotations?.[weightsAnnotation];
  return text === undefined ? {} : (JSON.parse(text) as Record<number, number[]>);
}

/** The rules that have the maintenance backend; others, redirects say, are none of ours. */
function ours({ maintenance }: Place, { spec }: HttpRoute) {
  return (spec.rules ?? []).flatMap(({ backendRefs: backends = [] }, index) =>
    backends.some(({ name }) => name === maintenance) ? [{ index, backends }] : [],
  );
}

const weightOf = ({ weight }: BackendRef) => weight ?? 1;

async function weigh(
  place: Place,
  route: HttpRoute,
  weight: (rule: number, backend: BackendRef, position: number) => number,
  annotations: Readonly<Record<string, string | null>>,
  signal: AbortSignal,
): Promise<void> {
  const switches = ours(place, route).flatMap(({ index, backends }) =>
    backends.map(
      (backend, position): Operation => ({
        op: 'add',
        path: `/spec/rules/${index}/backendRefs/${position}/weight`,
        value: weight(index, backend, position),
      }),
    ),
  );
  const unchanged: Operation[] = [
    { op: 'test', path: '/metadata/uid', value: route.metadata.uid },
    { op: 'test', path: '/metadata/generation', value: route.metadata.generation },
  ];
  const patch = [...unchanged, ...switches, ...annotate(route.metadata.annotations, annotations)];
  const after = await place.api.patch<HttpRoute>(place.path, 'json-patch', patch, signal);
  await taken(place, after.metadata.generation ?? 0, signal);
}

/** Each gateway that the route hangs on says which generation it serves. */
async function taken(place: Place, generation: number, signal: AbortSignal): Promise<void> {
  await untilInForce(shown(place), { withinMs: limitOf(place), signal }, async () => {
    const { status } = await read(place, signal);
    const parents = status?.parents ?? [];
    if (parents.length === 0) return 'no gateway has accepted it';
    for (const { conditions = [] } of parents) {
      const accepted = conditions.find(({ type }) => type === 'Accepted');
      if (accepted === undefined || (accepted.observedGeneration ?? 0) < generation)
        return 'a gateway has not taken it yet';
      if (accepted.status !== 'True') return `a gateway refuses it: ${accepted.message ?? 'no words'}`;
    }
    return null;
  });
}

async function checksAt(place: Place, signal: AbortSignal): Promise<readonly ReadinessCheck[]> {
  const { api, namespace, route: name, maintenance } = place;
  const resource = { group: 'gateway.networking.k8s.io', resource: 'httproutes', name };
  const rights = await checkRights(
    api,
    namespace,
    [
      { verb: 'get', ...resource },
      { verb: 'patch', ...resource },
      { verb: 'list', group: 'discovery.k8s.io', resource: 'endpointslices' },
    ],
    signal,
  );
  if (rights.some(({ ok }) => !ok)) return rights;
  await read(place, signal);
  const pods = await endpointsOf(api, namespace, maintenance, signal);
  const detail =
    pods.length > 0 ? pods.join(', ') : `service/${maintenance} in namespace ${namespace} has no ready pod`;
  return [...rights, { name: 'somebody answers in maintenance', ok: pods.length > 0, detail }];
}

async function read(place: Place, signal: AbortSignal): Promise<HttpRoute> {
  const route = await place.api.get<HttpRoute>(place.path, signal);
  if (route === null) throw new Error(`there is no ${shown(place)} in namespace ${place.namespace}`);
  if (ours(place, route).length === 0)
    throw new Error(
      `no rule of ${shown(place)} has the backend ${place.maintenance}: add it to each with weight 0`,
    );
  return route;
}

const limitOf = ({ inForceWithinMs = 30_000 }: Place) => inForceWithinMs;
const shown = ({ route }: Place) => `httproute/${route}`;
