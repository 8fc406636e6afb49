import type { Policy } from '../policy.ts';
import { type Calibration, effectSizes } from './calibration.ts';
import { advanceUnlessHeld, dispersionFor, type Excursion, noExcursion } from './excursion.ts';
import { errorEvidence } from './habits/errors.ts';
import type { Habits, Minute } from './habits/habits.ts';
import { latencyEvidence } from './habits/latency.ts';
import { type SlowCount, slowEvidence, slowRequests, tailLooks } from './habits/tail.ts';
import { errorWarmUp, startSlowdown } from './habits/warm-up.ts';
import { type MemoryState, newMemoryState, rememberMemory } from './memory-trend.ts';
import { advanceParts, type PartExcursion } from './part-signals.ts';
import { seasonAt } from './season.ts';
import { beside } from './sick-peers.ts';
import { lingersMinutes, lookAround, type Recent, type Surroundings } from './surroundings.ts';
import { errorUnitMs, latencyUnitMs, memoryFloorMs } from './units.ts';

/** What the judge remembers of a service between two checks: bounded, a few kilobytes. */
export interface SignalState {
  /** The last fifteen checks. */
  readonly recent: readonly Recent[];
  /** One for each path of the calibration, in its order. */
  readonly errors: readonly Excursion[];
  readonly latency: readonly Excursion[];
  /** Slow requests: for each look one for each of its paths. */
  readonly tail?: readonly (readonly Excursion[])[];
  /** Endpoints and instances whose excursions are under way. */
  readonly parts?: readonly PartExcursion[];
  /** Errors of the last hours beside the usual ones, older ones fading. */
  readonly lately?: { readonly errors: number; readonly usual: number };
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
/** What is the deployment's own, in the judge's minutes. */
const firstMinutes = 3;
/** A release that always was nearly full is no news, percent. */
const memoryMargin = 3;
/** An hour's traffic becomes the usual one. */
const trafficMemoryMinutes = 25;
/** While something is wrong, what comes on top of it becomes usual slowly; what explains the errors, hardly. */
const slowTrafficMinutes = 120;
const heldTrafficMinutes = 600;

/** Takes one check in. */
export function advanceSignals(state: SignalState, minute: Minute, context: SignalContext): SignalState {
  const { policy, calibration } = context;
  const { habits } = calibration;
  const time = timeOf(minute, context);
  const level = trafficLevel(state, minute, time.middleMs, context);
  const usualRequests = ((seasonAt(habits.traffic, time.middleMs) * minute.durationMs) / 60_000) * level;
  const usualShare =
    seasonAt(habits.errors.share, time.middleMs) *
    habits.errors.level *
    unseenAt(habits, time.middleMs) *
    errorWarmUp(time.warmUps, habits.warmUp);
  const usualErrors = minute.requests * usualShare;
  const slower = slowerThanThreshold(minute, time, context);
  const recent: Recent[] = [
    ...state.recent.slice(1 - recentChecks),
    {
      atMs: minute.atMs,
      minutes: time.minutes,
      requests: minute.requests,
      errors: minute.errors,
      usualRequests,
      usualErrors,
      slower: slower?.by ?? null,
      peer: beside(minute, habits.peers),
    },
  ];
  const outside = lookAround(recent, habits, time.at <= state.heldUntil.errors);
  const heldUntil = {
    errors: outside.errors === null ? state.heldUntil.errors : time.at + lingersMinutes,
    latency: outside.latency === null ? state.heldUntil.latency : time.slowAt + lingersMinutes,
  };
  const held = { errors: time.at <= heldUntil.errors, latency: time.slowAt <= heldUntil.latency };
  const dbErrors = minute.dbConnectionErrors ?? 0;
  const dbLimit = Math.max(policy.triggers.database.connectionErrors, 2 * (habits.dbErrors ?? 0));
  const memoryMinutes =
    outside.errors !== null
      ? heldTrafficMinutes
      : minute.errors > 3 * usualErrors + 3
        ? slowTrafficMinutes
        : trafficMemoryMinutes;
  return {
    recent,
    errors: advanceErrors(state.errors, minute, { usualErrors, held: held.errors }, time, context),
    latency: advanceLatency(state.latency, minute, { slower, held: held.latency }, time, context),
    tail: advanceTail(state.tail ?? [], minute, held.latency, time, context),
    parts: advanceParts(state.parts ?? [], minute.parts ?? [], calibration.partPaths ?? [], {
      usualShare,
      minutes: time.minutes,
      at: time.at,
      held: held.errors,
      habits: habits.parts ?? null,
      dispersion: { fast: habits.errors.dispersion, slow: habits.errors.slowDispersion },
    }),
    lately: fading(state.lately, { errors: minute.errors, usual: usualErrors }, time.minutes),
    trafficLevel: adapted(level, minute.requests, usualRequests, time.minutes / memoryMinutes),
    heldUntil,
    outside: {
      errors: outside.errors ?? (held.errors ? state.outside.errors : null),
      latency: outside.latency ?? (held.latency ? state.outside.latency : null),
    },
    memory: rememberMemory(
      state.memory,
      minute,
      (minute.atMs - context.deployedAtMs) / memoryFloorMs(policy),
      Math.max(policy.triggers.memory.thresholdPercent, (habits.memory?.highest ?? 0) + memoryMargin),
    ),
    dbRun: dbErrors + state.lastDbErrors > dbLimit && dbErrors > 0 ? state.dbRun + 1 : 0,
    lastDbErrors: dbErrors,
  };
}

/** Where a check lies, in the units of the triggers. */
interface CheckTime {
  readonly middleMs: number;
  /** Its length and its end since the deployment, in minutes of the error rate's window. */
  readonly minutes: number;
  readonly at: number;
  /** The same in those of the latency's window. */
  readonly slowMinutes: number;
  readonly slowAt: number;
  /** Its middle, in warm-ups since the deployment. */
  readonly warmUps: number;
}

function timeOf(
  { atMs, durationMs }: Pick<Minute, 'atMs' | 'durationMs'>,
  { policy, deployedAtMs }: SignalContext,
): CheckTime {
  const unitMs = errorUnitMs(policy);
  const slowUnitMs = latencyUnitMs(policy);
  const middleMs = atMs - durationMs / 2;
  return {
    middleMs,
    minutes: durationMs / unitMs,
    at: (atMs - deployedAtMs) / unitMs,
    slowMinutes: durationMs / slowUnitMs,
    slowAt: (atMs - deployedAtMs) / slowUnitMs,
    warmUps: (middleMs - deployedAtMs) / Math.max(1, policy.monitoring.warmUpMs),
  };
}

function advanceErrors(
  before: readonly Excursion[],
  { errors, requests }: Minute,
  { usualErrors, held }: { readonly usualErrors: number; readonly held: boolean },
  { minutes, at }: CheckTime,
  { calibration: { habits, errorPaths } }: SignalContext,
): Excursion[] {
  const { dispersion: fast, slowDispersion: slow } = habits.errors;
  return errorPaths.map((path, i) => {
    const evidence = errorEvidence(errors, usualErrors, path.effect, dispersionFor(path, { fast, slow }));
    const step = { evidence, found: errors, expected: usualErrors, requests, minutes, at };
    return advanceUnlessHeld(before[i], path, step, held);
  });
}

function advanceLatency(
  before: readonly Excursion[],
  { requests }: Minute,
  { slower, held }: { readonly slower: ReturnType<typeof slowerThanThreshold>; readonly held: boolean },
  { slowMinutes, slowAt }: CheckTime,
  { calibration: { latencyPaths } }: SignalContext,
): Excursion[] {
  return latencyPaths.map((path, i) => {
    if (slower === null) return before[i] ?? noExcursion;
    const step = {
      evidence: latencyEvidence(slower.by, slower.variance),
      found: slower.ratio * slowMinutes,
      expected: slowMinutes,
      requests,
      minutes: slowMinutes,
      at: slowAt,
    };
    return advanceUnlessHeld(before[i], path, step, held);
  });
}

/** Slow requests, counted where the source has buckets. */
function advanceTail(
  before: readonly (readonly Excursion[])[],
  minute: Minute,
  held: boolean,
  { slowMinutes, slowAt }: CheckTime,
  context: SignalContext,
): Excursion[][] {
  const { habits, tailPaths = [] } = context.calibration;
  return slowIn(minute, context).map((slow, i) =>
    (tailPaths[i] ?? []).map((path, j) => {
      const excursion = before[i]?.[j] ?? noExcursion;
      if (slow === null) return excursion;
      const step = {
        ...slowEvidence(slow, habits.tail?.dispersion ?? 1),
        requests: minute.requests,
        minutes: slowMinutes,
        at: slowAt,
      };
      return advanceUnlessHeld(excursion, path, step, held);
    }),
  );
}

/** What each look counts in a check, by what may be slow at this hour and so soon after the deployment. */
export function slowIn(
  minute: Pick<Minute, 'atMs' | 'durationMs' | 'requests' | 'histogram'>,
  context: SignalContext,
): (SlowCount | null)[] {
  const { habits } = context.calibration;
  const { tail, latency } = habits;
  if (tail == null || latency === null) return [];
  const { middleMs, warmUps } = timeOf(minute, context);
  const usualMs = Math.exp(seasonAt(latency.level, middleMs) + latency.shift) * unseenAt(habits, middleMs);
  const slowdown = startSlowdown(warmUps, habits.warmUp);
  return tailLooks(effectSizes(context.policy)).map((look) =>
    slowRequests(tail, minute, { look, usualMs, slowdown }),
  );
}

/** So many minutes weigh about as much as all before them. */
const latelyMinutes = 120;

function fading(
  before: SignalState['lately'],
  { errors, usual }: NonNullable<SignalState['lately']>,
  minutes: number,
): NonNullable<SignalState['lately']> {
  const left = Math.exp(-minutes / latelyMinutes);
  return { errors: left * (before?.errors ?? 0) + errors, usual: left * (before?.usual ?? 0) + usual };
}

/** Today's traffic becomes the usual one. */
function adapted(level: number, requests: number, usual: number, memories: number): number {
  const ratio = usual > 0 ? Math.max(0.5, Math.min(1.5, requests / usual)) : 1;
  return level * (1 + (ratio - 1) * (1 - Math.exp(-memories)));
}

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

function unseenAt({ unseen }: Pick<Habits, 'unseen'>, atMs: number): number {
  return unseen === undefined ? 1 : seasonAt(unseen, atMs);
}

/** How far the latency lies above its threshold, as a logarithm, with its variance. */
function slowerThanThreshold(
  minute: Minute,
  { middleMs, warmUps }: CheckTime,
  { calibration, policy }: SignalContext,
): { by: number; variance: number; ratio: number } | null {
  const { latency, warmUp } = calibration.habits;
  if (latency === null || minute.latencyMs === null || minute.latencyMs <= 0) return null;
  const { multiplier } = policy.triggers.latency;
  const excess =
    Math.log(minute.latencyMs / unseenAt(calibration.habits, middleMs)) -
    seasonAt(latency.level, middleMs) -
    latency.shift;
  const threshold = Math.max(multiplier, startSlowdown(warmUps, warmUp));
  return {
    by: excess - Math.log(threshold),
    variance: latency.sampling / Math.max(1, minute.requests) + latency.drift,
    ratio: (Math.exp(excess) * multiplier) / threshold,
  };
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
