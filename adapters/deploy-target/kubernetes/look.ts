import type { Instance, LiveService } from '../../../domain/live.ts';
import type { KubernetesApi } from '../../kubernetes/api.ts';
import { failedCreate, newestWarning } from './events.ts';
import { instanceOf, isRollingOut, stuckWords, troubleOf } from './instances.ts';
import type { Pod, Workload } from './objects.ts';
import { recipeOf } from './recipe.ts';
import { type ReleaseNaming, releaseOf } from './release-name.ts';
import { releaseOfPod, revisionsOf } from './revisions.ts';
import { isEnding, isReady, missingSentence, podsOf, type WorkloadRef } from './workload.ts';

export interface LookOptions extends ReleaseNaming {
  /** Where instances answer HTTP. */
  readonly port?: number;
}

/** Looked up for so many pods at most: a hundred pods that do not start have one reason. */
const explained = 3;

/** What is live, pod by pod; pods that are ending get no traffic and do not count. */
export async function lookAtWorkload(
  api: KubernetesApi,
  ref: WorkloadRef,
  options: LookOptions,
  signal: AbortSignal,
): Promise<LiveService> {
  const workload = await api.get<Workload>(ref.path, signal);
  if (workload === null)
    return { configured: null, instances: [notRunning(ref, null, missingSentence(ref))] };
  const [all, revisions] = await Promise.all([
    podsOf(api, ref, workload, signal),
    revisionsOf(api, ref, workload, signal),
  ]);
  const pods = all.filter((pod) => !isEnding(pod));
  const configured = releaseOf(workload.spec.template, options);
  const reasons = await reasonsOf(api, ref, pods, signal);
  const rollsOut = isRollingOut(ref, workload);
  const instances = pods.map((pod): Instance => {
    const { port } = options;
    const { starting, ...instance } = instanceOf(pod, releaseOfPod(pod, revisions, options), {
      port,
      rollsOut,
    });
    const trouble = reasons.get(pod);
    // Every pod that takes a while to start is called unhealthy meanwhile.
    const mayStart = starting && (trouble === undefined || trouble.startsWith('Unhealthy'));
    return {
      ...instance,
      ...(trouble !== undefined && { trouble }),
      ...(mayStart === true && { starting }),
    };
  });
  const stuck = instances.some(({ release }) => release === configured)
    ? null
    : await whyNone(api, ref, workload, signal);
  return {
    configured,
    instances: stuck === null ? instances : [...instances, notRunning(ref, configured, stuck)],
    recipe: recipeOf(ref, workload.spec.template),
    ...(rollsOut && { rollingOut: true }),
    ...(workload.spec.replicas === 0 && { idle: true }),
  };
}

function notRunning(ref: WorkloadRef, release: string | null, trouble: string): Instance {
  return { id: ref.shown, release, running: false, url: null, trouble };
}

/** The configured release has not one pod: the health of those that run must not hide that it cannot start. */
async function whyNone(
  api: KubernetesApi,
  ref: WorkloadRef,
  workload: Workload,
  signal: AbortSignal,
): Promise<string | null> {
  const stuck = stuckWords(workload);
  if (stuck !== null || ref.kind === 'Deployment') return stuck;
  return failedCreate(api, { ...ref, uid: workload.metadata.uid }, signal);
}

/** Of pods that say nothing themselves, in the words of the newest warning. */
async function reasonsOf(
  api: KubernetesApi,
  ref: WorkloadRef,
  pods: readonly Pod[],
  signal: AbortSignal,
): Promise<Map<Pod, string>> {
  const silent = pods.filter((pod) => !isReady(pod) && troubleOf(pod) === null).slice(0, explained);
  const found = await Promise.all(
    silent.map(
      async (pod) => [pod, await newestWarning(api, { ...ref, uid: pod.metadata.uid }, signal)] as const,
    ),
  );
  return new Map(found.flatMap(([pod, words]) => (words === null ? [] : [[pod, words]])));
}
