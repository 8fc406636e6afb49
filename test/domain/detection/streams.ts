import type { Trace } from '../../../bench/detection/trace.ts';
import { minutesBefore } from '../../../bench/detection/trace.ts';
import { type Calibration, calibrate, effectSizes } from '../../../domain/detection/calibration.ts';
import { learnHabits, type Minute, type PeerMinute } from '../../../domain/detection/habits/habits.ts';
import { type JudgeState, judge, newJudgeState } from '../../../domain/detection/judge.ts';
import type { Reference } from '../../../domain/detection/reference.ts';
import type { TriggerType, Verdict } from '../../../domain/detection/verdict.ts';
import type { Policy } from '../../../domain/policy.ts';
import { noCounts, type Probe, type Sample } from '../../../domain/sample.ts';
import { aFailingProbe, aPolicy, aProbe, deployedAt, minute, poisson, seeded } from '../builders.ts';

/** One minute of a made service, before it is a sample. */
export interface Row {
  readonly requests: number;
  readonly errors: number;
  readonly latencyMs: number | null;
  readonly memoryPercent: number | null;
  readonly dbConnectionErrors: number | null;
  readonly probes: readonly Probe[];
  readonly healthChecks?: Sample['healthChecks'];
  readonly peers: PeerMinute | null;
}

/** A service's life, minute by minute since the deployment; `null`: nothing was measured. */
export type Life = (at: number) => Row | null;

/** What a release or the world does to a minute. The noise stays: errors come on top. */
export type Change = (row: Row, at: number) => Partial<Row>;

/**
 * A calm service: Poisson errors, a latency that varies by 8 %, memory that saws between 50 and 60 %. Every minute has a
 * random stream of its own, so that a change to one leaves all others as they were.
 */
export function aService({
  seed = 1,
  requests = 600,
  share = 0.005,
  latencyMs = 280 as number | null,
  memory = (at: number): number | null => 50 + ((((at % 20) + 20) % 20) * 10) / 20,
  dbConnectionErrors = 0 as number | null,
  peers = false,
  /** Traffic swings by this share with the time of day, lowest at the deployment. */
  swing = 0,
} = {}): (at: number) => Row {
  return (at) => {
    const random = seeded(seed * 100_003 + at);
    const wave = 1 - swing * Math.cos((2 * Math.PI * at) / 1_440);
    const count = poisson(random, requests * wave);
    const peerCount = poisson(random, 800);
    return {
      requests: count,
      errors: Math.min(count, poisson(random, count * share)),
      latencyMs: latencyMs === null ? null : latencyMs * Math.exp(0.08 * normal(random)),
      memoryPercent: memory(at),
      dbConnectionErrors,
      probes: [aProbe()],
      peers: peers
        ? {
            requests: peerCount,
            errors: poisson(random, peerCount * 0.004),
            latencyMs: 120 * Math.exp(0.05 * normal(random)),
          }
        : null,
    };
  };
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** The same life, changed from the deployment on. */
export function changed(life: Life, change: Change): Life {
  return (at) => {
    const row = life(at);
    return row === null || at < 0 ? row : { ...row, ...change(row, at) };
  };
}

/** A trace of the bench, row by row. */
export function lifeOf(trace: Trace): Life {
  return (at) => {
    const known = (column: Float64Array) => {
      const value = column[minutesBefore + at] ?? Number.NaN;
      return Number.isNaN(value) ? null : value;
    };
    const requests = known(trace.requests);
    if (requests === null) return null;
    const peerRequests = known(trace.peerRequests);
    return {
      requests,
      errors: known(trace.errors) ?? 0,
      latencyMs: known(trace.p95Ms),
      memoryPercent: known(trace.memoryPercent),
      dbConnectionErrors: known(trace.dbErrors),
      probes: [],
      healthChecks: { failed: known(trace.healthFailed) ?? 0, all: 6 },
      peers:
        peerRequests === null
          ? null
          : {
              requests: peerRequests,
              errors: known(trace.peerErrors) ?? 0,
              latencyMs: known(trace.peerP95Ms),
            },
    };
  };
}

export function historyOf(life: Life, deployedAtMs = deployedAt, minutes = 1_440): Minute[] {
  return rowsOf(life, -minutes, 0).map(([at, row]) => minuteOf(row, at, deployedAtMs));
}

export function minuteOf(row: Row, at: number, deployedAtMs = deployedAt): Minute {
  const { requests, errors, latencyMs, memoryPercent, dbConnectionErrors, peers } = row;
  const atMs = deployedAtMs + (at + 1) * minute;
  return {
    atMs,
    durationMs: minute,
    requests,
    errors,
    latencyMs,
    memoryPercent,
    dbConnectionErrors,
    peers,
  };
}

/** What the product learns of the day before, and of the starts in it. */
export function calibrationOf(
  life: Life,
  policy: Policy = aPolicy(),
  deployedAtMs = deployedAt,
  starts: readonly number[] = [],
): Calibration {
  const history = historyOf(life, deployedAtMs);
  const habits = learnHabits(history, effectSizes(policy), 'the day before at this hour', starts);
  return calibrate(habits, policy);
}

/** One check with what the neighbours measured meanwhile. */
export interface Check {
  readonly sample: Sample;
  readonly peers: PeerMinute | null;
}

/** Regular checks, one a minute. */
export function checksOf(life: Life, minutes: number, deployedAtMs = deployedAt): Check[] {
  return rowsOf(life, 0, minutes).map(([at, row]) => {
    const { latencyMs, peers, healthChecks, ...counts } = row;
    const atMs = deployedAtMs + (at + 1) * minute;
    const sample: Sample = {
      ...noCounts,
      ...counts,
      latencyQuantileMs: latencyMs,
      ...(healthChecks === undefined ? {} : { healthChecks }),
      tick: atMs,
      regular: true,
      atMs,
      durationMs: minute,
      missing: [],
    };
    return { sample, peers };
  });
}

function rowsOf(life: Life, from: number, end: number): [number, Row][] {
  return Array.from({ length: end - from }, (_, i) => from + i).flatMap((at): [number, Row][] => {
    const row = life(at);
    return row === null ? [] : [[at, row]];
  });
}

export interface Step {
  /** Minutes since the deployment at which the check began. */
  readonly at: number;
  readonly state: JudgeState;
  readonly verdicts: Readonly<Record<TriggerType, Verdict>>;
}

export interface Court {
  readonly policy?: Policy;
  readonly calibration?: Calibration | null;
  readonly references?: readonly Reference[];
  readonly deployedAtMs?: number;
  readonly between?: (state: JudgeState) => JudgeState;
}

/** Judges check after check. */
export function* judging(checks: readonly Check[], court: Court = {}): Generator<Step> {
  const { policy = aPolicy(), calibration = null, references = [], deployedAtMs = deployedAt } = court;
  let state = newJudgeState;
  for (const { sample, peers } of checks) {
    const before = court.between?.(state) ?? state;
    const step = judge(before, sample, peers, { policy, calibration, references, deployedAtMs });
    state = step.state;
    const byTrigger = step.verdicts.map((verdict) => [verdict.trigger, verdict] as const);
    yield {
      at: (sample.atMs - sample.durationMs - deployedAtMs) / minute,
      state,
      verdicts: Object.fromEntries(byTrigger) as Step['verdicts'],
    };
  }
}

/** A life after its own day before. */
export function judged(life: Life, minutes: number, court: Court = {}): Step[] {
  const { policy, deployedAtMs, calibration = calibrationOf(life, policy, deployedAtMs) } = court;
  return [...judging(checksOf(life, minutes, deployedAtMs), { ...court, calibration })];
}

export interface Breach {
  readonly at: number;
  readonly verdict: Verdict;
}

/** The first breach, of any trigger or of the one asked for. */
export function firstBreach(steps: Iterable<Step>, trigger?: TriggerType): Breach | null {
  for (const { at, verdicts } of steps) {
    const verdict = Object.values(verdicts).find(
      (candidate) => candidate.state === 'breach' && candidate.trigger === (trigger ?? candidate.trigger),
    );
    if (verdict !== undefined) return { at, verdict };
  }
  return null;
}

/** Which states a trigger went through, each once, in order. */
export function statesOf(steps: readonly Step[], trigger: TriggerType): string[] {
  return steps.map(({ verdicts }) => verdicts[trigger].state).filter((state, i, all) => state !== all[i - 1]);
}

export function last(steps: readonly Step[], trigger: TriggerType): Verdict {
  return steps.at(-1)?.verdicts[trigger] as Verdict;
}

/** Six health checks a minute; the last one of a minute is the regular one. */
export function healthTicks(
  failsAt: (second: number) => boolean,
  seconds: number,
  fromMs = deployedAt,
): Check[] {
  return Array.from({ length: seconds / 10 }, (_, i) => {
    const second = (i + 1) * 10;
    const atMs = fromMs + second * 1_000;
    const sample: Sample = {
      ...noCounts,
      requests: 1_500,
      tick: atMs,
      regular: second % 60 === 0,
      atMs,
      durationMs: 10_000,
      probes: [failsAt(second) ? aFailingProbe : aProbe()],
      missing: [],
    };
    return { sample, peers: null };
  });
}
