import type { Octokit } from '@octokit/rest';
import { type GitHubRepository, octokitFor, statusOf, withinDeadline } from './connect.ts';

export interface RevertWanted {
  /** The folder in the repository that is applied. */
  readonly path: string;
  /** Where the pull request goes; `null`: the repository's default branch. */
  readonly branch: string | null;
  /** What a controller has applied, a commit; `null`: not known. A newer change of the folder is then not seen. */
  readonly revision: string | null;
  /** The same key has the same pull request. */
  readonly key: string;
  readonly title: string;
  readonly body: string;
}

/** Takes back the last change of a folder by a pull request, for a person or a robot to merge. */
export interface RevertPullRequests {
  /** `https://github.com/acme/deploy`, as a GitOps controller writes it, in any of its forms. */
  knows(repositoryUrl: string): boolean;
  /** @returns its address. Throws where the last change of the folder is not the one that was applied. */
  open(wanted: RevertWanted, signal: AbortSignal): Promise<string>;
}

export function createRevertPullRequests(
  options: GitHubRepository & { readonly timeoutMs?: number },
): RevertPullRequests {
  const { owner, repo, token, timeoutMs = 60_000 } = options;
  const octokit = octokitFor(options);
  const late = 'the pull request was not open';
  return {
    knows: (url) => new RegExp(`[/:]${owner}/${repo}(\\.git)?/?$`, 'i').test(url),
    async open(wanted, signal) {
      const limits = { late, doing: 'opening the pull request', timeoutMs, token };
      const opened = await withinDeadline(limits, signal, (both) =>
        openOnce({ octokit, at: { owner, repo, request: { signal: both } } }, wanted).catch(
          (error: unknown) => {
            // GitHub was well: it is the repository that does not allow it.
            if (error instanceof NotRevertable) return error;
            throw error;
          },
        ),
      );
      if (opened instanceof NotRevertable) throw opened;
      return opened;
    },
  };
}

/** The repository is not as a revert would need it. */
class NotRevertable extends Error {}

interface Repository {
  readonly octokit: Octokit;
  readonly at: { owner: string; repo: string; request: { signal: AbortSignal } };
}

async function openOnce(repository: Repository, wanted: RevertWanted): Promise<string> {
  const { octokit, at } = repository;
  const branch = `rollback/${wanted.key.replaceAll(/[^A-Za-z0-9._-]+/g, '-').slice(0, 100)}`;
  const head = `${at.owner}:${branch}`;
  const { data: known } = await octokit.rest.pulls.list({ ...at, state: 'all', head, per_page: 1 });
  if (known[0] !== undefined) return known[0].html_url;
  const base = wanted.branch ?? (await octokit.rest.repos.get(at)).data.default_branch;
  const tip = (await octokit.rest.git.getRef({ ...at, ref: `heads/${base}` })).data.object.sha;
  const sha = await revertOnto(repository, wanted, tip);
  await createBranch(repository, branch, sha);
  const { title, body } = wanted;
  return (await octokit.rest.pulls.create({ ...at, title, body, head: branch, base })).data.html_url;
}

/** A commit on top of the branch in which the folder is what it was before its last change. */
async function revertOnto(repository: Repository, wanted: RevertWanted, tip: string): Promise<string> {
  const { octokit, at } = repository;
  const path = wanted.path.replaceAll(/^[./]+|\/+$/g, '');
  const last = await lastChange(repository, path, tip);
  const applied = wanted.revision === null ? last : await lastChange(repository, path, wanted.revision);
  if (last.sha !== applied.sha)
    throw new NotRevertable(
      `${shown(path)} was changed by ${last.sha.slice(0, 12)} after what was applied (${applied.sha.slice(0, 12)}): look at that first`,
    );
  const before = last.parents[0]?.sha;
  if (before === undefined) throw new NotRevertable(`${shown(path)} has no earlier state to go back to`);
  const tree = await treeWith(repository, path, { tip, before });
  const message = `${wanted.title}\n\nThis reverts ${shown(path)} to the state before commit ${last.sha}.`;
  return (await octokit.rest.git.createCommit({ ...at, message, tree, parents: [tip] })).data.sha;
}

async function lastChange({ octokit, at }: Repository, path: string, sha: string) {
  const { data } = await octokit.rest.repos.listCommits({ ...at, sha, path, per_page: 1 });
  const [commit] = data;
  if (commit === undefined)
    throw new NotRevertable(`no commit of ${at.owner}/${at.repo} touches ${shown(path)}`);
  return commit;
}

async function treeWith(
  { octokit, at }: Repository,
  path: string,
  { tip, before }: { readonly tip: string; readonly before: string },
): Promise<string> {
  let sha = before;
  for (const name of path.split('/').filter(Boolean)) {
    const { data } = await octokit.rest.git.getTree({ ...at, tree_sha: sha });
    const entry = data.tree.find((found) => found.path === name && found.type === 'tree');
    if (entry?.sha === undefined)
      throw new NotRevertable(`${shown(path)} was not there before its last change`);
    sha = entry.sha;
  }
  if (path === '') return (await octokit.rest.git.getCommit({ ...at, commit_sha: before })).data.tree.sha;
  const base = (await octokit.rest.git.getCommit({ ...at, commit_sha: tip })).data.tree.sha;
  const tree = [{ path, mode: '040000' as const, type: 'tree' as const, sha }];
  return (await octokit.rest.git.createTree({ ...at, base_tree: base, tree })).data.sha;
}

/** An attempt that was cut short after this has left its branch. */
async function createBranch({ octokit, at }: Repository, branch: string, sha: string): Promise<void> {
  try {
    await octokit.rest.git.createRef({ ...at, ref: `refs/heads/${branch}`, sha });
  } catch (error) {
    if (statusOf(error) !== 422) throw error;
    await octokit.rest.git.updateRef({ ...at, ref: `heads/${branch}`, sha, force: true });
  }
}

function shown(path: string): string {
  return path === '' ? 'the repository' : `folder ${path}`;
}
