import { STATUS_CODES } from 'node:http';
import { type Dispatcher, request } from 'undici';
import { boundedBody, TooLarge } from '../http/bounded-body.ts';
import { describeNetworkError } from '../http/network-error.ts';

export interface PageRequest {
  /** For everything, from connecting to the last byte: a body that drips cannot hold a check. */
  readonly timeoutMs: number;
  /** Of the body as sent and, separately, decompressed. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  onText(text: string): void;
}

export interface PageFailure {
  readonly kind:
    | 'unreachable'
    | 'timeout'
    | 'failed'
    | 'rate_limited'
    | 'too_large'
    | 'not_metrics'
    | 'no_metric';
  readonly found: string;
}

/** Reads one page of text piece by piece. Never throws; a redirect is a failure, since it leads to another host's numbers. */
export async function readPage(
  url: string,
  page: PageRequest,
): Promise<{ readonly kind: 'read' } | PageFailure> {
  if (!URL.canParse(url)) return { kind: 'unreachable', found: 'not a valid URL' };
  const deadline = AbortSignal.timeout(page.timeoutMs);
  const signal = AbortSignal.any([deadline, page.signal]);
  try {
    const headers = { accept: 'text/plain;version=0.0.4', 'accept-encoding': 'gzip' };
    const response = await request(url, { signal, headers, reset: true });
    const refusal = refusalOf(response);
    if (refusal !== null) {
      // undici reports the unread body as an error event, which nobody else would catch: it ends the process.
      response.body.on('error', () => undefined).destroy();
      return refusal;
    }
    const decoder = new TextDecoder();
    for await (const piece of boundedBody(response, page.maxBytes))
      page.onText(decoder.decode(piece, { stream: true }));
    return { kind: 'read' };
  } catch (error) {
    if (page.signal.aborted) return { kind: 'unreachable', found: 'the check was cancelled' };
    if (deadline.aborted) return { kind: 'timeout', found: `no complete answer within ${page.timeoutMs} ms` };
    if (error instanceof TooLarge) return { kind: 'too_large', found: error.message };
    return { kind: 'unreachable', found: describeNetworkError(error) };
  }
}

function refusalOf(response: Dispatcher.ResponseData): PageFailure | null {
  const { statusCode, headers } = response;
  const type = String(headers['content-type'] ?? '');
  if (statusCode === 429) return { kind: 'rate_limited', found: 'HTTP 429 Too Many Requests' };
  if (statusCode >= 300 && statusCode < 400) {
    return { kind: 'failed', found: `HTTP ${statusCode} redirect, which is not followed` };
  }
  if (statusCode !== 200) {
    return { kind: 'failed', found: `HTTP ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trim() };
  }
  if (/^text\/html\b/i.test(type)) return { kind: 'not_metrics', found: `not a metrics page but ${type}` };
  const encoding = String(headers['content-encoding'] ?? 'identity');
  if (encoding !== 'identity' && encoding !== 'gzip') {
    return { kind: 'not_metrics', found: `content encoding ${encoding}, which was not asked for` };
  }
  return null;
}
