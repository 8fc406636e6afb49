import { condition } from '@temporalio/workflow';
import type { VerificationLook } from '../activities/verify.ts';
import { releaseNames } from '../domain/deployment.ts';
import type { VerificationResult } from '../domain/rollback.ts';
import type { WatchState } from '../domain/watch.ts';
import { acting, verifying } from './activities.ts';
import {
  alertTitle,
  causeOf,
  interruption,
  type RollbackContext,
  restoredServices,
  type StepsEnd,
  trafficSentence,
  troubled,
} from './rollback-context.ts';
import { settle } from './settle.ts';
import { resumeTraffic, stopTraffic } from './steer-traffic.ts';

/** Checks before traffic, resume, verify under traffic. */
export async function takeBackIntoTraffic(context: RollbackContext): Promise<StepsEnd> {
  const { settings, input, presence, journal, progress } = context;
  presence.enter('checking');
  const limits = { stepMs: checkLimitMs, leftMs: 2 * checkLimitMs };
  const before = await acting(settings.targetQueue, limits, 'checks before traffic')
    .checkBeforeTraffic(input.key, [...progress.moves], settings.policy)
    .catch((error) => ({
      healthy: true,
      blind: true,
      reason: `blind before traffic (${causeOf(error)}), health probes alone decide`,
    }));
  journal.note(before.healthy ? 'verified' : 'failed', before.reason);
  if (!before.healthy)
    return systemic(context, `the restored release is sick before it gets any traffic: ${before.reason}`);
  const stop = interruption(context);
  if (stop !== null) return stop;
  const releases = progress.moves.map(({ service, to, way = 'replace' }) => ({ service, to, way }));
  const failed = await resumeTraffic(context, { kind: 'resume', releases, newcomer: null });
  return failed ?? (await welcomeBack(context, before.reason));
}

const checkLimitMs = 60_000;

/** Traffic flows again: people hear of it at once, and it is verified. */
export async function welcomeBack(context: RollbackContext, checks: string): Promise<StepsEnd> {
  const { journal, teller, settings, progress } = context;
  const unsettled = progress.moves.every(({ way }) => way === 'shift') ? await settle(context) : null;
  if (unsettled !== null) return unsettled;
  const verifyMinutes = settings.policy.rollback.verifyMs / 60_000;
  journal.note('alert', 'Owner notified: "Rollback successful"');
  teller.tell('owner', {
    severity: 'info',
    event: 'rolled_back',
    about: { to: restoredServices(progress) },
    title: 'Rollback successful',
    text: `${releaseNames(restoredServices(progress))} serves again. ${checks}.`,
    doing: `Verifying under traffic for at most ${verifyMinutes} min.`,
  });
  return verify(context);
}

async function verify(context: RollbackContext): Promise<StepsEnd> {
  const { presence, journal } = context;
  presence.enter('verifying');
  const seen = await verifyUnderTraffic(context);
  if ('end' in seen) return seen.end;
  const { result } = seen;
  if (result.kind !== 'sick') {
    const confirmed = result.kind === 'good';
    journal.note('verified', `${confirmed ? 'Metrics: normal' : 'Metrics'}: ${result.reason}`);
    return { kind: 'rolled_back', confirmed, reason: `verified under traffic: ${result.reason}` };
  }
  journal.note('failed', `Still sick under traffic: ${result.reason}`);
  if (!result.healthFailing)
    return systemic(context, `the restored release is sick under traffic: ${result.reason}`);
  await stopTraffic(context, 'the restored release fails its health checks');
  return systemic(context, `the restored release fails its health checks under traffic: ${result.reason}`);
}

/** Looks until the evidence suffices or the time is over. */
async function verifyUnderTraffic(
  context: RollbackContext,
): Promise<{ result: VerificationResult } | { end: StepsEnd }> {
  const { input, settings, progress } = context;
  const { moves } = progress;
  const sinceMs = Date.now();
  let state: WatchState | null = null;
  for (;;) {
    const question = { key: input.key, moves, sinceMs, policy: settings.policy };
    try {
      const look: VerificationLook = await verifying(settings.targetQueue).verifyUnderTraffic(
        question,
        state,
      );
      if (look.result !== null) return { result: look.result };
      state = look.state;
      await condition(() => interruption(context) !== null, look.nextLookMs);
    } catch (error) {
      return { result: { kind: 'unconfirmed', reason: `not yet confirmed: ${causeOf(error)}` } };
    }
    const end = interruption(context);
    if (end !== null) return { end };
  }
}

function systemic({ input, progress }: RollbackContext, reason: string): StepsEnd {
  return troubled(
    alertTitle(input.key, 'CRITICAL: systemic issue, the previous release is unhealthy too'),
    `${reason}; so the release was probably not the cause; ${trafficSentence(progress)}`,
    { systemic: true },
  );
}
