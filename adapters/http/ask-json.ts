import { STATUS_CODES } from 'node:http';
import { type Dispatcher, request } from 'undici';
import { boundedBodyText, TooLarge } from './bounded-body.ts';
import { describeNetworkError } from './network-error.ts';

export interface JsonQuestion {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string | URL;
  /** As sent, secrets included; none of them is ever part of an answer's words. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** For everything, from connecting to the last byte: a body that drips cannot hold a check. */
  readonly timeoutMs: number;
  /** Of the body as sent and, separately, decompressed. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** Header of a 429 that says how many seconds to wait, where a vendor has one of its own beside `Retry-After`. */
  readonly waitHeader?: string;
}

/** What a question over HTTP came to. `found` never names the address, which the caller knows and may have to hide. */
export type JsonAnswer =
  /** 2xx. `value` is `undefined` where the body is not JSON. */
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly value: unknown;
      readonly contentType: string;
      readonly headers: Dispatcher.ResponseData['headers'];
    }
  /** Another status; `value` is `undefined` where its body is not JSON. */
  | { readonly kind: 'refused'; readonly status: number; readonly value: unknown; readonly found: string }
  | {
      readonly kind: 'timeout' | 'rate_limited' | 'unreachable' | 'too_large' | 'cancelled';
      readonly found: string;
      /** How long the server asks to wait, where it says so. */
      readonly retryAfterMs?: number;
    };

/** One request and its answer. Never throws: not being able to ask is an answer. Redirects are not followed: they lead elsewhere. */
export async function askJson(question: JsonQuestion): Promise<JsonAnswer> {
  const { url, method, headers, body, timeoutMs } = question;
  if (!URL.canParse(String(url))) return { kind: 'unreachable', found: 'not a valid URL' };
  const deadline = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([deadline, question.signal]);
  try {
    const accepted = { accept: 'application/json', 'accept-encoding': 'gzip' };
    const response = await request(url, {
      method,
      headers: { ...accepted, ...headers },
      ...(body === undefined ? {} : { body }),
      signal,
    });
    return await read(response, question);
  } catch (error) {
    if (question.signal.aborted) return { kind: 'cancelled', found: 'the check was cancelled' };
    if (deadline.aborted) return { kind: 'timeout', found: `no complete answer within ${timeoutMs} ms` };
    if (error instanceof TooLarge) return { kind: 'too_large', found: error.message };
    return { kind: 'unreachable', found: describeNetworkError(error) };
  }
}

/** Of the body of a failure only its sentence is of use. */
const mostOfFailure = 65_536;

async function read(
  response: Dispatcher.ResponseData,
  { maxBytes, waitHeader = 'retry-after' }: JsonQuestion,
): Promise<JsonAnswer> {
  const { statusCode: status, headers } = response;
  const ok = status >= 200 && status <= 299;
  const text = await boundedBodyText(response, ok ? maxBytes : mostOfFailure).catch((error: unknown) => {
    // A refusal stands, however its body ends.
    if (!ok) return '';
    throw error;
  });
  if (status === 429) return rateLimited(headers['retry-after'] ?? headers[waitHeader]);
  const value = parsed(text);
  if (ok)
    return { kind: 'answered', status, value, contentType: String(headers['content-type'] ?? ''), headers };
  return { kind: 'refused', status, value, found: statusWords(status) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function rateLimited(header: string | string[] | undefined): JsonAnswer {
  const retryAfterMs = parseRetryAfter(header);
  const found = 'HTTP 429 Too Many Requests';
  if (retryAfterMs === null) return { kind: 'rate_limited', found };
  const wait = `${Math.ceil(retryAfterMs / 1_000)} s`;
  return { kind: 'rate_limited', found: `${found}, asks to wait ${wait}`, retryAfterMs };
}

function statusWords(status: number): string {
  const words = `HTTP ${status} ${STATUS_CODES[status] ?? ''}`.trim();
  return status >= 300 && status < 400 ? `${words}: a redirect, which is not followed` : words;
}

/** Milliseconds from now, of seconds or a date as HTTP has them; `null`: not said. */
export function parseRetryAfter(header: string | string[] | undefined): number | null {
  const value = String((Array.isArray(header) ? header[0] : header) ?? '').trim();
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - Date.now());
}
