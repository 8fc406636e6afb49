import type { KubernetesApi } from '../../kubernetes/api.ts';
import type { PodTemplate, Workload } from './objects.ts';
import { templateIn } from './recipe.ts';
import { type ReleaseNaming, releaseOf } from './release-name.ts';
import { revisionsOf } from './revisions.ts';
import type { WorkloadRef } from './workload.ts';

export interface FoundTemplate {
  readonly template: PodTemplate;
  /** `as recorded when it was live`, `revision 7 of deployment/web`. */
  readonly from: string;
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
