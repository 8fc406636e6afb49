import { countSlowerThan, type Histogram, histogramTotal, sameBounds } from '../../histogram.ts';
import { seasonAt } from '../season.ts';
import { dispersionOf, errorEvidence } from './errors.ts';
import type { EffectSizes, LatencyHabits, Minute } from './habits.ts';
import { total } from './numbers.ts';
import { peaksOf } from './peaks.ts';

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

/** What is counted as slow: beyond a multiple of the usual percentile. */
export interface TailLook {
  readonly multiplier: number;
  /** A breach has at least this share of such requests; for the trigger's own multiplier its percentile is above that then. */
  readonly leastShare: number;
  readonly leastRatio: number;
}

/** Nothing is held against a release below one slow request in two thousand. */
const leastSlowShare = 0.0005;
const recentMinutes = 120;

/** The trigger's own condition; and a few that are very slow, which a percentile below them does not see. */
export function tailLooks({ latencyMultiplier, latencyQuantile }: EffectSizes): TailLook[] {
  const share = 1 - latencyQuantile;
  return [
    { multiplier: latencyMultiplier, leastShare: share, leastRatio: 1.5 },
    { multiplier: (8 / 3) * latencyMultiplier, leastShare: share / 5, leastRatio: 8 },
  ];
}

/** `null`: no histogram, or too little of it. */
export function tailHabits(
  history: readonly Minute[],
  latency: LatencyHabits | null,
  effects: EffectSizes,
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
  const [look, ...others] = tailLooks(effects);
  if (look === undefined) return null;
  const countsOf = (which: TailLook) => (minute: Minute) =>
    slowRequests(plain, minute, {
      look: which,
      usualMs: Math.exp(seasonAt(latency.level, minute.atMs - minute.durationMs / 2)),
      slowdown: 1,
    }) ?? { found: 0, expected: 0 };
  const slow = countsOf(look);
  const dispersion = dispersionOf(
    known.map((minute) => ({ ...minute, errors: slow(minute).found })),
    (minute) => slow(minute).expected,
    5,
  );
  const recent = known.slice(-recentMinutes);
  const found = total(recent, (minute) => slow(minute).found);
  const expected = total(recent, (minute) => slow(minute).expected);
  return {
    ...plain,
    level: Math.max(1, Math.min(3, (found + 10) / (expected + 10))),
    dispersion,
    peaks: [look, ...others].map((each) =>
      peaksOf(known, { ratio: 3, leastRatio: each.leastRatio, unitMs: effects.latencyUnitMs }, (minute) => {
        const seen = countsOf(each)(minute);
        return { ...seen, evidence: errorEvidence(seen.found, seen.expected, 3, dispersion) };
      }),
    ),
  };
}

/**
 * Slow requests of a check beside what is usual.
 * @param usualMs the percentile at this hour
 * @param slowdown how much slower everything may be for a good reason, at least 1
 * @returns `null`: the check has no such histogram
 */
export function slowRequests(
  habits: Pick<TailHabits, 'boundsMs' | 'slower' | 'usualMs' | 'level'>,
  { histogram, requests }: Pick<Minute, 'histogram' | 'requests'>,
  at: { readonly look: TailLook; readonly usualMs: number; readonly slowdown: number },
): { readonly found: number; readonly expected: number; readonly limitMs: number } | null {
  if (histogram == null || !sameBounds(histogram, { boundsMs: habits.boundsMs, counts: [] })) return null;
  // Of an excused start the trigger's multiple counts, or the start itself, whichever is more.
  const least = Math.max(at.look.multiplier, at.slowdown) * at.usualMs;
  const limitMs = habits.boundsMs.find((bound) => bound >= least);
  if (limitMs === undefined) return null;
  const counted = histogramTotal(histogram as Histogram);
  // Everything scales: at a busy hour, or in a start, the usual tail lies further out.
  const share = shareSlower(habits, limitMs / ((at.usualMs / habits.usualMs) * at.slowdown));
  return {
    found: countSlowerThan(histogram, limitMs),
    expected: (counted > 0 ? counted : requests) * Math.max(leastSlowShare, share * habits.level),
    limitMs,
  };
}

/** Between two bounds the share falls by a power law. */
function shareSlower({ boundsMs, slower }: Pick<TailHabits, 'boundsMs' | 'slower'>, limitMs: number): number {
  const above = boundsMs.findIndex((bound) => bound >= limitMs);
  if (above === 0) return 1;
  if (above < 0) return slower.at(-1) ?? 0;
  const [low, high] = [boundsMs[above - 1] as number, boundsMs[above] as number];
  const [more, less] = [slower[above - 1] ?? 0, slower[above] ?? 0];
  if (less <= 0) return limitMs >= high ? less : more;
  const part = Math.log(limitMs / low) / Math.log(high / low);
  return more * (less / more) ** part;
}
