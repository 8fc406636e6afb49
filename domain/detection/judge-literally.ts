import { quantileMs } from '../histogram.ts';
import { latencyQuantile } from '../policy.ts';
import type { Case } from './judge.ts';
import { shortNumber, type TriggerType, type Verdict } from './verdict.ts';
import { judgeDatabase as judgeDatabaseWindow } from './window/database.ts';
import { samplesWithin, total } from './window/evidence.ts';
import { judgeHealthCheck } from './window/health-check.ts';
import { judgeMemory as judgeMemoryWindow } from './window/memory.ts';

/**
 * The specification's rules word for word (`detection: literal`): the newest check against the release's own baseline, `>`
 * multiplier, no evidence asked for. Measured, it rolls back most healthy deployments; see docs/detection.md.
 */
export function judgeLiterally(found: Case): Verdict[] {
  const { policy, state, references, nowMs } = found;
  const evidence = { ...state.window, nowMs, context: found };
  const { errorRate, latency } = policy.triggers;
  const baseline = references.find(({ kind }) => kind === 'own_baseline') ?? null;
  const errors = total(samplesWithin(evidence, errorRate.windowMs));
  const slow = total(samplesWithin(evidence, latency.windowMs));
  const quantile = latencyQuantile[latency.metric];
  return [
    compare('error_rate', errorRate, {
      name: 'error rate',
      unit: '/min',
      current: errors.durationMs > 0 ? (60_000 * errors.errors) / errors.durationMs : null,
      baseline: baseline === null ? null : (60_000 * baseline.errors) / Math.max(1, baseline.durationMs),
    }),
    compare('performance', latency, {
      name: latency.metric,
      unit: ' ms',
      current: quantileMs(slow.latency, quantile),
      baseline: quantileMs(baseline?.latency ?? null, quantile),
    }),
    judgeMemoryWindow(evidence),
    judgeDatabaseWindow(evidence),
    judgeHealthCheck(evidence),
  ];
}

function compare(
  trigger: TriggerType,
  rule: { readonly enabled: boolean; readonly multiplier: number },
  seen: {
    readonly name: string;
    readonly unit: string;
    readonly current: number | null;
    readonly baseline: number | null;
  },
): Verdict {
  const { name, unit, current, baseline } = seen;
  const verdict = (state: Verdict['state'], threshold: number | null, reason: string): Verdict => ({
    trigger,
    state,
    baseline,
    current,
    threshold,
    reason,
  });
  if (!rule.enabled) return verdict('off', null, `${name} trigger is off`);
  if (current === null) return verdict('inconclusive', null, `no ${name} measured`);
  if (baseline === null)
    return verdict('inconclusive', null, `${name} ${shortNumber(current)}${unit}, no baseline yet`);
  const threshold = rule.multiplier * baseline;
  const reason = `${name} ${shortNumber(current)}${unit}, baseline ${shortNumber(baseline)}${unit}, allowed ${shortNumber(threshold)}${unit} (detection: literal)`;
  return verdict(current > threshold ? 'breach' : 'healthy', threshold, reason);
}
