import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGitHubIssues } from '../../../adapters/issues/github-issues.ts';
import { startReceiver } from '../notify/receiver.ts';
import { startGitHub } from './github-server.ts';
import { anIssue, describeIssueTracker } from './issue-tracker.contract.ts';

const token = 'ghp_0123456789abcdefSECRET';
const at = (baseUrl: string) => ({ owner: 'acme', repo: 'shop', token, baseUrl, timeoutMs: 15_000 });

describeIssueTracker('GitHub', async () => {
  const github = await startGitHub(token);
  return {
    tracker: createGitHubIssues(at(github.baseUrl)),
    secrets: [token],
    issues: async () => github.issues.map(({ title, body }) => ({ title, body })),
    refuse: async () => github.refuse(),
    close: () => github.close(),
  };
});

describe('issues on GitHub', { timeout: 20_000 }, () => {
  let github: Awaited<ReturnType<typeof startGitHub>>;
  beforeEach(async () => {
    github = await startGitHub(token);
  });
  afterEach(() => github.close());

  const { signal } = new AbortController();
  const open = (over = {}) => createGitHubIssues(at(github.baseUrl)).open(anIssue(over), signal);
  const comments = () => github.issues.flatMap((issue) => issue.comments.map(({ body }) => body));

  it('carry the marker, the label and the assignee', async () => {
    expect(await open({ labels: ['bug'], assignees: ['alice'] })).toEqual({
      reference: '#1',
      url: 'https://github.example/acme/shop/issues/1',
      droppedAssignees: [],
    });
    const [issue] = github.issues;
    expect(issue?.body).toMatch(/^<!-- incident:inc-2026-03-01-shop -->\n/);
    expect(issue?.labels.map(({ name }) => name)).toEqual(['incident', 'bug']);
    expect(issue?.assignees).toEqual([{ login: 'alice' }]);
    expect(comments()).toEqual([]);
  });

  it('mention, once, an assignee whom GitHub dropped silently', async () => {
    expect((await open({ assignees: ['Alice', 'ghost'] })).droppedAssignees).toEqual(['ghost']);
    expect((await open({ assignees: ['Alice', 'ghost'] })).droppedAssignees).toEqual(['ghost']);
    expect(comments()).toEqual([expect.stringContaining('@ghost: this incident is yours')]);
  });

  it('are opened without assignees when GitHub refuses one of them', async () => {
    expect((await open({ assignees: ['nobody-here'] })).droppedAssignees).toEqual(['nobody-here']);
    expect(github.issues).toHaveLength(1);
    expect(comments()).toEqual([expect.stringContaining('@nobody-here')]);
  });

  it('are found among hundreds of older incidents and newer issues', async () => {
    await open();
    const other = { html_url: 'x', body: 'other', assignees: [], comments: [] };
    for (let number = 2; number <= 350; number += 1) {
      const labels = number % 2 === 0 ? [{ name: 'incident' }] : [];
      github.issues.push({ ...other, number, title: `t${number}`, labels });
    }
    expect((await open()).reference).toBe('#1');
  });

  it('are found although GitHub dropped the label', async () => {
    await open();
    github.issues[0]?.labels.splice(0);
    expect((await open()).reference).toBe('#1');
  });

  it('are not opened twice when the answer to the first was lost', async () => {
    github.next((made) => {
      made();
      return { status: 502, body: { message: 'Server Error' } };
    });
    expect((await open()).reference).toBe('#1');
    expect(github.issues).toHaveLength(1);
  });

  it('wait for a short rate limit and then open', async () => {
    github.next(() => ({
      status: 403,
      body: { message: 'You have exceeded a secondary rate limit.' },
      headers: { 'retry-after': '1' },
    }));
    expect((await open()).reference).toBe('#1');
  });

  it('report a long rate limit instead of waiting for it', async () => {
    github.next(() => ({
      status: 403,
      body: { message: 'You have exceeded a secondary rate limit.' },
      headers: { 'retry-after': '600' },
    }));
    await expect(open()).rejects.toThrow('GitHub answered 403 (retry after 600 s): You have exceeded');
  });

  it('say what GitHub said of a bad token or a wrong repository', async () => {
    const bad = createGitHubIssues({ ...at(github.baseUrl), token: 'ghp_wrong' });
    await expect(bad.open(anIssue(), signal)).rejects.toThrow('GitHub answered 401: Bad credentials');
    const wrong = createGitHubIssues({ ...at(github.baseUrl), repo: 'shoop' });
    await expect(wrong.open(anIssue(), signal)).rejects.toThrow('GitHub answered 404: Not Found');
  });

  it('give up in time when GitHub cannot be reached', async () => {
    const tracker = createGitHubIssues({ ...at('http://127.0.0.1:1'), timeoutMs: 300 });
    await expect(tracker.open(anIssue(), signal)).rejects.toThrow('the issue was not open within 300 ms');
  });

  it('do not follow a redirect to another host, which would be told what is asked, and perhaps the token', async () => {
    const other = await startReceiver((_one, response) => response.writeHead(200).end('[]'));
    const first = await startReceiver((_one, response) =>
      response.writeHead(302, { location: `${other.origin}/repos/acme/shop/issues` }).end(),
    );
    await expect(createGitHubIssues(at(first.origin)).open(anIssue(), signal)).rejects.toThrow(
      `${first.origin} redirects to ${other.origin}; redirects to another host are not followed`,
    );
    expect(other.received).toEqual([]);
    // What was refused is not tried again.
    expect(first.received.every(({ headers }) => headers.authorization === `token ${token}`)).toBe(true);
    expect(first.received).toHaveLength(1);
    await first.close();
    await other.close();
  });

  it('follow a redirect within the host for what is read, as for a repository that was renamed', async () => {
    const moved = await startReceiver(({ path }, response) => {
      if (path.startsWith('/repos/'))
        response.writeHead(301, { location: path.replace('/repos/acme/shop', '/repositories/7') }).end();
      else response.writeHead(200, { 'content-type': 'application/json' }).end('[]');
    });
    await expect(createGitHubIssues(at(moved.origin)).open(anIssue(), signal)).rejects.toThrow(
      `${moved.origin} redirects POST to /repositories/7/issues: has the repository moved?`,
    );
    expect(moved.received.some(({ path }) => path.startsWith('/repositories/7/issues?'))).toBe(true);
    await moved.close();
  });
});
