import type { Case } from './judge.ts';
import type { Verdict } from './verdict.ts';
import { judgeHealthCheck } from './window/health-check.ts';

/** A restart fails for less than a minute; a check that comes and goes is a crash loop only in the third minute. */
const mostFailed = 0.75;
/** Checks that always failed now and then must fail more often than that. */
const leastTimesUsual = 1.25;

/**
 * More failed checks than allowed, the last one failing, spread over at least two minutes in which most failed, or three: one bad
 * minute is a restart. A minute is a fifth of the window.
 */
export function judgeHealth(found: Case): Verdict {
  const { policy, state, nowMs, deployedAtMs } = found;
  const plain = judgeHealthCheck({ ...state.window, nowMs, context: found });
  if (plain.state !== 'breach') return plain;
  const unitMs = policy.triggers.healthCheck.windowMs / 5;
  const from = deployedAtMs + policy.monitoring.warmUpMs;
  const minutes = new Map<number, { failed: number; all: number }>();
  for (const check of state.window.checks) {
    if (check.atMs < from || check.atMs <= nowMs - policy.triggers.healthCheck.windowMs) continue;
    const bucket = Math.floor((nowMs - check.atMs) / unitMs);
    const { failed, all } = minutes.get(bucket) ?? { failed: 0, all: 0 };
    minutes.set(bucket, { failed: failed + (check.failed ? 1 : 0), all: all + 1 });
  }
  const failing = [...minutes.values()].filter(({ failed }) => failed > 0);
  const failed = failing.reduce((sum, minute) => sum + minute.failed, 0);
  const all = failing.reduce((sum, minute) => sum + minute.all, 0);
  const usual = found.calibration?.habits.failedHealthChecks ?? 0;
  if (usual > 0 && failed <= leastTimesUsual * usual + 2)
    return {
      ...plain,
      state: 'suspect',
      reason: `${plain.reason}; up to ${usual} failed before this release, too`,
    };
  if (failing.length >= 3 || (failing.length >= 2 && failed >= mostFailed * all)) return plain;
  return { ...plain, state: 'suspect', reason: `${plain.reason}; not for two minutes yet` };
}
