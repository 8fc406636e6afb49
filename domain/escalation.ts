import type { EscalationPolicy } from './policy.ts';

/** Where an escalation stands. Times are milliseconds since the epoch. */
export interface EscalationState {
  readonly sinceMs: number;
  /** How many notices were sent: levels first, then repeats. */
  readonly sent: number;
  readonly lastSentMs: number | null;
  readonly acknowledgedBy: string | null;
  readonly silentUntilMs: number | null;
}

export function beginEscalation(atMs: number): EscalationState {
  return { sinceMs: atMs, sent: 0, lastSentMs: null, acknowledgedBy: null, silentUntilMs: null };
}

/** An acknowledgement silences the ladder for a while; it climbs again while the trouble lasts. */
export function acknowledge(
  state: EscalationState,
  by: string,
  atMs: number,
  policy: EscalationPolicy,
): EscalationState {
  return { ...state, acknowledgedBy: by, silentUntilMs: atMs + policy.acknowledgeMs };
}

/** Who is told next, and when. */
export function nextNotice(
  state: EscalationState,
  policy: EscalationPolicy,
): { atMs: number; notify: string } {
  const level = policy.levels[state.sent];
  const dueMs =
    level === undefined
      ? (state.lastSentMs ?? state.sinceMs) + policy.repeatMs
      : Math.max(state.sinceMs + level.afterMs, state.lastSentMs ?? 0);
  return { atMs: Math.max(dueMs, state.silentUntilMs ?? 0), notify: level?.notify ?? 'everyone' };
}

export function noticeSent(state: EscalationState, atMs: number): EscalationState {
  return { ...state, sent: state.sent + 1, lastSentMs: atMs };
}

/** Whether somebody had acknowledged since the last notice: they are called anew. */
export function wasSilenced({ silentUntilMs, lastSentMs }: EscalationState): boolean {
  return silentUntilMs !== null && (lastSentMs ?? 0) < silentUntilMs;
}
