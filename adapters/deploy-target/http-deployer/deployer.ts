import { createHash, randomUUID } from 'node:crypto';
import { askJson, type JsonAnswer, type JsonQuestion } from '../../http/ask-json.ts';
import { signatureHeaders } from '../../notify/webhook.ts';

/** One deployer and what can be said to it. Errors name the address and hold no secret. */
export interface Deployer {
  /** Looks, acts on nothing. */
  ask(what: string, names: Names, signal: AbortSignal): Promise<unknown>;
  /** Has it act; `null`: it is done already. */
  tell(action: string, names: Names, signal: AbortSignal): Promise<AcceptedJob | null>;
  look(job: AcceptedJob, signal: AbortSignal): Promise<JobState>;
  /** A signed question; `null`: the deployer has no answer to such. */
  check(service: string, signal: AbortSignal): Promise<unknown>;
  /** How errors call the place. */
  place(what: string): string;
  /** What the deployer said, as it may be shown. */
  words(text: string): string;
}

export interface AcceptedJob {
  readonly statusUrl: URL;
  readonly detail: string | null;
}

export interface JobState {
  readonly status: 'running' | 'succeeded' | 'failed';
  readonly detail: string | null;
}

/** It may be there again in a moment. */
export class PassingFault extends Error {
  readonly retryAfterMs: number | null;
  constructor(message: string, retryAfterMs: number | null = null) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

type Names = Readonly<Record<string, string>>;

interface DeployerOptions {
  readonly url: string;
  readonly key: Buffer;
  readonly bearerToken?: string;
  readonly timeoutMs: number;
}

const maxBytes = 1024 * 1024;
/** A deployer that asks for more patience is asked again after this. */
const longestWaitMs = 30_000;

export function createDeployer({ url, key, bearerToken, timeoutMs }: DeployerOptions): Deployer {
  const base = checkedBase(url);
  const authorization: Record<string, string> =
    bearerToken === undefined ? {} : { authorization: `Bearer ${bearerToken}` };
  const at = (what: string) => new URL(`${base.href}${what}`);
  const place = (what: string) => `deployer ${at(what).href}`;
  const words = (text: string) => shown(text, bearerToken);
  const send = async (question: Pick<JsonQuestion, 'method' | 'url' | 'body' | 'headers' | 'signal'>) => {
    const headers = { ...question.headers, ...authorization };
    const answer = await askJson({ ...question, headers, timeoutMs, maxBytes });
    question.signal.throwIfAborted();
    return answer;
  };
  const tell = (action: string, names: Names, signal: AbortSignal) => {
    const body = JSON.stringify({ type: `rollback.${action}`, ...names });
    // A repeated step is the same message; a question without a key is a new one each time.
    const identified = names.key === undefined ? `${body}${randomUUID()}` : body;
    const id = createHash('sha256').update(identified).digest('hex').slice(0, 32);
    const signature = signatureHeaders(key, `msg_${id}`, Math.floor(Date.now() / 1_000), body);
    const identity: Record<string, string> =
      names.key === undefined ? {} : { 'idempotency-key': idempotencyKey(action, names) };
    const headers = { 'content-type': 'application/json', ...signature, ...identity };
    return send({ method: 'POST', url: at(action), body, headers, signal });
  };

  return {
    place,
    words,
    async ask(what, names, signal) {
      const question = new URL(`${at(what).href}?${new URLSearchParams(names)}`);
      return jsonOf(place(what), await send({ method: 'GET', url: question, signal }), words);
    },
    async tell(action, names, signal) {
      const answer = await tell(action, names, signal);
      if (answer.kind !== 'answered') throw faultOf(place(action), answer, words);
      if (answer.status === 202) return jobOf(place(action), base, answer, words);
      refuseHalfDone(place(action), answer, words);
      return null;
    },
    async look({ statusUrl }, signal) {
      const named = `deployer ${statusUrl.origin}${statusUrl.pathname}`;
      const answer = jsonOf(named, await send({ method: 'GET', url: statusUrl, signal }), words);
      return stateOf(named, answer, words);
    },
    async check(service, signal) {
      const answer = await tell('check', { service }, signal);
      if (answer.kind === 'refused' && answer.status === 404) return null;
      if (answer.kind !== 'answered') throw faultOf(place('check'), answer, words);
      return answer.value;
    },
  };
}

/** An address is shown in every reason, so it may hold nothing that is not. */
function checkedBase(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const open = parsed !== null && /^https?:$/.test(parsed.protocol) && !parsed.username && !parsed.password;
  if (!open || parsed.search !== '' || parsed.hash !== '')
    throw new Error(
      'http: url must be an http or https address without name, password, query and fragment; secrets go into bearer_token',
    );
  return new URL(parsed.href.endsWith('/') ? parsed.href : `${parsed.href}/`);
}

/** One step's key is the same for every service and for restoring and restarting; a deployer may keep keys in one table. */
function idempotencyKey(action: string, { service, key }: Names): string {
  return encodeURI(`${key}/${service}/${action}`);
}

/** Neither line breaks nor our own token out of somebody else's mouth. */
function shown(text: string, bearerToken: string | undefined): string {
  const open = bearerToken === undefined || bearerToken === '' ? text : text.replaceAll(bearerToken, '…');
  return open
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, 1_000);
}

type Words = (text: string) => string;

function jsonOf(place: string, answer: JsonAnswer, words: Words): unknown {
  if (answer.kind !== 'answered') throw faultOf(place, answer, words);
  if (answer.value !== undefined) return answer.value;
  throw new Error(`${place} answered ${answer.contentType || 'without content type'}, which is not JSON`);
}

function faultOf(
  place: string,
  answer: Exclude<JsonAnswer, { readonly kind: 'answered' }>,
  words: Words,
): Error {
  if (answer.kind !== 'refused') {
    const message = `${place}: ${answer.found}`;
    if (answer.kind === 'too_large') return new Error(message);
    const { retryAfterMs = null } = answer;
    return new PassingFault(message, retryAfterMs === null ? null : Math.min(retryAfterMs, longestWaitMs));
  }
  const { error } = (answer.value ?? {}) as { readonly error?: unknown };
  const said = typeof error === 'string' ? `: ${words(error)}` : '';
  const message = `${place}: ${answer.found}${said}${hints[answer.status] ?? ''}`;
  return answer.status >= 500 && answer.status !== 501 ? new PassingFault(message) : new Error(message);
}

const hints: Readonly<Record<number, string>> = {
  401: '; bearer_token and secret must be those of the deployer',
  403: '; bearer_token and secret must be those of the deployer',
  404: '; the deployer must answer there, see docs/deployers.md',
};

function jobOf(
  place: string,
  base: URL,
  { value, headers }: Extract<JsonAnswer, { readonly kind: 'answered' }>,
  words: Words,
): AcceptedJob {
  const { status_url, detail } = (value ?? {}) as Record<string, unknown>;
  const written = status_url ?? headers.location;
  if (typeof written !== 'string' || !URL.canParse(written, base.href))
    throw new Error(`${place} answered 202 without a status_url: nobody knows when it is done`);
  const statusUrl = new URL(written, base);
  // The token goes with the question: nobody else may name who gets it.
  if (statusUrl.origin !== base.origin)
    throw new Error(
      `${place} answered 202 with a status_url on another host, ${statusUrl.origin}: not asked`,
    );
  return { statusUrl, detail: typeof detail === 'string' ? words(detail) : null };
}

/** The sign-in page of a proxy is a 200, too. */
function refuseHalfDone(
  place: string,
  { status, value, contentType }: Extract<JsonAnswer, { readonly kind: 'answered' }>,
  words: Words,
): void {
  if (status === 204) return;
  if (value === undefined)
    throw new Error(`${place} answered ${contentType || 'without content type'}, which is not JSON`);
  const { status: told = 'succeeded', detail } = (value ?? {}) as Record<string, unknown>;
  if (told === 'succeeded') return;
  const why = typeof detail === 'string' ? `: ${words(detail)}` : '';
  throw new Error(`${place} answered ${status} with status ${words(JSON.stringify(told))}${why}`);
}

function stateOf(place: string, value: unknown, words: Words): JobState {
  const { status, detail } = (value ?? {}) as Record<string, unknown>;
  if (status !== 'running' && status !== 'succeeded' && status !== 'failed') {
    const found = JSON.stringify(status) ?? 'nothing';
    throw new Error(`${place}: status is ${words(found)}; allowed: running, succeeded, failed`);
  }
  return { status, detail: typeof detail === 'string' && detail !== '' ? words(detail) : null };
}
