import { STATUS_CODES } from 'node:http';
import { type Dispatcher, request } from 'undici';
import { boundedBody, describeNetworkError, TooLarge } from '../read-page.ts';

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
  if (!URL.canParse(address)) return { kind: 'error', found: 'not a valid URL' };
  const deadline = AbortSignal.timeout(query.timeoutMs);
  const signal = AbortSignal.any([deadline, query.signal]);
  try {
    // POST, as the API documents it for queries that are too long for a URL.
    const response = await request(address, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
        'accept-encoding': 'gzip',
        ...headers,
      },
      body: formOf(query),
      signal,
    });
    return await read(response, query.maxBytes);
  } catch (error) {
    if (query.signal.aborted) return { kind: 'error', found: 'the check was cancelled' };
    if (deadline.aborted)
      return { kind: 'timeout', found: `no complete answer within ${query.timeoutMs} ms` };
    return { kind: 'error', found: error instanceof TooLarge ? error.message : describeNetworkError(error) };
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

/** Of the body of a failure only its sentence is of use. */
const mostOfFailure = 65_536;

async function read(response: Dispatcher.ResponseData, maxBytes: number): Promise<RangeAnswer> {
  const { statusCode, headers } = response;
  const failed = statusCode !== 200;
  const body = await textOf(response, failed ? mostOfFailure : maxBytes).catch((error: unknown) => {
    // A refusal stands, however its body ends.
    if (failed) return '';
    throw error;
  });
  if (statusCode === 429) return rateLimited(headers['retry-after']);
  const envelope = envelopeOf(body);
  if (failed) return refusal(statusCode, envelope);
  if (envelope === null) return { kind: 'error', found: notJson(headers['content-type']) };
  if (envelope.status !== 'success') return failureOf('', envelope);
  const series = seriesOf(envelope.data);
  if (series === null) return { kind: 'error', found: 'the answer is JSON, but not a matrix of series' };
  return { kind: 'answered', series, warnings: partsMissing(envelope) };
}

async function textOf(response: Dispatcher.ResponseData, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of boundedBody(response, maxBytes)) text += decoder.decode(piece, { stream: true });
  return text + decoder.decode();
}

function rateLimited(header: string | string[] | undefined): RangeFailure {
  const retryAfterMs = retryAfter(String(header ?? ''));
  const found = 'HTTP 429 Too Many Requests';
  if (retryAfterMs === null) return { kind: 'rate_limited', found };
  return { kind: 'rate_limited', found: `${found}, asks to wait ${seconds(retryAfterMs)}`, retryAfterMs };
}

/** Seconds or a date, as HTTP has it. */
function retryAfter(header: string): number | null {
  if (/^\d+$/.test(header.trim())) return Number(header) * 1_000;
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - Date.now());
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

function envelopeOf(body: string): Envelope | null {
  try {
    const value = JSON.parse(body) as unknown;
    return isObject(value) && 'status' in value ? value : null;
  } catch {
    return null;
  }
}

function notJson(type: string | string[] | undefined): string {
  return /json/i.test(String(type ?? ''))
    ? 'the answer is not the JSON of the Prometheus API'
    : `not the Prometheus API: ${String(type ?? 'no content type')} instead of JSON`;
}

function refusal(statusCode: number, envelope: Envelope | null): RangeFailure {
  const status = `HTTP ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trim();
  if (envelope !== null) return failureOf(`${status}: `, envelope);
  if (statusCode >= 300 && statusCode < 400)
    return { kind: 'error', found: `${status}: a redirect, which is not followed` };
  return { kind: 'error', found: statusCode === 404 ? `${status}: no /api/v1/query_range there` : status };
}

/** The server's own time limit is `503` with the error type `timeout`. */
function failureOf(before: string, { errorType, error }: Envelope): RangeFailure {
  const sentence = `${before}${String(errorType ?? 'error')}: ${String(error ?? 'without a reason')}`;
  return { kind: errorType === 'timeout' ? 'timeout' : 'error', found: sentence.slice(0, 300) };
}

/** `null`: not a matrix. Native histograms come as `histograms` instead of `values` and are no numbers. */
function seriesOf(data: unknown): Series[] | null {
  if (!isObject(data) || data.resultType !== 'matrix' || !Array.isArray(data.result)) return null;
  return data.result.filter(isObject).map(({ metric, values }) => ({
    labels: isObject(metric) ? (metric as Record<string, string>) : {},
    points: Array.isArray(values) ? values.flatMap(pointOf) : [],
  }));
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
