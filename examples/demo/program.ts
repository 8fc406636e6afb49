import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** A program of the demo in its own process, with its output in a log file. */
export interface Program {
  readonly pid: number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export function startProgram(
  name: string,
  args: readonly string[],
  logFile: string,
  env: NodeJS.ProcessEnv = {},
): Program {
  const argv = [process.execPath, '--disable-warning=ExperimentalWarning', ...args];
  return startCommand(name, argv, logFile, env);
}

/** The same for a program that is not Node's. */
export function startCommand(
  name: string,
  [command = '', ...args]: readonly string[],
  logFile: string,
  env: NodeJS.ProcessEnv = {},
): Program {
  const log = openSync(logFile, 'a');
  const child = spawn(command, args, {
    cwd: checkout,
    env: { ...process.env, ...env },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.once('error', (error) => {
    throw new Error(`${name} could not be started: ${error.message}`);
  });
  return { pid: child.pid as number, stop: (signal) => stop(child, signal) };
}

async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  const force = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await gone;
  clearTimeout(force);
}
