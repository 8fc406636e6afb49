import type { Histogram } from '../../histogram.ts';
import type { Part } from '../../sample.ts';
import { dayAhead, flatSeason, hoursUnseen, type Season, seasonAt } from '../season.ts';
import { beside, type PeerCheck, sickPeers } from '../sick-peers.ts';
import { lingersMinutes } from '../surroundings.ts';
import { errorHabits, leastShare } from './errors.ts';
import { defaultDrift, defaultSampling, latencyHabits } from './latency.ts';
import { type PartHabits, partHabits } from './parts.ts';
import type { Excused } from './peaks.ts';
import { dbHabits, healthHabits, memoryHabits } from './resources.ts';
import { type TailHabits, tailHabits } from './tail.ts';
import { levelOf, trafficSeason } from './traffic.ts';
import { lastingWarmUps, learnWarmUp, type WarmUp } from './warm-up.ts';

/** What one check measured, as the judge sees it. */
export interface Minute {
  /** End of the check, milliseconds since the epoch. */
  readonly atMs: number;
  readonly durationMs: number;
  readonly requests: number;
  readonly errors: number;
  /** The latency that the trigger names, p95 by default; `null` without a request or without the source telling. */
  readonly latencyMs: number | null;
  readonly memoryPercent: number | null;
  readonly dbConnectionErrors: number | null;
  /** Failed health checks of the check's time; absent: not known. */
  readonly failedHealthChecks?: number;
  /** Latency of the requests, where the source has buckets. */
  readonly histogram?: Histogram | null;
  /** Endpoints and instances, where the source has labels. */
  readonly parts?: readonly Part[];
  /** Untouched neighbours, summed. */
  readonly peers: PeerMinute | null;
}

export type PeerMinute = Pick<Minute, 'requests' | 'errors' | 'latencyMs'>;

/** How a service's errors come in its own normal life. */
export interface ErrorHabits {
  /** Errors per request by time of day. */
  readonly share: Season;
  /** How much higher than that the last hours were, at least 1. */
  readonly level: number;
  /** How many were seen in all of it; 0: the share is an assumption. Absent: nobody counted. */
  readonly seen?: number;
  /** Variance of the counts beside that of Poisson's law, at least 1: over minutes, and over half hours, where slow swings add up. */
  readonly dispersion: number;
  readonly slowDispersion: number;
  /** Excursions seen, in bad minutes, by effect (see `errorEffects`). */
  readonly peaks: readonly (readonly number[])[];
}

export interface LatencyHabits {
  /** Logarithm of the latency in milliseconds, by time of day. */
  readonly level: Season;
  /** Added to it: the last hours, at least 0. */
  readonly shift: number;
  /** Variance of a check's logarithm: `sampling / requests + drift`. */
  readonly sampling: number;
  readonly drift: number;
  readonly peaks: readonly (readonly number[])[];
}

export interface MemoryHabits {
  /** Highest of the lowest values of half an hour each, percent. */
  readonly highestFloor: number;
  readonly highest: number;
  /** Steepest growth of such a floor within two hours, percent. */
  readonly steepest: number;
}

/** What a service's life before the deployment says of it: a few kilobytes, fixed when the deployment is reported. */
export interface Habits {
  /** Days of history behind it; 0: a reference alone. */
  readonly days: number;
  /** How a sentence calls it: `v2.4.0 at this hour`. */
  readonly label: string;
  /** How much worse an hour may be that nobody has seen: times the usual errors and latency, at least 1; absent: all were seen. */
  readonly unseen?: Season;
  readonly errors: ErrorHabits;
  readonly latency: LatencyHabits | null;
  readonly tail: TailHabits | null;
  readonly parts: PartHabits | null;
  /** Requests a minute by time of day. */
  readonly traffic: Season;
  /** Today's traffic against that. */
  readonly trafficLevel: number;
  readonly memory: MemoryHabits | null;
  /** The 99.9 % quantile of connection errors in two checks. */
  readonly dbErrors: number | null;
  /** The most health checks that failed within five checks in a row; 0 where that is not known. */
  readonly failedHealthChecks: number;
  readonly peers: PeerHabits | null;
  /** How its earlier deployments started; `null`: none is in the history, and an assumption must do. */
  readonly warmUp: WarmUp | null;
}

export type PeerHabits = Pick<Habits, 'errors' | 'latency'>;

/** Ratios that the judge's paths look for, for the default multiplier of 2 and 1.5. */
export interface EffectSizes {
  readonly errors: readonly { readonly ratio: number; readonly leastRatio: number }[];
  readonly latency: readonly { readonly ratio: number; readonly leastRatio: number }[];
  readonly latencyMultiplier: number;
  /** Of the latency that the trigger names, 0..1. */
  readonly latencyQuantile: number;
  /** The judge's minute for each, milliseconds. */
  readonly errorUnitMs: number;
  readonly latencyUnitMs: number;
  readonly warmUpMs: number;
}

const minuteMs = 60_000;
const lastingReferenceMs = 12 * 3_600_000;
const longAgoMs = 2 * 3_600_000;
const lastDaysMs = 3.5 * 24 * 3_600_000;
/**
 * Learns from the minutes before a deployment, oldest first. Excursions are counted with the judge's own CUSUM, so that what
 * the judge would have seen yesterday is what it expects of today.
 * @param starts when earlier deployments were made, milliseconds since the epoch
 * @param fromMs when the watch begins that they are for; the newest minute by default
 */
export function learnHabits(
  history: readonly Minute[],
  effects: EffectSizes,
  label: string,
  starts: readonly number[] = [],
  fromMs?: number,
): Habits {
  const observed = history.filter((minute) => minute.durationMs > 0);
  const untilMs = observed.at(-1)?.atMs ?? 0;
  const watchedFromMs = fromMs ?? untilMs;
  // What is held against a limit, and not against an hour of the week, is asked of the last days.
  const lately = observed.filter(({ atMs }) => atMs > untilMs - lastDaysMs);
  const units = observed.reduce((sum, minute) => sum + minute.durationMs, 0) / effects.errorUnitMs;
  const traffic = trafficSeason(observed);
  const settled = settledOf(observed, starts, effects.warmUpMs);
  const peers = peerHabits(observed, effects);
  const excused = peers === null ? new Set<number>() : excusedIn(observed, peers);
  const errors = errorHabits(settled, effects, excused);
  const latency = latencyHabits(settled, effects, excused);
  return {
    days: units / 1440,
    label,
    ...unseenHours(observed.map(({ atMs, durationMs }) => atMs - durationMs / 2)),
    ...ahead({ errors, latency }, watchedFromMs),
    tail: tailHabits(settled, latency, effects, excused),
    parts: partHabits(settled, errors, effects, excused),
    traffic: dayAhead(traffic, watchedFromMs),
    // What was measured long ago says nothing of today's traffic.
    trafficLevel: watchedFromMs - untilMs > longAgoMs ? 1 : levelOf(observed.slice(-60), traffic),
    memory: memoryHabits(lately),
    dbErrors: dbHabits(lately),
    failedHealthChecks: healthHabits(lately),
    peers: peers === null ? null : ahead(peers, watchedFromMs),
    warmUp: learnWarmUp(observed, starts, effects.warmUpMs, {
      errors: (minute) => minute.requests * seasonAt(errors.share, minute.atMs - minute.durationMs / 2),
      latencyMs: (minute) =>
        latency === null ? null : Math.exp(seasonAt(latency.level, minute.atMs - minute.durationMs / 2)),
    }),
  };
}

/** A day's wave: so much higher is its top than what was seen six hours before it. */
const unseenMargin = 0.7;
const unseenHoursToTop = 6;

function unseenHours(seenAtMs: readonly number[]): Pick<Habits, 'unseen'> {
  const hours = hoursUnseen(seenAtMs);
  // Half hours beside one that was seen are as it was.
  if (hours === null || hours.every((distance) => distance <= 1)) return {};
  return {
    unseen: hours.map(
      (distance) => 1 + unseenMargin * Math.min(1, Math.max(0, distance - 1) / unseenHoursToTop),
    ),
  };
}

/** Nobody asks for a neighbour's excursions. `null`: there are no neighbours. */
function peerHabits(observed: readonly Minute[], effects: EffectSizes): PeerHabits | null {
  const peers = observed.flatMap((minute): Minute[] =>
    minute.peers === null ? [] : [{ ...minute, ...minute.peers }],
  );
  if (peers.length === 0) return null;
  return {
    errors: errorHabits(peers, { ...effects, errors: [] }),
    latency: latencyHabits(peers, { ...effects, latency: [] }),
  };
}

/** Checks at which the neighbours were sick as well: the judge holds nothing against the release then, and so learns nothing. */
function excusedIn(observed: readonly Minute[], peers: PeerHabits): Excused {
  const excused = new Set<number>();
  const recent: { readonly peer: PeerCheck | null }[] = [];
  let heldUntilMs = Number.NEGATIVE_INFINITY;
  for (const minute of observed) {
    recent.push({ peer: beside(minute, peers) });
    if (recent.length > 8) recent.shift();
    if (sickPeers(recent, peers) !== null) heldUntilMs = minute.atMs + lingersMinutes * minuteMs;
    if (minute.atMs <= heldUntilMs) excused.add(minute.atMs);
  }
  return excused;
}

/** Of a week's seasons the day that is about to be watched. */
function ahead({ errors, latency }: PeerHabits, untilMs: number): PeerHabits {
  return {
    errors: { ...errors, share: dayAhead(errors.share, untilMs) },
    latency: latency === null ? null : { ...latency, level: dayAhead(latency.level, untilMs) },
  };
}

/** Without the starts of deployments, where that leaves something: a slow start of yesterday is no habit of this hour. */
function settledOf(
  history: readonly Minute[],
  starts: readonly number[],
  warmUpMs: number,
): readonly Minute[] {
  const endOf = (start: number) => start + lastingWarmUps * warmUpMs;
  const settled = history.filter(({ atMs }) => !starts.some((start) => atMs > start && atMs <= endOf(start)));
  return 2 * settled.length >= history.length ? settled : history;
}

/**
 * Without a history: one reference's sums, the same at every hour, and no claim about transients.
 * @param seenAtMs about when it was measured
 */
export function habitsOfReference(
  reference: {
    readonly label: string;
    readonly requests: number;
    readonly errors: number;
    readonly durationMs: number;
    readonly latencyMs: number | null;
  },
  seenAtMs: number,
): Habits {
  const { label, requests, errors, durationMs } = reference;
  // A histogram without a bound says 0 of every percentile.
  const latencyMs = reference.latencyMs === null || reference.latencyMs <= 0 ? null : reference.latencyMs;
  // Little evidence, wide bounds: five lucky minutes without an error are no rate of zero, and two of them may follow.
  const share = Math.max(leastShare, (errors + 1.2 * Math.sqrt(errors) + 2) / Math.max(1, requests));
  const minutes = Math.max(1, durationMs / minuteMs);
  return {
    days: 0,
    label,
    // The mean of a day holds at every hour, nearly.
    ...(durationMs >= lastingReferenceMs ? {} : unseenHours([seenAtMs])),
    errors: {
      share: flatSeason(share),
      level: 1,
      seen: errors,
      dispersion: 1.5,
      slowDispersion: 2,
      peaks: [],
    },
    latency:
      latencyMs === null
        ? null
        : {
            level: flatSeason(Math.log(latencyMs)),
            shift: 0,
            sampling: defaultSampling,
            drift: defaultDrift,
            peaks: [],
          },
    tail: null,
    parts: null,
    traffic: flatSeason(requests / minutes),
    trafficLevel: 1,
    memory: null,
    dbErrors: null,
    failedHealthChecks: 0,
    peers: null,
    warmUp: null,
  };
}
