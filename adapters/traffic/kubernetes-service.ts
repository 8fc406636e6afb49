import type { ReadinessCheck } from '../../domain/readiness.ts';
import { createKubernetesApi, type KubernetesApi, type KubernetesApiOptions } from '../kubernetes/api.ts';
import { endpointsOf, untilInForce } from '../kubernetes/endpoints.ts';
import { annotate, type Operation } from '../kubernetes/json-patch.ts';
import { checkRights } from '../kubernetes/rights.ts';
import type { ResumeTraffic, StopTraffic, TrafficControl, TrafficState } from './traffic-control.ts';

type Labels = Readonly<Record<string, string>>;

export interface KubernetesServiceOptions extends KubernetesApiOptions {
  readonly namespace: string;
  /** The name of the Service that users' traffic goes through. */
  readonly service: string;
  /** Labels of the pods that answer "back soon". Absent: in maintenance the Service has no pod, and connections are refused. */
  readonly maintenance?: Labels;
  /** Where the Service selects its pods by release, the label it does so with; default `app.kubernetes.io/version`. */
  readonly releaseLabel?: string;
  /** Until a switch is with the nodes; default 10,000 milliseconds. */
  readonly inForceWithinMs?: number;
}

interface Service {
  readonly metadata: { readonly uid: string; readonly annotations?: Labels };
  readonly spec: { readonly selector?: Labels };
}

interface Place extends KubernetesServiceOptions {
  readonly api: KubernetesApi;
  readonly path: string;
  readonly maintenanceSelector: Labels;
}

/** Kept while traffic is stopped: what the Service selected before. */
const selectorAnnotation = 'rollback-orchestrator/selector';
const reasonAnnotation = 'rollback-orchestrator/maintenance';
/** No selector at all would leave the pods as they are. */
const nobody: Labels = { 'rollback-orchestrator/maintenance': 'on' };

/** Switches by the selector of a Service, which every cluster has: nothing to install, and nothing in the way of requests. */
export function createKubernetesServiceTraffic(options: KubernetesServiceOptions): TrafficControl {
  const place: Place = {
    ...options,
    api: createKubernetesApi(options),
    path: `/api/v1/namespaces/${options.namespace}/services/${options.service}`,
    maintenanceSelector: options.maintenance ?? nobody,
  };
  return {
    state: async (_service, signal) => stateOf(place, await read(place, signal)),
    stop: async (_service, request) => stopAt(place, request),
    resume: async (_service, request) => resumeAt(place, request),
    checks: async (_service, signal) => checksAt(place, signal),
  };
}

function stateOf(
  { maintenanceSelector, releaseLabel }: Place,
  { spec: { selector = {} } }: Service,
): TrafficState {
  const release = selector[releaseLabel ?? defaultReleaseLabel];
  if (isSame(selector, maintenanceSelector)) return { maintenance: true, weights: {} };
  return { maintenance: false, weights: release === undefined ? {} : { [release]: 100 } };
}

const defaultReleaseLabel = 'app.kubernetes.io/version';

async function stopAt(place: Place, { reason, signal }: StopTraffic): Promise<void> {
  const service = await read(place, signal);
  const { selector } = service.spec;
  if (selector === undefined)
    throw new Error(
      `${shown(place)} has no selector: its endpoints are somebody else's, and cannot be switched`,
    );
  const kept: Record<string, string> = isSame(selector, place.maintenanceSelector)
    ? {}
    : { [selectorAnnotation]: JSON.stringify(selector) };
  await select(place, service, place.maintenanceSelector, { ...kept, [reasonAnnotation]: reason }, signal);
  await inForce(place, place.maintenanceSelector, [], signal);
}

async function resumeAt(place: Place, { release, instances, signal }: ResumeTraffic): Promise<void> {
  const running = instances.filter((instance) => instance.running);
  if (running.length === 0)
    throw new Error(`${shown(place)}: no running instance of ${release} to send traffic to`);
  const service = await read(place, signal);
  const selector = selectorFor(place, service, release);
  await select(place, service, selector, { [selectorAnnotation]: null, [reasonAnnotation]: null }, signal);
  await inForce(
    place,
    selector,
    running.map(({ id }) => id),
    signal,
  );
}

/** As it was before; where it says which release, it is to say this one. A release that it did not name is never put in: the next one would get no traffic. */
function selectorFor(place: Place, { metadata, spec }: Service, release: string): Labels {
  const kept = metadata.annotations?.[selectorAnnotation];
  const inMaintenance = spec.selector !== undefined && isSame(spec.selector, place.maintenanceSelector);
  if (inMaintenance && kept === undefined)
    throw new Error(
      `${shown(place)} is in maintenance, and its annotation ${selectorAnnotation} is gone: set its selector by hand`,
    );
  const before = (inMaintenance ? (JSON.parse(kept ?? '{}') as Labels) : spec.selector) ?? {};
  const label = place.releaseLabel ?? defaultReleaseLabel;
  return Object.hasOwn(before, label) ? { ...before, [label]: release } : before;
}

async function select(
  { api, path }: Place,
  { metadata, spec }: Service,
  selector: Labels,
  annotations: Readonly<Record<string, string | null>>,
  signal: AbortSignal,
): Promise<void> {
  const patch: Operation[] = [
    // Whoever changed it since we looked meant something by it.
    { op: 'test', path: '/metadata/uid', value: metadata.uid },
    { op: 'test', path: '/spec/selector', value: spec.selector },
    { op: 'replace', path: '/spec/selector', value: selector },
    ...annotate(metadata.annotations, annotations),
  ];
  await api.patch(path, 'json-patch', patch, signal);
}

/** Every node gets the endpoints from the same slices; from there it is a matter of milliseconds. */
async function inForce(
  place: Place,
  selector: Labels,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { api, namespace, service, inForceWithinMs = 10_000 } = place;
  await untilInForce(shown(place), { withinMs: inForceWithinMs, signal }, async () => {
    const [selected, endpoints] = await Promise.all([
      podsBy(place, selector, signal),
      endpointsOf(api, namespace, service, signal),
    ]);
    const foreign = endpoints.filter((name) => !selected.includes(name));
    if (foreign.length > 0) return `it still sends to ${foreign.join(', ')}`;
    const missing = wanted.filter((name) => !endpoints.includes(name));
    return missing.length === 0 ? null : `it does not send to ${missing.join(', ')}`;
  });
}

async function podsBy({ api, namespace }: Place, selector: Labels, signal: AbortSignal): Promise<string[]> {
  const labelSelector = Object.entries(selector)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
  type Named = { readonly metadata: { readonly name: string } };
  const pods = await api.list<Named>(`/api/v1/namespaces/${namespace}/pods`, { labelSelector }, signal);
  return pods.map(({ metadata }) => metadata.name);
}

async function checksAt(place: Place, signal: AbortSignal): Promise<readonly ReadinessCheck[]> {
  const { api, namespace, service, maintenance } = place;
  const rights = await checkRights(
    api,
    namespace,
    [
      { verb: 'get', group: '', resource: 'services', name: service },
      { verb: 'patch', group: '', resource: 'services', name: service },
      { verb: 'list', group: '', resource: 'pods' },
      { verb: 'list', group: 'discovery.k8s.io', resource: 'endpointslices' },
    ],
    signal,
  );
  if (maintenance === undefined || rights.some(({ ok }) => !ok)) return rights;
  const pods = await podsBy(place, maintenance, signal);
  const detail =
    pods.length > 0 ? pods.join(', ') : `no pod in namespace ${namespace} has the labels of maintenance`;
  return [...rights, { name: 'somebody answers in maintenance', ok: pods.length > 0, detail }];
}

async function read(place: Place, signal: AbortSignal): Promise<Service> {
  const service = await place.api.get<Service>(place.path, signal);
  if (service === null) throw new Error(`there is no ${shown(place)} in namespace ${place.namespace}`);
  return service;
}

const shown = ({ service }: Place) => `service/${service}`;

function isSame(a: Labels, b: Labels): boolean {
  return (
    Object.keys(a).length === Object.keys(b).length &&
    Object.entries(a).every(([name, value]) => b[name] === value)
  );
}
