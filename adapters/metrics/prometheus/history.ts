import type { Readings } from '../../../domain/counters.ts';
import type { Counts, Sample } from '../../../domain/sample.ts';
import type { History, HistoryRequest } from '../metrics-source.ts';
import type { PrometheusApi } from './api.ts';
import { askAll, blind, noStatus, placeholdersOf, type Settings, signalsOf } from './ask.ts';
import { countStep } from './counts.ts';
import type { Signal } from './queries.ts';
import { readingsAlong, tellsErrors } from './readings.ts';

/** Fewer than the 11,000 points that Prometheus allows a series, so that an answer of many series stays small. */
const mostPoints = 1_000;
/** A question about the past covers more and may take longer. */
const historyTimeoutMs = 60_000;
/** After a longer time without values counting begins anew. */
const longestGapSteps = 3;

/** What nothing is learned from. */
const unjudged: readonly Signal[] = ['newest', 'cpuSeconds', 'affectedUsers'];

/** The past in steps, as checks of that length would have counted it. */
export async function history(
  api: PrometheusApi,
  settings: Settings,
  request: HistoryRequest,
): Promise<History> {
  const { sinceMs, untilMs, stepMs, signal } = request;
  const about = placeholdersOf(settings, request, null);
  const signals = signalsOf(settings).filter((name) => !unjudged.includes(name));
  const samples: Sample[] = [];
  let base: Readings | null = null;
  let isKnown = false;
  // On multiples of the step, or VictoriaMetrics would move it there.
  const firstMs = Math.ceil(sinceMs / stepMs) * stepMs;
  for (let fromMs = firstMs; fromMs <= untilMs; fromMs += mostPoints * stepMs) {
    const length = Math.min(mostPoints, Math.floor((untilMs - fromMs) / stepMs) + 1);
    const timesMs = Array.from({ length }, (_, i) => fromMs + i * stepMs);
    const question = { about, signals, timesMs, timeoutMs: historyTimeoutMs, signal };
    const asked = await askAll(api, { ...settings, resolutionMs: stepMs }, question);
    if ('failure' in asked) return blind(settings, asked);
    const { answers, warnings } = asked;
    if (warnings.length > 0) {
      const reason = `${settings.address}: part of the data is missing: ${warnings[0]}`;
      return { kind: 'error', reason };
    }
    if (!tellsErrors(answers)) return noStatus(settings.address);
    isKnown ||= (answers.requests ?? []).length > 0;
    for (const step of readingsAlong(answers, timesMs, settings)) {
      const previous: Readings | null =
        base !== null && step.atMs - base.atMs > longestGapSteps * stepMs ? null : base;
      const found = countStep(previous, step);
      if (previous !== null) samples.push(sampleOf(found.counts, previous.atMs, step.atMs));
      base = found.base;
    }
  }
  // A process of which memory alone is known was not without requests: they were asked for wrongly.
  if (!isKnown || samples.length === 0) {
    const reason = `${settings.address}: no series matches the query for requests in that time`;
    return { kind: 'no_data', reason };
  }
  return { kind: 'read', samples };
}

function sampleOf(counts: Counts, fromMs: number, atMs: number): Sample {
  return {
    ...counts,
    tick: atMs,
    regular: true,
    atMs,
    durationMs: atMs - fromMs,
    probes: [],
    missing: [],
  };
}
