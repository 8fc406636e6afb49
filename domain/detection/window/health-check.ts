import { shortDuration, type Verdict } from '../verdict.ts';
import type { Evidence, HealthCheck } from './evidence.ts';

/**
 * More than the configured number of failed checks within the window, the last one failing. A check fails when at least
 * half of the instances fail their probe; fewer make the service suspect. The warm-up after the deployment does not count.
 */
export function judgeHealthCheck(evidence: Evidence): Verdict {
  const { policy, deployedAtMs } = evidence.context;
  const rule = policy.triggers.healthCheck;
  if (!rule.enabled) return verdict('off', null, null, 'health check trigger is off');
  const warmUpEndMs = deployedAtMs + policy.monitoring.warmUpMs;
  const checks = evidence.checks.filter(
    (check) => check.atMs > evidence.nowMs - rule.windowMs && check.atMs >= warmUpEndMs,
  );
  const last = checks.at(-1);
  if (last === undefined)
    return verdict('inconclusive', null, rule.failureCount, 'warming up, health checks do not count yet');
  const failed = checks.filter((check) => check.failed).length;
  // Soon after the deployment the window is not full yet.
  const spanMs = Math.min(
    rule.windowMs,
    Math.ceil((evidence.nowMs - warmUpEndMs) / 60_000) * 60_000 || 60_000,
  );
  const numbers = `${failed} of ${checks.length} health checks failed in ${shortDuration(spanMs)}, allowed ${rule.failureCount}`;
  if (last.failed && failed > rule.failureCount) {
    // A source that only counts them does not say what they saw.
    const said = last.probes.length > 0 ? `; last: ${describe(last)}` : '';
    return verdict('breach', failed, rule.failureCount, `${numbers}${said}`);
  }
  const sick = last.probes.some((probe) => !probe.healthy);
  if (sick) return verdict('suspect', failed, rule.failureCount, `${numbers}; ${describe(last)}`);
  return verdict('healthy', failed, rule.failureCount, numbers);
}

function describe(check: HealthCheck): string {
  return check.probes
    .filter((probe) => !probe.healthy)
    .map((probe) => `${probe.instance} ${probe.detail}`)
    .join(', ');
}

function verdict(
  state: Verdict['state'],
  current: number | null,
  threshold: number | null,
  reason: string,
): Verdict {
  return { trigger: 'health_check', state, baseline: null, current, threshold, reason };
}
