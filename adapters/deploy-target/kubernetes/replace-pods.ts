import { setTimeout as sleep } from 'node:timers/promises';
import { type KubernetesApi, KubernetesError } from '../../kubernetes/api.ts';
import type { StepContext } from '../deploy-target.ts';
import type { Pod, Workload } from './objects.ts';
import { patchTemplateAnnotation, stepAnnotation } from './put-back.ts';
import { restartedBy } from './recipe.ts';
import type { ReleaseNaming } from './release-name.ts';
import { isBelowPartition, isFinished, progressOf, type Rollout, readRollout, troubleIn } from './rollout.ts';
import { isEnding, isReady, readWorkload, type WorkloadRef } from './workload.ts';

const lookEveryMs = 500;

export interface Patience {
  /** A crash loop or a missing image must stand this long, milliseconds: a registry may have a bad second. */
  readonly littleMs: number;
  /** Pods that find no node or may not be made: an autoscaler needs its time. */
  readonly someMs: number;
}

/** Has every pod replaced, unless this step did so before, and waits until the platform is done or gets no further. */
export async function replacePods(
  api: KubernetesApi,
  ref: WorkloadRef,
  options: { readonly naming: ReleaseNaming; readonly patience: Patience },
  step: StepContext,
): Promise<void> {
  await askForNewPods(api, ref, step);
  const isHopeless = sinceWhen(options.patience);
  const isLost = sinceWhen(options.patience);
  for (;;) {
    try {
      const rollout = await readRollout(api, ref, options.naming, step.signal);
      if (isFinished(rollout)) return step.heartbeat(progressOf(rollout));
      const helped = await help(api, ref, rollout, step.signal);
      const said = [progressOf(rollout), helped].filter((part) => part !== null).join('; ');
      step.heartbeat(`${ref.shown}: ${said}`);
      const reason = hopelessReason(ref, rollout, isHopeless);
      if (reason !== null)
        throw new Error(`${ref.shown} does not get there (${progressOf(rollout)}): ${reason}`);
    } catch (error) {
      // The platform goes on with the rollout while its API server is exchanged for a newer one.
      if (!isPassing(error) || isLost(error.message, 'some')) throw error;
      step.heartbeat(`${ref.shown} cannot be seen: ${error.message}`);
    }
    await sleep(lookEveryMs, undefined, { signal: step.signal }).catch(() => undefined);
    step.signal.throwIfAborted();
  }
}

const isPassing = (error: unknown): error is KubernetesError =>
  error instanceof KubernetesError && (error.status === 0 || error.status === 429 || error.status >= 500);

async function askForNewPods(api: KubernetesApi, ref: WorkloadRef, step: StepContext): Promise<void> {
  const workload = await readWorkload(api, ref, step.signal);
  if (isDone(workload, step.key)) return step.heartbeat(`${ref.shown} was told before by this step`);
  if (workload.spec.paused === true) step.heartbeat(`${ref.shown} was paused, goes on`);
  await patchTemplateAnnotation(api, ref, workload, [restartedBy, step.key], step);
  step.heartbeat(`${ref.shown} was told to replace its pods`);
}

/** The template that `restore` put there with this key is being rolled out already. */
function isDone({ metadata, spec }: Workload, key: string): boolean {
  return (
    spec.paused !== true &&
    (spec.template.metadata?.annotations?.[restartedBy] === key ||
      metadata.annotations?.[stepAnnotation] === key)
  );
}

/** Whether a trouble of these words has lasted longer than there is patience for it. */
function sinceWhen({ littleMs, someMs }: Patience) {
  let words = '';
  let beganMs = 0;
  return (now: string, hope: 'little' | 'some'): boolean => {
    // Counters and times in the words do not make it another trouble.
    const kind = now.replaceAll(/\d+/g, '#');
    if (kind !== words) [words, beganMs] = [kind, performance.now()];
    return performance.now() - beganMs >= (hope === 'little' ? littleMs : someMs);
  };
}

function hopelessReason(
  ref: WorkloadRef,
  rollout: Rollout,
  isHopeless: ReturnType<typeof sinceWhen>,
): string | null {
  const { workload, outdated, stuck } = rollout;
  const held = outdated.filter((pod) => isBelowPartition(ref, workload, pod));
  if (held.length > 0 && rollout.observed) {
    const { partition } = workload.spec.updateStrategy?.rollingUpdate ?? {};
    const names = held.map(({ metadata }) => metadata.name).join(', ');
    return `partition ${partition} holds back ${names}, which run another release; set it to 0`;
  }
  const trouble = troubleIn(rollout);
  if (trouble !== null && isHopeless(trouble.words, trouble.hope)) return trouble.words;
  if (trouble !== null || stuck === null) return null;
  // The platform has waited for a deadline of its own; for a moment it is that of the rollout before.
  const hope = /^ProgressDeadlineExceeded/.test(stuck) ? 'little' : 'some';
  return isHopeless(stuck, hope) ? stuck : null;
}

/** Does what the controller leaves to people. */
async function help(
  api: KubernetesApi,
  ref: WorkloadRef,
  { workload, observed, wanted, updated, outdated }: Rollout,
  signal: AbortSignal,
): Promise<string | null> {
  if (ref.kind === 'Deployment' || !observed) return null;
  const onDelete = workload.spec.updateStrategy?.type === 'OnDelete';
  const ours = outdated.filter((pod) => !isEnding(pod) && !isBelowPartition(ref, workload, pod));
  const path = ({ metadata }: Pod) => `/api/v1/namespaces/${ref.namespace}/pods/${metadata.name}`;
  // Known since Kubernetes 1.7: a StatefulSet waits for its broken pod for ever, also when the template is good again.
  const broken = ours.filter((pod) => !isReady(pod));
  if (broken.length > 0 && (onDelete || ref.kind === 'StatefulSet')) {
    for (const pod of broken) await api.remove(path(pod), pod.metadata.uid, signal);
    return `deleted ${broken.map(({ metadata }) => metadata.name).join(', ')}, not ready and of another release`;
  }
  const [next] = ours;
  // One after another: the next only when the one before is back.
  const isComplete = updated.length + outdated.length >= wanted && updated.every(isReady);
  if (!onDelete || next === undefined || outdated.some(isEnding) || !isComplete) return null;
  return evict(api, path(next), next, signal);
}

/** As `kubectl drain` does, so that a PodDisruptionBudget is respected. */
async function evict(api: KubernetesApi, path: string, pod: Pod, signal: AbortSignal): Promise<string> {
  const { name, uid } = pod.metadata;
  const eviction = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name },
    deleteOptions: { preconditions: { uid } },
  };
  try {
    await api.post(`${path}/eviction`, eviction, signal);
    return `replacing ${name}`;
  } catch (error) {
    if (!(error instanceof KubernetesError) || ![404, 409, 429].includes(error.status)) throw error;
    return error.status === 429 ? `${name} may not go yet: ${error.message}` : `${name} is gone already`;
  }
}
