import type { Octokit } from '@octokit/rest';
import { octokitFor, withinDeadline } from '../../github/connect.ts';
import type { GitHubActionsOptions } from '../github-actions.ts';

/** Asks one thing of GitHub, with a time limit for its repetitions and rate limits as well. */
export type AskGitHub = <T>(
  what: string,
  signal: AbortSignal,
  question: (rest: Octokit['rest'], place: Place) => Promise<{ readonly data: T; readonly status: number }>,
) => Promise<T>;

export interface Place {
  readonly owner: string;
  readonly repo: string;
  /** For what looks. */
  readonly request: { readonly signal: AbortSignal; readonly retries: number };
}

export function createAsk(options: GitHubActionsOptions): AskGitHub {
  const { owner, repo, token, timeoutMs = 10_000 } = options;
  const octokit = octokitFor(options);
  return async (what, signal, question) => {
    signal.throwIfAborted();
    const deadline = {
      late: `${what} of ${owner}/${repo} did not come`,
      doing: `asking for ${what}`,
      timeoutMs,
      token,
    };
    try {
      return await withinDeadline(deadline, signal, async (within) => {
        const { data, status } = await question(octokit.rest, {
          owner,
          repo,
          request: { signal: within, retries: 1 },
        });
        // Octokit hands over the text of a proxy's sign-in page, which is a 200, too, and nothing of a body that is cut short.
        if (typeof data === 'string' && status !== 204)
          throw new Error(`${what}: the answer is no JSON, or was cut short`);
        return data;
      });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  };
}
