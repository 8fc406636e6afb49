import type { KubernetesApi } from '../../kubernetes/api.ts';
import { failedCreate } from './events.ts';
import { stuckWords, type Trouble, troubleOf } from './instances.ts';
import type { Pod, Workload } from './objects.ts';
import { type ReleaseNaming, releaseOf } from './release-name.ts';
import { hashOf, type Revision, releaseOfPod, revisionsOf } from './revisions.ts';
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
  /** Of another one, without those that a partition holds back and that run the release already. */
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
  const revisions = await revisionsOf(api, ref, workload, signal);
  const hash = newestHash(ref, workload, revisions);
  const { generation = 0 } = workload.metadata;
  const observed = (workload.status?.observedGeneration ?? 0) >= generation && hash !== null;
  const isNew = (pod: Pod) => hash !== null && hashOf(pod) === hash;
  const release = releaseOf(workload.spec.template, naming);
  // Below a partition pods are not touched: well if they run the release already.
  const isHeld = (pod: Pod) =>
    isBelowPartition(ref, workload, pod) && releaseOfPod(pod, revisions, naming) === release;
  const old = pods.filter((pod) => !isNew(pod));
  const wanted = wantedOf(ref, workload) - old.filter((pod) => isHeld(pod) && !isEnding(pod)).length;
  const updated = pods.filter((pod) => isNew(pod) && !isEnding(pod));
  return {
    workload,
    observed,
    wanted,
    available: workload.status?.availableReplicas ?? workload.status?.numberAvailable ?? 0,
    updated,
    outdated: old.filter((pod) => stillThere(pod) && !isHeld(pod)),
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

/** A StatefulSet says it; of the others it is the newest revision once the controller has seen the template. */
function newestHash(ref: WorkloadRef, { status }: Workload, revisions: readonly Revision[]): string | null {
  return (ref.kind === 'StatefulSet' ? status?.updateRevision : revisions[0]?.hash) ?? null;
}

/** Pods that are ending count for as long as they were given to end: on a lost node they would stay for ever. */
function stillThere({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp === undefined || Date.parse(metadata.deletionTimestamp) > Date.now();
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
  return failedCreate(api, { ...ref, uid: workload.metadata.uid }, signal);
}
