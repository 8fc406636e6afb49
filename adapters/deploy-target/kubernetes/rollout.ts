import type { KubernetesApi } from '../../kubernetes/api.ts';
import { newestWarning } from './events.ts';
import { revisionsOf } from './find-template.ts';
import { stuckWords, type Trouble, troubleOf } from './instances.ts';
import type { Pod, Workload } from './objects.ts';
import { type ReleaseNaming, releaseOf } from './release-name.ts';
import { isEnding, isReady, podsOf, readWorkload, type WorkloadRef } from './workload.ts';

/** How far the platform is with putting the configured template everywhere. */
export interface Rollout {
  readonly workload: Workload;
  /** Whether the controller has seen the newest template; until then its figures are of the one before. */
  readonly observed: boolean;
  readonly wanted: number;
  /** Ready for as long as the workload asks for (`minReadySeconds`), of whatever template. */
  readonly available: number;
  /** Of the newest template, ready or not. */
  readonly updated: readonly Pod[];
  /** Of another one, without those below a partition that run the same release. */
  readonly outdated: readonly Pod[];
  /** Why the platform gets no further. */
  readonly stuck: string | null;
}

export async function readRollout(
  api: KubernetesApi,
  ref: WorkloadRef,
  naming: ReleaseNaming,
  signal: AbortSignal,
): Promise<Rollout> {
  const workload = await readWorkload(api, ref, signal);
  const pods = await podsOf(api, ref, workload, signal);
  const hash = await newestHash(api, ref, workload, signal);
  const { generation = 0 } = workload.metadata;
  const observed = (workload.status?.observedGeneration ?? 0) >= generation && hash !== null;
  const isNew = (pod: Pod) => hash !== null && hashOf(pod) === hash;
  const wanted = wantedOf(ref, workload);
  const updated = pods.filter((pod) => isNew(pod) && !isEnding(pod));
  return {
    workload,
    observed,
    wanted,
    available: workload.status?.availableReplicas ?? workload.status?.numberAvailable ?? 0,
    updated,
    outdated: pods.filter((pod) => !isNew(pod) && stillThere(pod) && !isHeldBack(ref, workload, pod, naming)),
    stuck: observed ? await stuckIn(api, ref, workload, updated.length < wanted, signal) : null,
  };
}

export function isFinished({ observed, wanted, available, updated, outdated }: Rollout): boolean {
  return observed && outdated.length === 0 && updated.filter(isReady).length >= wanted && available >= wanted;
}

/** `3 of 5 updated, 2 of them ready; still there: web-6d4 (ending)`. */
export function progressOf({ observed, wanted, updated, outdated }: Rollout): string {
  if (!observed) return 'the controller has not seen the change yet';
  const old = outdated.map((pod) => (isEnding(pod) ? `${pod.metadata.name} (ending)` : pod.metadata.name));
  const rest =
    old.length === 0 ? '' : `; still there: ${old.slice(0, 5).join(', ')}${old.length > 5 ? ' …' : ''}`;
  return `${updated.length} of ${wanted} updated, ${updated.filter(isReady).length} ready${rest}`;
}

/** The first trouble of the new pods, with the pod's name. */
export function troubleIn({ updated }: Rollout): Trouble | null {
  for (const pod of updated) {
    const trouble = isReady(pod) ? null : troubleOf(pod);
    if (trouble !== null) return { ...trouble, words: `${pod.metadata.name}: ${trouble.words}` };
  }
  return null;
}

function wantedOf({ kind }: WorkloadRef, { spec, status }: Workload): number {
  return kind === 'DaemonSet' ? (status?.desiredNumberScheduled ?? 0) : (spec.replicas ?? 1);
}

const hashOf = ({ metadata }: Pod) =>
  metadata.labels?.['pod-template-hash'] ?? metadata.labels?.['controller-revision-hash'];

/** A StatefulSet says it; of the others it is the newest revision once the controller has seen the template. */
async function newestHash(
  api: KubernetesApi,
  ref: WorkloadRef,
  workload: Workload,
  signal: AbortSignal,
): Promise<string | null> {
  if (ref.kind === 'StatefulSet') return workload.status?.updateRevision ?? null;
  const [newest] = await revisionsOf(api, ref, workload, signal);
  return newest?.hash ?? null;
}

/** Pods that are ending count for as long as they were given to end: on a lost node they would stay for ever. */
function stillThere({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp === undefined || Date.parse(metadata.deletionTimestamp) > Date.now();
}

/** Below a partition pods are not touched: well if they run the release already. */
function isHeldBack(ref: WorkloadRef, workload: Workload, pod: Pod, naming: ReleaseNaming): boolean {
  const below = isBelowPartition(ref, workload, pod);
  return below && releaseOf(pod, naming) === releaseOf(workload.spec.template, naming);
}

export function isBelowPartition({ kind }: WorkloadRef, { spec }: Workload, { metadata }: Pod): boolean {
  const partition = kind === 'StatefulSet' ? (spec.updateStrategy?.rollingUpdate?.partition ?? 0) : 0;
  return Number(metadata.name.slice(metadata.name.lastIndexOf('-') + 1)) < partition;
}

async function stuckIn(
  api: KubernetesApi,
  ref: WorkloadRef,
  workload: Workload,
  lacksPods: boolean,
  signal: AbortSignal,
): Promise<string | null> {
  if (ref.kind === 'Deployment') return stuckWords(workload);
  if (!lacksPods) return null;
  const words = await newestWarning(api, { ...ref, uid: workload.metadata.uid }, signal);
  return words !== null && /^FailedCreate/.test(words) ? words : null;
}
