import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProductSetup } from '../../activities/dependencies.ts';
import { createPostMortemActivities, type WrittenReport } from '../../activities/post-mortem.ts';
import { createFolderIssues } from '../../adapters/issues/folder-issues.ts';
import { openStore, type Store } from '../../adapters/store/store.ts';
import type { IncidentReport } from '../../domain/post-mortem.ts';
import { anIncident } from '../adapters/store/builders.ts';

describe('writing a report', () => {
  let folder: string;
  let store: Store;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'report-'));
    store = await openStore(join(folder, 'store.db'));
  });
  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  const setup = () =>
    ({
      product: 'shop',
      environment: 'production',
      incidentsFolder: createFolderIssues({ folder: join(folder, 'incidents') }),
      issues: null,
      assigneesFor: () => ({ assignees: ['alice'], labels: ['database'], role: 'Alice' }),
    }) as unknown as ProductSetup;

  async function write(): Promise<{ report: IncidentReport; file: string }> {
    const activities = createPostMortemActivities({
      store,
      clock: { now: async () => 1_000_000 },
      temporalUi: null,
      temporalServer: null,
      catalog: { products: async () => [], setup: async () => setup() },
    });
    const environment = new MockActivityEnvironment();
    const { file } = (await environment.run(activities.writeReport, anIncident('inc-1'))) as WrittenReport;
    return { report: (await store.incidents.readReport('inc-1')) as IncidentReport, file };
  }

  it('uses what was collected where the hosts are', async () => {
    await store.incidents.save(anIncident('inc-1'));
    const logs = { lines: ['connection pool exhausted'], total: 812, reference: 'web.log' };
    await store.incidents.saveEvidence('inc-1', { changes: [], logs });
    expect((await write()).report).toMatchObject({ logs_excerpt: logs.lines, logs_total: 812 });
  });

  it('says what is missing when nobody could collect it', async () => {
    const { report } = await write();
    const missing = 'not collected: no worker that reaches the hosts answered';
    expect(report.logs_reference).toBe(`logs were ${missing}`);
    expect(report.changes_deployed).toMatchObject([{ problem: missing }]);
  });

  it('saves the same report as JSON in the store, and as JSON and Markdown in the folder', async () => {
    const { report, file } = await write();
    expect(JSON.parse(await readFile(file.replace(/\.md$/, '.json'), 'utf8'))).toEqual(report);
    const markdown = await readFile(file, 'utf8');
    expect(markdown).toContain('Labels: incident, rollback, critical, database\nAssigned to: alice');
  });
});
