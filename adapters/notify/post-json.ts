import { type Dispatcher, request } from 'undici';
import { parseRetryAfter } from '../http/ask-json.ts';
import { RefusedAddress } from '../http/guarded-agent.ts';
import { DeliveryError } from './delivery-error.ts';

export interface Post {
  /** How the channel is called in errors: `Slack`. */
  readonly channel: string;
  readonly url: URL;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For everything, from connecting to the last byte of the answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** What else than the URL an answer must not quote. */
  readonly secrets?: readonly string[];
}

/** Posts JSON to a secret URL; any answer but 2xx throws a DeliveryError without that URL. No redirect is followed. */
export async function postJson(post: Post): Promise<void> {
  const deadline = AbortSignal.timeout(post.timeoutMs);
  const signal = AbortSignal.any([deadline, post.signal]);
  const headers = { 'content-type': 'application/json', ...post.headers };
  const options = { method: 'POST', headers, body: post.body, signal, reset: true } as const;
  try {
    const response = await request(post.url, options);
    const answer = await readAnswer(response);
    if (response.statusCode < 200 || response.statusCode > 299) throw refusal(post, response, answer);
  } catch (error) {
    if (error instanceof DeliveryError) throw error;
    if (post.signal.aborted) throw new DeliveryError(`${post.channel}: sending was cancelled`);
    if (deadline.aborted)
      throw new DeliveryError(`${post.channel} did not answer within ${post.timeoutMs} ms`);
    throw new DeliveryError(`${post.channel} could not be reached: ${networkError(error)}`);
  }
}

/** Checks a URL that is a secret: Node's own error would quote it. */
export function secretUrl(channel: string, url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed !== null && /^https?:$/.test(parsed.protocol)) return parsed;
  throw new Error(`the ${channel} webhook's URL is not a valid http or https URL`);
}

/** An answer is for a sentence; what a broken proxy sends beyond this is not read. */
const maxAnswerBytes = 4_096;

async function readAnswer(response: Dispatcher.ResponseData): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of response.body as AsyncIterable<Buffer>) {
    pieces.push(piece);
    size += piece.length;
    if (size >= maxAnswerBytes) break;
  }
  return Buffer.concat(pieces).toString('utf8').slice(0, 300).trim();
}

function refusal(post: Post, response: Dispatcher.ResponseData, answer: string): DeliveryError {
  const { statusCode } = response;
  const retryAfterMs = parseRetryAfter(response.headers['retry-after']);
  const wait = retryAfterMs === null ? '' : `, retry after ${Math.ceil(retryAfterMs / 1_000)} s`;
  const said = answer === '' ? '' : `: ${withoutSecret(answer, post)}`;
  const permanent = statusCode >= 300 && statusCode < 500 && statusCode !== 408 && statusCode !== 429;
  return new DeliveryError(`${post.channel} answered ${statusCode}${wait}${said}`, {
    retryAfterMs,
    permanent,
  });
}

/** A server may quote the path it was asked for, and the path is the secret. */
function withoutSecret(answer: string, { url, secrets: others = [] }: Post): string {
  const parts = [url.href, url.pathname + url.search, url.pathname, url.search, url.username, url.password];
  const secrets = [...others, ...parts];
  return secrets
    .filter((secret) => secret.length > 3)
    .reduce((text, secret) => text.replaceAll(secret, '…'), answer);
}

function networkError(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  // A link-local host is no secret, and nothing else of the URL is in it.
  if (error instanceof RefusedAddress) return error.message;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
