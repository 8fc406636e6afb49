import type { MessageSeverity } from './message.ts';

/** What a check found to be so: `breach:web:error_rate`, `blind:metrics`, `changed_outside`. */
export interface Condition {
  readonly key: string;
  readonly kind: ConditionKind;
  readonly service: string | null;
  readonly reason: string;
  readonly severity: MessageSeverity;
}

export type ConditionKind =
  | 'breach'
  /** It is bad, and something else than the release explains it. */
  | 'external'
  /** A breach of a trigger that only tells. */
  | 'dry_run'
  | 'suspect'
  | 'blind'
  | 'gap'
  | 'changed_outside'
  | 'superseded'
  | 'policy_problem'
  /** A rollback would not work now. */
  | 'not_ready';

/** A condition and since when it holds; it ends only after `endAfterTicks` regular ticks without it. */
export interface StandingCondition extends Condition {
  readonly sinceMs: number;
  /** Regular ticks since it was last seen. */
  readonly clearTicks: number;
}

export interface ConditionState {
  readonly standing: readonly StandingCondition[];
  /** Times of the edges of the last hour, milliseconds since the epoch. */
  readonly edgeTimes: readonly number[];
}

export const noConditions: ConditionState = { standing: [], edgeTimes: [] };

/** A condition that began or ended: what the workflow must know. */
export interface Edge {
  readonly condition: StandingCondition;
  readonly change: 'began' | 'ended';
  /** May an automatic rollback follow now? */
  readonly mayAct: boolean;
}

/** What the workflow was already told, and whether it could act on it then. */
export type Reported = Readonly<Record<string, { readonly couldAct: boolean }>>;

/** Conditions about ourselves: an attempt without a store has no state to keep them in. */
export const ownConditions = { store: 'blind:store', internal: 'blind:internal' } as const;

const endAfterTicks = 3;
const edgesPerHour = 60;
const hourMs = 3_600_000;

/** Merges what one check found into the standing conditions. Extra ticks may begin a condition, only regular ones end it. */
export function advanceConditions(
  state: ConditionState,
  found: readonly Condition[],
  tick: { readonly atMs: number; readonly regular: boolean },
): ConditionState {
  const kept = state.standing.flatMap((standing): StandingCondition[] => {
    const seen = found.find((condition) => condition.key === standing.key);
    if (seen !== undefined) return [{ ...seen, sinceMs: standing.sinceMs, clearTicks: 0 }];
    const clearTicks = standing.clearTicks + (tick.regular ? 1 : 0);
    return clearTicks >= endAfterTicks ? [] : [{ ...standing, clearTicks }];
  });
  const known = new Set(state.standing.map((standing) => standing.key));
  const begun = found
    .filter((condition) => !known.has(condition.key))
    .map((condition) => ({ ...condition, sinceMs: tick.atMs, clearTicks: 0 }));
  return { ...state, standing: [...kept, ...begun] };
}

/**
 * Takes in the conditions about ourselves that the workflow was told of by an attempt which could write nothing. They end by
 * hysteresis like all others, so that a store that flaps does not fill the workflow's history.
 * @param missed a check is missing since the last tick: the condition was seen again meanwhile
 */
export function adoptOwnConditions(
  state: ConditionState,
  reported: Reported,
  seen: { readonly atMs: number; readonly missed: boolean },
): ConditionState {
  const own: string[] = Object.values(ownConditions);
  const adopted = own
    .filter((key) => reported[key] !== undefined && !state.standing.some((entry) => entry.key === key))
    .map(
      (key): StandingCondition => ({
        key,
        kind: 'blind',
        service: null,
        reason: `${key} was reported`,
        severity: 'warning',
        sinceMs: seen.atMs,
        clearTicks: 0,
      }),
    );
  const kept = state.standing.map((entry) =>
    seen.missed && own.includes(entry.key) ? { ...entry, clearTicks: 0 } : entry,
  );
  return { ...state, standing: [...kept, ...adopted] };
}

/**
 * The edges between what the workflow was told and what stands now. A standing breach is told again as soon as it may be
 * acted on (resume, `enabled: true`); one that may be acted on is told only by a check that found it, for a breach that is
 * already going away must not roll back. A flapping source yields at most 60 edges an
 * hour, the rest waits for its turn and comes at once; a breach that may be acted on never waits.
 */
export function takeEdges(
  state: ConditionState,
  reported: Reported,
  context: { readonly atMs: number; readonly mayAct: boolean; readonly found: readonly Condition[] },
): { edges: Edge[]; state: ConditionState } {
  const { mayAct } = context;
  const begun = state.standing.filter((standing) => {
    const told = reported[standing.key];
    if (standing.kind !== 'breach' || !mayAct) return told === undefined;
    return told?.couldAct !== true && context.found.some((condition) => condition.key === standing.key);
  });
  const ended = Object.keys(reported).filter(
    (key) => !state.standing.some((standing) => standing.key === key),
  );
  const edges: Edge[] = [
    ...begun.map((condition): Edge => ({ condition, change: 'began', mayAct })),
    ...ended.map((key): Edge => ({ condition: endedCondition(key, context.atMs), change: 'ended', mayAct })),
  ];
  const recent = state.edgeTimes.filter((time) => time > context.atMs - hourMs);
  const urgent = edges.some((edge) => mayAct && edge.change === 'began' && edge.condition.kind === 'breach');
  if (edges.length === 0 || (recent.length >= edgesPerHour && !urgent)) {
    return { edges: [], state: { ...state, edgeTimes: recent } };
  }
  return { edges, state: { ...state, edgeTimes: [...recent, context.atMs] } };
}

function endedCondition(key: string, atMs: number): StandingCondition {
  const kind = key.split(':')[0] as ConditionKind;
  return {
    key,
    kind,
    service: null,
    reason: `${key} has ended`,
    severity: 'info',
    sinceMs: atMs,
    clearTicks: endAfterTicks,
  };
}
