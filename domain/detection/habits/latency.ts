import { binOf, type Season, seasonAt, seasonBins } from '../season.ts';
import type { EffectSizes, LatencyHabits, Minute } from './habits.ts';
import { median, sum, total } from './numbers.ts';
import { type Excused, peaksOf } from './peaks.ts';
import { weeklyLevel } from './week.ts';

const recentMinutes = 120;
/** Of a service whose percentiles are hardly known: see `LatencyHabits.sampling`. */
export const defaultSampling = 3;
export const defaultDrift = 0.02;

export function latencyHabits(
  history: readonly Minute[],
  effects: EffectSizes,
  excused: Excused = new Set(),
): LatencyHabits | null {
  const known = history.filter((minute) => minute.latencyMs !== null && minute.latencyMs > 0);
  if (known.length < 30) return null;
  const logs = known.map((minute) => Math.log(minute.latencyMs as number));
  const level = weeklyLevel(medianSeason(known, logs), known, logs);
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
    peaksOf(known, { ratio, leastRatio, unitMs: effects.latencyUnitMs }, excused, (minute) => {
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
