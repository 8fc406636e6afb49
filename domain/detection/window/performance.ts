import { countSlowerThan, histogramTotal, quantileMs } from '../../histogram.ts';
import { latencyQuantile } from '../../policy.ts';
import { binomialUpperTail } from '../../statistics-tests.ts';
import { healthiest, type Reference } from '../reference.ts';
import { shortDuration, shortNumber, type Verdict } from '../verdict.ts';
import { type Evidence, type RegularSample, samplesWithin, total } from './evidence.ts';

/** One in a thousand, as for the error rate. */
const alpha = 0.001;

/**
 * p95 over the whole window > multiplier × reference. With a histogram this is exactly "more than 5 % of the
 * requests are slower than multiplier × the reference's p95", a binomial test. Severity is `high`, so it must hold
 * for its window: the window is full, most of its checks are slow by themselves, and the last one is.
 */
export function judgePerformance(evidence: Evidence): Verdict {
  const { policy, references } = evidence.context;
  const rule = policy.triggers.latency;
  if (!rule.enabled) return verdict('off', null, null, null, 'latency trigger is off');
  const quantile = latencyQuantile[rule.metric];
  const reference = healthiest(references, (candidate) => quantileMs(candidate.latency, quantile));
  const window = samplesWithin(evidence, rule.windowMs);
  const sum = total(window);
  const current = quantileMs(sum.latency, quantile);
  if (current === null || sum.latency === null)
    return verdict('inconclusive', null, null, null, 'no latency measured');
  const baseline = reference === null ? null : quantileMs(reference.latency, quantile);
  if (reference === null || baseline === null) {
    return verdict(
      'inconclusive',
      null,
      current,
      null,
      `${rule.metric} ${shortNumber(current)} ms, nothing to compare with yet`,
    );
  }
  const threshold = rule.multiplier * baseline;
  const numbers = `${rule.metric} ${shortNumber(current)} ms, ${shortNumber(current / baseline)} × the ${shortNumber(baseline)} ms of ${reference.label}`;
  const requests = histogramTotal(sum.latency);
  if (requests < policy.monitoring.minimumRequests) {
    return verdict(
      'inconclusive',
      baseline,
      current,
      threshold,
      `${numbers}; only ${requests} requests, ${policy.monitoring.minimumRequests} needed`,
    );
  }
  if (!(current > threshold)) return verdict('healthy', baseline, current, threshold, numbers);

  const p = binomialUpperTail(countSlowerThan(sum.latency, threshold), requests, 1 - quantile);
  const holds =
    p < alpha && coversWindow(window, rule.windowMs, evidence) && mostlySlow(window, quantile, threshold);
  if (holds)
    return verdict(
      'breach',
      baseline,
      current,
      threshold,
      `${numbers}, over ${shortDuration(sum.durationMs)}`,
    );
  return verdict(
    'suspect',
    baseline,
    current,
    threshold,
    `${numbers}; has not held for ${shortDuration(rule.windowMs)} yet`,
  );
}

function coversWindow(window: readonly RegularSample[], windowMs: number, evidence: Evidence): boolean {
  const covered = window.reduce((sum, sample) => sum + sample.durationMs, 0);
  return covered >= windowMs - evidence.context.policy.monitoring.checkIntervalMs / 2;
}

function mostlySlow(window: readonly RegularSample[], quantile: number, thresholdMs: number): boolean {
  const slow = window.map((sample) => (quantileMs(sample.latency, quantile) ?? 0) > thresholdMs);
  return slow.at(-1) === true && slow.filter(Boolean).length * 2 > slow.length;
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

/** The specification's latencies of a reference, milliseconds. */
export function latencies(
  reference: Pick<Reference, 'latency'>,
): Record<'p50' | 'p95' | 'p99', number | null> {
  return {
    p50: quantileMs(reference.latency, 0.5),
    p95: quantileMs(reference.latency, 0.95),
    p99: quantileMs(reference.latency, 0.99),
  };
}
