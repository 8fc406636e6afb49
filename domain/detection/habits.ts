import {
  advanceExcursion,
  type Excursion,
  noExcursion,
  type Path,
  progressOf,
  ratioOf,
} from './excursion.ts';
import { binOf, flatSeason, type Season, seasonAt, seasonBins } from './season.ts';
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
  readonly errors: ErrorHabits;
  readonly latency: LatencyHabits | null;
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
  /** The judge's minute for each, milliseconds. */
  readonly errorUnitMs: number;
  readonly latencyUnitMs: number;
  readonly warmUpMs: number;
}

const minuteMs = 60_000;
/** A day without an error promises no second one: nothing is held against a release below one error in some seventeen thousand requests. */
const leastShare = 0.00006;
/** So many errors of the whole day stand beside each half hour's own. */
const shrinkErrors = 8;
const recentMinutes = 120;
/** A day shows few slow swings, and a season fitted to it hides a part of them. */
const slowSwings = 2;
/** Of the logarithm of half an hour's error share: whatever yesterday showed, slow swings are that large. */
const leastSlowVariance = 0.06;

/**
 * Learns from the minutes before a deployment, oldest first. Excursions are counted with the judge's own CUSUM, so that what
 * the judge would have seen yesterday is what it expects of today.
 */
export function learnHabits(
  history: readonly Minute[],
  effects: EffectSizes,
  label: string,
  starts: readonly number[] = [],
): Habits {
  const observed = history.filter((minute) => minute.durationMs > 0);
  const units = observed.reduce((sum, minute) => sum + minute.durationMs, 0) / effects.errorUnitMs;
  const traffic = trafficSeason(observed);
  const settled = settledOf(observed, starts, effects.warmUpMs);
  const errors = errorHabits(settled, effects);
  const latency = latencyHabits(settled, effects);
  const peers = observed.every((minute) => minute.peers === null)
    ? null
    : observed.flatMap((minute): Minute[] => (minute.peers === null ? [] : [{ ...minute, ...minute.peers }]));
  return {
    days: units / 1440,
    label,
    errors,
    latency,
    traffic,
    trafficLevel: levelOf(observed.slice(-60), traffic),
    memory: memoryHabits(observed),
    dbErrors: dbHabits(observed),
    failedHealthChecks: healthHabits(observed),
    peers:
      peers === null
        ? null
        : {
            // Nobody asks for a neighbour's excursions.
            errors: errorHabits(peers, { ...effects, errors: [] }),
            latency: latencyHabits(peers, { ...effects, latency: [] }),
          },
    warmUp: learnWarmUp(observed, starts, effects.warmUpMs, {
      errors: (minute) => minute.requests * seasonAt(errors.share, minute.atMs - minute.durationMs / 2),
      latencyMs: (minute) =>
        latency === null ? null : Math.exp(seasonAt(latency.level, minute.atMs - minute.durationMs / 2)),
    }),
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

/** Without a history: one reference's sums, the same at every hour, and no claim about transients. */
export function habitsOfReference(reference: {
  readonly label: string;
  readonly requests: number;
  readonly errors: number;
  readonly durationMs: number;
  readonly latencyMs: number | null;
}): Habits {
  const { label, requests, errors, durationMs, latencyMs } = reference;
  // Little evidence, wide bounds: five lucky minutes without an error are no rate of zero.
  const share = Math.max(leastShare, (errors + Math.sqrt(errors) + 0.5) / Math.max(1, requests));
  const minutes = Math.max(1, durationMs / minuteMs);
  return {
    days: 0,
    label,
    errors: { share: flatSeason(share), level: 1, dispersion: 1.5, slowDispersion: 2, peaks: [] },
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
    traffic: flatSeason(requests / minutes),
    trafficLevel: 1,
    memory: null,
    dbErrors: null,
    failedHealthChecks: 0,
    peers: null,
    warmUp: null,
  };
}

const defaultSampling = 3;
const defaultDrift = 0.02;

function trafficSeason(history: readonly Minute[]): Season {
  const requests = new Float64Array(seasonBins);
  const minutes = new Float64Array(seasonBins);
  for (const minute of history) {
    const bin = binOf(minute.atMs - minute.durationMs / 2);
    requests[bin] = (requests[bin] ?? 0) + minute.requests;
    minutes[bin] = (minutes[bin] ?? 0) + minute.durationMs / minuteMs;
  }
  const mean = sum(requests) / Math.max(1, sum(minutes));
  return Array.from(requests, (count, bin) =>
    (minutes[bin] ?? 0) > 0 ? count / (minutes[bin] as number) : mean,
  );
}

function levelOf(recent: readonly Minute[], traffic: Season): number {
  let seen = 0;
  let usual = 0;
  for (const { atMs, durationMs, requests } of recent) {
    seen += requests;
    usual += (seasonAt(traffic, atMs - durationMs / 2) * durationMs) / minuteMs;
  }
  return usual > 0 && seen > 0 ? seen / usual : 1;
}

function errorHabits(history: readonly Minute[], effects: EffectSizes): ErrorHabits {
  const requests = new Float64Array(seasonBins);
  const errors = new Float64Array(seasonBins);
  let allRequests = 0;
  let allErrors = 0;
  for (const minute of history) {
    allRequests += minute.requests;
    allErrors += minute.errors;
  }
  const overall = Math.max(leastShare, (allErrors + 0.5) / (allRequests + 100));
  for (const minute of history) {
    const bin = binOf(minute.atMs - minute.durationMs / 2);
    requests[bin] = (requests[bin] ?? 0) + minute.requests;
    // Yesterday's worst minutes are not today's usual ones.
    errors[bin] = (errors[bin] ?? 0) + Math.min(minute.errors, 3 * overall * minute.requests + 3);
  }
  const usual = Math.max(leastShare, (sum(errors) + 0.5) / (allRequests + 100));
  const share = shrunkSeason(requests, errors, usual);
  const recent = history.slice(-recentMinutes);
  const expectedOf = (minute: Minute) =>
    minute.requests * seasonAt(share, minute.atMs - minute.durationMs / 2);
  const expectedLately = total(recent, expectedOf);
  const expectedAll = total(history, expectedOf);
  const seenLately = total(recent, (minute) => Math.min(minute.errors, 3 * expectedOf(minute) + 3));
  // A share that rests on few errors may lie higher than it looks.
  const unsure = 1 + 0.7 / Math.sqrt(Math.max(1, expectedAll));
  const level = unsure * Math.max(1, Math.min(3, (seenLately + 10) / (expectedLately + 10)));
  const dispersion = dispersionOf(history, expectedOf, 5);
  const perHalfHour = (30 * expectedAll) / Math.max(1, history.length);
  const slowDispersion =
    dispersion +
    Math.max(
      slowSwings * Math.max(0, dispersionOf(history, expectedOf, 30) - dispersion),
      leastSlowVariance * perHalfHour,
    );
  const peaks = effects.errors.map(({ ratio, leastRatio }) =>
    peaksOf(history, { ratio, leastRatio, unitMs: effects.errorUnitMs }, (minute) => {
      const expected = expectedOf(minute);
      return {
        evidence: errorEvidence(minute.errors, expected, ratio, dispersion),
        found: minute.errors,
        expected,
      };
    }),
  );
  return { share, level, dispersion, slowDispersion, peaks };
}

/**
 * Errors per request by time of day, smoothed over two hours on each side and drawn towards the day's mean as far as the
 * half hours' own swings explain the difference: a slow swing of yesterday is no habit.
 */
function shrunkSeason(requests: Float64Array, errors: Float64Array, usual: number): Season {
  const reach = 4;
  const ratios = Array.from(requests, (_, bin) => {
    let seen = shrinkErrors;
    let expected = shrinkErrors;
    for (let step = -reach; step <= reach; step++) {
      const other = (bin + step + seasonBins) % seasonBins;
      const weight = 1 - Math.abs(step) / (reach + 1);
      seen += weight * (errors[other] ?? 0);
      expected += weight * (requests[other] ?? 0) * usual;
    }
    return seen / expected;
  });
  const own = Array.from(requests, (count, bin) => {
    const expected = count * usual * (ratios[bin] as number);
    return expected > 0 ? ((errors[bin] ?? 0) - expected) ** 2 / expected ** 2 : 0;
  });
  // Neighbouring half hours swing together, so smoothing over about five of them helps less than it should.
  const noise = (1.5 * median(own)) / 0.45 / 5;
  const spread = sum(ratios.map((ratio) => (ratio - 1) ** 2)) / seasonBins;
  const weight = spread > 0 ? Math.max(0, spread - noise) / spread : 0;
  return ratios.map((ratio) => usual * (1 + weight * (ratio - 1)));
}

/** Log likelihood ratio of Poisson's law with `ratio` times the expected errors against the expected, per unit of dispersion. */
export function errorEvidence(errors: number, expected: number, ratio: number, dispersion: number): number {
  return (errors * Math.log(ratio) - (ratio - 1) * expected) / dispersion;
}

/** Pearson's dispersion over blocks that expect a few errors each, without the worst twentieth. */
function dispersionOf(
  history: readonly Minute[],
  expectedOf: (minute: Minute) => number,
  checks: number,
): number {
  const mean = total(history, expectedOf) / Math.max(1, history.length);
  const length = Math.max(checks, Math.min(120, Math.ceil(3 / Math.max(mean, 0.001))));
  const values: number[] = [];
  for (let from = 0; from + length <= history.length; from += length) {
    let seen = 0;
    let expected = 0;
    for (let i = from; i < from + length; i++) {
      const minute = history[i] as Minute;
      seen += minute.errors;
      expected += expectedOf(minute);
    }
    if (expected > 0) values.push((seen - expected) ** 2 / expected);
  }
  if (values.length < 8) return 1.5;
  values.sort((a, b) => a - b);
  const kept = values.slice(0, Math.ceil(values.length * 0.95));
  // What the cut takes from a chi-square of one degree of freedom.
  return Math.max(1, sum(kept) / kept.length / 0.77);
}

function latencyHabits(history: readonly Minute[], effects: EffectSizes): LatencyHabits | null {
  const known = history.filter((minute) => minute.latencyMs !== null && minute.latencyMs > 0);
  if (known.length < 30) return null;
  const logs = known.map((minute) => Math.log(minute.latencyMs as number));
  const level = medianSeason(known, logs);
  const residuals = known.map(
    (minute, i) => (logs[i] as number) - seasonAt(level, minute.atMs - minute.durationMs / 2),
  );
  const sampling = samplingOf(known, residuals);
  const requests = total(known, (minute) => minute.requests) / known.length;
  const blocks: number[] = [];
  for (let from = 0; from + 5 <= residuals.length; from += 5)
    blocks.push(sum(residuals.slice(from, from + 5)) / 5);
  const blockVariance = (1.4826 * median(blocks.map(Math.abs))) ** 2;
  const drift = Math.max(0.0004, 5 * blockVariance - sampling / Math.max(1, requests));
  const shift = Math.max(0, Math.min(0.3, median(residuals.slice(-recentMinutes))));
  const peaks = effects.latency.map(({ ratio, leastRatio }) =>
    peaksOf(known, { ratio, leastRatio, unitMs: effects.latencyUnitMs }, (minute) => {
      const expected = seasonAt(level, minute.atMs - minute.durationMs / 2);
      const excess = Math.log(minute.latencyMs as number) - expected;
      const variance = sampling / Math.max(1, minute.requests) + drift;
      return {
        evidence: latencyEvidence(excess - Math.log(effects.latencyMultiplier), variance),
        found: Math.exp(excess),
        expected: 1,
      };
    }),
  );
  return { level, shift, sampling, drift, peaks };
}

/** A shift worth noticing above the threshold, as a logarithm: from 1.5 to 2. */
const latencyStep = 0.29;

/** Log likelihood ratio per step above the threshold: zero drift exactly there. */
export function latencyEvidence(aboveThreshold: number, variance: number): number {
  return (aboveThreshold * latencyStep) / variance;
}

function medianSeason(known: readonly Minute[], logs: readonly number[]): Season {
  const bins: number[][] = Array.from({ length: seasonBins }, () => []);
  known.forEach((minute, i) => {
    bins[binOf(minute.atMs - minute.durationMs / 2)]?.push(logs[i] as number);
  });
  const overall = median(logs);
  return bins.map((bin) => (bin.length === 0 ? overall : median(bin)));
}

/** Neighbouring checks differ by chance alone: times the requests that is a constant of the service. */
function samplingOf(known: readonly Minute[], residuals: readonly number[]): number {
  const values: number[] = [];
  for (let i = 1; i < residuals.length; i++) {
    const difference = (residuals[i] as number) - (residuals[i - 1] as number);
    values.push((difference ** 2 / 2) * (known[i] as Minute).requests);
  }
  values.sort((a, b) => a - b);
  const kept = values.slice(0, Math.ceil(values.length * 0.95));
  return kept.length === 0 ? defaultSampling : sum(kept) / kept.length / 0.77;
}

/** Bad minutes of every excursion that was strong enough at its height. */
function peaksOf(
  history: readonly Minute[],
  effect: { readonly ratio: number; readonly leastRatio: number; readonly unitMs: number },
  measure: (minute: Minute) => { evidence: number; found: number; expected: number },
): number[] {
  const path: Path = {
    effect: effect.ratio,
    leastRatio: effect.leastRatio,
    latestStart: Number.POSITIVE_INFINITY,
    until: Number.POSITIVE_INFINITY,
    badMinutes: 8,
    evidence: 10,
    leastShare: 0,
    slow: false,
    chance: 1,
  };
  const peaks: number[] = [];
  let excursion: Excursion = noExcursion;
  let peak = 0;
  for (const minute of history) {
    const minutes = minute.durationMs / effect.unitMs;
    excursion = advanceExcursion(excursion, path, {
      ...measure(minute),
      requests: minute.requests,
      minutes,
      at: minute.atMs / effect.unitMs,
    });
    if (excursion.since === null) {
      if (peak >= 1) peaks.push(Math.round(peak * 10) / 10);
      peak = 0;
    } else if (ratioOf(excursion) >= effect.leastRatio) {
      peak = Math.max(peak, progressOf(excursion, path) * path.badMinutes);
    }
  }
  if (peak >= 1) peaks.push(Math.round(peak * 10) / 10);
  return peaks.toSorted((a, b) => b - a).slice(0, 40);
}

function memoryHabits(history: readonly Minute[]): MemoryHabits | null {
  const values = history.flatMap((minute) => (minute.memoryPercent === null ? [] : [minute.memoryPercent]));
  if (values.length < 60) return null;
  const floors: number[] = [];
  for (let from = 0; from + 30 <= values.length; from += 30)
    floors.push(values.slice(from, from + 30).reduce((least, value) => Math.min(least, value), 100));
  let steepest = 0;
  for (let i = 4; i < floors.length; i++)
    steepest = Math.max(steepest, (floors[i] as number) - (floors[i - 4] as number));
  return { highestFloor: Math.max(...floors), highest: values.reduce((a, b) => Math.max(a, b), 0), steepest };
}

/** Without the worst hundredth: one outage of yesterday must not hide today's. */
function healthHabits(history: readonly Minute[]): number {
  const failed = history.map((minute) => minute.failedHealthChecks ?? 0);
  const sums = failed.slice(4).map((_, i) => sum(failed.slice(i, i + 5)));
  sums.sort((a, b) => a - b);
  return sums[Math.floor(0.99 * (sums.length - 1))] ?? 0;
}

function dbHabits(history: readonly Minute[]): number | null {
  const known = history.flatMap((minute) =>
    minute.dbConnectionErrors === null ? [] : [minute.dbConnectionErrors],
  );
  if (known.length < 60) return null;
  const pairs = known.slice(1).map((value, i) => value + (known[i] as number));
  pairs.sort((a, b) => a - b);
  return pairs[Math.min(pairs.length - 1, Math.floor(0.999 * pairs.length))] ?? 0;
}

function total<Item>(items: readonly Item[], amountOf: (item: Item) => number): number {
  let result = 0;
  for (const item of items) result += amountOf(item);
  return result;
}

function sum(values: ArrayLike<number>): number {
  let result = 0;
  for (let i = 0; i < values.length; i++) result += values[i] ?? 0;
  return result;
}

function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
