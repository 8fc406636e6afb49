import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../worker/free-port.ts';
import { afterwards, cleanUp, eventually, temporaryFolder } from '../adapters/temporary.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

interface Block {
  readonly commands: string;
  readonly isOtherTerminal: boolean;
}

/** The page's shell blocks, in order. */
async function blocks(): Promise<Block[]> {
  const page = await readFile(join(checkout, 'docs/tutorial.md'), 'utf8');
  return [...page.matchAll(/^```sh( terminal)?\n([\s\S]*?)^```$/gm)].map(([, other, commands]) => ({
    commands: commands as string,
    isOtherTerminal: other !== undefined,
  }));
}

/** A terminal of the reader: a bash that takes commands and is asked when they have ended. */
class Terminal {
  readonly child: ChildProcess;
  said = '';
  #asked = 0;

  constructor(cwd: string, env: NodeJS.ProcessEnv) {
    this.child = spawn('bash', ['--norc'], { cwd, env, stdio: 'pipe', detached: true });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (piece: Buffer) => {
        this.said += piece.toString();
      });
  }

  type(commands: string): void {
    this.child.stdin?.write(commands);
  }

  /** What the commands said; a command that fails ends it. */
  async run(commands: string, withinMs = 60_000): Promise<string> {
    const from = this.said.length;
    const mark = `ended-${++this.#asked}`;
    for (const command of commands.trim().split('\n'))
      this.type(`${command}\ncode=$?; [ $code = 0 ] || { echo; echo "${mark}:$code"; }\n`);
    this.type(`echo; echo "${mark}:done"\n`);
    await eventually(() => this.said.slice(from).includes(`\n${mark}:`), withinMs);
    const said = this.said.slice(from);
    expect(said).toContain(`\n${mark}:done`);
    return said;
  }

  end(): void {
    if (this.child.pid !== undefined && this.child.exitCode === null)
      process.kill(-this.child.pid, 'SIGTERM');
  }
}

describe('the tutorial', { timeout: 115_000 }, () => {
  let steps: Block[];
  let home: string;
  let open: () => Terminal;
  beforeAll(async () => {
    steps = await blocks();
    home = await temporaryFolder();
    // The program of the embedded server is in this machine's cache.
    const env = {
      PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
      HOME: home,
      XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'),
      ORCHESTRATOR_USER: 'ana',
      PROMETHEUS_URL: undefined,
    };
    open = () => {
      const terminal = new Terminal(checkout, env);
      afterwards(() => terminal.end());
      return terminal;
    };
  });
  afterAll(cleanUp);

  it('takes a new user from a checkout to a service that is rolled back, command by command', async () => {
    const port = await freePort();
    const flags = [
      ...['--port', await freePort(), '--ui-port', await freePort()],
      ...['--temporal-port', await freePort(), '--metrics-port', await freePort()],
    ].join(' ');
    // Only ports differ: others use this machine, too.
    const ours = (commands: string) =>
      commands.replaceAll('4300', String(port)).replace(/^orchestrator up$/m, `orchestrator up ${flags}`);
    const first = open();
    const [program, ...rest] = steps as [Block, ...Block[]];
    const said = [await first.run(program.commands)];
    for (const { commands, isOtherTerminal } of rest) {
      if (!isOtherTerminal) {
        said.push(await first.run(ours(commands), 100_000));
        continue;
      }
      const other = open();
      await other.run(`${program.commands}cd ~/shop`);
      other.type(ours(commands));
      if (commands.startsWith('orchestrator up'))
        await eventually(() => other.said.includes('ready\n'), 60_000);
    }
    const all = said.join('');
    expect(all).toContain('"configured": "v1"');
    expect(all).toContain('rollback-config.yml is valid; products: shop');
    expect(all).toContain('Everything works, 1 warning.');
    expect(all).toContain('Recorded: build-2 of shop, v2, watching');
    expect(all).toContain('build-2 ended: rolled_back');
    expect(all).toContain('exit code 4');
    expect(all).toMatch(/inc-\S+shop\S+ .* v2 → v1/);
    expect(all).toContain('**Recent Rollbacks**:');
    expect(all).toContain('exit code 6');
    expect(all.slice(all.indexOf('ended: rolled_back'))).toContain(
      '"configured": "v1", "instances": [{ "id": "web/0", "release": "v1", "running": true',
    );
  });

  it('says in the text what the commands and their codes are', async () => {
    const page = await readFile(join(checkout, 'docs/tutorial.md'), 'utf8');
    const words = steps.flatMap(({ commands }) =>
      [...commands.matchAll(/orchestrator (\w+)/g)].map(([, word]) => word),
    );
    expect(new Set(words)).toEqual(
      new Set(['init', 'config', 'up', 'doctor', 'deployed', 'status', 'gate', 'incidents', 'dashboard']),
    );
    expect(page).toContain('exit code 4');
  });
});
