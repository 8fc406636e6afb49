import { condition } from '@temporalio/workflow';
import { releaseNames } from '../domain/deployment.ts';
import type { Move } from '../domain/rollback.ts';
import { acting, awaitingHealth } from './activities.ts';
import {
  alertTitle,
  causeOf,
  interruption,
  type RollbackContext,
  type StepsEnd,
  trafficSentence,
  troubled,
} from './rollback-context.ts';
import { stopTraffic } from './steer-traffic.ts';
import { othersAreLive } from './take-over.ts';
import { takeBackIntoTraffic } from './verify-steps.ts';

type AttemptEnd =
  | { readonly kind: 'healthy' }
  | { readonly kind: 'failed'; readonly reason: string }
  | StepsEnd;

/** Stops traffic, restores, restarts, waits until healthy, and takes the restored release back into traffic. */
export async function rollBackTo(context: RollbackContext, moves: readonly Move[]): Promise<StepsEnd> {
  const { progress, input } = context;
  progress.moves = moves;
  progress.round += 1;
  const early = interruption(context);
  if (early !== null) return early;
  await stopTraffic(context, `rolling back ${releaseNames(input.services)}: ${input.request.reason}`);
  const end = await attempts(context);
  progress.replaceable = [
    ...progress.replaceable,
    ...moves.map(({ service, to }) => ({ service, release: to })),
  ];
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
  const target = moves.map((move) => (moves.length > 1 ? `${move.service} ${move.to}` : move.to)).join(', ');
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
  return waitHealthy(context, target);
}

function stepTimeoutOf({ plan, settings }: RollbackContext, service: string): number {
  const known = plan.services.find((entry) => entry.service === service);
  return known?.stepTimeoutMs ?? settings.policy.rollback.stepTimeoutMs;
}

async function act(
  context: RollbackContext,
  step: 'restore' | 'restart',
  move: Move,
  { stepKey, deadlineMs }: { stepKey: string; deadlineMs: number },
): Promise<AttemptEnd | null> {
  const { settings, input } = context;
  const what = `${step} ${move.service} ${move.to}`;
  const leftMs = Math.max(1_000, deadlineMs - Date.now());
  const limits = { stepMs: stepTimeoutOf(context, move.service), leftMs };
  try {
    const result = await acting(settings.targetQueue, limits, what)[step]({ key: input.key, move, stepKey });
    return result.kind === 'changed_outside' ? await othersAreLive(context, result.reason) : null;
  } catch (error) {
    return { kind: 'failed', reason: `${step} of ${move.service} ${move.to}: ${causeOf(error)}` };
  }
}

async function waitHealthy(context: RollbackContext, target: string): Promise<AttemptEnd> {
  const { settings, input, progress, journal, presence } = context;
  presence.enter('waiting_healthy');
  const timeoutMs = settings.policy.rollback.healthCheckTimeoutMs;
  const wanted = progress.moves.map(({ service, to }) => ({ service, to }));
  try {
    const health = await awaitingHealth(
      settings.targetQueue,
      timeoutMs,
      `wait until ${target} is healthy`,
    ).waitHealthy(input.key, wanted, timeoutMs);
    if (health.kind === 'unhealthy') return { kind: 'failed', reason: health.reason };
    progress.restored = true;
    progress.replaced = progress.turnedAway;
    journal.note('step', health.detail);
    return { kind: 'healthy' };
  } catch (error) {
    return { kind: 'failed', reason: causeOf(error) };
  }
}

function exhausted({ input, settings, progress }: RollbackContext, reason: string): StepsEnd {
  const { maxAttempts } = settings.policy.rollback;
  return troubled(
    alertTitle(input.key, `CRITICAL: rollback failed after ${maxAttempts} attempts`),
    `${reason}; ${trafficSentence(progress)}`,
  );
}
