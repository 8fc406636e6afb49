import type { Reference } from './detection/reference.ts';
import { shortNumber, type Verdict } from './detection/verdict.ts';
import { newWindow } from './detection/window/evidence.ts';
import { judgeWindow } from './detection/window/judge-window.ts';
import type { GateFinding } from './gate.ts';
import { type Histogram, quantileMs } from './histogram.ts';
import { latencyQuantile, type Policy } from './policy.ts';

/** What a test before production measured in one interval, of one service. */
export interface PerformanceSample {
  /** Of the interval, milliseconds. */
  readonly durationMs: number;
  readonly requests: number;
  readonly errors: number;
  /** `null` where only a percentile is known. */
  readonly latency: Histogram | null;
  /** The percentile that the latency trigger names, milliseconds; `null` where unknown. */
  readonly latencyQuantileMs: number | null;
  /** 0..100 of the limit. */
  readonly memoryPercent: number | null;
  readonly dbConnectionErrors: number | null;
}

/** What the samples are held against: everything that last known good showed under production's traffic. */
export type GateReference = Reference | null;

/**
 * The specification's performance gate: samples from before production, judged against last known good by the judge that verifies
 * rollbacks. A breach at any time keeps the gate shut; so does a test too short to say anything.
 */
export function performanceGate(
  service: string,
  samples: readonly PerformanceSample[],
  reference: GateReference,
  policy: Policy,
): GateFinding[] {
  const verdicts = worstVerdicts(samples, reference, policy);
  const latency = samples.some((sample) => sample.latency !== null)
    ? []
    : percentileVerdict(samples, reference, policy);
  return verdicts
    .filter(({ trigger }) => trigger !== 'health_check')
    .map((verdict) => latency.find(({ trigger }) => trigger === verdict.trigger) ?? verdict)
    .map((verdict) => findingOf(service, verdict, reference));
}

/** By trigger, the worst that was said at any time: a test that ends well was sick all the same. */
function worstVerdicts(
  samples: readonly PerformanceSample[],
  reference: GateReference,
  policy: Policy,
): Verdict[] {
  const context = { policy, references: reference === null ? [] : [reference], deployedAtMs: 0 };
  let state = newWindow;
  let atMs = 0;
  const worst = new Map<string, Verdict>();
  for (const [tick, sample] of samples.entries()) {
    atMs += sample.durationMs;
    const counted = { ...sample, cpuPercent: null, affectedUsers: null, probes: [], missing: [] };
    const judged = judgeWindow(state, { ...counted, tick, regular: true, atMs }, context);
    state = judged.state;
    for (const verdict of judged.verdicts) {
      const before = worst.get(verdict.trigger);
      if (before === undefined || rank(verdict) >= rank(before)) worst.set(verdict.trigger, verdict);
    }
  }
  return [...worst.values()];
}

/** Of two that are alike the later one stands: it has seen more. */
function rank({ state }: Verdict): number {
  return ['off', 'blind', 'inconclusive', 'healthy', 'suspect', 'external', 'breach'].indexOf(state);
}

/** Of percentiles alone there is no test: most of them must be within the multiplier. */
function percentileVerdict(
  samples: readonly PerformanceSample[],
  reference: GateReference,
  policy: Policy,
): Verdict[] {
  const { metric, multiplier, enabled } = policy.triggers.latency;
  const measured = samples
    .flatMap(({ latencyQuantileMs }) => latencyQuantileMs ?? [])
    .toSorted((a, b) => a - b);
  const current = measured[Math.floor(measured.length / 2)];
  const baseline = quantileMs(reference?.latency ?? null, latencyQuantile[metric]);
  if (!enabled || current === undefined || baseline === null) return [];
  const threshold = multiplier * baseline;
  const numbers = `${metric} ${shortNumber(current)} ms (median of ${measured.length}), ${shortNumber(current / baseline)} × the ${shortNumber(baseline)} ms of ${reference?.label}`;
  const state = current > threshold ? 'breach' : 'healthy';
  return [{ trigger: 'performance', state, baseline, current, threshold, reason: numbers }];
}

function findingOf(service: string, verdict: Verdict, reference: GateReference): GateFinding {
  const name = `performance, ${service}: ${verdict.trigger}`;
  const finding = (kind: GateFinding['kind'], wayPast: string | null = null): GateFinding => ({
    kind,
    name,
    reason: verdict.reason,
    wayPast,
  });
  switch (verdict.state) {
    case 'healthy':
    case 'external':
      return finding('passed');
    case 'breach':
      return finding('refused', 'mend the release and test again; or --override "why"');
    case 'suspect':
      return finding(
        'refused',
        'test longer: a breach has to hold for its window to be one; or --override "why"',
      );
    case 'inconclusive':
      // Without traffic to compare with, and for what nobody measured, nothing can be asked of a test.
      return reference === null || isNotMeasured(verdict)
        ? finding('warning')
        : finding('refused', 'test longer, with more requests; or --override "why"');
    default:
      return finding('warning');
  }
}

function isNotMeasured({ trigger, current }: Verdict): boolean {
  return current === null && trigger !== 'error_rate';
}
