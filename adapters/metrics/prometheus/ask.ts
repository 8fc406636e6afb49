import type { Measurement, MeasureRequest } from '../metrics-source.ts';
import type { PrometheusApi, RangeFailure } from './api.ts';
import { fillQuery, type Placeholders, type Queries, type Signal, signals } from './queries.ts';
import type { Answers, ReadingSettings } from './readings.ts';

/** How one service is asked for. */
export interface Settings extends ReadingSettings {
  readonly url: string;
  readonly address: string;
  readonly queries: Queries;
  readonly selector: string;
  readonly resolutionMs: number;
  readonly settleMs: number;
  readonly staleAfterMs: number;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly format: string;
}

export type Blindness = Exclude<Measurement, { readonly kind: 'measured' }>;

export function placeholdersOf(
  { selector, instanceLabel, endpointLabel }: Settings,
  { product, environment, service }: Pick<MeasureRequest, 'product' | 'environment' | 'service'>,
  releases: readonly string[] | null,
): Placeholders {
  return { product, environment, service, releases, selector, instanceLabel, endpointLabel };
}

export function signalsOf({ queries }: Settings): Signal[] {
  return signals.filter((signal) => queries[signal] !== undefined);
}

export interface Question {
  readonly about: Placeholders;
  readonly signals: readonly Signal[];
  readonly timesMs: readonly number[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export type Asked =
  | {
      readonly answers: Answers;
      readonly warnings: readonly string[];
      readonly unanswered: readonly string[];
    }
  | { readonly failure: RangeFailure; readonly signal: Signal };

/**
 * Gauges are known again with the next check. Without one of the counters a check counts nothing: at its return it would count
 * everything since its process started.
 */
const gauges: readonly Signal[] = ['memoryBytes', 'memoryPercent', 'affectedUsers'];

export async function askAll(api: PrometheusApi, settings: Settings, question: Question): Promise<Asked> {
  const { timesMs, timeoutMs, signal } = question;
  const found = await Promise.all(
    question.signals.map(async (name) => {
      const query = fillQuery(settings.queries[name] ?? '', question.about);
      const answer = await api.range({
        query,
        startMs: timesMs[0] as number,
        endMs: timesMs.at(-1) as number,
        stepMs: settings.resolutionMs,
        timeoutMs,
        maxBytes: settings.maxBytes,
        signal,
        service: question.about.service,
      });
      return { name, answer };
    }),
  );
  const answers: Partial<Record<Signal, Answers[Signal]>> = {};
  const warnings: string[] = [];
  const unanswered: string[] = [];
  for (const { name, answer } of found) {
    if (answer.kind === 'answered') {
      answers[name] = answer.series;
      warnings.push(...answer.warnings);
    } else if (gauges.includes(name)) unanswered.push(`${name}: ${answer.found}`);
    else return { failure: answer, signal: name };
  }
  return { answers: answers as Answers, warnings: [...new Set(warnings)], unanswered };
}

export function blind(
  { address }: Settings,
  { failure, signal }: { readonly failure: RangeFailure; readonly signal: Signal },
): Blindness {
  return { kind: failure.kind, reason: `${address}, asked for ${signal}: ${failure.found}` };
}

export function noStatus(address: string): Blindness {
  return {
    kind: 'no_data',
    reason: `${address}: no series of the requests has a status, so errors cannot be told`,
  };
}
