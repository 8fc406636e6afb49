import type { JudgeContext } from '../../domain/detection/judge.ts';
import { latencyOf } from '../../domain/detection/minute.ts';
import { type Decision, decisionAt, type Step } from './replay.ts';

/** What a chart shows of one check; `null`: not known. */
export interface Point {
  /** Minutes since the deployment. */
  readonly minute: number;
  /** Of this check, and what was usual and allowed. */
  readonly errorsPerMinute: number | null;
  readonly usualErrors: number | null;
  readonly allowedErrors: number | null;
  readonly latencyMs: number | null;
  readonly usualLatencyMs: number | null;
  readonly allowedLatencyMs: number | null;
  readonly memoryPercent: number | null;
  readonly allowedMemoryPercent: number | null;
}

export interface Series {
  readonly points: readonly Point[];
  readonly decision: Decision | null;
}

/** All checks of one service, with the first decision. */
export function seriesOf(
  steps: Iterable<Step>,
  { policy, deployedAtMs }: Pick<JudgeContext, 'policy' | 'deployedAtMs'>,
): Series {
  const points: Point[] = [];
  let decision: Decision | null = null;
  for (const step of steps) {
    decision ??= decisionAt(step, policy, deployedAtMs);
    const { sample, verdicts } = step;
    const errors = verdicts.find(({ trigger }) => trigger === 'error_rate');
    const latency = verdicts.find(({ trigger }) => trigger === 'performance');
    const memory = verdicts.find(({ trigger }) => trigger === 'memory');
    points.push({
      minute: (sample.atMs - deployedAtMs) / 60_000,
      errorsPerMinute: sample.durationMs > 0 ? (60_000 * sample.errors) / sample.durationMs : null,
      usualErrors: errors?.baseline ?? null,
      allowedErrors: errors?.threshold ?? null,
      latencyMs: latencyOf(sample, policy),
      usualLatencyMs: latency?.baseline ?? null,
      allowedLatencyMs: latency?.threshold ?? null,
      memoryPercent: sample.memoryPercent,
      allowedMemoryPercent: memory?.threshold ?? null,
    });
  }
  return { points, decision };
}

/** Around the decision, where there is one: it would be a dot in a chart of the whole day. */
export function inView({ points, decision }: Series): readonly Point[] {
  if (decision === null) return points;
  const { minute } = decision;
  return points.filter((point) => point.minute >= minute - 240 && point.minute <= minute + 60);
}
