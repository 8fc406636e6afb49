import type { Tick } from '../../adapters/store/watches.ts';
import { addToTotals, asReference, noTotals } from '../../domain/baseline.ts';
import type { Minute, PeerMinute } from '../../domain/detection/habits/habits.ts';
import { forgetGap, type JudgeContext, judge, newJudgeState } from '../../domain/detection/judge.ts';
import {
  isTimeToLearn,
  type Learner,
  learnAgain,
  type Past,
  withNewHabits,
} from '../../domain/detection/learn.ts';
import { minuteOf } from '../../domain/detection/minute.ts';
import type { Reference } from '../../domain/detection/reference.ts';
import { shortDuration, type TriggerType, type Verdict } from '../../domain/detection/verdict.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Sample } from '../../domain/sample.ts';
import { isDryRun } from '../../domain/watch.ts';

/** One check of one service, as it was taken then. */
export interface Check {
  /** Without counts (`blind`) only its health checks tell anything. */
  readonly kind: Tick['kind'];
  readonly sample: Sample;
  readonly peers: PeerMinute | null;
}

/** A check with what the judge says of it. */
export interface Step {
  readonly sample: Sample;
  readonly verdicts: readonly Verdict[];
}

/** When and why a policy rolls back. */
export interface Decision {
  /** Minutes since the deployment. */
  readonly minute: number;
  readonly trigger: TriggerType;
  readonly reason: string;
}

export interface ReplayContext extends JudgeContext {
  /** What a watch would go on learning with. */
  readonly past: Past;
}

/** What the product's own judge says, check after check; as a watch does, without acting. */
export function* replay(checks: Iterable<Check>, context: ReplayContext): Generator<Step> {
  const { policy, deployedAtMs, past } = context;
  const baselineEndMs = deployedAtMs + policy.monitoring.baselineWindowMs;
  let learner: Learner & { readonly learnedAtMs: number | null } = {
    calibration: context.calibration,
    learnedAtMs: null,
    judge: newJudgeState,
    verdicts: [],
  };
  const own: Minute[] = [];
  let baseline = noTotals;
  let references: readonly Reference[] | null = null;
  for (const { kind, sample, peers } of checks) {
    if (sample.atMs > deployedAtMs + policy.monitoring.watchMs) return;
    if (kind === 'gap') {
      learner = { ...learner, judge: forgetGap(learner.judge), verdicts: [] };
      yield { sample, verdicts: [] };
      continue;
    }
    const counted = kind === 'sample' && sample.durationMs > 0;
    const inBaseline = sample.atMs < baselineEndMs;
    if (!inBaseline && references === null && baseline.samples > 0) {
      const label = `its own first ${shortDuration(baseline.durationMs)}`;
      references = [...context.references, asReference(baseline, 'own_baseline', label)];
    }
    if (sample.regular && isTimeToLearn(learner, deployedAtMs, sample.atMs)) {
      const watch = { policy, deployedAtMs, nowMs: sample.atMs };
      const calibration = learnAgain(past, own, learner.calibration, watch);
      learner = { ...learner, judge: withNewHabits(learner.judge), calibration, learnedAtMs: sample.atMs };
    }
    const judged = judge(learner.judge, counted ? sample : { ...sample, regular: false }, peers, {
      policy,
      deployedAtMs,
      calibration: learner.calibration,
      references: references ?? context.references,
    });
    if (counted && sample.regular) own.push(minuteOf(sample, policy, peers));
    if (counted && inBaseline && sample.regular) baseline = addToTotals(baseline, sample);
    // Without new counts the old ones only slide out of their window.
    const verdicts = counted
      ? judged.verdicts
      : judged.verdicts.filter(({ trigger }) => trigger === 'health_check');
    learner = { ...learner, judge: judged.state, verdicts };
    yield { sample, verdicts };
  }
}

/** The first breach that the policy acts on; `null`: it lets the release live. */
export function firstDecision(
  steps: Iterable<Step>,
  { policy, deployedAtMs }: Pick<JudgeContext, 'policy' | 'deployedAtMs'>,
): Decision | null {
  for (const step of steps) {
    const decision = decisionAt(step, policy, deployedAtMs);
    if (decision !== null) return decision;
  }
  return null;
}

export function decisionAt(
  { sample, verdicts }: Step,
  policy: Policy,
  deployedAtMs: number,
): Decision | null {
  const breach = verdicts.find(({ state, trigger }) => state === 'breach' && !isDryRun(trigger, policy));
  if (breach === undefined) return null;
  const minute = Math.round((sample.atMs - deployedAtMs) / 6_000) / 10;
  return { minute, trigger: breach.trigger, reason: breach.reason };
}

/** `minute 14: error rate 10.4/min, …`. */
export function decisionText(decision: Decision | null): string {
  return decision === null ? 'not rolled back' : `minute ${decision.minute}: ${decision.reason}`;
}
