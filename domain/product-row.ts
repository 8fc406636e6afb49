import type { RollbackFloors } from './rollback-floor.ts';

/** The arbiter of a product: registering a deployment and beginning a rollback are compare-and-set changes of it. */
export interface ProductRow {
  readonly currentDeployment: string | null;
  readonly rollback: ActiveRollback | null;
  readonly pause: Pause | null;
  /** Absent in rows that were written before there were floors. */
  readonly floors?: RollbackFloors;
  /** A rollback that waits for a veto. */
  readonly vetoWindow?: VetoWindow | null;
  /** A rollback that somebody vetoed: of the deployment it names, and of no other. */
  readonly veto?: Veto | null;
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

/** A rollback that is decided and waits a moment for somebody to say no. It needs no answer: it begins when the time is over. */
export interface VetoWindow {
  readonly deployment: string;
  /** When it begins, milliseconds since the epoch. */
  readonly untilMs: number;
  /** Why it will be rolled back. */
  readonly reason: string;
}

/** Somebody said no: the deployment is only observed from then on. */
export interface Veto {
  readonly deployment: string;
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
}

export const newProductRow: ProductRow = { currentDeployment: null, rollback: null, pause: null };

/** Whether automatic rollbacks are paused at `atMs`; a pause ends by its time, never silently. */
export function activePause(row: ProductRow, atMs: number): Pause | null {
  if (row.pause === null) return null;
  return row.pause.untilMs !== null && row.pause.untilMs <= atMs ? null : row.pause;
}

/** The open window of a deployment, or `null`. */
export function openVetoWindow(row: ProductRow, deployment: string | null): VetoWindow | null {
  const window = row.vetoWindow ?? null;
  return window?.deployment === deployment ? window : null;
}

/** The veto that keeps a deployment from being rolled back automatically, or `null`. */
export function standingVeto(row: ProductRow, deployment: string | null): Veto | null {
  const veto = row.veto ?? null;
  return veto?.deployment === deployment ? veto : null;
}

export function vetoSentence({ by, reason }: Pick<Veto, 'by' | 'reason'>): string {
  return `its rollback was vetoed by ${by} (${reason})`;
}

/** Whoever resumes lets automatic rollbacks act again, whatever held them back: a pause or a veto. */
export function resumed(row: ProductRow): ProductRow {
  const { veto: _, ...rest } = row;
  return { ...rest, pause: null };
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
  const { vetoWindow: _, ...rest } = row;
  return { kind: 'begun', row: { ...rest, rollback } };
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
