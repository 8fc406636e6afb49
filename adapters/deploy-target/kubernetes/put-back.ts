import { fieldManager, type KubernetesApi, KubernetesError } from '../../kubernetes/api.ts';
import { annotate, escaped, type Operation } from '../../kubernetes/json-patch.ts';
import { handOver } from './field-owners.ts';
import type { PodTemplate, Workload } from './objects.ts';
import type { WorkloadRef } from './workload.ts';

/** The step that last changed the template; a step that is repeated finds itself here and changes nothing. */
export const stepAnnotation = 'rollback-orchestrator/step';
export const unpausedAnnotation = 'rollback-orchestrator/unpaused';
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * Puts exactly this template there. Server-side apply cannot: it leaves every field that another manager owns, so the environment
 * variable, the sidecar and the volume that the bad release brought would stay beside the old image. Replacing `/spec/template` by
 * JSON patch leaves nothing of them, and nothing else is touched: not the replicas, which an autoscaler may own, not the strategy.
 *
 * The template gets no mark of ours either: one that is equal to an old ReplicaSet's takes that ReplicaSet back, and with it the good
 * pods that a stuck rollout left.
 *
 * @returns what is left for a person to know, or `null`
 */
export async function putBack(
  api: KubernetesApi,
  ref: WorkloadRef,
  seen: Workload,
  template: PodTemplate,
  { key, signal }: { readonly key: string; readonly signal: AbortSignal },
): Promise<string | null> {
  const patch: Operation[] = [
    ...unchanged(seen),
    { op: 'replace', path: '/spec/template', value: template },
    ...annotate(seen.metadata.annotations, {
      [stepAnnotation]: key,
      ...kubectlMemory(seen, template),
      ...unpausedNote(seen, key),
    }),
    ...unpause(seen),
  ];
  const after = await patchWorkload(api, ref, patch, signal);
  return handOver(api, ref, after, signal);
}

export async function patchTemplateAnnotation(
  api: KubernetesApi,
  ref: WorkloadRef,
  seen: Workload,
  [name, value]: readonly [string, string],
  { key, signal }: { readonly key: string; readonly signal: AbortSignal },
): Promise<void> {
  const path = '/spec/template/metadata';
  const { metadata } = seen.spec.template;
  const mark: Operation[] =
    metadata?.annotations === undefined
      ? [
          {
            op: 'add',
            path: metadata === undefined ? path : `${path}/annotations`,
            value: metadata === undefined ? { annotations: { [name]: value } } : { [name]: value },
          },
        ]
      : [{ op: 'add', path: `${path}/annotations/${escaped(name)}`, value }];
  const patch = [
    ...unchanged(seen),
    ...mark,
    ...annotate(seen.metadata.annotations, unpausedNote(seen, key)),
    ...unpause(seen),
  ];
  await patchWorkload(api, ref, patch, signal);
}

/** Of the object that was looked at, as it was then; its status may have moved on. */
function unchanged({ metadata }: Workload): Operation[] {
  return [
    { op: 'test', path: '/metadata/uid', value: metadata.uid },
    { op: 'test', path: '/metadata/generation', value: metadata.generation },
  ];
}

async function patchWorkload(
  api: KubernetesApi,
  ref: WorkloadRef,
  patch: readonly Operation[],
  signal: AbortSignal,
): Promise<Workload> {
  try {
    return await api.patch<Workload>(ref.path, 'json-patch', patch, signal);
  } catch (error) {
    if (error instanceof KubernetesError && isFailedTest(error))
      throw new Error(`${ref.shown} was changed by somebody else at this moment; nothing was changed`);
    throw error;
  }
}

/** The API server answers a patch whose test fails as an invalid one. */
const isFailedTest = ({ status, message }: KubernetesError) =>
  status === 409 || (status === 422 && /testing value|test operation/i.test(message));

/**
 * `kubectl apply` removes what it remembers to have applied and no longer finds in its file. Without this the next release would
 * keep what only the restored one has.
 */
function kubectlMemory({ metadata }: Workload, template: PodTemplate): Record<string, string> {
  const remembered = metadata.annotations?.[lastApplied];
  if (remembered === undefined) return {};
  try {
    const applied = JSON.parse(remembered) as { spec?: object };
    return { [lastApplied]: JSON.stringify({ ...applied, spec: { ...applied.spec, template } }) };
  } catch {
    return {};
  }
}

/** A paused rollout would leave the bad release running until somebody comes; at night nobody does. */
function unpause({ spec }: Workload): Operation[] {
  return spec.paused === true ? [{ op: 'remove', path: '/spec/paused' }] : [];
}

function unpausedNote({ spec }: Workload, key: string): Record<string, string> {
  return spec.paused === true ? { [unpausedAnnotation]: `by ${fieldManager}, for ${key}` } : {};
}
