import { askJson } from '../../http/ask-json.ts';
import type { Blindness } from '../per-instance.ts';
import { floorTo, type StepSignal, type StepsOf } from '../steps.ts';

export interface DatadogAccess {
  /** `https://api.<site>`. */
  readonly url: string;
  readonly apiKey: string;
  readonly applicationKey: string;
}

export interface DatadogQuestion {
  /** Filled in. */
  readonly queries: readonly (readonly [StepSignal, string])[];
  readonly fromMs: number;
  readonly untilMs: number;
  readonly stepMs: number;
  readonly latencyUnit: 'seconds' | 'milliseconds';
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export type DatadogAnswer = { readonly kind: 'answered'; readonly steps: StepsOf } | Blindness;

/** Asks for all signals at once. Never throws: not being able to ask is an answer. */
export type DatadogApi = (question: DatadogQuestion) => Promise<DatadogAnswer>;

/** A server that asks for more patience than this is asked again all the same. */
const longestHoldMs = 5 * 60_000;

/** `POST /api/v2/query/timeseries`. */
export function createDatadogApi({ url, apiKey, applicationKey }: DatadogAccess): DatadogApi {
  const address = `${url.replace(/\/+$/, '')}/api/v2/query/timeseries`;
  let heldUntilMs = 0;
  return async (question) => {
    const holdMs = heldUntilMs - Date.now();
    if (holdMs > 0) {
      const reason = `${address}: asked to wait ${Math.ceil(holdMs / 1_000)} s more`;
      return { kind: 'rate_limited', reason };
    }
    const { timeoutMs, maxBytes, signal } = question;
    const answer = await askJson({
      method: 'POST',
      url: address,
      headers: {
        'content-type': 'application/json',
        'dd-api-key': apiKey,
        'dd-application-key': applicationKey,
      },
      body: JSON.stringify(bodyOf(question)),
      timeoutMs,
      maxBytes,
      signal,
      waitHeader: 'x-ratelimit-reset',
    });
    if (answer.kind === 'answered') return readAnswer(answer.value, address, question);
    if (answer.kind === 'rate_limited' && answer.retryAfterMs !== undefined)
      heldUntilMs = Date.now() + Math.min(answer.retryAfterMs, longestHoldMs);
    const kind = answer.kind === 'timeout' || answer.kind === 'rate_limited' ? answer.kind : 'error';
    const said = answer.kind === 'refused' ? `${saidIn(answer.value)}${hintFor(answer.status)}` : '';
    return { kind, reason: `${address}: ${answer.found}${said}` };
  };
}

function bodyOf({ queries, fromMs, untilMs, stepMs }: DatadogQuestion) {
  return {
    data: {
      type: 'timeseries_request',
      attributes: {
        from: fromMs,
        to: untilMs,
        interval: stepMs,
        queries: queries.map(([name, query]) => ({ data_source: 'metrics', name, query })),
        formulas: queries.map(([name]) => ({ formula: name })),
      },
    },
  };
}

function hintFor(status: number): string {
  if (status === 401 || status === 403)
    return '; allowed: an API key, and an application key that may query time series (timeseries_query)';
  return status === 404 ? '; is this the address of your site, like https://api.datadoghq.eu?' : '';
}

/** `{"errors": ["…"]}`; with status 200 it is one text. */
function saidIn(value: unknown): string {
  const errors = (value as { errors?: unknown } | null | undefined)?.errors;
  const text = Array.isArray(errors)
    ? errors.map(String).join('; ')
    : typeof errors === 'string'
      ? errors
      : '';
  return text === '' ? '' : `: ${text.slice(0, 300)}`;
}

interface Attributes {
  readonly times?: readonly number[];
  readonly series?: readonly {
    readonly query_index?: number;
    readonly unit?: readonly (Unit | null)[] | null;
  }[];
  readonly values?: readonly (readonly (number | null)[])[];
}

interface Unit {
  readonly family?: string;
  /** Seconds in one of a unit of time. */
  readonly scale_factor?: number;
}

function readAnswer(value: unknown, address: string, question: DatadogQuestion): DatadogAnswer {
  const refused = saidIn(value);
  if (refused !== '') return { kind: 'error', reason: `${address}${refused}` };
  const data = (value as { data?: { attributes?: Attributes } } | null | undefined)?.data;
  const { times, series, values } = data?.attributes ?? {};
  if (!Array.isArray(times) || !Array.isArray(series) || !Array.isArray(values))
    return { kind: 'error', reason: `${address}: the answer is not that of Datadog's time series` };
  const stepMs = times.length < 2 ? question.stepMs : Number(times[1]) - Number(times[0]);
  // Asked for too many points it answers in longer steps, which would be counted as if they were short.
  if (stepMs !== question.stepMs) {
    const reason = `${address}: answers in steps of ${stepMs / 1_000} s, asked for ${question.stepMs / 1_000} s`;
    return { kind: 'error', reason };
  }
  const steps = new Map<StepSignal, Map<number, number>>(question.queries.map(([name]) => [name, new Map()]));
  series.forEach(({ query_index: index, unit }: NonNullable<Attributes['series']>[number], i: number) => {
    const name = question.queries[index ?? i]?.[0];
    const signal = name === undefined ? undefined : steps.get(name);
    if (name === undefined || signal === undefined) return;
    const scale = name === 'latencyMs' ? millisecondsIn(unit, question.latencyUnit) : 1;
    for (const [at, point] of (values[i] ?? []).entries()) {
      const atMs = floorTo(Number(times[at]), question.stepMs);
      if (typeof point !== 'number' || !Number.isFinite(point) || point < 0) continue;
      signal.set(atMs, joined(name, signal.get(atMs), point * scale));
    }
  });
  return { kind: 'answered', steps: Object.fromEntries(steps) };
}

/** Datadog knows the unit of most metrics. */
function millisecondsIn(
  unit: readonly (Unit | null)[] | null | undefined,
  configured: DatadogQuestion['latencyUnit'],
): number {
  const [first] = unit ?? [];
  if (first?.family === 'time' && typeof first.scale_factor === 'number') return first.scale_factor * 1_000;
  return configured === 'seconds' ? 1_000 : 1;
}

/** A query that is grouped gives several series: counts add up, of a gauge the highest counts. */
function joined(name: StepSignal, before: number | undefined, value: number): number {
  if (before === undefined) return value;
  const adds = name === 'requests' || name === 'errors' || name === 'dbConnectionErrors';
  return adds ? before + value : Math.max(before, value);
}
