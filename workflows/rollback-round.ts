import { releaseNames, type ServiceRelease } from '../domain/deployment.ts';
import type { TargetChoice } from '../domain/rollback.ts';
import { choosing } from './activities.ts';
import { rollBackTo } from './rollback-attempts.ts';
import {
  alertTitle,
  causeOf,
  interruption,
  type RollbackContext,
  type StepsEnd,
  troubled,
} from './rollback-context.ts';
import { othersAreLive } from './take-over.ts';

/**
 * Chooses a target and goes there. A worker that can reach the target must answer within 30 s; else people are asked, and
 * the asking goes on.
 * @param to a person's choice; `null` = last known good
 */
export async function oneRound(context: RollbackContext, to: string | null): Promise<StepsEnd> {
  const { input, plan, settings, presence, journal, progress } = context;
  presence.enter('choosing');
  try {
    const choice = await choosing(settings.targetQueue).chooseTarget(input.key, plan, to, [
      ...progress.replaceable,
    ]);
    return await actOn(context, choice);
  } catch (error) {
    const stop = interruption(context);
    if (stop !== null) return stop;
    const reason = `No worker could look at the target of ${input.key.product}: ${causeOf(error)}. The rollback goes on by itself as soon as one answers`;
    journal.note('failed', `The target cannot be reached: ${causeOf(error)}; asking on`);
    return troubled(alertTitle(input.key, 'Rollback waits for its target'), reason, {
      goesOn: { kind: 'choose', to },
    });
  }
}

/** Acts on what was found live, and announces it. */
export async function actOn(context: RollbackContext, choice: TargetChoice): Promise<StepsEnd> {
  const { input, inbox, draft, progress } = context;
  if (choice.kind === 'none') return troubled(alertTitle(input.key, 'No rollback possible'), choice.reason);
  if (choice.kind === 'changed_outside') {
    return progress.traffic === 'flowing' && !progress.restored
      ? { kind: 'changed_outside', reason: choice.reason }
      : othersAreLive(context, choice.reason);
  }
  inbox.moves = choice.moves;
  const to = choice.moves.map(({ service, to: release }) => ({ service, release }));
  draft.save({ to });
  announce(context, to);
  return rollBackTo(context, choice.moves);
}

/** In parallel: no step waits for it. Only now, for what somebody changed by hand is no alarm. */
function announce(
  { input, journal, teller, progress }: RollbackContext,
  to: readonly ServiceRelease[],
): void {
  if (progress.round > 0) return;
  const { request } = input;
  const title =
    request.origin === 'manual' ? 'Manual rollback initiated' : 'CRITICAL: Auto-rollback initiated';
  journal.note('alert', `Owner alerted: "${title}"\n${request.reason}`);
  teller.tell('owner', {
    severity: 'critical',
    event: 'rollback_begun',
    about: { to },
    title,
    text: request.reason,
    doing: `Rolling back ${releaseNames(input.services)} to ${releaseNames(to)}.`,
    facts: request.triggers.map((trigger) => ({ name: trigger.type, value: trigger.reason })),
  });
}
