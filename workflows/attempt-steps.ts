import type { Move } from '../domain/rollback.ts';
import { acting, awaitingHealth } from './activities.ts';
import { causeOf, type RollbackContext, type StepsEnd } from './rollback-context.ts';
import { othersAreLive } from './take-over.ts';

export type AttemptEnd =
  | { readonly kind: 'healthy' }
  | { readonly kind: 'failed'; readonly reason: string }
  | StepsEnd;

const words = {
  restore: 'restore',
  restart: 'restart',
  startBeside: 'start beside',
  settleBeside: 'put all on',
} as const;

/** `v1`, or `web v1, jobs v3`. */
export function targetOf(moves: readonly Move[]): string {
  return moves.map((move) => (moves.length > 1 ? `${move.service} ${move.to}` : move.to)).join(', ');
}

export function stepTimeoutOf({ plan, settings }: RollbackContext, service: string): number {
  const known = plan.services.find((entry) => entry.service === service);
  return known?.stepTimeoutMs ?? settings.policy.rollback.stepTimeoutMs;
}

export async function act(
  context: RollbackContext,
  step: 'restore' | 'restart' | 'startBeside' | 'settleBeside',
  move: Move,
  { stepKey, deadlineMs }: { stepKey: string; deadlineMs: number },
): Promise<AttemptEnd | null> {
  const { settings, input } = context;
  const what = `${words[step]} ${move.service} ${move.to}`;
  const leftMs = Math.max(1_000, deadlineMs - Date.now());
  const limits = { stepMs: stepTimeoutOf(context, move.service), leftMs };
  try {
    const result = await acting(settings.targetQueue, limits, what)[step]({ key: input.key, move, stepKey });
    return result.kind === 'changed_outside' ? await othersAreLive(context, result.reason) : null;
  } catch (error) {
    return { kind: 'failed', reason: `${words[step]} of ${move.service} ${move.to}: ${causeOf(error)}` };
  }
}

export async function waitHealthy(context: RollbackContext): Promise<AttemptEnd> {
  const { settings, input, progress, journal, presence } = context;
  presence.enter('waiting_healthy');
  const timeoutMs = settings.policy.rollback.healthCheckTimeoutMs;
  const wanted = [...progress.moves];
  const target = targetOf(wanted);
  try {
    const health = await awaitingHealth(
      settings.targetQueue,
      timeoutMs,
      `wait until ${target} is healthy`,
    ).waitHealthy(input.key, wanted, timeoutMs);
    if (health.kind === 'unhealthy') return { kind: 'failed', reason: health.reason };
    journal.note('step', health.detail);
    return { kind: 'healthy' };
  } catch (error) {
    return { kind: 'failed', reason: causeOf(error) };
  }
}
