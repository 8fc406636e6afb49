import { retry } from '@octokit/plugin-retry';
import { throttling } from '@octokit/plugin-throttling';
import { Octokit } from '@octokit/rest';
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
  return new (Octokit.plugin(throttling, retry))({
    auth: token,
    baseUrl,
    userAgent: 'rollback-orchestrator',
    log: { debug: silent, info: silent, warn: silent, error: silent },
    throttle: {
      id: `${baseUrl ?? ''}/${owner}/${repo}`,
      onRateLimit: mayWait,
      onSecondaryRateLimit: mayWait,
    },
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
