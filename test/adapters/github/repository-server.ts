import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { aServer } from '../http-faults.ts';
import { temporaryFolder } from '../temporary.ts';

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

interface PullRequest {
  readonly html_url: string;
  readonly title: string;
  readonly head: string;
  readonly base: string;
}

/** GitHub's documented endpoints for git data and pull requests of `acme/deploy`, over a real repository. */
export async function startRepository(token: string) {
  const folder = await temporaryFolder();
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8' }).trim();
  git('init', '--quiet', '--initial-branch=main');
  git('config', 'user.name', 'A Team');
  git('config', 'user.email', 'team@shop.example');
  const pulls: PullRequest[] = [];
  const url = await aServer((request, response) => {
    read(request)
      .then((body) => answer(request, body))
      .then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      })
      .catch((error: Error) => response.writeHead(500).end(error.message));
  });

  async function answer(request: IncomingMessage, text: string): Promise<Answer> {
    if (request.headers.authorization !== `token ${token}`)
      return { status: 401, body: { message: 'Bad credentials' } };
    const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://github.example');
    const rest = pathname.replace('/repos/acme/deploy', '');
    const body = text === '' ? {} : JSON.parse(text);
    const route = `${request.method} ${rest.split('/').slice(0, 3).join('/')}`;
    const last = decodeURIComponent(rest.split('/').at(-1) ?? '');
    if (pathname === '/repos/acme/deploy') return { status: 200, body: { default_branch: 'main' } };
    switch (route) {
      case 'GET /pulls': {
        const branch = query.get('head')?.split(':')[1];
        return { status: 200, body: pulls.filter(({ head }) => head === branch) };
      }
      case 'POST /pulls': {
        const made = { ...body, html_url: `https://github.example/acme/deploy/pull/${pulls.length + 1}` };
        pulls.push(made);
        return { status: 201, body: made };
      }
      case 'GET /git/ref':
        return { status: 200, body: { object: { sha: git('rev-parse', `refs/${last}`) } } };
      case 'GET /commits':
        return { status: 200, body: commits(query.get('sha') ?? 'main', query.get('path') ?? '') };
      case 'GET /git/trees':
        return { status: 200, body: { tree: treeOf(last) } };
      case 'GET /git/commits':
        return { status: 200, body: { tree: { sha: git('rev-parse', `${last}^{tree}`) } } };
      case 'POST /git/trees':
        return { status: 201, body: { sha: makeTree(body) } };
      case 'POST /git/commits': {
        const parents = body.parents.flatMap((parent: string) => ['-p', parent]);
        return { status: 201, body: { sha: git('commit-tree', body.tree, ...parents, '-m', body.message) } };
      }
      case 'POST /git/refs':
        git('update-ref', body.ref, body.sha);
        return { status: 201, body: {} };
      default:
        return { status: 404, body: { message: `Not Found: ${route}` } };
    }
  }

  function commits(sha: string, path: string) {
    const wanted = path === '' ? [] : ['--', path];
    const found = git('log', '-1', '--format=%H %P', sha, ...wanted)
      .split(' ')
      .filter(Boolean);
    const [commit, ...parents] = found;
    return commit === undefined ? [] : [{ sha: commit, parents: parents.map((parent) => ({ sha: parent })) }];
  }

  function treeOf(sha: string) {
    return git('ls-tree', sha)
      .split('\n')
      .map((line) => {
        const [, type, object, path] = /^\d+ (\w+) (\w+)\t(.*)$/.exec(line) ?? [];
        return { type, sha: object, path };
      });
  }

  /** As GitHub does: the base with what is given in the place of what was there. */
  function makeTree(body: { base_tree: string; tree: { path: string; sha: string }[] }): string {
    const env = { ...process.env, GIT_INDEX_FILE: join(folder, '.git', 'index.of.the.server') };
    const run = (...args: string[]) =>
      execFileSync('git', ['-C', folder, ...args], { env, encoding: 'utf8' }).trim();
    run('read-tree', body.base_tree);
    for (const { path, sha } of body.tree) {
      run('rm', '-r', '--cached', '--quiet', '--ignore-unmatch', path);
      run('read-tree', `--prefix=${path}/`, sha);
    }
    return run('write-tree');
  }

  return {
    url,
    pulls,
    git,
    /** Commits these files; `null`: gone. */
    async commit(message: string, files: Readonly<Record<string, string | null>>): Promise<string> {
      for (const [path, text] of Object.entries(files)) {
        if (text === null) git('rm', '--quiet', path);
        else {
          await mkdir(join(folder, path, '..'), { recursive: true });
          await writeFile(join(folder, path), text);
          git('add', path);
        }
      }
      git('commit', '--quiet', '-m', message);
      return git('rev-parse', 'HEAD');
    },
  };
}

async function read(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of request) text += String(piece);
  return text;
}
