import type { Policy } from '../policy.ts';
import { addCounts, checkFailed, noCounts, type Sample } from '../sample.ts';
import { judgeDatabase } from './database.ts';
import { judgeErrorRate } from './error-rate.ts';
import type { Evidence, JudgeContext, JudgeState, RegularSample } from './evidence.ts';
import { judgeHealthCheck } from './health-check.ts';
import { judgeMemory } from './memory.ts';
import { judgePerformance } from './performance.ts';
import type { Verdict } from './verdict.ts';

/**
 * Judges one sample. Pure and incremental: the same samples give the same verdicts however the stream is cut.
 * Only rules about health and error share look at extra ticks; all others at regular samples.
 */
export function judge(
  state: JudgeState,
  sample: Sample,
  context: JudgeContext,
): { state: JudgeState; verdicts: Verdict[] } {
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
export function forgetCounts(state: JudgeState): JudgeState {
  return { ...state, regular: [], partial: null };
}

function remember(state: JudgeState, sample: Sample, policy: Policy): JudgeState {
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
      ? [...state.regular, partial].filter(within(longestMs + monitoring.checkIntervalMs / 2))
      : state.regular,
    partial: sample.regular ? null : partial,
    checks: [
      ...earlierChecks,
      { atMs: sample.atMs, failed: checkFailed(sample.probes), probes: sample.probes },
    ].filter(within(triggers.healthCheck.windowMs)),
  };
}

function addPartial(partial: RegularSample | null, sample: Sample): RegularSample {
  const { requests, errors, latency, dbConnectionErrors, memoryPercent, cpuPercent, affectedUsers } = sample;
  const counts = addCounts(partial ?? noCounts, {
    requests,
    errors,
    latency,
    dbConnectionErrors,
    memoryPercent,
    cpuPercent,
    affectedUsers,
  });
  return { ...counts, atMs: sample.atMs, durationMs: (partial?.durationMs ?? 0) + sample.durationMs };
}
