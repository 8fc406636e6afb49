import { quantileMs } from '../histogram.ts';
import { latencyQuantile } from '../policy.ts';
import { alarming, furthest } from './excursion.ts';
import { latencyWarmUp } from './habits/warm-up.ts';
import type { Case } from './judge.ts';
import { seasonAt } from './season.ts';
import { chanceSentence, durationSentence, externalSentence, neighboursSentence } from './sentences.ts';
import { slowIn, stillSlow } from './signals.ts';
import { latencyUnitMs } from './units.ts';
import { shortNumber, type Verdict } from './verdict.ts';
import { type RegularSample, samplesWithin, total } from './window/evidence.ts';

/** The percentile over the window against the service's own normal life at this hour. */
export function judgeLatency(found: Case): Verdict {
  const { policy, state, calibration, nowMs, deployedAtMs } = found;
  const rule = policy.triggers.latency;
  if (!rule.enabled) return verdict('off', null, null, null, 'latency trigger is off');
  const window = samplesWithin({ ...state.window, nowMs, context: found }, rule.windowMs);
  const sum = total(window);
  const current = quantileMs(sum.latency, latencyQuantile[rule.metric]) ?? meanOf(window);
  if (current === null) return verdict('inconclusive', null, null, null, 'no latency measured');
  const usual = calibration?.habits.latency ?? null;
  if (calibration === null || usual === null) {
    const reason = `${rule.metric} ${shortNumber(current)} ms, nothing to compare with yet`;
    return verdict('inconclusive', null, current, null, reason);
  }
  const baseline = Math.exp(seasonAt(usual.level, nowMs) + usual.shift);
  const threshold = rule.multiplier * baseline;
  const numbers = `${rule.metric} ${shortNumber(current)} ms, ${shortNumber(current / baseline)} × the ${shortNumber(baseline)} ms of ${calibration.habits.label}`;
  const unitMs = latencyUnitMs(policy);
  const at = (nowMs - deployedAtMs) / unitMs;
  const { signals } = state;
  const held = at <= signals.heldUntil.latency;
  const which = alarming(signals.latency, calibration.latencyPaths, { excess: 0 });
  const path = calibration.latencyPaths[which];
  const excursion = signals.latency[which];
  if (!held && path !== undefined && excursion !== undefined && stillSlow(signals.recent)) {
    const sinceMs = deployedAtMs + (excursion.since ?? at) * unitMs;
    const age = (sinceMs - deployedAtMs) / Math.max(1, policy.monitoring.warmUpMs);
    const excused = age > 0 && latencyWarmUp(age) > 1.1;
    const reason = `${numbers}; slow for ${durationSentence(sinceMs, nowMs, excused)}${neighboursSentence(signals.recent)}; ${chanceSentence(path, calibration.habits)}`;
    return { ...verdict('breach', baseline, current, threshold, reason), sinceMs, chance: path.chance };
  }
  const slow = held ? null : slowBreach(found);
  if (slow !== null)
    return {
      ...verdict('breach', baseline, current, threshold, `${numbers}; ${slow.reason}`),
      ...slow.since,
    };
  if (!(current > threshold)) return verdict('healthy', baseline, current, threshold, numbers);
  if (held) {
    const reason = `${numbers}; ${externalSentence(signals.outside.latency)}`;
    return verdict('external', baseline, current, threshold, reason);
  }
  const { progress } = furthest(signals.latency, calibration.latencyPaths);
  return progress >= 0.25
    ? verdict(
        'suspect',
        baseline,
        current,
        threshold,
        `${numbers}; ${Math.round(100 * Math.min(progress, 0.99))} % of the evidence needed`,
      )
    : verdict('healthy', baseline, current, threshold, numbers);
}

/** So many slow requests beyond the usual are the least to act on. */
const leastSlow = 8;

/** Too many slow requests, counted: where the percentile is too coarse, or lies below them. */
function slowBreach({ state: { signals, window }, calibration, policy, nowMs, deployedAtMs }: Case): {
  readonly reason: string;
  readonly since: { readonly sinceMs: number; readonly chance: number };
} | null {
  const newest = window.regular.at(-1);
  if (calibration === null || newest === undefined) return null;
  const check = { ...newest, histogram: newest.latency };
  for (const [i, paths] of (calibration.tailPaths ?? []).entries()) {
    const excursions = signals.tail?.[i] ?? [];
    const which = alarming(excursions, paths, { excess: leastSlow });
    const path = paths[which];
    const excursion = excursions[which];
    if (path === undefined || excursion === undefined) continue;
    const now = slowIn(check, { policy, calibration, deployedAtMs })[i] ?? null;
    // Over by now.
    if (now === null || now.found < Math.max(1, now.usual)) continue;
    const sinceMs = deployedAtMs + (excursion.since ?? 0) * latencyUnitMs(policy);
    const share = (count: number) => `${shortNumber((100 * count) / Math.max(1, excursion.requests))} %`;
    return {
      reason: `${share(excursion.found)} of the requests took longer than ${shortNumber(now.limitMs)} ms for ${durationSentence(sinceMs, nowMs, false)}, ${shortNumber((100 * now.usual) / Math.max(1, newest.requests))} % is usual${neighboursSentence(signals.recent)}; ${chanceSentence(path, calibration.habits)}`,
      since: { sinceMs, chance: path.chance },
    };
  }
  return null;
}

/** Percentiles do not add up: where the source tells nothing else, their mean over the requests stands for the window's. */
function meanOf(window: readonly RegularSample[]): number | null {
  const known = window.filter(({ latencyQuantileMs }) => (latencyQuantileMs ?? null) !== null);
  const requests = known.reduce((all, sample) => all + sample.requests, 0);
  if (requests === 0) return null;
  return known.reduce((all, sample) => all + sample.requests * (sample.latencyQuantileMs ?? 0), 0) / requests;
}

function verdict(
  state: Verdict['state'],
  baseline: number | null,
  current: number | null,
  threshold: number | null,
  reason: string,
): Verdict {
  return { trigger: 'performance', state, baseline, current, threshold, reason };
}
