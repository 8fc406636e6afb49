import { type Calibration, calibrate, effectSizes } from '../../domain/detection/calibration.ts';
import { learnHabits, type Minute, type PeerMinute } from '../../domain/detection/habits.ts';
import { type JudgeState, judge, newJudgeState } from '../../domain/detection/judge.ts';
import type { Verdict } from '../../domain/detection/verdict.ts';
import { defaultPolicy, type Policy } from '../../domain/policy.ts';
import { noCounts, type Sample } from '../../domain/sample.ts';
import { minutesAfter, minutesBefore, type Trace } from './trace.ts';

const minuteMs = 60_000;

export interface Decision {
  /** The minute of the rollback. */
  readonly minute: number;
  readonly verdict: Verdict;
}

/** Minute after minute of the day after the deployment, with what the product's own judge says of it. */
export function* judgeTrace(
  trace: Trace,
  policy: Policy = defaultPolicy,
): Generator<{ minute: number; verdicts: readonly Verdict[]; calibration: Calibration }> {
  const calibration = learn(trace, policy);
  let state: JudgeState = newJudgeState;
  for (let minute = 0; minute < minutesAfter; minute += 1) {
    const row = minutesBefore + minute;
    const sample = sampleOf(trace, row);
    if (sample === null) continue;
    const step = judge(state, sample, peersOf(trace, row), {
      policy,
      references: [],
      calibration,
      deployedAtMs: 0,
    });
    state = step.state;
    yield { minute, verdicts: step.verdicts, calibration };
  }
}

/** The first breach. */
export function decide(trace: Trace, policy: Policy = defaultPolicy): Decision | null {
  for (const { minute, verdicts } of judgeTrace(trace, policy)) {
    const verdict = verdicts.find(({ state }) => state === 'breach');
    if (verdict !== undefined) return { minute, verdict };
  }
  return null;
}

/** The product's own judge as it is shipped, with the default policy. */
export const ours = { name: 'ours', decide: (trace: Trace) => decide(trace)?.minute ?? null };

function learn(trace: Trace, policy: Policy): Calibration {
  const history: Minute[] = [];
  for (let row = 0; row < minutesBefore; row += 1) {
    const sample = sampleOf(trace, row);
    if (sample === null) continue;
    const { atMs, durationMs, requests, errors, memoryPercent, dbConnectionErrors } = sample;
    const latencyMs = sample.latencyQuantileMs ?? null;
    const peers = peersOf(trace, row);
    history.push({ atMs, durationMs, requests, errors, latencyMs, memoryPercent, dbConnectionErrors, peers });
  }
  return calibrate(learnHabits(history, effectSizes(policy), 'the day before at this hour'), policy);
}

function sampleOf(trace: Trace, row: number): Sample | null {
  const requests = known(trace.requests[row]);
  if (requests === null) return null;
  const atMs = (row - minutesBefore + 1) * minuteMs;
  const failed = known(trace.healthFailed[row]);
  return {
    ...noCounts,
    requests,
    errors: known(trace.errors[row]) ?? 0,
    latencyQuantileMs: known(trace.p95Ms[row]),
    memoryPercent: known(trace.memoryPercent[row]),
    dbConnectionErrors: known(trace.dbErrors[row]),
    tick: atMs,
    regular: true,
    atMs,
    durationMs: minuteMs,
    probes: [],
    ...(failed === null ? {} : { healthChecks: { failed, all: 6 } }),
    missing: [],
  };
}

function peersOf(trace: Trace, row: number): PeerMinute | null {
  const requests = known(trace.peerRequests[row]);
  if (requests === null) return null;
  const errors = known(trace.peerErrors[row]) ?? 0;
  return { requests, errors, latencyMs: known(trace.peerP95Ms[row]) };
}

function known(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value;
}
