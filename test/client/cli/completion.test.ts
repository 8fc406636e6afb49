import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { candidates, type Names } from '../../../client/cli/completion/complete.ts';
import { completionScripts } from '../../../client/cli/completion/scripts.ts';
import { entries } from '../../../client/cli/table/groups.ts';
import { afterwards, cleanUp, temporaryFolder } from '../../adapters/temporary.ts';
import { runCli } from '../run-cli.ts';

afterEach(cleanUp);

const names: Names = {
  products: async () => ['shop', 'search', 'blog'],
  incidents: async () => [{ value: 'inc-1', description: 'errors' }],
};

async function valuesOf(...words: string[]): Promise<readonly string[] | string> {
  const found = await candidates(words, names);
  return typeof found === 'string' ? found : found.map(({ value }) => value);
}

describe('what may stand at the cursor', () => {
  it.each<[words: string[], expected: readonly string[] | string]>([
    [[''], entries.map(({ name }) => name)],
    [['re'], ['release', 'resume', 'retry', 'resolve', 'review']],
    [
      ['status', ''],
      ['shop', 'search', 'blog'],
    ],
    [
      ['status', 's'],
      ['shop', 'search'],
    ],
    [['status', 'shop', ''], []],
    [['status', '--timeout', '60', 'b'], ['blog']],
    [['status', 'shop', '--w'], ['--watch']],
    [['status', '--timeout', ''], []],
    [['status', '--config', ''], 'files'],
    [['backtest', '--traces', 'x'], 'folders'],
    [
      ['traffic', ''],
      ['resume', 'stop'],
    ],
    [['traffic', 'resume', 'sh'], ['shop']],
    [['incidents', ''], ['inc-1']],
    [['incidents', '--product', 'bl'], ['blog']],
    [
      ['up', '--only', ''],
      ['api', 'worker'],
    ],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['nonsense', ''], []],
  ])('%j: %j', async (words, expected) => expect(await valuesOf(...words)).toEqual(expected));

  it('says what each option does', async () => {
    expect(await candidates(['pause', 'shop', '--mi'], names)).toEqual([
      { value: '--minutes', description: 'ends by itself after this time, in minutes' },
    ]);
  });
});

/** An API that knows two products, or never answers. */
async function anApi({ answers = true } = {}): Promise<NodeJS.ProcessEnv> {
  const server = createServer((request, response) => {
    if (!answers) return;
    const path = request.url ?? '';
    const incidents = [{ id: 'inc-7', reason: 'errors\tdoubled' }];
    response.end(
      JSON.stringify(
        path === '/v1/products' ? { products: [{ product: 'shop' }, { product: 'blog' }] } : { incidents },
      ),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterwards(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { ORCHESTRATOR_API: url, ORCHESTRATOR_TOKEN: 'x' };
}

describe('what a script is answered', () => {
  it('names of the API, with what they are', async () => {
    const env = await anApi();
    expect((await runCli(['__complete', 'status', ''], env)).stdout).toBe('shop\t\nblog\t\n');
    expect((await runCli(['__complete', 'incidents', ''], env)).stdout).toBe('inc-7\terrors doubled\n');
  });

  it('nothing, without a word of complaint and soon, when the API does not answer', async () => {
    const beganMs = performance.now();
    const silent = await runCli(['__complete', 'status', ''], await anApi({ answers: false }));
    const unknown = await runCli(['__complete', 'status', '']);
    expect([silent, unknown]).toEqual([
      { code: 0, stdout: '', stderr: '' },
      { code: 0, stdout: '', stderr: '' },
    ]);
    expect(performance.now() - beganMs).toBeLessThan(5_000);
  });
});

const program = fileURLToPath(new URL('../../../bin/orchestrator.js', import.meta.url));

/** A folder whose `bin/` has `orchestrator` and this Node, before everything else on PATH. */
async function aPlace(): Promise<{ folder: string; env: NodeJS.ProcessEnv }> {
  const folder = await temporaryFolder();
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await symlink(program, join(bin, 'orchestrator'));
  await symlink(process.execPath, join(bin, 'node'));
  return {
    folder,
    env: { PATH: `${bin}${delimiter}${process.env.PATH}`, HOME: folder, NODE_NO_WARNINGS: '1', TERM: 'dumb' },
  };
}

function has(shell: string): boolean {
  return spawnSync(shell, ['-c', 'true']).status === 0;
}

describe('the script for bash, in a real bash', () => {
  const press = (words: string) => `
source <(orchestrator completion bash)
words=(${words})
COMP_WORDS=("\${words[@]}"); COMP_CWORD=$((\${#words[@]} - 1))
complete -p orchestrator >/dev/null && _orchestrator 2>/dev/null
printf '%s\\n' "\${COMPREPLY[@]}"`;

  it.each<[words: string, expected: string[]]>([
    ['orchestrator dep', ['deployed']],
    ['orchestrator status ""', ['shop', 'blog']],
    ['orchestrator status shop --ti', ['--timeout']],
    ['orchestrator up --config roll', ['rollback config.yml']],
    ['orchestrator incidents ""', ['inc-7']],
    ['orchestrator nonsense ""', ['']],
  ])('%s<TAB>: %j', async (words, expected) => {
    const { folder, env } = await aPlace();
    await writeFile(join(folder, 'rollback config.yml'), '');
    // Not the blocking kind: the API of this test is in this process.
    const { stdout } = await promisify(execFile)('bash', ['--norc', '-c', press(words)], {
      cwd: folder,
      env: { ...env, ...(await anApi()) },
    });
    expect(stdout.trimEnd().split('\n')).toEqual(expected);
  });
});

describe('the scripts for other shells', () => {
  it('for zsh is parsed, and completes, by zsh where it is installed; it always begins as one', async () => {
    expect(completionScripts.zsh).toMatch(/^#compdef orchestrator\n/);
    if (!has('zsh')) return;
    const { folder, env } = await aPlace();
    await mkdir(join(folder, 'functions'));
    await writeFile(join(folder, 'functions', '_orchestrator'), completionScripts.zsh);
    execFileSync('zsh', ['-n', join(folder, 'functions', '_orchestrator')]);
    // `_describe` draws lists for a line editor: what it is given is what matters.
    const script = `
_describe() { print -l -- "\${(@P)2}" }
compdef() { : }
source functions/_orchestrator
words=(orchestrator traffic "") CURRENT=3
_orchestrator`;
    const said = execFileSync('zsh', ['-f', '-c', script], { cwd: folder, env }).toString();
    expect(said).toBe('resume:\nstop:\n');
  });

  it('for fish is parsed, and completes, by fish where it is installed; it always names the command', async () => {
    expect(completionScripts.fish).toContain('complete -c orchestrator -f');
    if (!has('fish')) return;
    const { folder, env } = await aPlace();
    const script = `orchestrator completion fish | source; complete -C 'orchestrator traffic '`;
    const said = execFileSync('fish', ['--no-config', '-c', script], { cwd: folder, env }).toString();
    expect(said.trim().split('\n')).toEqual(['resume', 'stop']);
  });
});
