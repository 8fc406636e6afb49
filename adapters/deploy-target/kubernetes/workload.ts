import type { KubernetesApi } from '../../kubernetes/api.ts';
import type { LabelSelector, Pod, Workload } from './objects.ts';

export type WorkloadKind = 'Deployment' | 'StatefulSet' | 'DaemonSet';

export interface WorkloadRef {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly name: string;
  /** As people write it: `deployment/web`. */
  readonly shown: string;
  readonly path: string;
}

const kinds: Readonly<Record<string, WorkloadKind>> = {
  deployment: 'Deployment',
  statefulset: 'StatefulSet',
  daemonset: 'DaemonSet',
};

export const resourceOf = (kind: WorkloadKind) => `${kind.toLowerCase()}s`;

/** @param written `deployment/web`, as kubectl takes it */
export function workloadRef(namespace: string, written: string): WorkloadRef {
  const [word = '', name = ''] = written.split('/');
  const kind = kinds[word.toLowerCase()];
  if (kind === undefined || name === '' || written.split('/').length !== 2) {
    throw new Error(`workload ${written} is none of deployment/NAME, statefulset/NAME, daemonset/NAME`);
  }
  const path = `/apis/apps/v1/namespaces/${namespace}/${resourceOf(kind)}/${name}`;
  return { kind, namespace, name, shown: `${kind.toLowerCase()}/${name}`, path };
}

export const missingSentence = (ref: WorkloadRef) => `there is no ${ref.shown} in namespace ${ref.namespace}`;

export async function readWorkload(
  api: KubernetesApi,
  ref: WorkloadRef,
  signal: AbortSignal,
): Promise<Workload> {
  const workload = await api.get<Workload>(ref.path, signal);
  if (workload === null) throw new Error(missingSentence(ref));
  return workload;
}

/** Also those that are ending; ordered by name. */
export async function podsOf(
  api: KubernetesApi,
  ref: WorkloadRef,
  workload: Workload,
  signal: AbortSignal,
): Promise<Pod[]> {
  const labelSelector = selectorText(workload.spec.selector);
  const pods = await api.list<Pod>(`/api/v1/namespaces/${ref.namespace}/pods`, { labelSelector }, signal);
  return pods
    .filter((pod) => belongsTo(pod, ref, workload))
    .toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name, 'en', { numeric: true }));
}

/** A canary's Deployment may well select the same labels. */
function belongsTo({ metadata }: Pod, ref: WorkloadRef, workload: Workload): boolean {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (ref.kind !== 'Deployment') return owner?.uid === workload.metadata.uid;
  const hash = metadata.labels?.['pod-template-hash'];
  return owner?.kind === 'ReplicaSet' && owner.name === `${ref.name}-${hash}`;
}

export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const expressions = matchExpressions.map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
  });
  return [...labels, ...expressions].join(',');
}

export const isEnding = ({ metadata }: Pod) => metadata.deletionTimestamp !== undefined;

export function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
}
