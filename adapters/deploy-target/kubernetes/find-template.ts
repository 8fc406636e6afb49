import type { KubernetesApi } from '../../kubernetes/api.ts';
import type { ControllerRevision, Metadata, PodTemplate, ReplicaSet, Workload } from './objects.ts';
import { templateIn } from './recipe.ts';
import { type ReleaseNaming, releaseOf } from './release-name.ts';
import { selectorText, type WorkloadRef } from './workload.ts';

export interface FoundTemplate {
  readonly template: PodTemplate;
  /** `as recorded when it was live`, `revision 7 of deployment/web`. */
  readonly from: string;
}

/** A template that the platform remembers. */
export interface Revision {
  readonly number: number;
  /** Label value that its pods carry. */
  readonly hash: string;
  readonly template: PodTemplate;
}

export interface Wanted {
  readonly release: string;
  readonly recipe: string | null | undefined;
  readonly naming: ReleaseNaming;
}

/**
 * The template of that release and no other: "the previous revision" may be another bad release, or the same one with more
 * memory. Where a release had several, the newest is it.
 */
export async function findTemplate(
  api: KubernetesApi,
  ref: WorkloadRef,
  workload: Workload,
  { release, recipe, naming }: Wanted,
  signal: AbortSignal,
): Promise<FoundTemplate | null> {
  const recorded = recipe ? templateIn(recipe, ref) : null;
  if (recorded !== null && releaseOf(recorded, naming) === release)
    return { template: recorded, from: 'as it was recorded while it was live' };
  if (releaseOf(workload.spec.template, naming) === release)
    return { template: workload.spec.template, from: `configured in ${ref.shown} now` };
  const revisions = await revisionsOf(api, ref, workload, signal);
  const newest = revisions.find(({ template }) => releaseOf(template, naming) === release);
  if (newest === undefined) return null;
  return { template: newest.template, from: `revision ${newest.number} of ${ref.shown}` };
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
