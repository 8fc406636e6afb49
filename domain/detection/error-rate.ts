import { rateRatioPValue } from '../statistics-tests.ts';
import { type Evidence, type RegularSample, samplesWithin, total } from './evidence.ts';
import { errorShare, healthiest, type Reference } from './reference.ts';
import { shortDuration, shortNumber, type Verdict } from './verdict.ts';

/** A breach needs this much certainty that the rate is really above the multiplier: one in a thousand. */
const alpha = 0.001;
/** And at least this many errors more than the reference would have had: a floor under a zero baseline. */
const minimumExcess = 10;
/** Nothing is believed of a single sample. */
const minimumSamples = 2;
/** A service this sick needs no baseline: the outage path. */
const outageShare = 0.2;

/**
 * Errors per minute over the window > multiplier × reference. The reference is scaled to the traffic of the
 * window, so that twice the traffic is not twice the error rate. Two ways to breach: the rate, tested with the
 * uncertainty of a short baseline; and an error share of 20 % that is far above the reference.
 */
export function judgeErrorRate(evidence: Evidence): Verdict {
  const rule = evidence.context.policy.triggers.errorRate;
  if (!rule.enabled) return verdict('off', null, null, null, 'error rate trigger is off');
  const window = samplesWithin(evidence, rule.windowMs);
  const reference = healthiest(evidence.context.references, errorShare);
  const last = window.at(-1);
  if (last === undefined) return verdict('inconclusive', null, null, null, 'no regular sample yet');

  const outage = judgeOutage(evidence, window, reference);
  if (outage !== null) return outage;

  const sum = total(window);
  const current = perMinute(sum.errors, sum);
  if (reference === null) {
    return verdict(
      'inconclusive',
      null,
      current,
      null,
      `error rate ${shortNumber(current)}/min, nothing to compare with yet`,
    );
  }
  const baseline = perMinute(errorShare(reference) * sum.requests, sum);
  const threshold = rule.multiplier * baseline;
  const numbers = compare(current, baseline, reference, sum);
  const minimumRequests = evidence.context.policy.monitoring.minimumRequests;
  if (sum.requests < minimumRequests) {
    return verdict(
      'inconclusive',
      baseline,
      current,
      threshold,
      `${numbers}; only ${sum.requests} requests, ${minimumRequests} needed`,
    );
  }
  if (!(current > threshold)) return verdict('healthy', baseline, current, threshold, numbers);

  const bad = badTail(window, reference, rule.multiplier);
  const recent = total(bad);
  const p = rateRatioPValue({
    current: recent.errors,
    currentExposure: recent.requests,
    reference: reference.errors,
    referenceExposure: reference.requests,
    ratio: rule.multiplier,
  });
  const excess = recent.errors - errorShare(reference) * recent.requests;
  if (bad.length >= minimumSamples && p < alpha && excess >= minimumExcess) {
    return verdict(
      'breach',
      baseline,
      current,
      threshold,
      `${numbers}, for ${shortDuration(recent.durationMs)}`,
    );
  }
  return verdict(
    'suspect',
    baseline,
    current,
    threshold,
    `${numbers}; not yet enough evidence (${recent.errors} errors in ${bad.length} bad checks)`,
  );
}

/** At least 20 % of the requests of the last two checks (extra ticks included) fail, far above the reference. */
function judgeOutage(
  evidence: Evidence,
  window: readonly RegularSample[],
  reference: Reference | null,
): Verdict | null {
  const recent =
    evidence.partial === null ? window.slice(-minimumSamples) : [...window.slice(-1), evidence.partial];
  if (recent.length < minimumSamples) return null;
  const usual = reference === null ? 0 : errorShare(reference);
  const limit = Math.max(outageShare, 10 * usual);
  if (limit >= 1) return null;
  const failing = recent.every((sample) => sample.requests > 0 && sample.errors >= limit * sample.requests);
  const sum = total(recent);
  if (!failing || sum.errors < 3 * minimumExcess) return null;
  const current = perMinute(sum.errors, sum);
  const baseline = reference === null ? null : perMinute(usual * sum.requests, sum);
  const share = `${shortNumber((100 * sum.errors) / sum.requests)} % of ${sum.requests} requests failed in the last ${shortDuration(sum.durationMs)}`;
  const against = reference === null ? '' : `, ${shortNumber(100 * usual)} % in ${reference.label}`;
  return verdict('breach', baseline, current, perMinute(limit * sum.requests, sum), `${share}${against}`);
}

/** The unbroken run of samples above the multiplier that ends now. */
function badTail(
  window: readonly RegularSample[],
  reference: Reference,
  multiplier: number,
): RegularSample[] {
  const firstGood = window.findLastIndex(
    (sample) => sample.errors <= multiplier * errorShare(reference) * sample.requests,
  );
  return window.slice(firstGood + 1);
}

function compare(current: number, baseline: number, reference: Reference, sum: RegularSample): string {
  const times = baseline > 0 ? `${shortNumber(current / baseline)} × ` : '';
  return `error rate ${shortNumber(current)}/min, ${times}the ${shortNumber(baseline)}/min of ${reference.label} at this traffic (${shortNumber((60_000 * sum.requests) / Math.max(1, sum.durationMs))} requests/min)`;
}

function perMinute(errors: number, over: { durationMs: number }): number {
  return over.durationMs > 0 ? (errors * 60_000) / over.durationMs : 0;
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
