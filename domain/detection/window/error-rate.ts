import { rateRatioPValue } from '../../statistics-tests.ts';
import { errorShare, healthiest, type Reference } from '../reference.ts';
import { shortDuration, shortNumber, type Verdict } from '../verdict.ts';
import { type Evidence, type RegularSample, samplesWithin, total } from './evidence.ts';

/** A breach needs this much certainty that the rate is really above the multiplier: one in a thousand. */
const alpha = 0.001;
/** What is left without the two worst checks must still look bad, with one in twenty: a burst of a minute touches two. */
const restAlpha = 0.05;
/** And at least this many errors more than the reference would have had: a floor under a zero baseline. */
const minimumExcess = 10;
/** A burst of one minute touches two checks; nothing is believed before the third. */
const minimumSamples = 3;
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
    const reason = `error rate ${shortNumber(current)}/min, nothing to compare with yet`;
    return verdict('inconclusive', null, current, null, reason);
  }
  const usable = evidence.context.references.filter((candidate) => candidate.requests > 0);
  const comparisons = usable.map((candidate) => compareWith(candidate, window, sum, rule.multiplier));
  const worst = mostConvincing(comparisons.filter((comparison) => current > comparison.threshold));
  const shown = worst ?? (comparisons.find((comparison) => comparison.reference === reference) as Comparison);
  const { baseline, threshold, numbers } = shown;
  const minimumRequests = evidence.context.policy.monitoring.minimumRequests;
  if (sum.requests < minimumRequests) {
    const reason = `${numbers}; only ${sum.requests} requests, ${minimumRequests} needed`;
    return verdict('inconclusive', baseline, current, threshold, reason);
  }
  if (worst === null) return verdict('healthy', baseline, current, threshold, numbers);

  const { bad } = worst;
  if (
    bad.samples >= minimumSamples &&
    worst.p < alpha &&
    worst.restP < restAlpha &&
    worst.excess >= minimumExcess
  ) {
    const reason = `${numbers}, for ${shortDuration(bad.durationMs)}`;
    return verdict('breach', baseline, current, threshold, reason);
  }
  const reason = `${numbers}; not yet enough evidence (${bad.errors} errors in ${bad.samples} bad checks)`;
  return verdict('suspect', baseline, current, threshold, reason);
}

/** The window against one reference. */
interface Comparison {
  readonly reference: Reference;
  /** Errors per minute that the reference would have had in this window's traffic. */
  readonly baseline: number;
  readonly threshold: number;
  /** How likely the bad run would be if the rate were at most multiplier × the reference's. */
  readonly p: number;
  /** The same without the two worst checks of the run. */
  readonly restP: number;
  readonly excess: number;
  readonly bad: { readonly samples: number; readonly errors: number; readonly durationMs: number };
  readonly numbers: string;
}

function compareWith(
  reference: Reference,
  window: readonly RegularSample[],
  sum: RegularSample,
  multiplier: number,
): Comparison {
  const run = badTail(window, reference, multiplier);
  const recent = total(run);
  const baseline = perMinute(errorShare(reference) * sum.requests, sum);
  return {
    reference,
    baseline,
    threshold: multiplier * baseline,
    p: pValue(recent, reference, multiplier),
    restP: pValue(total(withoutWorst(run)), reference, multiplier),
    excess: recent.errors - errorShare(reference) * recent.requests,
    bad: { samples: run.length, errors: recent.errors, durationMs: recent.durationMs },
    numbers: compare(perMinute(sum.errors, sum), baseline, reference, sum),
  };
}

function pValue(sum: RegularSample, reference: Reference, ratio: number): number {
  return rateRatioPValue({
    current: sum.errors,
    currentExposure: sum.requests,
    reference: reference.errors,
    referenceExposure: reference.requests,
    ratio,
  });
}

function withoutWorst(run: readonly RegularSample[]): RegularSample[] {
  const share = (sample: RegularSample) => (sample.requests > 0 ? sample.errors / sample.requests : 0);
  return run.toSorted((a, b) => share(b) - share(a)).slice(2);
}

/**
 * The healthiest reference that the evidence can be held against. Not simply the lowest rate: five lucky minutes without an
 * error are a lower rate than a day's, and weaker evidence.
 */
function mostConvincing(comparisons: readonly Comparison[]): Comparison | null {
  return comparisons.reduce<Comparison | null>(
    (best, next) => (best === null || next.p < best.p ? next : best),
    null,
  );
}

/**
 * At least 20 % of the requests fail, far above the reference, in three measurements in a row; the last may be the part of a
 * check that extra ticks have seen so far.
 */
function judgeOutage(
  evidence: Evidence,
  window: readonly RegularSample[],
  reference: Reference | null,
): Verdict | null {
  const usual = reference === null ? null : { share: errorShare(reference), label: reference.label };
  return outageIn(evidence, window, usual, {
    share: outageShare,
    checks: minimumSamples,
    errors: 3 * minimumExcess,
  });
}

/** An outage needs no baseline and no window: so large a share of the requests fails, in so many measurements in a row. */
export function outageIn(
  evidence: Evidence,
  window: readonly RegularSample[],
  usual: { readonly share: number; readonly label: string } | null,
  least: { readonly share: number; readonly checks: number; readonly errors: number },
): Verdict | null {
  const limit = Math.max(least.share, 10 * (usual?.share ?? 0));
  const measured = evidence.partial === null ? window : [...window, evidence.partial];
  const recent = measured.slice(-least.checks);
  if (limit >= 1 || recent.length < least.checks) return null;
  const failing = recent.every((sample) => sample.requests > 0 && sample.errors >= limit * sample.requests);
  if (!failing) return null;
  const sum = total(recent);
  const { minimumRequests } = evidence.context.policy.monitoring;
  if (sum.errors < least.errors || sum.requests < minimumRequests) return null;
  const current = perMinute(sum.errors, sum);
  const baseline = usual === null ? null : perMinute(usual.share * sum.requests, sum);
  const share = `${shortNumber((100 * sum.errors) / sum.requests)} % of ${sum.requests} requests failed in the last ${shortDuration(sum.durationMs)}`;
  const against = usual === null ? '' : `, ${shortNumber(100 * usual.share)} % in ${usual.label}`;
  const threshold = perMinute(limit * sum.requests, sum);
  return verdict('breach', baseline, current, threshold, `${share}${against}`);
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
