import { access, constants, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ReadinessCheck } from '../../../domain/readiness.ts';
import type { NginxReach } from '../nginx.ts';
import { runNginx } from './command.ts';
import { includeText } from './include-file.ts';
import { readMarker } from './marker.ts';
import { readMaster, readWorkers } from './workers.ts';

/** What switching this nginx will need. Only the reload itself cannot be tried without doing it. */
export async function nginxChecks(reach: NginxReach): Promise<ReadinessCheck[]> {
  const looks: [string, (reach: NginxReach) => Promise<string>][] = [
    ['the included file can be replaced', fileFinding],
    ['the configuration is valid', testFinding],
    ['the workers can be watched', workersFinding],
    ['the state is shown', stateFinding],
    ['may reload', reloadFinding],
  ];
  const found = looks.map(async ([name, look]) => {
    const finding = await look(reach).then(
      (detail) => ({ ok: true, detail }),
      (error: Error) => ({ ok: false, detail: error.message }),
    );
    return { name: `nginx: ${name}`, ...finding };
  });
  return Promise.all(found);
}

async function fileFinding({ file }: NginxReach): Promise<string> {
  await access(dirname(file), constants.W_OK);
  await access(file, constants.R_OK);
  return `${file}`;
}

async function testFinding(reach: NginxReach): Promise<string> {
  await runNginx(reach, reach.testCommand);
  return reach.testCommand.join(' ');
}

async function workersFinding(reach: NginxReach): Promise<string> {
  const master = await readMaster(reach);
  const workers = await readWorkers(reach);
  if (workers.length === 0)
    throw new Error(
      `no worker of the master process ${master} can be seen: is /proc mounted with hidepid, or in another container?`,
    );
  return `master process ${master} with ${workers.length} workers`;
}

async function stateFinding(reach: NginxReach): Promise<string> {
  const inForce = await readMarker(reach);
  const text = await readFile(reach.file, 'utf8');
  if (text === includeText(reach.upstream, inForce)) return `${reach.stateUrl} shows what ${reach.file} says`;
  throw new Error(
    `${reach.file} is not what is in force: somebody changed it, and the next reload would take it`,
  );
}

/** Only nginx's own `-s reload` is a signal by this user; another command may have rights of its own. */
async function reloadFinding(reach: NginxReach): Promise<string> {
  const { reloadCommand } = reach;
  if (!reloadCommand[0]?.endsWith('nginx')) return `by ${reloadCommand.join(' ')}`;
  const master = await readMaster(reach);
  try {
    process.kill(master, 0);
  } catch {
    throw new Error(
      `this user may not signal the master process ${master}: run the worker as its user, or set reload_command to one with sudo`,
    );
  }
  return `may signal the master process ${master}`;
}
