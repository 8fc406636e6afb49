import { retry } from '@octokit/plugin-retry';
import { throttling } from '@octokit/plugin-throttling';
import { Octokit } from '@octokit/rest';
import { RefusedAddress } from '../http/guarded-agent.ts';
import { orAborted } from '../or-aborted.ts';

export interface GitHubRepository {
  readonly owner: string;
  readonly repo: string;
  readonly token: string;
  /** Of a GitHub Enterprise Server: `https://github.example/api/v3`. */
  readonly baseUrl?: string;
}

/** A rate limit that lasts longer is reported instead of waited for. */
const longestWaitSeconds = 60;

export function octokitFor({ token, baseUrl, owner, repo }: GitHubRepository): Octokit {
  const mayWait = (seconds: number, _request: unknown, _octokit: unknown, tries: number) =>
    tries < 2 && seconds <= longestWaitSeconds;
  const silent = () => undefined;
  return new (Octokit.plugin(askOnceWhereRefused, throttling, retry))({
    auth: token,
    baseUrl,
    userAgent: 'rollback-orchestrator',
    request: { fetch: fetchFromOneHost },
    log: { debug: silent, info: silent, warn: silent, error: silent },
    throttle: {
      id: `${baseUrl ?? ''}/${owner}/${repo}`,
      onRateLimit: mayWait,
      onSecondaryRateLimit: mayWait,
    },
  });
}

class RefusedRedirect extends Error {
  override readonly name = 'RefusedRedirect';
}

const mostRedirects = 3;

/**
 * The token, and what is asked, are for the configured host alone. Redirects within it are followed, since a repository that was
 * renamed is found by them.
 */
async function fetchFromOneHost(given: string, init: RequestInit): Promise<Response> {
  let url = given;
  for (let redirects = 0; ; redirects += 1) {
    const response = await fetch(url, { ...init, redirect: 'manual' });
    const location = response.headers.get('location');
    if (location === null || ![301, 302, 303, 307, 308].includes(response.status)) return response;
    await response.body?.cancel();
    const next = new URL(location, url);
    const from = new URL(url).origin;
    if (next.origin !== from)
      throw new RefusedRedirect(
        `${from} redirects to ${next.origin}; redirects to another host are not followed`,
      );
    // Only these two leave what is sent as it is.
    if (init.method !== 'GET' && ![307, 308].includes(response.status))
      throw new RefusedRedirect(
        `${from} redirects ${init.method} to ${next.pathname}: has the repository moved?`,
      );
    if (redirects === mostRedirects)
      throw new RefusedRedirect(`${from} redirects more than ${mostRedirects} times`);
    url = next.href;
  }
}

/** Of Octokit's plugins the innermost: what was refused here will be refused again. */
function askOnceWhereRefused(octokit: Pick<Octokit, 'hook'>): void {
  octokit.hook.error('request', (error, options) => {
    const { cause } = error;
    const reason = cause instanceof TypeError ? cause.cause : cause;
    if (reason instanceof RefusedAddress || reason instanceof RefusedRedirect)
      options.request = { ...options.request, retries: 0 };
    throw error;
  });
}

/** The HTTP status of an error of Octokit; 0 where there was no answer. */
export function statusOf(error: unknown): number {
  const { status, response } = error as { status?: number; response?: unknown };
  return response === undefined ? 0 : (status ?? 0);
}

/** What GitHub said, without the request that Octokit attaches, which holds the token. */
export class GitHubRefusal extends Error {
  /** 0: no answer. */
  readonly status: number;
  constructor(error: unknown, token: string) {
    const { message, response } = error as {
      message?: string;
      response?: { headers?: Record<string, string> };
    };
    const retryAfter = response?.headers?.['retry-after'];
    const wait = retryAfter === undefined ? '' : ` (retry after ${retryAfter} s)`;
    const status = statusOf(error);
    const what = status === 0 ? 'GitHub could not be used' : `GitHub answered ${status}${wait}`;
    super(`${what}: ${(message ?? 'unknown error').slice(0, 500).replaceAll(token, '…')}`);
    this.status = status;
  }

  /** It may work in a moment. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export interface Deadline {
  /** What is not there in time: `the issue was not open`. */
  readonly late: string;
  /** When a person or the step ends it: `opening the issue`. */
  readonly doing: string;
  readonly timeoutMs: number;
  readonly token: string;
}

/** Runs requests with a time limit for all of them, waiting for rate limits included. */
export async function withinDeadline<T>(
  { late, doing, timeoutMs, token }: Deadline,
  signal: AbortSignal,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const both = AbortSignal.any([deadline, signal]);
  try {
    // The plugins wait for rate limits without looking at the signal.
    return await orAborted(ask(both), both);
  } catch (error) {
    if (signal.aborted) throw new Error(`GitHub: ${doing} was cancelled`);
    if (deadline.aborted) throw new GitHubRefusal({ message: `${late} within ${timeoutMs} ms` }, token);
    throw new GitHubRefusal(error, token);
  }
}
