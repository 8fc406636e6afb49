import type { Octokit } from '@octokit/rest';
import { octokitFor, statusOf, withinDeadline } from '../github/connect.ts';
import type { IssueTracker, NewIssue, OpenedIssue } from './issue-tracker.ts';

export interface GitHubIssuesOptions {
  readonly owner: string;
  readonly repo: string;
  /** A token that may write issues. */
  readonly token: string;
  /** Of a GitHub Enterprise Server: `https://github.example/api/v3`. */
  readonly baseUrl?: string;
  /** For everything, waiting for rate limits included. */
  readonly timeoutMs?: number;
}

/** Issues of one GitHub repository; a comment in its body says which incident an issue belongs to. */
export function createGitHubIssues(options: GitHubIssuesOptions): IssueTracker {
  const tracker = { octokit: octokitFor(options), owner: options.owner, repo: options.repo };
  const timeoutMs = options.timeoutMs ?? 120_000;
  return {
    name: 'github',
    async open(issue, signal) {
      const { token } = options;
      const deadline = { late: 'the issue was not open', doing: 'opening the issue', timeoutMs, token };
      return withinDeadline(deadline, signal, (within) =>
        openOnce({ ...tracker, request: { signal: within } }, issue),
      );
    },
  };
}

interface Tracker {
  readonly octokit: Octokit;
  readonly owner: string;
  readonly repo: string;
  readonly request: { readonly signal: AbortSignal };
}

interface FoundIssue {
  readonly number: number;
  readonly html_url: string;
  readonly body?: string | null;
  readonly assignees?: readonly { readonly login: string }[] | null;
}

async function openOnce(tracker: Tracker, issue: NewIssue): Promise<OpenedIssue> {
  const found = (await find(tracker, issue.incident)) ?? (await create(tracker, issue));
  const assigned = new Set((found.assignees ?? []).map(({ login }) => login.toLowerCase()));
  const dropped = issue.assignees.filter((login) => !assigned.has(login.toLowerCase()));
  if (dropped.length > 0) await mention(tracker, found.number, issue.incident, dropped);
  return { reference: `#${found.number}`, url: found.html_url, droppedAssignees: dropped };
}

const incidentLabel = 'incident';

/** The newest issues are read without the label too: GitHub drops labels of authors who may not set them. */
async function find(tracker: Tracker, incident: string): Promise<FoundIssue | null> {
  const { octokit, owner, repo, request } = tracker;
  const newest = {
    owner,
    repo,
    request,
    state: 'all',
    sort: 'created',
    direction: 'desc',
    per_page: 100,
  } as const;
  const marked = (issues: readonly FoundIssue[]) =>
    issues.find((issue) => issue.body?.startsWith(markerOf('incident', incident)));
  const recent = marked((await octokit.rest.issues.listForRepo(newest)).data);
  if (recent !== undefined) return recent;
  let pages = 0;
  const labelled = octokit.rest.issues.listForRepo;
  for await (const page of octokit.paginate.iterator(labelled, { ...newest, labels: incidentLabel })) {
    const found = marked(page.data);
    if (found !== undefined) return found;
    pages += 1;
    if (pages === 10) break;
  }
  return null;
}

/** First in the text, so that an issue which only quotes another incident's is not taken for it. */
function markerOf(what: string, incident: string): string {
  return `<!-- ${what}:${encodeURIComponent(incident)} -->`;
}

async function create(tracker: Tracker, issue: NewIssue): Promise<FoundIssue> {
  try {
    return await post(tracker, issue, issue.assignees);
  } catch (error) {
    const status = statusOf(error);
    if (status === 422 && issue.assignees.length > 0) return post(tracker, issue, []);
    // The answer may have been lost after the issue was made; without a look there would be two.
    const made = status === 0 || status >= 500 ? await find(tracker, issue.incident) : null;
    if (made === null) throw error;
    return made;
  }
}

/** What GitHub takes: titles of 256 and bodies of 65,536 characters. */
const longest = { title: 256, body: 65_000 };

async function post(tracker: Tracker, issue: NewIssue, assignees: readonly string[]): Promise<FoundIssue> {
  const { octokit, owner, repo } = tracker;
  const text = `${markerOf('incident', issue.incident)}\n\n${issue.body}`;
  const { data } = await octokit.rest.issues.create({
    owner,
    repo,
    title: issue.title.replace(/\s+/g, ' ').slice(0, longest.title),
    body: text.length > longest.body ? `${text.slice(0, longest.body)}\n\n… cut: too long for GitHub` : text,
    labels: [...new Set([incidentLabel, ...issue.labels])],
    assignees: [...assignees],
    // Creating is not repeated blindly; `create` looks first.
    request: { ...tracker.request, retries: 0 },
  });
  if (typeof data.number !== 'number') throw new Error('no issue in the answer: has the repository moved?');
  return data;
}

/** Whoever GitHub would not assign is told by a mention, once. */
async function mention(
  tracker: Tracker,
  number: number,
  incident: string,
  logins: readonly string[],
): Promise<void> {
  const { octokit, owner, repo, request } = tracker;
  const marker = markerOf('assignees', incident);
  const where = { owner, repo, issue_number: number };
  const comments = await octokit.paginate(octokit.rest.issues.listComments, {
    ...where,
    request,
    per_page: 100,
  });
  if (comments.some((comment) => comment.body?.startsWith(marker))) return;
  const names = logins.map((login) => `@${login.replace(/[^\w/[\]-]/g, '')}`).join(', ');
  const body = `${marker}\n${names}: this incident is yours, but GitHub did not accept you as assignee.`;
  await octokit.rest.issues.createComment({ ...where, body, request: { ...request, retries: 0 } });
}
