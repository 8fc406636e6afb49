import type { PodTemplate } from './objects.ts';
import type { WorkloadKind, WorkloadRef } from './workload.ts';

/** Written into the template to have every pod replaced, as `kubectl rollout restart` does. */
export const restartedBy = 'rollback-orchestrator/restarted-by';

interface Recipe {
  readonly kind: WorkloadKind;
  readonly template: PodTemplate;
}

export function recipeOf({ kind }: WorkloadRef, template: PodTemplate): string {
  return JSON.stringify({ kind, template } satisfies Recipe);
}

/** `null`: it is no recipe for this kind of workload. */
export function templateIn(recipe: string, { kind }: WorkloadRef): PodTemplate | null {
  try {
    const parsed = JSON.parse(recipe) as Partial<Recipe>;
    const { template } = parsed;
    return parsed.kind === kind && Array.isArray(template?.spec?.containers) ? template : null;
  } catch {
    return null;
  }
}

/** Whether the platform would run the same: what only had pods replaced is no difference. */
export function sameTemplate(a: PodTemplate, b: PodTemplate): boolean {
  return canonical(withoutRestarts(a)) === canonical(withoutRestarts(b));
}

function withoutRestarts(template: PodTemplate): PodTemplate {
  const { annotations = {}, ...metadata } = template.metadata ?? {};
  const kept = Object.entries(annotations).filter(
    ([name]) => name !== restartedBy && name !== 'kubectl.kubernetes.io/restartedAt',
  );
  const rest = kept.length === 0 ? metadata : { ...metadata, annotations: Object.fromEntries(kept) };
  return { ...template, metadata: rest };
}

/** The same text for the same object, in whatever order its keys came. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
