import type { Policy } from '../../policy.ts';
import { addCounts, checkFailed, noCounts, type Sample } from '../../sample.ts';
import type { Verdict } from '../verdict.ts';
import { judgeDatabase } from './database.ts';
import { judgeErrorRate } from './error-rate.ts';
import type { Evidence, HealthCheck, RegularSample, WindowContext, WindowState } from './evidence.ts';
import { judgeHealthCheck } from './health-check.ts';
import { judgeMemory } from './memory.ts';
import { judgePerformance } from './performance.ts';

/**
 * Judges one sample. Pure and incremental: the same samples give the same verdicts however the stream is cut.
 * Only rules about health and error share look at extra ticks; all others at regular samples.
 */
export function judgeWindow(
  state: WindowState,
  sample: Sample,
  context: WindowContext,
): { state: WindowState; verdicts: Verdict[] } {
  const next = remember(state, sample, context.policy);
  const evidence: Evidence = { ...next, nowMs: sample.atMs, context };
  const verdicts = [
    judgeErrorRate(evidence),
    judgePerformance(evidence),
    judgeMemory(evidence),
    judgeDatabase(evidence),
    judgeHealthCheck(evidence),
  ];
  return { state: next, verdicts };
}

/** After a gap or a blind stretch: windows must not span it, so counts start anew; health checks are kept. */
export function forgetCounts(state: WindowState): WindowState {
  return { ...state, regular: [], partial: null };
}

export function remember(state: WindowState, sample: Sample, policy: Policy): WindowState {
  const { triggers, monitoring } = policy;
  const longestMs = Math.max(
    triggers.errorRate.windowMs,
    triggers.latency.windowMs,
    triggers.memory.windowMs,
    triggers.database.windowMs,
    3 * monitoring.checkIntervalMs,
  );
  const partial = addPartial(state.partial, sample);
  const within = (windowMs: number) => (entry: { atMs: number }) => entry.atMs > sample.atMs - windowMs;
  const earlierChecks = state.checks.map((check) => ({ ...check, probes: [] }));
  return {
    regular: sample.regular
      ? [...withoutParts(state.regular), partial].filter(within(longestMs + monitoring.checkIntervalMs / 2))
      : state.regular,
    partial: sample.regular ? null : partial,
    checks: [...earlierChecks, ...checksOf(sample)].filter(within(triggers.healthCheck.windowMs)),
  };
}

/** Endpoints and instances are looked at once, in the newest sample. */
function withoutParts(samples: readonly RegularSample[]): RegularSample[] {
  return samples.map((sample) => {
    if (sample.parts === undefined) return sample;
    const { parts: _, ...counts } = sample;
    return counts;
  });
}

/** Failed ones last: a source that only counts them does not say when. */
function checksOf({ atMs, durationMs, probes, healthChecks }: Sample): HealthCheck[] {
  if (healthChecks === undefined) return [{ atMs, failed: checkFailed(probes), probes }];
  const { failed, all } = healthChecks;
  return Array.from({ length: all }, (_, i) => ({
    atMs: atMs - ((all - i - 0.5) * durationMs) / Math.max(1, all),
    failed: i >= all - failed,
    probes: [],
  }));
}

function addPartial(partial: RegularSample | null, sample: Sample): RegularSample {
  const {
    requests,
    errors,
    latency,
    latencyQuantileMs,
    dbConnectionErrors,
    memoryPercent,
    cpuPercent,
    affectedUsers,
    parts,
  } = sample;
  const counts = addCounts(partial ?? noCounts, {
    requests,
    errors,
    latency,
    ...(latencyQuantileMs == null ? {} : { latencyQuantileMs }),
    dbConnectionErrors,
    memoryPercent,
    cpuPercent,
    affectedUsers,
    ...(parts === undefined ? {} : { parts }),
  });
  return { ...counts, atMs: sample.atMs, durationMs: (partial?.durationMs ?? 0) + sample.durationMs };
}
