import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createPostMortemActivities,
  type OpenedIncidentIssue,
  type WrittenReport,
} from '../../activities/post-mortem.ts';
import { openStore, type Store } from '../../adapters/store/store.ts';
import type { Trigger } from '../../domain/detection/verdict.ts';
import { createCatalog } from '../../worker/catalog.ts';
import { startGitHub } from '../adapters/issues/github-server.ts';
import { startReceiver } from '../adapters/notify/receiver.ts';
import { anIncident } from '../adapters/store/builders.ts';
import { afterwards, cleanUp, temporaryFolder } from '../adapters/temporary.ts';
import { aProduct } from '../config/builders.ts';

const token = 'ghp_0123456789abcdefSECRET';

const memory: Trigger = {
  type: 'memory',
  severity: 'critical',
  service: 'web',
  baseline: null,
  current: 96,
  threshold: 90,
  reason: 'memory 96 % of its limit',
  sinceMs: 1_000,
};

/** What the logs of a leaking listener say: with the trigger, that is a cause. */
const leak = 'MaxListenersExceededWarning: Possible EventEmitter memory leak detected';

const assign = `assign:
  listener_leak: { github: alice, label: backend, role: Backend Engineer }
  memory: { github: bob, label: performance, role: Performance Team }
support_engineer: { github: alice, name: Sam }
`;

describe('who an incident is assigned to', () => {
  let folder: string;
  let store: Store;
  let github: Awaited<ReturnType<typeof startGitHub>>;
  beforeEach(async () => {
    folder = await temporaryFolder();
    store = await openStore(join(folder, 'store.db'));
    github = await startGitHub(token);
    afterwards(() => store.close());
    afterwards(() => github.close());
  });
  afterEach(cleanUp);

  it('is decided by the cause that was found: title, labels and assignee of the issue', async () => {
    const { opened } = await writeUp({ triggers: [memory], log: leak });
    expect(opened).toEqual({
      reference: '#1',
      url: 'https://github.example/acme/shop/issues/1',
      assigned: 'Backend Engineer',
      note: null,
    });
    const [issue] = github.issues;
    expect(issue?.title).toBe('Incident: Rollback of second');
    expect(issue?.labels.map(({ name }) => name)).toEqual(['incident', 'rollback', 'critical', 'backend']);
    expect(issue?.assignees).toEqual([{ login: 'alice' }]);
    expect(issue?.body).toContain('EventEmitter listener is added and never removed');
    expect(issue?.comments).toEqual([]);
    expect(await store.incidents.read('inc-1')).toMatchObject({ issue: '#1', rootCause: 'listener_leak' });
  });

  it('is decided by the trigger where no cause was found; an assignee whom GitHub dropped is mentioned', async () => {
    const { opened } = await writeUp({ triggers: [memory] });
    expect(opened).toMatchObject({
      assigned: 'Performance Team',
      note: 'GitHub dropped the assignees bob; they are mentioned in the issue',
    });
    const [issue] = github.issues;
    expect(issue?.labels.map(({ name }) => name)).toContain('performance');
    expect(issue?.assignees).toEqual([]);
    expect(issue?.comments).toMatchObject([
      { body: expect.stringContaining('@bob: this incident is yours') },
    ]);
  });

  it('is the support engineer where neither is mapped', async () => {
    const { opened } = await writeUp({ triggers: [{ ...memory, type: 'manual' }] });
    expect(opened).toMatchObject({ assigned: 'Sam', note: null });
    expect(github.issues).toMatchObject([{ assignees: [{ login: 'alice' }] }]);
  });

  it('stands in the report of the incidents folder, which is the issue where there is no token', async () => {
    const { written, opened } = await writeUp({ triggers: [memory], log: leak, env: {} });
    expect(opened).toEqual({
      reference: written.file,
      url: written.file,
      assigned: 'Backend Engineer',
      note: 'no GitHub token is configured, the issue is the report in the incidents folder',
    });
    expect(github.requests).toEqual([]);
    const report = await readFile(join(folder, 'incidents', 'inc-1.md'), 'utf8');
    expect(written.file).toBe(join(folder, 'incidents', 'inc-1.md'));
    expect(report).toMatch(/^# Incident: Rollback of second\n/);
    expect(report).toContain('Labels: incident, rollback, critical, backend\nAssigned to: alice\n');
    expect(await store.incidents.read('inc-1')).toMatchObject({ issue: written.file });
  });

  it('is told once by webhook where an agent is mapped; the issue is opened also when it does not answer', async () => {
    const receiver = await startReceiver((_received, response) => response.writeHead(500).end());
    afterwards(() => receiver.close());
    const assigned = `assign:\n  memory: { role: Agent, webhook: "${receiver.origin}/agent" }\n`;
    const { opened } = await writeUp({ triggers: [memory], assigned });
    expect(opened).toMatchObject({ reference: '#1', assigned: 'Agent' });
    expect(opened.note).toContain('Agent could not be told by webhook');
    receiver.answer((_received, response) => response.writeHead(204).end());
    const before = receiver.received.length;
    for (let time = 0; time < 2; time += 1)
      expect((await writeUp({ triggers: [memory], assigned })).opened.note).toBeNull();
    expect(receiver.received.slice(before)).toMatchObject([
      { path: '/agent', body: expect.stringContaining('Assigned to you: inc-1') },
    ]);
  });

  interface Given {
    readonly assigned?: string;
    readonly triggers: readonly Trigger[];
    readonly log?: string;
    readonly env?: Record<string, string>;
  }

  /** Both activities, one after the other, as the post-mortem workflow calls them. */
  async function writeUp({ triggers, log, env = { GITHUB_TOKEN: token }, assigned = assign }: Given) {
    const incident = anIncident('inc-1', { triggers });
    await store.incidents.save(incident);
    const lines = log === undefined ? [] : [log];
    await store.incidents.saveEvidence('inc-1', {
      changes: [],
      logs: { lines, total: lines.length, reference: 'web.log' },
    });
    const tracker = `github: { owner: acme, repo: shop, token: "\${GITHUB_TOKEN}", base_url: "${github.baseUrl}" }\n`;
    const source = tracker + assigned + aProduct();
    const activities = createPostMortemActivities({
      store,
      clock: { now: async () => 1_000_000 },
      temporalUi: null,
      temporalServer: null,
      catalog: createCatalog({
        read: async () => ({ version: 1, source, file: join(folder, 'c.yml') }),
        env,
        incidentsFolder: join(folder, 'incidents'),
        queues: { control: 'control', watch: 'watch' },
        stdout: new PassThrough(),
      }),
    });
    const environment = new MockActivityEnvironment();
    const written = (await environment.run(activities.writeReport, incident)) as WrittenReport;
    const opened = (await environment.run(activities.openIssue, incident, written)) as OpenedIncidentIssue;
    return { written, opened };
  }
});
