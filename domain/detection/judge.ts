import { quantileMs } from '../histogram.ts';
import type { Policy } from '../policy.ts';
import { latencyQuantile } from '../policy.ts';
import type { Sample } from '../sample.ts';
import { type Calibration, calibrate } from './calibration.ts';
import { habitsOfReference, type PeerMinute } from './habits/habits.ts';
import { judgeDatabase } from './judge-database.ts';
import { judgeErrors } from './judge-errors.ts';
import { judgeHealth } from './judge-health.ts';
import { judgeLatency } from './judge-latency.ts';
import { judgeLiterally } from './judge-literally.ts';
import { judgeMemory } from './judge-memory.ts';
import { minuteOf } from './minute.ts';
import { healthiest, type Reference } from './reference.ts';
import { advanceSignals, newSignals, type SignalState } from './signals.ts';
import type { Verdict } from './verdict.ts';
import { newWindow, type RegularSample, type WindowState } from './window/evidence.ts';
import { forgetCounts, remember } from './window/judge-window.ts';

/** What the judge remembers of one service between two checks: bounded, a few kilobytes. */
export interface JudgeState {
  readonly window: WindowState;
  readonly signals: SignalState;
}

export const newJudgeState: JudgeState = { window: newWindow, signals: newSignals };

export interface JudgeContext {
  readonly policy: Policy;
  readonly references: readonly Reference[];
  /** The service's own normal life; `null`: there was nothing to learn from, and a reference must do. */
  readonly calibration: Calibration | null;
  readonly deployedAtMs: number;
}

/** What every trigger's rule looks at. */
export interface Case {
  readonly state: JudgeState;
  /** The newest measurement, extra ticks included. */
  readonly newest: RegularSample | null;
  readonly policy: Policy;
  readonly references: readonly Reference[];
  readonly calibration: Calibration | null;
  readonly deployedAtMs: number;
  readonly nowMs: number;
}

/**
 * Judges one sample against the service's own normal life. Pure and incremental: the same samples give the same verdicts
 * however the stream is cut. Extra ticks serve health and error share only; all else looks at regular ones.
 * @param peers what untouched neighbours measured meanwhile; `null`: there are none
 */
export function judge(
  state: JudgeState,
  sample: Sample,
  peers: PeerMinute | null,
  context: JudgeContext,
): { state: JudgeState; verdicts: Verdict[] } {
  const { policy, references, deployedAtMs } = context;
  const window = remember(state.window, sample, policy);
  const calibration = context.calibration ?? calibrationOf(references, policy, deployedAtMs);
  const regular = sample.regular ? window.regular.at(-1) : undefined;
  const signals =
    calibration === null || regular === undefined || regular.durationMs <= 0
      ? state.signals
      : advanceSignals(state.signals, minuteOf(regular, policy, peers), {
          policy,
          calibration,
          deployedAtMs,
        });
  const next = { window, signals };
  const newest = window.partial ?? window.regular.at(-1) ?? null;
  const found: Case = {
    state: next,
    newest,
    policy,
    references,
    calibration,
    deployedAtMs,
    nowMs: sample.atMs,
  };
  const verdicts =
    policy.detection.method === 'literal'
      ? judgeLiterally(found)
      : [
          judgeErrors(found),
          judgeLatency(found),
          judgeMemory(found),
          judgeDatabase(found),
          judgeHealth(found),
        ];
  return { state: next, verdicts };
}

/** After a gap: windows must not span it, so counts start anew; excursions keep what was evidence before. */
export function forgetGap(state: JudgeState): JudgeState {
  return { ...state, window: forgetCounts(state.window) };
}

/** Where nothing was learned: the reference with the most traffic. */
function calibrationOf(
  references: readonly Reference[],
  policy: Policy,
  deployedAtMs: number,
): Calibration | null {
  const reference =
    references.find(({ kind, requests }) => kind === 'last_known_good' && requests > 0) ??
    healthiest(references, (candidate) => -candidate.requests);
  if (reference === null) return null;
  const latencyMs = quantileMs(reference.latency, latencyQuantile[policy.triggers.latency.metric]);
  return calibrate(habitsOfReference({ ...reference, latencyMs }, deployedAtMs), policy);
}
