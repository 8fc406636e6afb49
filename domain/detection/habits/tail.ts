import { countSlowerThan, histogramTotal, sameBounds } from '../../histogram.ts';
import { seasonAt } from '../season.ts';
import { dispersionOf, errorEvidence } from './errors.ts';
import type { EffectSizes, LatencyHabits, Minute } from './habits.ts';
import { total } from './numbers.ts';
import { type Excused, peaksOf } from './peaks.ts';

/**
 * How many requests are how slow, where the source has a histogram: counted at a bucket's bound, so that nothing is guessed
 * within a bucket, and so that few requests tell as much as they can.
 */
export interface TailHabits {
  readonly boundsMs: readonly number[];
  /** Share of the requests that were slower than each bound, 0..1, falling. */
  readonly slower: readonly number[];
  /** The percentile that the trigger names over all of it, milliseconds. */
  readonly usualMs: number;
  /** How much more of them the last hours had, at least 1. */
  readonly level: number;
  readonly dispersion: number;
  /** Excursions, in bad minutes, for each of the looks. */
  readonly peaks: readonly (readonly number[])[];
}

/** Which requests are counted as slow, and how many of them are too many. */
export interface TailLook {
  /** They take longer than the first bucket's bound beyond this multiple of the usual percentile. */
  readonly beyond: number;
  /**
   * `scaled`: more of them than if everything took the trigger's multiple of its time, which is what the trigger forbids.
   * `extra`: more of them than usual, a few in a hundred, which a percentile below them does not see.
   */
  readonly than: 'scaled' | 'extra';
  readonly multiplier: number;
  readonly leastShare: number;
  readonly leastRatio: number;
}

/** Nothing is held against a release below one slow request in two thousand. */
const leastSlowShare = 0.0005;
const recentMinutes = 120;

/** The trigger's own condition, and a few requests in a hundred that are very slow. */
export function tailLooks({
  latencyMultiplier: multiplier,
  latencyQuantile,
}: EffectSizes): [TailLook, TailLook] {
  const share = 1 - latencyQuantile;
  return [
    { beyond: 1, than: 'scaled', multiplier, leastShare: 0, leastRatio: 1.05 },
    { beyond: (8 / 3) * multiplier, than: 'extra', multiplier, leastShare: share / 5, leastRatio: 8 },
  ];
}

/** `null`: no histogram, or too little of it. */
export function tailHabits(
  history: readonly Minute[],
  latency: LatencyHabits | null,
  effects: EffectSizes,
  excused: Excused,
): TailHabits | null {
  const newest = history.findLast(({ histogram }) => histogram != null)?.histogram ?? null;
  if (newest === null || latency === null) return null;
  const known = history.filter(({ histogram }) => histogram != null && sameBounds(histogram, newest));
  const counts = newest.counts.map((_, i) => total(known, ({ histogram }) => histogram?.counts[i] ?? 0));
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (known.length < 30 || all < 1_000) return null;
  const slower = newest.boundsMs.map(
    (_, i) => counts.slice(i + 1).reduce((sum, count) => sum + count, 0) / all,
  );
  const levels = known.map((minute) => seasonAt(latency.level, minute.atMs - minute.durationMs / 2));
  const usualMs = Math.exp(levels.reduce((sum, level) => sum + level, 0) / levels.length);
  const plain = { boundsMs: newest.boundsMs, slower, usualMs, level: 1, dispersion: 1, peaks: [] };
  const looks = tailLooks(effects);
  const countsOf = (look: TailLook) => (minute: Minute) =>
    slowRequests(plain, minute, {
      look,
      usualMs: Math.exp(seasonAt(latency.level, minute.atMs - minute.durationMs / 2)),
      slowdown: 1,
    }) ?? nothingCounted;
  const slow = countsOf(looks[0]);
  const dispersion = dispersionOf(
    known.map((minute) => ({ ...minute, errors: slow(minute).found })),
    (minute) => slow(minute).usual,
    5,
  );
  const recent = known.slice(-recentMinutes);
  const found = total(recent, (minute) => slow(minute).found);
  const usual = total(recent, (minute) => slow(minute).usual);
  return {
    ...plain,
    level: Math.max(1, Math.min(3, (found + 10) / (usual + 10))),
    dispersion,
    peaks: looks.map((look) => {
      const countIn = countsOf(look);
      const effect = { ratio: 3, leastRatio: look.leastRatio, unitMs: effects.latencyUnitMs };
      return peaksOf(known, effect, excused, (minute) => slowEvidence(countIn(minute), dispersion));
    }),
  };
}

const nothingCounted: SlowCount = { found: 0, usual: 0, expected: 0, ratio: 2, limitMs: 0 };

/** Slow requests of one check. */
export interface SlowCount {
  readonly found: number;
  /** So many are usual at this hour. */
  readonly usual: number;
  /** More than these are too many. */
  readonly expected: number;
  /** Times these: what the evidence is held against. */
  readonly ratio: number;
  readonly limitMs: number;
}

/** Log likelihood ratio of Poisson's law, with what it rests on. */
export function slowEvidence({ found, expected, ratio }: SlowCount, dispersion: number) {
  return { evidence: errorEvidence(found, expected, ratio, dispersion), found, expected };
}

/** A shift worth noticing above the threshold: from 1.5 to 2, as of the percentile. */
const noticeable = 4 / 3;

/**
 * Slow requests of a check beside what is usual.
 * @param usualMs the percentile at this hour
 * @param slowdown how much slower everything may be for a good reason, at least 1
 * @returns `null`: the check has no such histogram, or its last bucket begins too low
 */
export function slowRequests(
  habits: Pick<TailHabits, 'boundsMs' | 'slower' | 'usualMs' | 'level'>,
  { histogram, requests }: Pick<Minute, 'histogram' | 'requests'>,
  {
    look,
    usualMs,
    slowdown,
  }: { readonly look: TailLook; readonly usualMs: number; readonly slowdown: number },
): SlowCount | null {
  if (histogram == null || !sameBounds(histogram, { boundsMs: habits.boundsMs, counts: [] })) return null;
  const isScaled = look.than === 'scaled';
  const limitMs = habits.boundsMs.find((bound) => bound >= look.beyond * (isScaled ? 1 : slowdown) * usualMs);
  if (limitMs === undefined) return null;
  const all = histogramTotal(histogram) || requests;
  // Everything scales: at a busy hour, or in a start, the usual tail lies further out.
  const shareWhen = (times: number) =>
    Math.max(
      leastSlowShare,
      Math.min(1, shareSlower(habits, limitMs / ((usualMs / habits.usualMs) * times)) * habits.level),
    );
  if (!Number.isFinite(habits.level)) return null;
  const expected = shareWhen(isScaled ? Math.max(look.multiplier, slowdown) : slowdown);
  const worse = isScaled ? shareWhen(noticeable * Math.max(look.multiplier, slowdown)) : 10 * expected;
  return {
    found: countSlowerThan(histogram, limitMs),
    usual: all * shareWhen(1),
    expected: all * expected,
    ratio: Math.max(1.1, Math.min(10, worse / expected)),
    limitMs,
  };
}

const seldom = 0.0001;

/** Between two bounds the share falls by a power law. */
function shareSlower({ boundsMs, slower }: Pick<TailHabits, 'boundsMs' | 'slower'>, limitMs: number): number {
  const above = boundsMs.findIndex((bound) => bound >= limitMs);
  if (above === 0) return 1;
  if (above < 0) return slower.at(-1) ?? 0;
  const [low, high] = [boundsMs[above - 1] as number, boundsMs[above] as number];
  // None in a day is not none for ever, and has no logarithm.
  const [more, less] = [slower[above - 1] as number, slower[above] as number].map((share) =>
    Math.max(seldom, share),
  );
  // A first bucket that begins at 0 has no logarithm.
  const part =
    low > 0 ? Math.log(limitMs / low) / Math.log(high / low) : (limitMs - low) / Math.max(high - low, 1e-9);
  return (more as number) * ((less as number) / (more as number)) ** part;
}
