import type { Instance } from '../../../domain/live.ts';
import { type ContainerStatus, conditionOf, type Pod, type Workload } from './objects.ts';
import { isReady, type WorkloadRef } from './workload.ts';

/** @param rollsOut whether the platform is still at replacing pods: one that is not ready then may only be starting */
export function instanceOf(
  pod: Pod,
  release: string | null,
  { port, rollsOut }: { readonly port?: number | undefined; readonly rollsOut: boolean },
): Instance {
  const { podIP } = pod.status ?? {};
  const running = isReady(pod);
  const trouble = running ? null : (troubleOf(pod)?.words ?? null);
  return {
    id: pod.metadata.name,
    release,
    running,
    url: podIP && port !== undefined ? `http://${hostOf(podIP)}:${port}` : null,
    ...(trouble !== null && { trouble }),
    ...(rollsOut && !running && trouble === null && { starting: true }),
  };
}

const hostOf = (ip: string) => (ip.includes(':') ? `[${ip}]` : ip);

/** How likely it is that waiting helps. */
export type Hope = 'little' | 'some';

export interface Trouble {
  /** The platform's own: `CrashLoopBackOff: back-off 5m0s restarting failed container, exit code 1 (Error)`. */
  readonly words: string;
  readonly hope: Hope;
}

/** Waiting reasons which say no more than that the kubelet is at it. */
const busy = new Set(['ContainerCreating', 'PodInitializing']);

/** What keeps a pod from being ready, where the platform says it; `null`: it is only starting, as far as is known. */
export function troubleOf(pod: Pod): Trouble | null {
  const { status = {} } = pod;
  const statuses = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  for (const entry of statuses) {
    const words = containerTrouble(entry, statuses.length > 1);
    if (words !== null) return { words, hope: 'little' };
  }
  const scheduled = conditionOf(status.conditions, 'PodScheduled');
  if (scheduled?.status === 'False')
    return { words: said('FailedScheduling', scheduled.message), hope: 'some' };
  if (status.phase === 'Failed')
    return { words: said(status.reason ?? 'Failed', status.message), hope: 'little' };
  return null;
}

function containerTrouble({ name, state, lastState }: ContainerStatus, several: boolean): string | null {
  const which = several ? `container ${name}: ` : '';
  const waiting = state?.waiting;
  const ended = state?.terminated ?? lastState?.terminated;
  if (waiting?.reason !== undefined && !busy.has(waiting.reason)) {
    const last = ended === undefined ? '' : `, last ${endOf(ended)}`;
    return `${which}${said(waiting.reason, waiting.message)}${last}`;
  }
  if (state?.terminated !== undefined && state.terminated.exitCode !== 0)
    return which + endOf(state.terminated);
  return null;
}

function endOf({
  exitCode,
  reason,
  message,
}: NonNullable<NonNullable<ContainerStatus['state']>['terminated']>) {
  const why = reason === undefined || reason === 'Error' ? '' : ` (${reason})`;
  return said(`exit code ${exitCode}${why}`, message?.trim().slice(-300));
}

export function said(reason: string, message: string | undefined): string {
  return message === undefined || message === '' ? reason : `${reason}: ${message.slice(0, 500)}`;
}

/** Whether the platform is still replacing pods, and has not given up. */
export function isRollingOut({ kind }: WorkloadRef, { metadata, spec, status }: Workload): boolean {
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0)) return true;
  switch (kind) {
    case 'Deployment': {
      const progressing = conditionOf(status?.conditions, 'Progressing');
      return progressing?.status === 'True' && progressing.reason !== 'NewReplicaSetAvailable';
    }
    case 'StatefulSet':
      return (status?.updatedReplicas ?? 0) < (spec.replicas ?? 1);
    case 'DaemonSet':
      return (status?.updatedNumberScheduled ?? 0) < (status?.desiredNumberScheduled ?? 0);
  }
}

/** Why the platform itself gets no further with the configured release; `null`: it says nothing of the kind. */
export function stuckWords({ status }: Workload): string | null {
  const failure = conditionOf(status?.conditions, 'ReplicaFailure');
  if (failure?.status === 'True') return said(failure.reason ?? 'ReplicaFailure', failure.message);
  const progressing = conditionOf(status?.conditions, 'Progressing');
  if (progressing?.status === 'False' && progressing.reason === 'ProgressDeadlineExceeded')
    return said(progressing.reason, progressing.message);
  return null;
}
