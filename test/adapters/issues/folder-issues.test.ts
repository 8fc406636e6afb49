import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFolderIssues } from '../../../adapters/issues/folder-issues.ts';
import { anIssue, describeIssueTracker } from './issue-tracker.contract.ts';

const temporary = () => mkdtemp(join(tmpdir(), 'folder-issues-'));

describeIssueTracker('a folder', async () => {
  const root = await temporary();
  const folder = join(root, 'made', 'on', 'demand');
  return {
    tracker: createFolderIssues({ folder }),
    secrets: [],
    async issues() {
      const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.md'));
      const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
      return texts.map((body) => ({ title: /^# (.*)/.exec(body)?.[1] ?? '', body }));
    },
    refuse: () => writeFile(join(root, 'made'), 'a file where the folder should be'),
    close: () => rm(root, { recursive: true }),
  };
});

describe('issues in a folder', () => {
  it('keep what a person wrote into the file meanwhile', async () => {
    const folder = await temporary();
    const tracker = createFolderIssues({ folder });
    const { signal } = new AbortController();
    const { reference } = await tracker.open(anIssue({ assignees: ['alice'] }), signal);
    expect(reference).toBe(join(folder, 'inc-2026-03-01-shop.md'));
    expect(await readFile(reference, 'utf8')).toContain('Assigned to: alice');
    await writeFile(reference, 'reviewed');
    await tracker.open(anIssue(), signal);
    expect(await readFile(reference, 'utf8')).toBe('reviewed');
    expect((await readdir(folder)).toSorted()).toEqual([
      'inc-2026-03-01-shop.json',
      'inc-2026-03-01-shop.md',
    ]);
    expect(JSON.parse(await readFile(join(folder, 'inc-2026-03-01-shop.json'), 'utf8'))).toEqual(
      anIssue().document,
    );
    await rm(folder, { recursive: true });
  });
});
