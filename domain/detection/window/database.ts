import { shortDuration, shortNumber, type Verdict } from '../verdict.ts';
import { type Evidence, samplesWithin, total } from './evidence.ts';

/** More than the configured number of connection errors within the window. */
export function judgeDatabase(evidence: Evidence): Verdict {
  const rule = evidence.context.policy.triggers.database;
  if (!rule.enabled) return verdict('off', null, null, 'database trigger is off');
  const window = samplesWithin(evidence, rule.windowMs);
  const current = total(window).dbConnectionErrors;
  const threshold = rule.connectionErrors;
  if (current === null)
    return verdict('off', null, threshold, 'the service does not tell its database connection errors');
  const numbers = `${shortNumber(current)} database connection errors in ${shortDuration(rule.windowMs)}, allowed ${threshold}`;
  if (!(current > threshold)) return verdict('healthy', current, threshold, numbers);
  // One bad sample must not roll back: a pool that blinked once is not exhausted.
  const samplesWithErrors = window.filter((sample) => (sample.dbConnectionErrors ?? 0) > 0).length;
  if (samplesWithErrors >= 2) return verdict('breach', current, threshold, numbers);
  return verdict('suspect', current, threshold, `${numbers}; all in one check`);
}

function verdict(
  state: Verdict['state'],
  current: number | null,
  threshold: number | null,
  reason: string,
): Verdict {
  return { trigger: 'database', state, baseline: null, current, threshold, reason };
}
