import type { Policy } from '../policy.ts';
import type { Calibration } from './calibration.ts';
import { advanceExcursion, type Excursion, noExcursion, progressOf, ratioOf } from './excursion.ts';
import { errorEvidence } from './habits/errors.ts';
import type { Minute } from './habits/habits.ts';
import { latencyEvidence } from './habits/latency.ts';
import { warmUpAt } from './habits/warm-up.ts';
import { type MemoryState, newMemoryState, rememberMemory } from './memory-trend.ts';
import { seasonAt } from './season.ts';
import { beside, lookAround, type Recent, type Surroundings } from './surroundings.ts';
import { errorUnitMs, latencyUnitMs, memoryFloorMs } from './units.ts';

/** What the judge remembers of a service between two checks: bounded, a few kilobytes. */
export interface SignalState {
  /** The last fifteen checks. */
  readonly recent: readonly Recent[];
  /** One for each path of the calibration, in its order. */
  readonly errors: readonly Excursion[];
  readonly latency: readonly Excursion[];
  /** Today's traffic against the habits', slowly adapting. */
  readonly trafficLevel: number | null;
  /** Until when something outside explains what is seen, minutes since the deployment. */
  readonly heldUntil: { readonly errors: number; readonly latency: number };
  readonly outside: Surroundings;
  readonly memory: MemoryState;
  /** Checks in a row with too many connection errors. */
  readonly dbRun: number;
  readonly lastDbErrors: number;
}

/** JSON knows no infinity. */
const never = -1_000_000_000;

export const newSignals: SignalState = {
  recent: [],
  errors: [],
  latency: [],
  trafficLevel: null,
  heldUntil: { errors: never, latency: never },
  outside: { errors: null, latency: null },
  memory: newMemoryState,
  dbRun: 0,
  lastDbErrors: 0,
};

export interface SignalContext {
  readonly policy: Policy;
  readonly calibration: Calibration;
  readonly deployedAtMs: number;
}

const recentChecks = 15;
/** After something outside has passed, queues and caches still recover. */
const lingersMinutes = 5;
/** What is the deployment's own, in the judge's minutes. */
const firstMinutes = 3;
/** A release that always was nearly full is no news, percent. */
const memoryMargin = 3;
/** An hour's traffic becomes the usual one. */
const trafficMemoryMinutes = 25;
/** While something is wrong, what comes on top of it becomes usual slowly. */
const slowTrafficMinutes = 120;

/** Takes one check in. */
export function advanceSignals(state: SignalState, minute: Minute, context: SignalContext): SignalState {
  const { policy, calibration, deployedAtMs } = context;
  const { habits } = calibration;
  const unitMs = errorUnitMs(policy);
  const minutes = minute.durationMs / unitMs;
  const at = (minute.atMs - deployedAtMs) / unitMs;
  const slowUnitMs = latencyUnitMs(policy);
  const middleMs = minute.atMs - minute.durationMs / 2;
  const warmUps = (middleMs - deployedAtMs) / Math.max(1, policy.monitoring.warmUpMs);
  const level = trafficLevel(state, minute, middleMs, context);
  const usualRequests = ((seasonAt(habits.traffic, middleMs) * minute.durationMs) / 60_000) * level;
  const usualErrors =
    minute.requests * seasonAt(habits.errors.share, middleMs) * habits.errors.level * errorWarmUp(warmUps);
  const slower = slowerThanThreshold(minute, middleMs, warmUps, context);
  const recent: Recent[] = [
    ...state.recent.slice(1 - recentChecks),
    {
      atMs: minute.atMs,
      minutes,
      requests: minute.requests,
      errors: minute.errors,
      usualRequests,
      usualErrors,
      slower: slower?.by ?? null,
      peer: beside(minute, habits.peers),
    },
  ];
  const outside = lookAround(recent, habits);
  const slowAt = (minute.atMs - deployedAtMs) / slowUnitMs;
  const heldUntil = {
    errors: outside.errors === null ? state.heldUntil.errors : at + lingersMinutes,
    latency: outside.latency === null ? state.heldUntil.latency : slowAt + lingersMinutes,
  };
  const errors = calibration.errorPaths.map((path, i) => {
    const dispersion = path.slow ? habits.errors.slowDispersion : habits.errors.dispersion;
    const evidence = errorEvidence(minute.errors, usualErrors, path.effect, dispersion);
    const step = {
      evidence,
      found: minute.errors,
      expected: usualErrors,
      requests: minute.requests,
      minutes,
      at,
    };
    return advance(state.errors[i], path, step, at <= heldUntil.errors);
  });
  const latency = calibration.latencyPaths.map((path, i) => {
    if (slower === null) return state.latency[i] ?? noExcursion;
    const evidence = latencyEvidence(slower.by, slower.variance);
    const slowMinutes = minute.durationMs / slowUnitMs;
    const step = {
      evidence,
      found: slower.ratio * slowMinutes,
      expected: slowMinutes,
      requests: minute.requests,
      minutes: slowMinutes,
      at: slowAt,
    };
    return advance(state.latency[i], path, step, slowAt <= heldUntil.latency);
  });
  const ratio = usualRequests > 0 ? Math.max(0.5, Math.min(1.5, minute.requests / usualRequests)) : 1;
  const isOdd = outside.errors !== null || minute.errors > 3 * usualErrors + 3;
  const dbErrors = minute.dbConnectionErrors ?? 0;
  const dbLimit = Math.max(policy.triggers.database.connectionErrors, 2 * (habits.dbErrors ?? 0));
  return {
    recent,
    errors,
    latency,
    trafficLevel:
      level *
      (1 + (ratio - 1) * (1 - Math.exp(-minutes / (isOdd ? slowTrafficMinutes : trafficMemoryMinutes)))),
    heldUntil,
    outside: {
      errors: outside.errors ?? (at <= heldUntil.errors ? state.outside.errors : null),
      latency: outside.latency ?? (slowAt <= heldUntil.latency ? state.outside.latency : null),
    },
    memory: rememberMemory(
      state.memory,
      minute,
      (minute.atMs - deployedAtMs) / memoryFloorMs(policy),
      Math.max(policy.triggers.memory.thresholdPercent, (habits.memory?.highest ?? 0) + memoryMargin),
    ),
    dbRun: dbErrors + state.lastDbErrors > dbLimit && dbErrors > 0 ? state.dbRun + 1 : 0,
    lastDbErrors: dbErrors,
  };
}

/** No single check alarms: after a blind stretch one stands for all of it, and a burst of a minute would fill it. */
const leastChecks = 3;

/**
 * What a deployment does to the service's share of the traffic, it does at once: the first checks set the level, where they are
 * above it. A crowd that comes with the deployment to the minute is rarer than a release that gets more to do.
 */
function trafficLevel(
  state: SignalState,
  minute: Minute,
  middleMs: number,
  { calibration: { habits }, policy, deployedAtMs }: SignalContext,
): number {
  const usual = (seasonAt(habits.traffic, middleMs) * minute.durationMs) / 60_000;
  const seen = usual > 0 ? minute.requests / usual : 1;
  // A reference's own traffic says nothing of today's.
  const known = state.trafficLevel ?? (habits.days > 0 ? habits.trafficLevel : seen);
  const isFirst = minute.atMs - deployedAtMs <= firstMinutes * errorUnitMs(policy);
  return isFirst ? Math.max(known, seen) : known;
}

/** While something outside explains it, nothing is held against the release; what speaks for it counts. */
function advance(
  before: Excursion | undefined,
  path: Parameters<typeof advanceExcursion>[1],
  step: Parameters<typeof advanceExcursion>[2],
  held: boolean,
): Excursion {
  const taken = { ...step, minutes: Math.min(step.minutes, path.badMinutes / leastChecks) };
  return advanceExcursion(
    before ?? noExcursion,
    path,
    held
      ? { ...taken, evidence: Math.min(0, step.evidence), found: Math.min(step.found, step.expected) }
      : taken,
  );
}

/** A process that has just started fails more often: up to four and a half times, decaying over some five warm-ups. */
export function errorWarmUp(age: number): number {
  return 1 + 3.6 * Math.exp(-Math.max(0, age) / 4.7);
}

/** And is slower: up to two and a third times, decaying over twenty warm-ups. */
export function latencyWarmUp(age: number): number {
  return 1 + 1.3 * Math.exp(-Math.max(0, age) / 20);
}

/** A warm-up may be worse than assumed. */
const warmUpMargin = 1.12;

/** How far the latency lies above its threshold, as a logarithm, with its variance. */
function slowerThanThreshold(
  minute: Minute,
  middleMs: number,
  warmUps: number,
  { calibration, policy }: SignalContext,
): { by: number; variance: number; ratio: number } | null {
  const { latency, warmUp } = calibration.habits;
  if (latency === null || minute.latencyMs === null || minute.latencyMs <= 0) return null;
  const { multiplier } = policy.triggers.latency;
  const excess = Math.log(minute.latencyMs) - seasonAt(latency.level, middleMs) - latency.shift;
  const threshold = Math.max(
    multiplier,
    warmUpMargin * Math.max(latencyWarmUp(warmUps), warmUpAt(warmUp?.latency, warmUps)),
  );
  return {
    by: excess - Math.log(threshold),
    variance: latency.sampling / Math.max(1, minute.requests) + latency.drift,
    ratio: (Math.exp(excess) * multiplier) / threshold,
  };
}

/** The path that alarms now, by index; -1: none. */
export function alarming(
  excursions: readonly Excursion[],
  paths: Calibration['errorPaths'],
  least: { readonly excess: number },
): number {
  return paths.findIndex((path, i) => {
    const excursion = excursions[i] ?? noExcursion;
    return (
      progressOf(excursion, path) >= 1 &&
      ratioOf(excursion) >= path.leastRatio &&
      excursion.found >= path.leastShare * excursion.requests &&
      excursion.found - excursion.expected >= least.excess
    );
  });
}

/** Still bad: the newest checks that together expect a few errors under the trigger. */
export function stillFailing(recent: readonly Recent[], ratio: number): boolean {
  const newest = recent.at(-1);
  // A check that would show many errors if it went on like that, and shows hardly any: it has just ended.
  const wouldShow = ratio * (newest?.usualErrors ?? 0);
  if (newest !== undefined && wouldShow >= 5 && newest.errors < 0.2 * wouldShow) return false;
  let errors = 0;
  let usual = 0;
  for (let i = recent.length - 1, checks = 1; i >= 0; i -= 1, checks += 1) {
    const check = recent[i] as Recent;
    errors += check.errors;
    usual += check.usualErrors;
    if (checks >= 5 && usual >= 1.5) break;
  }
  return errors >= 1.5 * usual && errors > 0;
}

export function stillSlow(recent: readonly Recent[]): boolean {
  const last = recent.slice(-3).flatMap(({ slower }) => (slower === null ? [] : [slower]));
  return last.length > 0 && last.reduce((sum, value) => sum + value, 0) > 0;
}
