import { condition } from '@temporalio/workflow';
import { releaseNames } from '../domain/deployment.ts';
import type { Move } from '../domain/rollback.ts';
import { type AttemptEnd, act, stepTimeoutOf, targetOf, waitHealthy } from './attempt-steps.ts';
import {
  alertTitle,
  interruption,
  type RollbackContext,
  type StepsEnd,
  trafficSentence,
  troubled,
} from './rollback-context.ts';
import { shiftTo } from './shift.ts';
import { stopTraffic } from './steer-traffic.ts';
import { takeBackIntoTraffic } from './verify-steps.ts';

/**
 * Puts the old releases back: beside the bad ones where every target can run two (`shift`), else in their place (`replace`), and
 * takes them into traffic. What cannot be started beside the bad release is put in its place with the attempts that are left.
 */
export async function rollBackTo(context: RollbackContext, moves: readonly Move[]): Promise<StepsEnd> {
  const { progress } = context;
  progress.moves = moves;
  progress.round += 1;
  const early = interruption(context);
  if (early !== null) return early;
  const shifted = moves.every(({ way }) => way === 'shift') ? await shiftTo(context) : null;
  const inPlace = shifted === null || shifted.kind === 'failed';
  const end = inPlace ? (interruption(context) ?? (await replaceBy(context))) : shifted;
  progress.replaceable = [
    ...progress.replaceable,
    ...moves.map(({ service, to }) => ({ service, release: to })),
  ];
  return end;
}

/** Stops traffic, restores, restarts, waits until healthy, and takes the restored release back into traffic. */
async function replaceBy(context: RollbackContext): Promise<StepsEnd> {
  const { input, progress } = context;
  progress.moves = progress.moves.map((move) => ({ ...move, way: 'replace' }));
  await stopTraffic(context, `rolling back ${releaseNames(input.services)}: ${input.request.reason}`);
  const end = await attempts(context);
  if (end.kind === 'failed') return exhausted(context, end.reason);
  if (end.kind !== 'healthy') return end;
  return interruption(context) ?? (await takeBackIntoTraffic(context));
}

async function attempts(context: RollbackContext): Promise<AttemptEnd> {
  const { draft, journal, settings, progress } = context;
  const { maxAttempts, retryBackoffMs } = settings.policy.rollback;
  let reason = 'no attempt was made';
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    draft.save({ attempts: draft.incident.attempts + 1 });
    const end = await oneAttempt(context, `${draft.incident.id}/${progress.round}/${attempt}`);
    if (end.kind !== 'failed') return end;
    reason = end.reason;
    journal.note('failed', `Attempt ${attempt} of ${maxAttempts} failed: ${reason}`);
    const stop = interruption(context);
    if (stop !== null) return stop;
    if (attempt < maxAttempts)
      await condition(() => interruption(context) !== null, retryBackoffMs * 2 ** (attempt - 1));
  }
  return { kind: 'failed', reason };
}

/** Beside its steps' own time: queues, and a worker that is lost once. */
const attemptSlackMs = 60_000;

/** Restore to healthy: what an attempt is. Its steps share one deadline. */
async function oneAttempt(context: RollbackContext, stepKey: string): Promise<AttemptEnd> {
  const { settings, progress, journal, presence } = context;
  const { moves } = progress;
  const longestStepMs = Math.max(...moves.map(({ service }) => stepTimeoutOf(context, service)));
  const deadlineMs =
    Date.now() + 2 * longestStepMs + settings.policy.rollback.healthCheckTimeoutMs + attemptSlackMs;
  const target = targetOf(moves);
  for (const step of ['restore', 'restart'] as const) {
    presence.enter(step === 'restore' ? 'restoring' : 'restarting');
    for (const move of moves) {
      const failed = await act(context, step, move, { stepKey, deadlineMs });
      if (failed !== null) return failed;
    }
    journal.note(
      'step',
      step === 'restore'
        ? `Rollback to ${target} (${moves[0]?.reason ?? 'last known good'})`
        : 'Services restarted',
    );
    const stop = interruption(context);
    if (stop !== null) return stop;
  }
  const end = await waitHealthy(context);
  if (end.kind !== 'healthy') return end;
  progress.restored = true;
  progress.replaced = progress.turnedAway;
  return end;
}

function exhausted({ input, settings, progress }: RollbackContext, reason: string): StepsEnd {
  const { maxAttempts } = settings.policy.rollback;
  return troubled(
    alertTitle(input.key, `CRITICAL: rollback failed after ${maxAttempts} attempts`),
    `${reason}; ${trafficSentence(progress)}`,
  );
}
