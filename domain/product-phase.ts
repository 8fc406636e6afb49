import type { ConditionKind } from './conditions.ts';
import type { Deployment } from './deployment.ts';
import type { IncidentStatus } from './incident.ts';
import { openVetoWindow, type ProductRow } from './product-row.ts';
import type { WatchState } from './watch.ts';

/** In which state a product is, worst first: the order in which people look. */
export const productPhases = [
  'escalated',
  'rolling_back',
  'veto_window',
  'breach',
  'blind',
  'suspect',
  'waiting',
  'baseline',
  'watching',
  'needs_attention',
  'rolled_back',
  'unobserved',
  'changed_outside',
  'cancelled',
  'superseded',
  'healthy',
  'idle',
] as const;

export type ProductPhase = (typeof productPhases)[number];

export function phaseOf(
  row: ProductRow,
  current: Deployment | null,
  watch: WatchState | null,
  incident: IncidentStatus | null,
): ProductPhase {
  if (row.rollback !== null) return incident === 'escalated' ? 'escalated' : 'rolling_back';
  if (current === null) return 'idle';
  if (current.outcome !== null) return current.outcome;
  if (current.status === 'waiting') return 'waiting';
  if (openVetoWindow(row, current.deployment) !== null) return 'veto_window';
  const stands = (kind: ConditionKind) =>
    watch?.conditions.standing.some((condition) => condition.kind === kind) ?? false;
  if (stands('breach') || stands('dry_run')) return 'breach';
  if (stands('blind') || stands('gap')) return 'blind';
  if (watch?.suspect || stands('suspect') || stands('external')) return 'suspect';
  return watch?.baselineDone ? 'watching' : 'baseline';
}
