import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export type Program = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'kwok';

/** A process of the cluster, with its log in a file of the folder. */
export interface RunningProgram {
  readonly name: Program;
  readonly child: ChildProcess;
  /** Throws the end of the log when the process has ended. */
  mustRun(): Promise<void>;
}

export function startProgram(
  name: Program,
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): RunningProgram {
  const log = join(folder, `${name}.log`);
  const out = openSync(log, 'a');
  const child = spawn(placeOf(name), args, {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, ...env },
    stdio: ['ignore', out, out],
  });
  let failure: Error | null = null;
  child.on('error', (error) => {
    failure = error;
  });
  return {
    name,
    child,
    async mustRun() {
      if (failure !== null) throw failure;
      if (child.exitCode === null && child.signalCode === null) return;
      const words = (await readFile(log, 'utf8')).slice(-2_000);
      throw new Error(`${name} ended with ${child.exitCode ?? child.signalCode}: ${words}`);
    },
  };
}

/** Ends them the newest first: nobody is left talking to one that is gone. */
export async function endPrograms(programs: readonly RunningProgram[]): Promise<void> {
  for (const { child } of programs.toReversed()) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}

/** Polls until it is so; a program that ends meanwhile ends the waiting with its last words. */
export async function untilUp(
  what: string,
  programs: readonly RunningProgram[],
  isUp: () => Promise<boolean>,
  withinMs = 60_000,
): Promise<void> {
  const deadlineMs = Date.now() + withinMs;
  let last = '';
  for (;;) {
    for (const program of programs) await program.mustRun();
    const up = await isUp().catch((error: Error) => {
      last = `: ${error.message}`;
      return false;
    });
    if (up) return;
    if (Date.now() > deadlineMs) throw new Error(`${what} not within ${withinMs / 1_000} s${last}`);
    await sleep(50);
  }
}

function placeOf(name: Program): string {
  const variable = name === 'etcd' ? 'TEST_ETCD' : 'TEST_KUBERNETES';
  const set = process.env[variable];
  const hint = 'npm run test:integration gets it and sets the variable';
  if (set === undefined || set === '')
    throw new Error(`there is no ${name}: ${variable} is not set; ${hint}`);
  const path = name === 'etcd' ? set : join(set, name);
  try {
    accessSync(path, constants.X_OK);
  } catch {
    throw new Error(`there is no ${name}: ${path} (${variable}) cannot be run; ${hint}`);
  }
  return path;
}
