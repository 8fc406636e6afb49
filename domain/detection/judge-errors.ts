import { alarming, furthest, ratioOf } from './excursion.ts';
import { errorWarmUp } from './habits/warm-up.ts';
import type { Case } from './judge.ts';
import { mostlyIn, partBreach } from './judge-parts.ts';
import { seasonAt } from './season.ts';
import { chanceSentence, durationSentence, externalSentence, neighboursSentence } from './sentences.ts';
import { stillFailing } from './signals.ts';
import { errorUnitMs } from './units.ts';
import { shortNumber, type Verdict } from './verdict.ts';
import { outageIn } from './window/error-rate.ts';
import { type Evidence, type RegularSample, samplesWithin, total } from './window/evidence.ts';

/** Fewer errors beyond the usual are never a reason to act. */
const leastExcess = 8;

/**
 * Errors per minute against the service's own normal life: season, swings, warm-up. A breach is an excursion that this life
 * shows less often than the budget allows, or an outage that needs no comparison.
 */
export function judgeErrors(found: Case): Verdict {
  const { policy, state, calibration, nowMs, deployedAtMs } = found;
  const rule = policy.triggers.errorRate;
  if (!rule.enabled) return verdict('off', null, null, null, 'error rate trigger is off');
  const evidence = { ...state.window, nowMs, context: found };
  const window = samplesWithin(evidence, rule.windowMs);
  if (window.length === 0) return verdict('inconclusive', null, null, null, 'no regular sample yet');
  const sum = total(window);
  const current = perMinute(sum.errors, sum.durationMs);
  const unitMs = errorUnitMs(policy);
  const at = (nowMs - deployedAtMs) / unitMs;
  const { signals } = state;
  const held = calibration !== null && at <= signals.heldUntil.errors;
  const outage = outageOf(found, evidence, window, at);
  if (outage !== null && !held) return outage;
  if (calibration === null)
    return verdict(
      'inconclusive',
      null,
      current,
      null,
      `error rate ${shortNumber(current)}/min, nothing to compare with yet`,
    );

  const recent = signals.recent.slice(-Math.max(1, window.length));
  const usual = recent.reduce((total_, check) => total_ + check.usualErrors, 0);
  const seenMs = recent.reduce((total_, check) => total_ + check.minutes, 0) * unitMs;
  const baseline = perMinute(usual, seenMs);
  const threshold = rule.multiplier * baseline;
  const times = baseline > 0 ? `${shortNumber(current / baseline)} ×` : 'against';
  const starting = (atMs: number) =>
    errorWarmUp((atMs - deployedAtMs) / Math.max(1, policy.monitoring.warmUpMs)) > 1.1;
  const { label, errors: habits } = calibration.habits;
  const traffic = `at this traffic (${shortNumber(perMinute(sum.requests, sum.durationMs))} requests/min)`;
  const known = `${times} the ${shortNumber(baseline)}/min of ${label}${starting(nowMs) ? ', just started,' : ''} ${traffic}`;
  const assumed = `${label} had none; ${shortNumber(baseline)}/min is assumed ${starting(nowMs) ? 'of a start ' : ''}${traffic}`;
  const numbers = `error rate ${shortNumber(current)}/min, ${habits.seen === 0 ? assumed : known}`;
  const say = (state_: Verdict['state'], more = '', extra: Partial<Verdict> = {}) => ({
    ...verdict(state_, baseline, current, threshold, `${numbers}${more}`),
    ...extra,
  });
  const { errorPaths: paths } = calibration;
  const which = alarming(signals.errors, paths, { excess: leastExcess });
  const path = paths[which];
  const excursion = signals.errors[which];
  // So few requests a window are no evidence; over hours they become some.
  const { minimumRequests } = policy.monitoring;
  if (sum.requests < minimumRequests && (excursion?.requests ?? 0) < 10 * minimumRequests)
    return say('inconclusive', `; only ${sum.requests} requests, ${minimumRequests} needed`);
  if (
    !held &&
    path !== undefined &&
    excursion !== undefined &&
    stillFailing(signals.recent, ratioOf(excursion))
  ) {
    const sinceMs = deployedAtMs + (excursion.since ?? at) * unitMs;
    const overall = `${shortNumber(ratioOf(excursion))} ×`;
    const all = overall === times ? '' : `, ${overall} over all of it`;
    const excused = sinceMs > deployedAtMs && starting(sinceMs);
    const since = `; bad for ${durationSentence(sinceMs, nowMs, excused)}${all}${mostlyIn(signals.parts ?? [], excursion.found - excursion.expected)}${neighboursSentence(signals.recent)}; ${chanceSentence(path, calibration.habits)}`;
    return say('breach', since, { sinceMs, chance: path.chance });
  }
  const failing = held ? null : partBreach(found);
  if (failing !== null) {
    const { clause, sinceMs, chance } = failing;
    return say('breach', clause, { sinceMs, chance });
  }
  const { progress, path: nearest } = furthest(signals.errors, paths);
  if (held && current > threshold && sum.errors - usual >= leastExcess) {
    return say('external', `; ${externalSentence(signals.outside.errors)}`);
  }
  if (nearest !== null && progress >= 0.25 && current > threshold)
    return say('suspect', `; ${Math.round(100 * Math.min(progress, 0.99))} % of the evidence needed`);
  return say('healthy');
}

/** Of a service that hardly anybody uses a few errors are a large share. */
const leastOutageErrors = 15;
/** A service of which one request in a hundred fails anyway has transients of a fifth. */
const farBeyondUsual = 25;
/** How long soon after the deployment is, in the judge's minutes. */
const soon = 15;

/**
 * Three measurements soon after the deployment or at 30 %, else five: a bad quarter of an hour of a service that fails often
 * reaches 20 %, too.
 */
function outageOf(
  { calibration, nowMs }: Case,
  evidence: Evidence,
  window: readonly RegularSample[],
  at: number,
): Verdict | null {
  const usual =
    calibration === null
      ? null
      : {
          share: seasonAt(calibration.habits.errors.share, nowMs) * calibration.habits.errors.level,
          label: calibration.habits.label,
        };
  return (
    outageIn(evidence, window, usual, {
      share: at <= soon ? 0.2 : 0.3,
      checks: 3,
      errors: leastOutageErrors,
    }) ??
    outageIn(evidence, window, usual, {
      share: Math.max(0.2, farBeyondUsual * (usual?.share ?? 0)),
      checks: 5,
      errors: leastOutageErrors,
    })
  );
}

function perMinute(count: number, durationMs: number): number {
  return durationMs > 0 ? (count * 60_000) / durationMs : 0;
}

function verdict(
  state: Verdict['state'],
  baseline: number | null,
  current: number | null,
  threshold: number | null,
  reason: string,
): Verdict {
  return { trigger: 'error_rate', state, baseline, current, threshold, reason };
}
