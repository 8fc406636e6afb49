import { acting } from './activities.ts';
import { type AttemptEnd, act, targetOf, waitHealthy } from './attempt-steps.ts';
import { causeOf, interruption, type RollbackContext } from './rollback-context.ts';
import { besideStep } from './settle.ts';
import { takeBackIntoTraffic } from './verify-steps.ts';

/**
 * Starts the old releases beside the bad ones, sees them healthy, and only then moves traffic: users see no maintenance page. Until
 * then the bad release serves on. `failed`: they could not be started or did not get healthy, and nothing of them is left.
 */
export async function shiftTo(context: RollbackContext): Promise<Exclude<AttemptEnd, { kind: 'healthy' }>> {
  const { draft, journal, progress } = context;
  draft.save({ attempts: draft.incident.attempts + 1 });
  const end = await startAndMove(context);
  const goesOn = end.kind === 'trouble' && end.trouble.goesOn !== null;
  if (progress.shifted !== progress.round && !goesOn) await giveUp(context);
  if (end.kind === 'failed')
    journal.note('failed', `Nothing could be started beside: ${end.reason}; going on in its place`);
  return end;
}

async function startAndMove(context: RollbackContext): Promise<Exclude<AttemptEnd, { kind: 'healthy' }>> {
  const { progress, journal, presence } = context;
  const { moves } = progress;
  presence.enter('starting_beside');
  for (const move of moves) {
    const failed = await act(context, 'startBeside', move, besideStep(context));
    if (failed !== null && failed.kind !== 'healthy') return failed;
  }
  const why = moves[0]?.reason ?? 'last known good';
  const from = moves.map((move) => move.from).join(', ');
  journal.note(
    'step',
    `Rollback to ${targetOf(moves)} (${why}): started beside ${from}, which serves on meanwhile`,
  );
  const stop = interruption(context);
  if (stop !== null) return stop;
  const healthy = await waitHealthy(context);
  if (healthy.kind !== 'healthy') return healthy;
  return interruption(context) ?? (await takeBackIntoTraffic(context));
}

/** What was started beside gets no traffic; that it runs on would look like somebody else's release. */
async function giveUp({ progress, input, settings, journal, draft }: RollbackContext): Promise<void> {
  for (const move of progress.moves) {
    const stepKey = `${draft.incident.id}/${progress.round}/give-up`;
    await acting(
      settings.targetQueue,
      { stepMs: giveUpMs, leftMs: giveUpMs },
      `end ${move.service} ${move.to} again`,
    )
      .giveUpBeside({ key: input.key, move, stepKey })
      .catch((error) =>
        journal.note('failed', `${move.to} of ${move.service} could not be ended again: ${causeOf(error)}`),
      );
  }
}

const giveUpMs = 60_000;
