import {
  advanceExcursion,
  type Excursion,
  noExcursion,
  type Path,
  progressOf,
  ratioOf,
} from '../excursion.ts';
import type { Minute } from './habits.ts';

/** Times of the checks that are not held against the service, since the neighbours were sick as well. */
export type Excused = ReadonlySet<number>;

/** Bad minutes of every excursion that was strong enough at its height, and was the service's own. */
export function peaksOf(
  history: readonly Minute[],
  effect: { readonly ratio: number; readonly leastRatio: number; readonly unitMs: number },
  excused: Excused,
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
    slowness: 0,
    chance: 1,
  };
  const peaks: number[] = [];
  let excursion: Excursion = noExcursion;
  let peak = 0;
  for (const minute of history) {
    const minutes = minute.durationMs / effect.unitMs;
    const { evidence, found, expected } = measure(minute);
    const held = excused.has(minute.atMs);
    excursion = advanceExcursion(excursion, path, {
      evidence: held ? Math.min(0, evidence) : evidence,
      found: held ? Math.min(found, expected) : found,
      expected,
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
