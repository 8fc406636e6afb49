import { releaseNames } from '../domain/deployment.ts';
import { switchTimeMs } from '../domain/rollback.ts';
import { describing, steering } from './activities.ts';
import type { GoesOn } from './messages.ts';
import {
  alertTitle,
  causeOf,
  type RollbackContext,
  restoredServices,
  type StepsEnd,
  servicesOf,
  troubled,
} from './rollback-context.ts';

export async function stopTraffic(context: RollbackContext, reason: string): Promise<void> {
  const { input, settings, plan, journal, presence, progress, teller, draft } = context;
  presence.enter('stopping_traffic');
  const { retryAfterSeconds } = settings.policy.rollback;
  try {
    const { detail, controlled } = await steering(
      settings.targetQueue,
      'maintenance mode on',
      switchTimeMs(plan),
    ).stopTraffic(input.key, servicesOf(context), { reason, retryAfterSeconds });
    progress.traffic = controlled ? 'stopped' : 'uncontrolled';
    if (controlled && draft.incident.trafficStoppedAtMs === null)
      draft.save({ trafficStoppedAtMs: Date.now() });
    journal.note('traffic', detail);
  } catch (error) {
    progress.traffic = 'unstoppable';
    // Users are better served by a restored release that they reach than by waiting for a traffic control.
    const text = `Traffic could not be stopped (${causeOf(error)}); restoring anyway`;
    journal.note('failed', text);
    teller.tell('owner', {
      severity: 'critical',
      title: alertTitle(input.key, 'Traffic could not be stopped'),
      text,
    });
  }
}

/** `null` when traffic flows; else people are asked while the trying goes on. */
export async function resumeTraffic(
  context: RollbackContext,
  wanted: Extract<GoesOn, { kind: 'resume' }>,
): Promise<StepsEnd | null> {
  const { input, settings, plan, journal, presence } = context;
  presence.enter('resuming');
  try {
    const queue = steering(settings.targetQueue, 'maintenance mode off', switchTimeMs(plan));
    flows(context, await queue.resumeTraffic(input.key, [...wanted.releases]));
    return null;
  } catch (error) {
    const reason = `Traffic could not be resumed: ${causeOf(error)}; trying again every 30 s`;
    journal.note('failed', reason);
    const title = alertTitle(input.key, 'CRITICAL: traffic could not be resumed');
    return troubled(title, reason, { goesOn: wanted });
  }
}

export function flows({ progress, draft, journal }: RollbackContext, detail: string): void {
  progress.traffic = 'flowing';
  draft.save({ trafficResumedAtMs: Date.now() });
  journal.note('traffic', detail);
}

/** A person's word about traffic, in an escalation: as things are, whatever release that is. */
export async function steerTraffic(
  context: RollbackContext,
  state: 'resume' | 'stop',
  by: string,
): Promise<void> {
  if (state === 'stop') return stopTraffic(context, `stopped by ${by}`);
  const { input, settings, plan, journal, teller } = context;
  try {
    const queue = steering(settings.targetQueue, 'maintenance mode off', switchTimeMs(plan));
    flows(context, `${await queue.resumeAsIs(input.key, servicesOf(context))} (by ${by})`);
  } catch (error) {
    const text = `Traffic could not be resumed for ${by}: ${causeOf(error)}`;
    journal.note('failed', text);
    teller.tell('owner', {
      severity: 'critical',
      title: alertTitle(input.key, 'Traffic could not be resumed'),
      text,
    });
  }
}

/** What was done, what is live, and where traffic goes. */
export async function describe(context: RollbackContext): Promise<string> {
  const { settings, input, progress, draft } = context;
  const state = await describing(settings.targetQueue)
    .describeState(input.key, servicesOf(context))
    .catch((error) => `live release and traffic state unknown: ${causeOf(error)}`);
  const done = progress.restored
    ? `${releaseNames(restoredServices(progress))} was restored and was healthy`
    : `${draft.incident.attempts} attempts to restore an older release`;
  return `Done so far: ${done}. Now: ${state}.`;
}
