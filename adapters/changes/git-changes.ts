import { execFile } from 'node:child_process';
import type { Change, ChangedFile, ChangeSet } from '../../domain/changes.ts';
import type { ChangeRequest, ChangeSource } from './change-source.ts';

export interface GitChangesOptions {
  /** Path of a clone, bare or not. */
  readonly repository: string;
  /** The tag, branch or commit of a release, `{release}` standing for it: `v{release}`. */
  readonly refFor?: string;
  /** For everything. */
  readonly timeoutMs?: number;
}

/** Reads what changed between two releases from a git clone. Nothing is fetched and nothing in the clone is run. */
export function createGitChanges(options: GitChangesOptions): ChangeSource {
  const { repository, refFor = '{release}', timeoutMs = 20_000 } = options;
  const refOf = (release: string) => refFor.replaceAll('{release}', () => release);
  return {
    async between(request) {
      const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
      const git: Git = (parameters, maxBytes) => run(repository, signal, parameters, maxBytes);
      try {
        return { ...named(request), ...(await readChanges(git, refOf(request.from), refOf(request.to))) };
      } catch (error) {
        if (request.signal.aborted) return unknown(request, 'reading the changes was cancelled');
        if (signal.aborted) return unknown(request, `git did not answer within ${timeoutMs} ms`);
        return unknown(request, `${repository}: ${(error as Error).message}`);
      }
    },
  };
}

type Git = (parameters: readonly string[], maxBytes?: number) => Promise<string>;

const maxDiffBytes = 65_536;
const maxChanges = 500;

function named(request: ChangeRequest): Pick<ChangeSet, 'from' | 'to'> {
  return { from: request.from, to: request.to };
}

function unknown(request: ChangeRequest, problem: string): ChangeSet {
  return { ...named(request), changes: [], diff: '', problem };
}

async function readChanges(
  git: Git,
  fromRef: string,
  toRef: string,
): Promise<Omit<ChangeSet, 'from' | 'to'>> {
  const shallow = (await git(['rev-parse', '--is-shallow-repository'])).trim() === 'true';
  const from = await commitOf(git, fromRef, shallow);
  const to = await commitOf(git, toRef, shallow);
  const format = '--format=%H%x00%an%x00%aI%x00%s';
  const log = await git(['log', '-z', format, `--max-count=${maxChanges + 1}`, `${from}..${to}`, '--']);
  const commits = commitsIn(log);
  const files = await filesOf(git, commits);
  const unified = ['diff', '--no-color', '--no-ext-diff', '--no-textconv', '--no-renames', from, to, '--'];
  return {
    changes: commits.slice(0, maxChanges).map((commit) => ({ ...commit, files: files.get(commit.id) ?? [] })),
    diff: await git(unified, maxDiffBytes),
    problem: shallow && !(await related(git, from, to)) ? shallowHistory : tooMany(commits.length),
  };
}

const shallowHistory =
  'the clone is shallow and lacks history between the releases: the diff is whole, the list of commits is not';

function tooMany(commits: number): string | null {
  return commits > maxChanges ? `only the newest ${maxChanges} commits are listed` : null;
}

/** The hash of a commit. All that follows uses hashes, so that no release name can be read as an option. */
async function commitOf(git: Git, ref: string, shallow: boolean): Promise<string> {
  const answer = await git(['rev-parse', '--verify', '--end-of-options', `${ref}^{commit}`]).catch(() => '');
  const hash = /^[0-9a-f]{40,64}$/m.exec(answer)?.[0];
  if (hash !== undefined) return hash;
  const hint = shallow ? '; the clone is shallow and may lack it' : '';
  throw new Error(`no tag, branch or commit is called ${JSON.stringify(ref)}${hint}`);
}

async function related(git: Git, from: string, to: string): Promise<boolean> {
  return git(['merge-base', from, to]).then(
    () => true,
    () => false,
  );
}

function commitsIn(log: string): Omit<Change, 'files'>[] {
  const tokens = log.split('\0');
  const commits: Omit<Change, 'files'>[] = [];
  for (let i = 0; i + 3 < tokens.length; i += 4) {
    const [id = '', author = '', at = '', subject = ''] = tokens.slice(i, i + 4);
    commits.push({ id, author, at, subject });
  }
  return commits;
}

/** The files of each commit; none for merges, whose changes are their parents'. */
async function filesOf(git: Git, commits: readonly { id: string }[]): Promise<Map<string, ChangedFile[]>> {
  const files = new Map<string, ChangedFile[]>();
  if (commits.length === 0) return files;
  const ids = commits.slice(0, maxChanges).map(({ id }) => id);
  const numbers = ['--no-walk=unsorted', '--no-renames', '--no-ext-diff', '--no-textconv', '--numstat', '-z'];
  const output = await git(['log', ...numbers, '--format=%H', ...ids, '--']);
  let current: ChangedFile[] = [];
  for (const token of output.split('\0').map((text) => text.replace(/^\n/, ''))) {
    const [, added, removed, path] = /^(\d+|-)\t(\d+|-)\t(.+)$/s.exec(token) ?? [];
    if (path !== undefined) current.push({ path, added: Number(added) || 0, removed: Number(removed) || 0 });
    else if (/^[0-9a-f]{40,64}$/.test(token)) {
      current = [];
      files.set(token, current);
    }
  }
  return files;
}

/** Variables of a surrounding git command, e.g. of a hook, would point at another repository. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'));
  const quiet = { LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0', GIT_NO_LAZY_FETCH: '1' };
  return { ...Object.fromEntries(own), ...quiet };
}

/** What git printed, cut to `maxBytes`; throws a sentence with git's own words. */
async function run(
  repository: string,
  signal: AbortSignal,
  parameters: readonly string[],
  maxBytes = 16 * 1_048_576,
): Promise<string> {
  const safe = ['--no-pager', '-c', 'core.fsmonitor=false', '-c', 'log.showSignature=false'];
  const options = {
    cwd: repository,
    signal,
    maxBuffer: maxBytes,
    encoding: 'buffer',
    env: environment(),
  } as const;
  return new Promise((resolve, reject) => {
    execFile('git', [...safe, ...parameters], options, (error, output, complaint) => {
      const tooLong = error?.code === ('ERR_CHILD_PROCESS_STDIO_MAXBUFFER' as string);
      // A character cut in the middle becomes a replacement character, which is dropped.
      if (tooLong)
        resolve(
          output
            .subarray(0, maxBytes)
            .toString('utf8')
            .replace(/\ufffd$/, ''),
        );
      else if (error === null) resolve(output.toString('utf8'));
      else reject(new Error(explain(error, complaint.toString('utf8'))));
    });
  });
}

function explain(error: NodeJS.ErrnoException | Error, complaint: string): string {
  if ('code' in error && error.code === 'ENOENT')
    return 'git is not installed here, or there is no such folder';
  const said = complaint.trim().split('\n')[0] ?? '';
  return said.slice(0, 300) || error.message.slice(0, 300);
}
