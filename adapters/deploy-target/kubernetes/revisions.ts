import type { KubernetesApi } from '../../kubernetes/api.ts';
import type { ControllerRevision, Metadata, Pod, PodTemplate, ReplicaSet, Workload } from './objects.ts';
import { type ReleaseNaming, releaseOf } from './release-name.ts';
import { selectorText, type WorkloadRef } from './workload.ts';

/** A template that the platform remembers. */
export interface Revision {
  readonly number: number;
  /** Label value that its pods carry. */
  readonly hash: string;
  readonly template: PodTemplate;
}

/** The newest first; of a rollback the controller makes the old revision the newest again. */
export async function revisionsOf(
  api: KubernetesApi,
  ref: WorkloadRef,
  workload: Workload,
  signal: AbortSignal,
): Promise<Revision[]> {
  const labelSelector = selectorText(workload.spec.selector);
  const folder = `/apis/apps/v1/namespaces/${ref.namespace}`;
  const found =
    ref.kind === 'Deployment'
      ? (await api.list<ReplicaSet>(`${folder}/replicasets`, { labelSelector }, signal))
          .filter(owned)
          .map(ofReplicaSet)
      : (await api.list<ControllerRevision>(`${folder}/controllerrevisions`, { labelSelector }, signal))
          .filter(owned)
          .flatMap(ofControllerRevision);
  return found.toSorted((a, b) => b.number - a.number);

  function owned({ metadata }: { readonly metadata: Metadata }): boolean {
    return metadata.ownerReferences?.some(({ uid }) => uid === workload.metadata.uid) ?? false;
  }
}

function ofReplicaSet({ metadata, spec: { template } }: ReplicaSet): Revision {
  const { 'pod-template-hash': hash = '', ...labels } = template.metadata?.labels ?? {};
  return {
    number: Number(metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0),
    hash,
    template: { ...template, metadata: { ...template.metadata, labels } },
  };
}

function ofControllerRevision({ metadata, revision, data }: ControllerRevision): Revision[] {
  if (data.spec?.template === undefined) return [];
  const { $patch: _how, ...template } = data.spec.template;
  const hash = metadata.labels?.['controller-revision-hash'] ?? metadata.name;
  return [{ number: revision, hash, template }];
}

export const hashOf = ({ metadata }: Pod) =>
  metadata.labels?.['pod-template-hash'] ?? metadata.labels?.['controller-revision-hash'];

/**
 * By the template that it was made from: admission webhooks put sidecars into pods, and digests in the place of tags, and the
 * release would be called otherwise than it is.
 */
export function releaseOfPod(pod: Pod, revisions: readonly Revision[], naming: ReleaseNaming): string | null {
  const revision = revisions.find(({ hash }) => hash === hashOf(pod));
  return revision === undefined ? null : releaseOf(revision.template, naming);
}
