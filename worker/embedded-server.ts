import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { NativeConnection } from '@temporalio/worker';
import type { ServerProgram } from './temporal-server.ts';

export interface EmbeddedOptions {
  readonly program: ServerProgram;
  /** File that keeps the server's state, so that monitors survive Ctrl-C and a reboot. */
  readonly dbFile: string;
  readonly port: number;
  readonly uiPort: number;
  readonly logFile: string;
  /** Told the process id before the server answers. */
  readonly onSpawn?: (pid: number) => Promise<void>;
}

export interface EmbeddedServer {
  readonly address: string;
  readonly uiUrl: string;
  readonly pid: number;
  /** Ends the server and waits until it is gone. */
  stop(): Promise<void>;
}

/** Runs the server on loopback, with its state in a file. */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  await mkdir(dirname(options.dbFile), { recursive: true });
  const log = await open(options.logFile, 'a');
  const args = [
    ['server', 'start-dev', '--ip', '127.0.0.1', '--ui-ip', '127.0.0.1'],
    ['--port', String(options.port), '--ui-port', String(options.uiPort)],
    ['--db-filename', options.dbFile, '--namespace', 'default', '--log-level', 'warn'],
    // Without these two a thousand monitors fell behind: the default journal syncs on every event.
    ['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
    ['--ui-disable-news-fetch'],
  ].flat();
  const child = spawn(options.program.path, args, {
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
    env: bareEnvironment(),
  });
  // Listened to from the first moment: a program that cannot be run says so before the log is closed.
  const ended = endOf(child, options.logFile);
  await log.close();
  const { address, uiUrl } = addressesOf(options);
  try {
    if (child.pid !== undefined) await options.onSpawn?.(child.pid);
    await answers(address, ended, options.logFile);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    address,
    uiUrl,
    pid: child.pid as number,
    stop: () => stopChild(child),
  };
}

/** Where a server with these ports answers. */
export function addressesOf({ port, uiPort }: { readonly port: number; readonly uiPort: number }) {
  return { address: `127.0.0.1:${port}`, uiUrl: `http://127.0.0.1:${uiPort}` };
}

/** The server gets no secret of ours, and no TEMPORAL_* variable that would turn its own CLI elsewhere. */
function bareEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: process.env.HOME };
}

function endOf(child: ChildProcess, logFile: string): Promise<never> {
  const ended = new Promise<never>((_resolve, reject) => {
    child.once('error', (error) =>
      reject(new Error(`the embedded Temporal server could not be started: ${error.message}`)),
    );
    child.once('exit', (code) =>
      reject(new Error(`the embedded Temporal server ended with exit code ${code}; its log is ${logFile}`)),
    );
  });
  // It may also end much later, when nobody waits any more.
  ended.catch(() => undefined);
  return ended;
}

async function answers(address: string, ended: Promise<never>, logFile: string): Promise<void> {
  const over = new AbortController();
  try {
    await Promise.race([untilItAnswers(address, logFile, over.signal), ended]);
  } finally {
    over.abort();
  }
}

async function untilItAnswers(address: string, logFile: string, over: AbortSignal): Promise<void> {
  const end = Date.now() + 30_000;
  while (!over.aborted) {
    try {
      const connection = await NativeConnection.connect({ address });
      await connection.close();
      return;
    } catch (error) {
      if (Date.now() > end)
        throw new Error(
          `the embedded Temporal server did not answer at ${address} in 30 s; its log is ${logFile}`,
          { cause: error },
        );
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(force);
}
