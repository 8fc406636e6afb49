import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createNginxTraffic, type NginxOptions } from '../../adapters/traffic/nginx.ts';
import { layOutNginx } from '../../examples/nginx/shop-behind-nginx.ts';
import { afterwards, eventually, freePorts, kill, temporaryFolder } from '../adapters/temporary.ts';

export interface NginxProcess {
  readonly folder: string;
  /** Where users come in. */
  readonly url: string;
  readonly options: NginxOptions;
  readonly child: ChildProcess;
}

/** Debian's nginx with the configuration that users copy, its paths and ports put into a folder of the test. */
export async function startNginx(change = (configuration: string) => configuration): Promise<NginxProcess> {
  needNginx();
  const folder = await temporaryFolder();
  const users = await freePorts(2);
  await layOutNginx(folder, { users, state: users + 1 });
  const site = join(folder, 'api.conf');
  await writeFile(site, change(await readFile(site, 'utf8')));
  const argv = ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')];
  const child = spawn('nginx', argv.slice(1), { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  afterwards(() => end(child));
  const stateUrl = `http://127.0.0.1:${users + 1}/api`;
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${said}`);
    return fetch(stateUrl).then(
      () => true,
      () => false,
    );
  });
  return {
    folder,
    url: `http://127.0.0.1:${users}`,
    child,
    options: {
      file: join(folder, 'rollback/api.conf'),
      upstream: 'api',
      stateUrl,
      pidFile: join(folder, 'nginx.pid'),
      testCommand: [...argv, '-t'],
      reloadCommand: [...argv, '-s', 'reload'],
    },
  };
}

export function needNginx(): void {
  if (spawnSync('nginx', ['-v']).error !== undefined)
    throw new Error('there is no nginx: run npm run test:integration, which gets one');
}

export async function anNginx(change?: (configuration: string) => string) {
  const process = await startNginx(change);
  return { ...process, traffic: createNginxTraffic(process.options) };
}

/** Workers outlive a master that was killed; one that is told to end takes them along. */
async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await eventually(() => child.exitCode !== null || child.signalCode !== null).catch(() => kill(child));
}
