import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { createRollbackClient } from '../../rollback-client.ts';
import { apiPlace, type CommonOptions, dataFolder, tokenFile } from '../context.ts';
import { type Finding, looker, Warning } from './finding.ts';

const leastFreeBytes = 1024 ** 3;

/** Runtime, data folder, token, and the API where one is known. */
export async function lookAtMachine(options: CommonOptions): Promise<Finding[]> {
  const look = looker('this machine');
  const folder = dataFolder(options);
  const findings = [
    await look('node', () => process.version, 'install Node 22.18 or newer'),
    await look(
      'data folder',
      () => rightsOf(folder, 0o077),
      `chmod 700 ${folder}, as the account that runs "up"`,
    ),
    await look(
      'free space',
      () => freeSpaceAt(folder),
      'free some space, or set ORCHESTRATOR_DATA to another disk',
    ),
    await look('API token', () => tokenAt(tokenFile(folder)), `chmod 600 ${tokenFile(folder)}`),
    await look('API', () => apiOf(options), 'look at what "orchestrator up" says, and at docs/operations.md'),
  ];
  if (!process.env.TEMPORAL_DEBUG) return findings;
  const debugging = () => {
    throw new Error('is set: workflows run without time limits and slowly');
  };
  return [...findings, await look('TEMPORAL_DEBUG', debugging, 'unset TEMPORAL_DEBUG and start again')];
}

async function rightsOf(path: string, forbidden: number): Promise<string> {
  const found = await stat(path).catch(() => null);
  if (found === null) return `${path} is not there yet; "orchestrator up" makes it`;
  const mode = (found.mode & 0o777).toString(8);
  if (process.platform !== 'win32' && (found.mode & forbidden) !== 0)
    throw new Error(`${path} has mode ${mode}: others on this machine can read it`);
  await access(path, constants.R_OK | constants.W_OK).catch(() => {
    throw new Error(`${path} cannot be written by this account`);
  });
  return `${path}, mode ${mode}`;
}

async function freeSpaceAt(folder: string): Promise<string> {
  const { bavail, bsize } = await statfs(folder).catch(() => statfs(process.cwd()));
  const text = `${(Number(bavail * bsize) / 1024 ** 3).toFixed(1)} GiB`;
  if (bavail * bsize < leastFreeBytes)
    throw new Error(`only ${text} are free; the store needs 1 GiB of room`);
  return text;
}

async function tokenAt(file: string): Promise<string> {
  const there = await stat(file).then(
    () => true,
    () => false,
  );
  if (process.env.ORCHESTRATOR_TOKEN) return 'in ORCHESTRATOR_TOKEN';
  if (!there) return `${file} is not there yet; "orchestrator up" makes it`;
  return rightsOf(file, 0o077);
}

async function apiOf(options: CommonOptions): Promise<string> {
  const start = 'start it with "orchestrator up", or give --api';
  let place: ReturnType<typeof apiPlace>;
  try {
    place = apiPlace(options);
  } catch {
    throw new Warning('none is known here', start);
  }
  const client = createRollbackClient({ ...place, timeoutMs: 3_000, retryForMs: 0 });
  const health = await client.health().catch((error: Error) => {
    throw new Warning(error.message, start);
  });
  if (!health.healthy) throw new Error(`${place.url}: ${health.problems.join('; ')}`);
  return `${place.url} is healthy`;
}
