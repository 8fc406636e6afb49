import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IssueTracker, NewIssue } from '../../../adapters/issues/issue-tracker.ts';

/** One tracker and the real thing behind it, as a contract test handles them. */
export interface IssueTrackerHarness {
  readonly tracker: IssueTracker;
  /** Title and body of every issue there is, as its reader sees them. */
  issues(): Promise<{ title: string; body: string }[]>;
  /** Makes the tracker refuse everything. */
  refuse(): Promise<void>;
  /** What no error may contain. */
  readonly secrets: readonly string[];
  close(): Promise<void>;
}

export function anIssue(over: Partial<NewIssue> = {}): NewIssue {
  return {
    incident: 'inc-2026-03-01-shop',
    title: 'Rolled back shop v1.2.3: error rate',
    body: '## What happened\n\nerrors 5.2/min\n',
    document: { incident: 'inc-2026-03-01-shop', reason: 'errors 5.2/min' },
    labels: ['incident', 'severity:critical'],
    assignees: [],
    ...over,
  };
}

/** What every issue tracker does alike. */
export function describeIssueTracker(name: string, makeHarness: () => Promise<IssueTrackerHarness>): void {
  describe(`${name} as an issue tracker`, { timeout: 20_000 }, () => {
    let harness: IssueTrackerHarness;
    beforeEach(async () => {
      harness = await makeHarness();
    });
    afterEach(() => harness.close());

    const open = (over: Partial<NewIssue> = {}, signal = new AbortController().signal) =>
      harness.tracker.open(anIssue(over), signal);

    it('opens an issue and says where it is', async () => {
      const opened = await open();
      expect(opened.reference).not.toBe('');
      expect(URL.canParse(opened.url)).toBe(true);
      expect(opened.droppedAssignees).toEqual([]);
      const [issue] = await harness.issues();
      expect(issue?.title).toBe('Rolled back shop v1.2.3: error rate');
      expect(issue?.body).toContain('## What happened\n\nerrors 5.2/min');
    });

    it('opens one issue for an incident, however often it is asked', async () => {
      const first = await open();
      expect(await open({ title: 'Another attempt' })).toEqual(first);
      expect(await harness.issues()).toHaveLength(1);
    });

    it('opens another issue for another incident, even one that quotes the first', async () => {
      const first = await open();
      const [quoted] = await harness.issues();
      const second = await open({ incident: 'inc-2', body: `like this one:\n${quoted?.body}` });
      expect(second.reference).not.toBe(first.reference);
      expect(await open()).toEqual(first);
      expect(await harness.issues()).toHaveLength(2);
    });

    it('takes any incident id, title and body', async () => {
      const incident = '../../etc/passwd --> <b>&';
      const wild = { incident, title: 'a\nb', body: `é\u{1f4a5} -->\n${'x'.repeat(200_000)}` };
      const first = await open(wild);
      expect(await open(wild)).toEqual(first);
      const issues = await harness.issues();
      expect(issues).toHaveLength(1);
      expect(issues[0]?.title).toBe('a b');
    });

    it('throws without its secrets when it is refused', async () => {
      await harness.refuse();
      const error: Error = await open().then(
        () => new Error('accepted'),
        (thrown) => thrown,
      );
      expect(error.message).not.toBe('accepted');
      for (const secret of harness.secrets) {
        expect(
          `${error.message} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`,
        ).not.toContain(secret);
      }
    });

    it('opens nothing when it was cancelled', async () => {
      await expect(open({}, AbortSignal.abort())).rejects.toThrow();
      expect(await harness.issues()).toEqual([]);
    });
  });
}
