import { shortNumber, type Verdict } from '../verdict.ts';
import type { Evidence } from './evidence.ts';

/** A garbage collector may touch the ceiling once or twice; three checks in a row it does not. */
const consecutiveSamples = 3;

/** Memory of the fullest instance above the threshold for 3 consecutive regular samples; a shorter excursion never. */
export function judgeMemory(evidence: Evidence): Verdict {
  const rule = evidence.context.policy.triggers.memory;
  if (!rule.enabled) return verdict('off', null, null, 'memory trigger is off');
  const threshold = rule.thresholdPercent;
  const known = evidence.regular.filter((sample) => sample.memoryPercent !== null);
  const current = known.at(-1)?.memoryPercent ?? null;
  if (current === null)
    return verdict('off', null, threshold, 'no memory limit is configured, memory is not judged');
  const recent = evidence.regular.slice(-consecutiveSamples);
  const above = recent.filter((sample) => (sample.memoryPercent ?? 0) > threshold).length;
  const numbers = `memory ${shortNumber(current)} % of its limit, threshold ${shortNumber(threshold)} %`;
  if (!(current > threshold)) return verdict('healthy', current, threshold, numbers);
  if (above === consecutiveSamples) {
    const path = recent.map((sample) => `${shortNumber(sample.memoryPercent ?? 0)} %`).join(', ');
    return verdict(
      'breach',
      current,
      threshold,
      `${numbers}, in ${consecutiveSamples} checks in a row (${path})`,
    );
  }
  return verdict(
    'suspect',
    current,
    threshold,
    `${numbers}, ${above} of ${consecutiveSamples} checks in a row`,
  );
}

function verdict(
  state: Verdict['state'],
  current: number | null,
  threshold: number | null,
  reason: string,
): Verdict {
  return { trigger: 'memory', state, baseline: null, current, threshold, reason };
}
