import { STATUS_CODES } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, request } from 'undici';
import { parseRetryAfter } from '../http/ask-json.ts';
import { boundedBodyText, TooLarge } from '../http/bounded-body.ts';
import { describeNetworkError } from '../http/network-error.ts';
import { orAborted } from '../or-aborted.ts';
import { type ClusterAccess, type Credentials, connect } from './connect.ts';

export interface KubernetesApiOptions extends ClusterAccess {
  /** For one question, its repetitions included; default 5,000 milliseconds. */
  readonly timeoutMs?: number;
  /** Of one answer; default 16 MiB. */
  readonly maxBytes?: number;
}

export type PatchType = 'json-patch' | 'merge-patch';

/**
 * The one door to an API server. Objects are JSON as it is: models of a client would drop the fields that they do not know yet,
 * and what is to be put back must be put back whole.
 */
export interface KubernetesApi {
  /** `null`: the server says that there is no such object, or no such kind. */
  get<T>(path: string, signal: AbortSignal): Promise<T | null>;
  /** Only that it exists: what a Secret holds never leaves the server. */
  exists(path: string, signal: AbortSignal): Promise<boolean>;
  list<T>(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<T[]>;
  patch<T>(path: string, type: PatchType, body: unknown, signal: AbortSignal): Promise<T>;
  post<T>(path: string, body: unknown, signal: AbortSignal): Promise<T>;
  /** The object of that uid and no other; nothing happens when it is gone. */
  remove(path: string, uid: string, signal: AbortSignal): Promise<void>;
}

/** What the API server answered instead of what was asked for. */
export class KubernetesError extends Error {
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

export const fieldManager = 'rollback-orchestrator';

const defaultTimeoutMs = 5_000;
const defaultMaxBytes = 16 * 1024 * 1024;
const pageSize = 500;
/** A server that asks for more patience than this is said to be too busy. */
const longestWaitMs = 2_000;

interface Question {
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal: AbortSignal;
}

export function createKubernetesApi(options: KubernetesApiOptions): KubernetesApi {
  const ask = createAsk(options);
  return {
    get: async (path, signal) => orNull(ask({ method: 'GET', path, signal })),
    exists: async (path, signal) =>
      (await orNull(ask({ method: 'GET', path, signal, accept: metadataOnly }))) !== null,
    async list<T>(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal) {
      const items: T[] = [];
      let next: string | undefined;
      do {
        const page = new URLSearchParams({
          ...query,
          limit: String(pageSize),
          ...(next && { continue: next }),
        });
        const answer = await ask<List<T>>({ method: 'GET', path: `${path}?${page}`, signal });
        items.push(...(answer.items ?? []));
        next = answer.metadata?.continue || undefined;
      } while (next !== undefined);
      return items;
    },
    patch: (path, type, body, signal) =>
      ask({
        method: 'PATCH',
        path: `${path}?fieldManager=${fieldManager}`,
        body,
        contentType: `application/${type}+json`,
        signal,
      }),
    post: (path, body, signal) => ask({ method: 'POST', path, body, signal }),
    async remove(path, uid, signal) {
      // A pod of that name may be the successor already.
      const body = { preconditions: { uid } };
      await orNull(ask({ method: 'DELETE', path, body, signal })).catch((error: Error) => {
        if (!(error instanceof KubernetesError) || error.status !== 409) throw error;
      });
    },
  };
}

const metadataOnly = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

interface List<T> {
  readonly items?: readonly T[];
  readonly metadata?: { readonly continue?: string };
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 404) return null;
    throw error;
  }
}

function createAsk(options: KubernetesApiOptions) {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const maxBytes = options.maxBytes ?? defaultMaxBytes;
  let connected: Promise<() => Promise<Credentials>> | null = null;
  const credentials = async () => {
    connected ??= connect(options);
    try {
      return await (await connected)();
    } catch (error) {
      connected = null;
      throw error;
    }
  };

  return async <T>(question: Question): Promise<T> => {
    question.signal.throwIfAborted();
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([question.signal, deadline]);
    for (let attempt = 1; ; attempt += 1) {
      // A login program may hang; what it says when it fails names itself.
      const access = await orAborted(credentials(), signal).catch((error: Error) => {
        question.signal.throwIfAborted();
        throw deadline.aborted ? new Error(`no credentials for Kubernetes within ${timeoutMs} ms`) : error;
      });
      const place = `${question.method} ${access.server}${question.path.split('?')[0]}`;
      try {
        return await askOnce<T>(place, access, { ...question, signal }, maxBytes);
      } catch (error) {
        question.signal.throwIfAborted();
        if (deadline.aborted) throw new KubernetesError(`${place}: no answer within ${timeoutMs} ms`, 0);
        const waitMs = attempt < 3 ? againAfterMs(error, question, attempt) : null;
        if (waitMs === null) throw said(error, place);
        // A rotated certificate or token is in the file by now.
        if (statusOf(error) === 401) connected = null;
        await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      }
    }
  };
}

class Refused extends KubernetesError {
  readonly retryAfterMs: number | null;
  constructor(message: string, status: number, retryAfterMs: number | null) {
    super(message, status);
    this.retryAfterMs = retryAfterMs;
  }
}

const statusOf = (error: unknown) => (error instanceof KubernetesError ? error.status : null);

/** What may be asked once more, and when: what was surely not done, or what only looks. */
function againAfterMs(error: unknown, { method }: Question, attempt: number): number | null {
  const status = statusOf(error);
  if (status === 401) return attempt === 1 ? 0 : null;
  if (status === 429 && error instanceof Refused && error.retryAfterMs !== null)
    return error.retryAfterMs <= longestWaitMs ? error.retryAfterMs : null;
  const passing = status === null ? isNetwork(error) : status === 500 || status === 502 || status >= 503;
  return method === 'GET' && passing ? attempt * 200 : null;
}

const isNetwork = (error: unknown) => error instanceof Error && 'code' in error;

function said(error: unknown, place: string): Error {
  if (error instanceof KubernetesError) return error;
  if (error instanceof TooLarge) return new KubernetesError(`${place}: ${error.message}`, 0);
  return new KubernetesError(`${place}: ${describeNetworkError(error)}`, 0);
}

async function askOnce<T>(
  place: string,
  { server, headers, dispatcher }: Credentials,
  { method, path, body, contentType = 'application/json', accept = 'application/json', signal }: Question,
  maxBytes: number,
): Promise<T> {
  const response = await request(`${server}${path}`, {
    method,
    signal,
    dispatcher,
    headers: { ...headers, accept, ...(body !== undefined && { 'content-type': contentType }) },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await boundedBodyText(response, maxBytes);
  if (response.statusCode >= 300) throw refusal(place, response, text);
  try {
    return JSON.parse(text) as T;
  } catch {
    const type = String(response.headers['content-type'] ?? 'no content type');
    throw new KubernetesError(`${place}: the answer is no JSON but ${type}: ${text.slice(0, 200)}`, 0);
  }
}

const remedies: Readonly<Record<number, string>> = {
  401: 'the credentials are not accepted; log in anew, or renew the token',
  403: 'a right is missing; deploy/kubernetes/rbac.yaml has them all',
  404: 'there is none',
  409: 'somebody else changed it meanwhile',
  429: 'the server is too busy',
};

function refusal(place: string, { statusCode, headers }: Dispatcher.ResponseData, text: string): Refused {
  const named = `${place}: HTTP ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trim();
  const words = [remedies[statusCode], wordsOf(text)].filter((part) => part !== undefined && part !== '');
  const retryAfterMs = parseRetryAfter(headers['retry-after']);
  const asked = retryAfterMs === null ? '' : `, asks to wait ${Math.ceil(retryAfterMs / 1_000)} s`;
  return new Refused(`${named}${asked}: ${words.join('; ') || 'no words'}`, statusCode, retryAfterMs);
}

/** The message of a `Status`, or the beginning of whatever a load balancer said. */
function wordsOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string') return message.slice(0, 1_000);
  } catch {
    // Not the API server's own words.
  }
  return text.trim().slice(0, 200);
}
