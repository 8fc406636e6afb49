import type { RollbackFloors } from './rollback-floor.ts';

/** The arbiter of a product: registering a deployment and beginning a rollback are compare-and-set changes of it. */
export interface ProductRow {
  readonly currentDeployment: string | null;
  readonly rollback: ActiveRollback | null;
  readonly pause: Pause | null;
  /** Absent in rows that were written before there were floors. */
  readonly floors?: RollbackFloors;
}

export interface ActiveRollback {
  /** The rollback's id; `direct/<id>` for one made by hand without Temporal. */
  readonly id: string;
  /** The deployment that is rolled back. */
  readonly deployment: string;
  readonly sinceMs: number;
}

/** Whether a person made it by hand, without Temporal. */
export function isDirect(rollbackId: string): boolean {
  return rollbackId.startsWith('direct/');
}

export interface Pause {
  readonly untilMs: number | null;
  readonly by: string;
  readonly reason: string;
}

export const newProductRow: ProductRow = { currentDeployment: null, rollback: null, pause: null };

/** Whether automatic rollbacks are paused at `atMs`; a pause ends by its time, never silently. */
export function activePause(row: ProductRow, atMs: number): Pause | null {
  if (row.pause === null) return null;
  return row.pause.untilMs !== null && row.pause.untilMs <= atMs ? null : row.pause;
}

export type Registering = {
  readonly row: ProductRow;
  /** `waiting`: a rollback is under way and decides when this deployment takes over. */
  readonly status: 'watching' | 'waiting';
  readonly superseded: string | null;
};

/** A deployment that is reported has already happened: it is never refused, at most it waits. */
export function registerDeployment(row: ProductRow, deployment: string): Registering {
  if (row.rollback !== null) return { row, status: 'waiting', superseded: null };
  return {
    row: { ...row, currentDeployment: deployment },
    status: 'watching',
    superseded: row.currentDeployment === deployment ? null : row.currentDeployment,
  };
}

export type BeginningRollback =
  | { readonly kind: 'begun'; readonly row: ProductRow }
  | { readonly kind: 'refused'; readonly reason: string };

/** The same rollback may begin twice (its first activity was repeated); another one, or a deployment that came first, wins. */
export function beginRollback(row: ProductRow, rollback: ActiveRollback): BeginningRollback {
  if (row.rollback !== null && row.rollback.id !== rollback.id) {
    return {
      kind: 'refused',
      reason: `rollback ${row.rollback.id} of ${row.rollback.deployment} is already running`,
    };
  }
  if (row.currentDeployment !== rollback.deployment) {
    return {
      kind: 'refused',
      reason: `${rollback.deployment} is no longer the current deployment, ${row.currentDeployment ?? 'none'} is`,
    };
  }
  return { kind: 'begun', row: { ...row, rollback } };
}

/** Whether the row is this rollback's to end: it names it, or it names none and still what was to be rolled back. */
export function isHeldBy(row: ProductRow, rollbackId: string, deployment: string | null): boolean {
  return row.rollback === null ? row.currentDeployment === deployment : row.rollback.id === rollbackId;
}

/**
 * Ends a rollback; `current` becomes the current deployment (the restored one, or the newcomer that took over).
 * @param deployment what was rolled back: where the row names no rollback (it was ended before, or never taken because the
 * store was down), only this deployment may be replaced, not one that was registered since
 */
export function endRollback(
  row: ProductRow,
  rollbackId: string,
  current: string | null,
  deployment: string | null = row.currentDeployment,
): ProductRow {
  if (!isHeldBy(row, rollbackId, deployment)) return row;
  return { ...row, rollback: null, currentDeployment: current ?? row.currentDeployment };
}
