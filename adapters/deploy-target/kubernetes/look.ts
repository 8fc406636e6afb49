import type { Instance, LiveService } from '../../../domain/live.ts';
import type { KubernetesApi } from '../../kubernetes/api.ts';
import { newestWarning } from './events.ts';
import { type InstanceOptions, instanceOf, stuckWords, troubleOf } from './instances.ts';
import type { Pod, Workload } from './objects.ts';
import { recipeOf } from './recipe.ts';
import { releaseOf } from './release-name.ts';
import { isEnding, isReady, missingSentence, podsOf, type WorkloadRef } from './workload.ts';

/** Looked up for so many pods at most: a hundred pods that do not start have one reason. */
const explained = 3;

/** What is live, pod by pod; pods that are ending get no traffic and do not count. */
export async function lookAtWorkload(
  api: KubernetesApi,
  ref: WorkloadRef,
  options: InstanceOptions,
  signal: AbortSignal,
): Promise<LiveService> {
  const workload = await api.get<Workload>(ref.path, signal);
  if (workload === null)
    return { configured: null, instances: [notRunning(ref, null, missingSentence(ref))] };
  const pods = (await podsOf(api, ref, workload, signal)).filter((pod) => !isEnding(pod));
  const configured = releaseOf(workload.spec.template, options);
  const instances = await withReasons(api, ref, pods, options, signal);
  const stuck = instances.some(({ release }) => release === configured)
    ? null
    : await whyNone(api, ref, workload, signal);
  return {
    configured,
    instances: stuck === null ? instances : [...instances, notRunning(ref, configured, stuck)],
    recipe: recipeOf(ref, workload.spec.template),
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
  return newestWarning(api, { ...ref, uid: workload.metadata.uid }, signal);
}

async function withReasons(
  api: KubernetesApi,
  ref: WorkloadRef,
  pods: readonly Pod[],
  options: InstanceOptions,
  signal: AbortSignal,
): Promise<Instance[]> {
  const silent = pods.filter((pod) => !isReady(pod) && troubleOf(pod) === null).slice(0, explained);
  const words = await Promise.all(
    silent.map((pod) => newestWarning(api, { ...ref, uid: pod.metadata.uid }, signal)),
  );
  return pods.map((pod) => {
    const instance = instanceOf(pod, options);
    const warning = words[silent.indexOf(pod)] ?? null;
    return warning === null ? instance : { ...instance, trouble: warning };
  });
}
