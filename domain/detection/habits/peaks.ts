import {
  advanceExcursion,
  type Excursion,
  noExcursion,
  type Path,
  progressOf,
  ratioOf,
} from '../excursion.ts';
import type { Minute } from './habits.ts';

/** Bad minutes of every excursion that was strong enough at its height. */
export function peaksOf(
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
