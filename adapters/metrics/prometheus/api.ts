import { askJson, type JsonAnswer } from '../../http/ask-json.ts';
import { classicSeries } from './native-histogram.ts';

/** How the HTTP API is reached; Thanos, Mimir and VictoriaMetrics serve the same one below a path of their own. */
export interface PrometheusAccess {
  /** What stands before `/api/v1`. */
  readonly url: string;
  /** As sent, secrets included. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface RangeQuery {
  readonly query: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  /** For everything, from connecting to the last byte. */
  readonly timeoutMs: number;
  /** Of the body as sent and, separately, decompressed. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** The service that it is about, where others may ask the same of theirs. */
  readonly service?: string;
}

/** One series of a matrix. Points are numbers only: what is `NaN` or infinite is left out. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly points: readonly { readonly atMs: number; readonly value: number }[];
}

export type RangeAnswer =
  | {
      readonly kind: 'answered';
      readonly series: readonly Series[];
      /** Why data may be missing, where the server says so: a store that did not answer. */
      readonly warnings: readonly string[];
    }
  | RangeFailure;

export interface RangeFailure {
  readonly kind: 'error' | 'timeout' | 'rate_limited';
  readonly found: string;
  /** How long the server asks to wait, where it says so. */
  readonly retryAfterMs?: number;
  /** The question may be too large, and a smaller one be answered. */
  readonly isTooMuch?: boolean;
}

/** The one door to the server. Never throws: not being able to ask is an answer. */
export interface PrometheusApi {
  /** `/api/v1/query_range`. */
  range(query: RangeQuery): Promise<RangeAnswer>;
}

/** A server that asks for more patience than this is asked again all the same: a day of it would blind a whole watch. */
const longestHoldMs = 5 * 60_000;

export function createPrometheusApi({ url, headers }: PrometheusAccess): PrometheusApi {
  const address = `${url.replace(/\/+$/, '')}/api/v1/query_range`;
  let heldUntilMs = 0;
  return {
    async range(query) {
      const holdMs = heldUntilMs - Date.now();
      if (holdMs > 0) return { kind: 'rate_limited', found: `asked to wait ${seconds(holdMs)} more` };
      const answer = await ask(address, headers, query);
      if (answer.kind === 'rate_limited' && answer.retryAfterMs !== undefined)
        heldUntilMs = Date.now() + Math.min(answer.retryAfterMs, longestHoldMs);
      return answer;
    },
  };
}

async function ask(
  address: string,
  headers: PrometheusAccess['headers'],
  query: RangeQuery,
): Promise<RangeAnswer> {
  // POST, as the API documents it for queries that are too long for a URL.
  const answer = await askJson({
    method: 'POST',
    url: address,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: formOf(query),
    timeoutMs: query.timeoutMs,
    maxBytes: query.maxBytes,
    signal: query.signal,
  });
  switch (answer.kind) {
    case 'answered':
      return matrixOf(answer.value, answer.contentType);
    case 'refused':
      return { ...refusal(answer), isTooMuch: [400, 413, 414, 422].includes(answer.status) };
    case 'too_large':
      return { kind: 'error', found: answer.found, isTooMuch: true };
    default: {
      const kind = answer.kind === 'timeout' || answer.kind === 'rate_limited' ? answer.kind : 'error';
      const { retryAfterMs } = answer;
      return { kind, found: answer.found, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    }
  }
}

function formOf({ query, startMs, endMs, stepMs, timeoutMs }: RangeQuery): string {
  return new URLSearchParams({
    query,
    start: String(startMs / 1_000),
    end: String(endMs / 1_000),
    step: String(stepMs / 1_000),
    timeout: `${timeoutMs}ms`,
  }).toString();
}

function matrixOf(value: unknown, contentType: string): RangeAnswer {
  const envelope = envelopeOf(value);
  if (envelope === null) return { kind: 'error', found: notPrometheus(contentType) };
  if (envelope.status !== 'success') return failureOf('', envelope);
  const series = seriesOf(envelope.data);
  if (series === null) return { kind: 'error', found: 'the answer is JSON, but not a matrix of series' };
  return { kind: 'answered', series, warnings: partsMissing(envelope) };
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1_000)} s`;
}

interface Envelope {
  readonly status?: unknown;
  readonly data?: unknown;
  readonly errorType?: unknown;
  readonly error?: unknown;
  readonly warnings?: unknown;
  readonly isPartial?: unknown;
}

function envelopeOf(value: unknown): Envelope | null {
  return isObject(value) && 'status' in value ? value : null;
}

function notPrometheus(contentType: string): string {
  return /json/i.test(contentType)
    ? 'the answer is not the JSON of the Prometheus API'
    : `not the Prometheus API: ${contentType || 'no content type'} instead of JSON`;
}

function refusal({ status, value, found }: Extract<JsonAnswer, { kind: 'refused' }>): RangeFailure {
  const envelope = envelopeOf(value);
  if (envelope !== null) return failureOf(`${found}: `, envelope);
  return { kind: 'error', found: status === 404 ? `${found}: no /api/v1/query_range there` : found };
}

/** The server's own time limit is `503` with the error type `timeout`. */
function failureOf(before: string, { errorType, error }: Envelope): RangeFailure {
  const sentence = `${before}${String(errorType ?? 'error')}: ${String(error ?? 'without a reason')}`;
  return { kind: errorType === 'timeout' ? 'timeout' : 'error', found: sentence.slice(0, 300) };
}

/** `null`: not a matrix. Native histograms come as `histograms` instead of `values`. */
function seriesOf(data: unknown): Series[] | null {
  if (!isObject(data) || data.resultType !== 'matrix' || !Array.isArray(data.result)) return null;
  return data.result.filter(isObject).flatMap(({ metric, values, histograms }): Series[] => {
    const labels = isObject(metric) ? (metric as Record<string, string>) : {};
    const native = Array.isArray(histograms) ? classicSeries(labels, histograms) : [];
    return [...native, { labels, points: Array.isArray(values) ? values.flatMap(pointOf) : [] }];
  });
}

function pointOf(pair: unknown): Series['points'] {
  if (!Array.isArray(pair)) return [];
  const [at, text] = pair as [unknown, unknown];
  const value = typeof text === 'string' ? Number(text) : Number.NaN;
  return typeof at === 'number' && Number.isFinite(value) ? [{ atMs: Math.round(at * 1_000), value }] : [];
}

/**
 * What Prometheus remarks on the query itself stands among the warnings too, and is no data that is missing.
 * VictoriaMetrics says `isPartial` instead.
 */
function partsMissing({ warnings, isPartial }: Envelope): string[] {
  const texts = Array.isArray(warnings) ? warnings.map(String) : [];
  const missing = texts.filter((text) => !text.startsWith('PromQL '));
  return isPartial === true ? ['the server calls its answer partial', ...missing] : missing;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
