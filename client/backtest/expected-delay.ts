import type { Calibration } from '../../domain/detection/calibration.ts';
import type { PeerMinute } from '../../domain/detection/habits/habits.ts';
import { judge, newJudgeState } from '../../domain/detection/judge.ts';
import { seasonAt } from '../../domain/detection/season.ts';
import type { Policy } from '../../domain/policy.ts';
import { noCounts, type Sample } from '../../domain/sample.ts';

/** How much worse a release makes it: errors or latency, times what is usual. */
export interface Effect {
  readonly what: 'errors' | 'latency';
  readonly times: number;
}

/** `at_deployment`: during warm-up, when more is forgiven and few transients fall. `later`: hours after it. */
export type Onset = (typeof onsets)[number];

export const onsets = ['at_deployment', 'later'] as const;

export interface ExpectedDelay extends Effect {
  readonly onset: Onset;
  /** Minutes from the onset to the rollback; `null`: not within {@link longestMinutes}. */
  readonly minutes: number | null;
}

export const effects: readonly Effect[] = [
  { what: 'errors', times: 10 },
  { what: 'errors', times: 5 },
  { what: 'errors', times: 3 },
  { what: 'latency', times: 2 },
  { what: 'latency', times: 1.7 },
];

const longestMinutes = 240;
const laterMs = 5 * 3_600_000;

/** For every effect and onset how long the judge would need, if it began now at the traffic of now. */
export function expectedDelays(calibration: Calibration, policy: Policy, nowMs: number): ExpectedDelay[] {
  return effects
    .filter(({ what }) => what === 'errors' || calibration.habits.latency !== null)
    .flatMap((effect) =>
      onsets.map((onset) => ({
        ...effect,
        onset,
        minutes: expectedDelay(calibration, policy, { effect, onset, nowMs }),
      })),
    );
}

/**
 * The judge itself, over checks that show the mean and no chance: so for each path that ends with the bad minutes that it asks
 * for, or with its evidence over the evidence of one minute, whichever is longer. With chance half of the cases take longer.
 */
export function expectedDelay(
  calibration: Calibration,
  policy: Policy,
  { effect, onset, nowMs }: { readonly effect: Effect; readonly onset: Onset; readonly nowMs: number },
): number | null {
  const { checkIntervalMs } = policy.monitoring;
  const deployedAtMs = onset === 'later' ? nowMs - laterMs : nowMs;
  const trigger = effect.what === 'errors' ? 'error_rate' : 'performance';
  const context = { policy, calibration, deployedAtMs, references: [] };
  // The windows of a deployment of hours are full.
  const quietChecks = onset === 'later' ? 15 : 0;
  let state = newJudgeState;
  for (let check = 1 - quietChecks; check * checkIntervalMs <= longestMinutes * 60_000; check += 1) {
    const atMs = nowMs + check * checkIntervalMs;
    const sample = meanSample(calibration, check > 0 ? effect : null, { atMs, durationMs: checkIntervalMs });
    const judged = judge(state, sample, quietPeers(calibration, sample), context);
    state = judged.state;
    if (judged.verdicts.some((verdict) => verdict.trigger === trigger && verdict.state === 'breach'))
      return (check * checkIntervalMs) / 60_000;
  }
  return null;
}

function meanSample(
  { habits }: Calibration,
  effect: Effect | null,
  { atMs, durationMs }: { readonly atMs: number; readonly durationMs: number },
): Sample {
  const middleMs = atMs - durationMs / 2;
  const requests = (seasonAt(habits.traffic, middleMs) * habits.trafficLevel * durationMs) / 60_000;
  const usualErrors = requests * seasonAt(habits.errors.share, middleMs) * habits.errors.level;
  const times = (what: Effect['what']) => (effect?.what === what ? effect.times : 1);
  return {
    ...noCounts,
    requests,
    errors: Math.min(requests, usualErrors * times('errors')),
    latencyQuantileMs:
      habits.latency === null
        ? null
        : Math.exp(seasonAt(habits.latency.level, middleMs) + habits.latency.shift) * times('latency'),
    tick: atMs,
    regular: true,
    atMs,
    durationMs,
    probes: [],
    missing: [],
  };
}

/** Neighbours that are as they always are explain nothing. */
function quietPeers({ habits }: Calibration, { requests }: Sample): PeerMinute | null {
  return habits.peers === null ? null : { requests, errors: 0, latencyMs: null };
}
