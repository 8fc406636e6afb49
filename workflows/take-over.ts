import { releaseNames, type ServiceRelease } from '../domain/deployment.ts';
import type { HealthResult } from '../domain/rollback.ts';
import { awaitingHealth, looking } from './activities.ts';
import {
  alertTitle,
  causeOf,
  type RollbackContext,
  type StepsEnd,
  servicesOf,
  trafficSentence,
  troubled,
} from './rollback-context.ts';
import type { Newcomer } from './rollback-inbox.ts';
import { resumeTraffic } from './steer-traffic.ts';

/** How a hotfix ends an incident: the newcomer's health is verified, then it gets the traffic. */
export async function letTakeOver(context: RollbackContext): Promise<StepsEnd> {
  const { inbox, presence, progress, settings, input, journal } = context;
  const newcomer = inbox.newcomer as Newcomer;
  if (progress.traffic === 'flowing' && !progress.restored) return tookOver(newcomer);
  presence.enter('taking_over');
  const wanted = newcomer.services
    .filter(({ service }) => servicesOf(context).includes(service))
    .map(({ service, release }) => ({ service, to: release }));
  const timeoutMs = settings.policy.rollback.healthCheckTimeoutMs;
  const health = await awaitingHealth(settings.targetQueue, timeoutMs, `is ${nameOf(newcomer)} healthy?`)
    .waitHealthy(input.key, wanted, timeoutMs)
    .catch((error): HealthResult => ({ kind: 'unhealthy', reason: causeOf(error) }));
  if (health.kind === 'unhealthy') return turnAway(context, newcomer, health.reason);
  const failed = await resumeTraffic(context, {
    kind: 'resume',
    releases: wanted,
    newcomer,
  });
  if (failed !== null) {
    inbox.newcomer = null;
    return failed;
  }
  journal.note('decision', `${nameOf(newcomer)} is healthy and takes over`);
  return tookOver(newcomer);
}

export function tookOver(newcomer: Newcomer): StepsEnd {
  const stranger = newcomer.deployment === '';
  return {
    kind: 'superseded',
    reason: `${nameOf(newcomer)} took over`,
    newcomer: stranger ? null : newcomer,
    stranger,
  };
}

/** People decide: fix it once more, or go back all the same. */
function turnAway(context: RollbackContext, newcomer: Newcomer, why: string): StepsEnd {
  const { inbox, progress, journal, input } = context;
  inbox.refuse(newcomer);
  progress.replaceable = [...progress.replaceable, ...newcomer.services];
  progress.turnedAway = [...progress.turnedAway, newcomer.deployment];
  const reason = `${nameOf(newcomer)} was deployed but is not healthy: ${why}; ${trafficSentence(progress)}`;
  journal.note('failed', reason);
  return troubled(alertTitle(input.key, 'What was deployed meanwhile is sick, too'), reason);
}

/** Somebody else's release is live after traffic was stopped: whoever waits takes over, else what is live does. */
export async function othersAreLive(context: RollbackContext, reason: string): Promise<StepsEnd> {
  const { inbox, settings, input, journal } = context;
  journal.note('detected', `Somebody changed what is live: ${reason}`);
  if (inbox.newcomer !== null) return { kind: 'newcomer' };
  const live = await looking(settings.targetQueue)
    .readLive(input.key, servicesOf(context))
    .catch(() => null);
  if (live === null) {
    const title = alertTitle(input.key, 'Somebody else changed what is live');
    return troubled(title, `${reason}; what is live cannot be read`);
  }
  inbox.newcomer = { deployment: '', services: strangers(context, live) };
  return { kind: 'newcomer' };
}

/** What is live of every service of this rollback, a stranger's release before ours. */
function strangers(
  { input, progress }: RollbackContext,
  live: Readonly<Record<string, readonly string[]>>,
): ServiceRelease[] {
  return input.services.map(({ service, release }) => {
    const ours = [release, ...progress.moves.filter((move) => move.service === service).map(({ to }) => to)];
    const found = live[service] ?? [];
    return { service, release: found.find((entry) => !ours.includes(entry)) ?? found[0] ?? release };
  });
}

function nameOf({ deployment, services }: Newcomer): string {
  return deployment === '' ? `what is live (${releaseNames(services)})` : deployment;
}
