import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGitChanges } from '../../../adapters/changes/git-changes.ts';

describe('changes in git', () => {
  let root: string;
  let repository: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'git-changes-'));
    repository = join(root, 'repo');
    mkdirSync(repository);
    git('init', '-q', '-b', 'main');
    commit('first', { 'readme.md': 'hello\n' });
    git('tag', 'v1.0.0');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function git(...parameters: string[]): string {
    const who = {
      GIT_AUTHOR_NAME: 'Zoë "Z" O’Neil',
      GIT_AUTHOR_EMAIL: 'z@example.org',
      GIT_AUTHOR_DATE: '2026-03-01T10:00:00Z',
    };
    const env = { ...process.env, ...who, GIT_COMMITTER_NAME: 'c', GIT_COMMITTER_EMAIL: 'c@example.org' };
    return execFileSync('git', parameters, { cwd: repository, env, encoding: 'utf8', stdio: 'pipe' });
  }

  function commit(subject: string, files: Record<string, string | Buffer>): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(repository, path)), { recursive: true });
      writeFileSync(join(repository, path), text);
    }
    git('add', '-A');
    git('commit', '-q', '--no-verify', '-m', subject);
  }

  const between = (
    from: string,
    to: string,
    over: { repository?: string; timeoutMs?: number; refFor?: string } = {},
  ) =>
    createGitChanges({ repository, refFor: 'v{release}', ...over }).between({
      service: 'web',
      from,
      to,
      signal: new AbortController().signal,
    });

  it('lists commits, newest first, with author, time, subject, files and the diff', async () => {
    commit('Use a smaller pool\n\nBody', { 'readme.md': 'hello\nworld\n', 'db/pool.ts': 'size = 2\n' });
    commit('Fix', { 'db/pool.ts': 'size = 3\n' });
    git('tag', '-a', 'v1.1.0', '-m', 'annotated');
    const set = await between('1.0.0', '1.1.0');
    expect(set).toMatchObject({ from: '1.0.0', to: '1.1.0', problem: null });
    expect(set.changes.map(({ subject }) => subject)).toEqual(['Fix', 'Use a smaller pool']);
    expect(set.changes[1]).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{40}$/),
      author: 'Zoë "Z" O’Neil',
      at: expect.stringMatching(/^2026-03-01T10:00:00(Z|\+00:00)$/),
      files: [
        { path: 'db/pool.ts', added: 1, removed: 0 },
        { path: 'readme.md', added: 1, removed: 0 },
      ],
    });
    expect(set.diff).toContain('+size = 3');
  });

  it('reads names with quotes, tabs, line ends and other alphabets, and binary files', async () => {
    const names = ['a "b".txt', 'tab\there', 'line\nend', 'größe/日本.txt', '-rf'];
    commit(
      'Names',
      Object.fromEntries([...names.map((name) => [name, 'x\n']), ['raw.bin', Buffer.from([0, 1, 2])]]),
    );
    git('tag', 'v2');
    const { changes, problem } = await between('1.0.0', '2');
    expect(problem).toBeNull();
    expect(changes[0]?.files.map(({ path }) => path).sort()).toEqual([...names, 'raw.bin'].sort());
  });

  it('leaves merges without files and names a root commit’s files', async () => {
    git('checkout', '-q', '-b', 'side');
    commit('Side', { 'side.txt': '1\n' });
    git('checkout', '-q', 'main');
    commit('Main', { 'main.txt': '1\n' });
    git('merge', '-q', '--no-ff', '-m', 'Merge side', 'side');
    git('tag', 'v3');
    const { changes } = await between('1.0.0', '3');
    const files = Object.fromEntries(
      changes.map(({ subject, files }) => [subject, files.map(({ path }) => path)]),
    );
    expect(files).toEqual({ 'Merge side': [], Main: ['main.txt'], Side: ['side.txt'] });
  });

  it('cuts the diff to 64 KiB and lists no more than 500 commits', async () => {
    commit('Big', { 'big.txt': 'é'.repeat(200_000) });
    for (let i = 0; i < 505; i += 1) git('commit', '-q', '--allow-empty', '-m', `c${i}`);
    git('tag', 'v4');
    const { changes, diff, problem } = await between('1.0.0', '4');
    expect(Buffer.byteLength(diff)).toBeLessThanOrEqual(65_536);
    expect(diff).not.toContain('\ufffd');
    expect(changes).toHaveLength(500);
    expect(problem).toContain('newest 500');
  }, 30_000);

  it('finds nothing between a release and itself', async () => {
    expect(await between('1.0.0', '1.0.0')).toMatchObject({ changes: [], diff: '', problem: null });
  });

  it('says which release it does not know, and reads no name as an option', async () => {
    expect((await between('1.0.0', '9')).problem).toContain('no tag, branch or commit is called "v9"');
    for (const name of ['--output=/tmp/pwned', '$(id)', '', '..', 'main:readme.md']) {
      const set = await between('main', name, { refFor: '{release}' });
      expect(set).toMatchObject({
        changes: [],
        diff: '',
        problem: expect.stringContaining('no tag, branch or commit'),
      });
    }
  });

  it('says that a shallow clone lacks the release or the history', async () => {
    commit('Second', { 'readme.md': 'two\n' });
    commit('Third', { 'readme.md': 'three\n' });
    git('tag', 'v5');
    const clone = join(root, 'shallow');
    git('clone', '-q', '--depth', '1', `file://${repository}`, clone);
    expect((await between('1.0.0', '5', { repository: clone })).problem).toMatch(
      /"v1\.0\.0"; the clone is shallow/,
    );
    execFileSync('git', ['fetch', '-q', '--depth', '1', 'origin', 'tag', 'v1.0.0'], {
      cwd: clone,
      stdio: 'pipe',
    });
    const set = await between('1.0.0', '5', { repository: clone });
    expect(set.problem).toContain('lacks history between the releases');
    expect(set.diff).toContain('+three');
  });

  it('says that a folder is no repository, or is missing', async () => {
    expect((await between('1', '2', { repository: root })).problem).toMatch(/not a git repository/);
    expect((await between('1', '2', { repository: join(root, 'none') })).problem).toMatch(/no such folder/);
  });

  it('gives up when the time is over, and when it is cancelled', async () => {
    expect((await between('1.0.0', '1.0.0', { timeoutMs: 1 })).problem).toBe(
      'git did not answer within 1 ms',
    );
    const cancelled = await createGitChanges({ repository }).between({
      service: 'web',
      from: 'main',
      to: 'main',
      signal: AbortSignal.abort(),
    });
    expect(cancelled.problem).toBe('reading the changes was cancelled');
  });

  it('runs no program that the clone configures', async () => {
    commit('Second', { 'readme.md': 'two\n', '.gitattributes': '*.md diff=evil\n' });
    git('tag', 'v6');
    const trace = join(root, 'pwned');
    for (const key of [
      'diff.external',
      'diff.evil.textconv',
      'diff.evil.command',
      'core.fsmonitor',
      'core.pager',
      'gpg.program',
    ]) {
      git('config', key, `touch ${trace}; cat`);
    }
    git('config', 'log.showSignature', 'true');
    const { problem } = await between('1.0.0', '6');
    expect(problem).toBeNull();
    expect(() => execFileSync('ls', [trace], { stdio: 'pipe' })).toThrow();
  });
});
