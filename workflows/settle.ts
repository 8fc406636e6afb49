import { act, stepTimeoutOf, targetOf } from './attempt-steps.ts';
import { alertTitle, type RollbackContext, type StepsEnd, troubled } from './rollback-context.ts';

/** After traffic has moved: the bad release goes. `null` when it is gone. */
export async function settle(context: RollbackContext): Promise<StepsEnd | null> {
  const { progress, presence, journal, input } = context;
  const { moves } = progress;
  progress.restored = true;
  progress.shifted = progress.round;
  progress.replaced = progress.turnedAway;
  presence.enter('settling');
  for (const move of moves) {
    const failed = await act(context, 'settleBeside', move, besideStep(context));
    if (failed === null || failed.kind === 'healthy') continue;
    if (failed.kind !== 'failed') return failed;
    const reason = `${targetOf(moves)} serves all users, but ${move.from} could not be put away: ${failed.reason}`;
    journal.note('failed', reason);
    return troubled(alertTitle(input.key, 'The bad release could not be put away'), reason);
  }
  journal.note('step', `${moves.map((move) => move.from).join(', ')} was put away`);
  return null;
}

/** Key and end of a step on the way called `shift`. */
export function besideStep(context: RollbackContext): { stepKey: string; deadlineMs: number } {
  const { draft, progress } = context;
  const longestStepMs = Math.max(...progress.moves.map(({ service }) => stepTimeoutOf(context, service)));
  return {
    stepKey: `${draft.incident.id}/${progress.round}/beside`,
    deadlineMs: Date.now() + longestStepMs,
  };
}
