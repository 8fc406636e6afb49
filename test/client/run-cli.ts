import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterwards, kill } from '../adapters/temporary.ts';

const program = fileURLToPath(new URL('../../bin/orchestrator.js', import.meta.url));

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  readonly child: ChildProcess;
  /** What it has written to stdout so far. */
  readonly said: () => string;
  readonly ended: Promise<CliRun>;
}

/** Starts the CLI as a process of its own, with nothing of our environment but PATH; `cleanUp` kills it. */
export function startCli(args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = '/'): CliProcess {
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOME: '/nonexistent', NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  afterwards(() => kill(child));
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (piece: Buffer) => {
    stdout += piece.toString();
  });
  child.stderr?.on('data', (piece: Buffer) => {
    stderr += piece.toString();
  });
  const ended = new Promise<CliRun>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, said: () => stdout, ended };
}

export function runCli(args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd?: string): Promise<CliRun> {
  return startCli(args, env, cwd).ended;
}
