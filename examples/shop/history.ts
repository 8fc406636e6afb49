import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** Oldest first; v2.5.0 and v3.1.0 are bad, v3.2.0 is good but meets failing payments in the demo. */
export const shopReleases = ['v2.4.0', 'v2.5.0', 'v3.0.5', 'v3.1.0', 'v3.2.0'] as const;

export type ShopRelease = (typeof shopReleases)[number];

/** Runs in a release's folder; without the flag, V8 lets the memory of a good release double within a minute. */
export const shopCommand = ['node', '--max-semi-space-size=1', 'server.js'] as const;

/** What an instance's memory is a percentage of, MiB: good releases stay between 40 and 60 percent of it. */
export const shopMemoryLimitMb = 190;

const app = join(import.meta.dirname, 'app');
const patches = join(import.meta.dirname, 'history');
const opening = { author: 'Mira Sander', email: 'mira@shop.example', at: '2026-01-12T09:20:00+00:00' };
/** How many of the patches a release holds. */
const patchesIn: Readonly<Record<ShopRelease, number>> = {
  'v2.4.0': 0,
  'v2.5.0': 3,
  'v3.0.5': 5,
  'v3.1.0': 6,
  'v3.2.0': 8,
};

/**
 * Makes a git repository in a new or empty folder: `app/` is its first commit, each patch in `history/` one more.
 * Answers the commit of each release, the same in every run.
 */
export async function createShopHistory(options: {
  readonly repository: string;
}): Promise<Record<ShopRelease, string>> {
  const { repository } = options;
  await mkdir(repository, { recursive: true });
  if ((await readdir(repository)).length > 0) throw new Error(`${repository} is not empty`);
  await git(repository, ['init', '--quiet', '--object-format=sha1', '--initial-branch=main', '--template=']);
  await cp(app, repository, { recursive: true });
  await git(repository, ['add', '--all']);
  await git(repository, ['commit', '--quiet', '--message=Open the shop']);

  const files = (await readdir(patches)).sort().map((file) => join(patches, file));
  const commits: Partial<Record<ShopRelease, string>> = {};
  let applied = 0;
  for (const release of shopReleases) {
    const next = files.slice(applied, patchesIn[release]);
    if (next.length > 0) await git(repository, ['am', '--quiet', '--committer-date-is-author-date', ...next]);
    applied = patchesIn[release];
    await git(repository, ['tag', release]);
    commits[release] = (await git(repository, ['rev-parse', 'HEAD'])).trim();
  }
  return commits as Record<ShopRelease, string>;
}

/** Puts a release's files into a folder, which appears whole or not at all; one that is there is replaced. */
export async function exportRelease(options: {
  readonly repository: string;
  readonly release: ShopRelease;
  readonly folder: string;
}): Promise<void> {
  const { repository, release, folder } = options;
  const draft = join(dirname(folder), `.${basename(folder)}.draft`);
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  const archive = join(draft, 'archive.tar');
  await git(repository, ['archive', '--format=tar', `--output=${archive}`, release]);
  await run('tar', ['-xf', archive, '-C', draft]);
  await rm(archive);
  await rm(folder, { recursive: true, force: true });
  await rename(draft, folder);
}

const run = promisify(execFile);

/** The commit ids depend on nothing of this machine: neither its git configuration nor its user nor its clock. */
async function git(repository: string, parameters: readonly string[]): Promise<string> {
  const foreign = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'));
  const { author, email, at } = opening;
  const env = {
    ...Object.fromEntries(foreign),
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: author,
    GIT_AUTHOR_EMAIL: email,
    GIT_AUTHOR_DATE: at,
    GIT_COMMITTER_NAME: author,
    GIT_COMMITTER_EMAIL: email,
    GIT_COMMITTER_DATE: at,
  };
  const { stdout } = await run('git', ['-c', 'core.autocrlf=false', ...parameters], { cwd: repository, env });
  return stdout;
}
