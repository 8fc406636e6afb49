import { afterEach, describe, expect, it } from 'vitest';
import { createRevertPullRequests, type RevertWanted } from '../../../adapters/github/revert-pull-request.ts';
import { cleanUp } from '../temporary.ts';
import { startRepository } from './repository-server.ts';

const token = 'a-github-t0ken';
const signal = AbortSignal.timeout(600_000);

/** `deploy/web` went from v1 to v2, and something else was changed since. */
async function aRepository() {
  const repository = await startRepository(token);
  await repository.commit('v1', {
    'deploy/web/kustomization.yml': 'v1',
    'deploy/web/old.yml': 'old',
    'docs/a': '1',
  });
  const bad = await repository.commit('v2', {
    'deploy/web/kustomization.yml': 'v2',
    'deploy/web/old.yml': null,
    'deploy/web/new.yml': 'new',
  });
  await repository.commit('docs', { 'docs/a': '2' });
  const reverts = createRevertPullRequests({ owner: 'acme', repo: 'deploy', token, baseUrl: repository.url });
  const wanted: RevertWanted = {
    path: './deploy/web',
    branch: 'main',
    revision: bad,
    key: 'inc-1',
    title: 'Roll back deployment/web from v2 to v1',
    body: 'v2 is being rolled back',
  };
  const open = (over: Partial<RevertWanted> = {}) => reverts.open({ ...wanted, ...over }, signal);
  const filesOn = (branch: string) => repository.git('ls-tree', '-r', '--name-only', branch).split('\n');
  return { repository, reverts, open, filesOn, bad };
}

describe('a revert by pull request', { timeout: 60_000 }, () => {
  afterEach(cleanUp);

  it('puts the folder back as it was before its last change, on top of the branch, and nothing else', async () => {
    const { repository, open, filesOn } = await aRepository();
    expect(await open()).toBe('https://github.example/acme/deploy/pull/1');
    expect(filesOn('rollback/inc-1')).toEqual([
      'deploy/web/kustomization.yml',
      'deploy/web/old.yml',
      'docs/a',
    ]);
    expect(repository.git('show', 'rollback/inc-1:deploy/web/kustomization.yml')).toBe('v1');
    expect(repository.git('show', 'rollback/inc-1:docs/a')).toBe('2');
    expect(repository.git('rev-parse', 'rollback/inc-1^')).toBe(repository.git('rev-parse', 'main'));
    expect(repository.pulls).toMatchObject([
      { title: 'Roll back deployment/web from v2 to v1', head: 'rollback/inc-1', base: 'main' },
    ]);
  });

  it('is the same one when the step is repeated', async () => {
    const { repository, open } = await aRepository();
    expect(await open()).toBe(await open());
    expect(repository.pulls).toHaveLength(1);
    await open({ key: 'inc-2' });
    expect(repository.pulls.map(({ head }) => head)).toEqual(['rollback/inc-1', 'rollback/inc-2']);
  });

  it('goes to the default branch, and for the whole repository, where nothing else is said', async () => {
    const { open, filesOn, repository } = await aRepository();
    await open({ path: '.', branch: null, revision: null });
    expect(repository.git('show', 'rollback/inc-1:docs/a')).toBe('1');
    expect(filesOn('rollback/inc-1')).toContain('deploy/web/new.yml');
  });

  it('is not made of a change that came after what was applied', async () => {
    const { repository, open, bad } = await aRepository();
    const newer = await repository.commit('a fix', { 'deploy/web/kustomization.yml': 'v3' });
    await expect(open()).rejects.toThrow(
      `folder deploy/web was changed by ${newer.slice(0, 12)} after what was applied (${bad.slice(0, 12)})`,
    );
    expect(repository.pulls).toEqual([]);
  });

  it('says what cannot be reverted, and never the token', async () => {
    const { open, repository } = await aRepository();
    await expect(open({ path: 'nowhere', revision: null })).rejects.toThrow(
      'no commit of acme/deploy touches folder nowhere',
    );
    const others = createRevertPullRequests({
      owner: 'acme',
      repo: 'deploy',
      token: 'wr0ng',
      baseUrl: repository.url,
    });
    const wanted = { path: '', branch: null, revision: null, key: 'k', title: 't', body: 'b' };
    const failed = await others.open(wanted, signal).catch((error: Error) => error.message);
    expect(failed).toMatch(/^GitHub answered 401: Bad credentials/);
    expect(failed).not.toContain('wr0ng');
  });

  it.for([
    ['https://github.com/acme/deploy', true],
    ['https://github.com/Acme/Deploy.git', true],
    ['git@github.com:acme/deploy.git', true],
    ['https://github.com/acme/deploy-tools', false],
    ['https://gitlab.com/other/deploy', false],
  ] as const)('knows its repository as %s: %s', async ([url, known]) => {
    const reverts = createRevertPullRequests({ owner: 'acme', repo: 'deploy', token });
    expect(reverts.knows(url)).toBe(known);
  });
});
