import { breachTrigger } from './detection/verdict.ts';
import type { Policy } from './policy.ts';
import type { VerificationResult } from './rollback.ts';
import type { WatchState } from './watch.ts';

/**
 * Did the rollback help? `good` as soon as enough requests were seen and nothing is wrong; `sick` when a trigger
 * breaches; when the time is over without enough traffic, success that is "not yet confirmed". `null`: look again.
 */
export function judgeVerification(
  state: WatchState,
  policy: Policy,
  overdue: boolean,
): VerificationResult | null {
  const triggers = state.services.flatMap((service) =>
    service.verdicts.flatMap((verdict) => breachTrigger(verdict, service.service, state.lastAtMs ?? 0)),
  );
  if (triggers.length > 0) {
    const reason = triggers.map((trigger) => trigger.reason).join('; ');
    const healthFailing = triggers.some((trigger) => trigger.type === 'health_check');
    return { kind: 'sick', reason, healthFailing, triggers };
  }
  const verdicts = state.services.flatMap((service) => service.verdicts);
  const suspect = verdicts.find((verdict) => verdict.state === 'suspect');
  const requests = Math.min(...state.services.map((service) => service.good.requests));
  const samples = Math.min(...state.services.map((service) => service.good.samples));
  const enough = requests >= policy.monitoring.minimumRequests && samples >= 3;
  if (enough && suspect === undefined) return { kind: 'good', reason: describe(state) };
  if (!overdue) return null;
  if (suspect !== undefined && requests > 0)
    return { kind: 'unconfirmed', reason: `not yet confirmed: ${suspect.reason}` };
  return { kind: 'unconfirmed', reason: `not yet confirmed: ${requests} requests` };
}

function describe(state: WatchState): string {
  return state.services
    .map(
      (service) =>
        service.verdicts.find((verdict) => verdict.trigger === 'error_rate')?.reason ?? 'no errors',
    )
    .join('; ');
}
