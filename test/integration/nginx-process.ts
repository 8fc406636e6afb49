import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createNginxTraffic, type NginxOptions } from '../../adapters/traffic/nginx.ts';
import { afterwards, eventually, freePorts, kill, temporaryFolder } from '../adapters/temporary.ts';

const fragments = new URL('../../deploy/nginx/', import.meta.url);

export interface NginxProcess {
  readonly folder: string;
  /** Where users come in. */
  readonly url: string;
  readonly options: NginxOptions;
  readonly child: ChildProcess;
}

/** Debian's nginx with the configuration that users copy, its paths and ports put into a folder of the test. */
export async function startNginx(change = (configuration: string) => configuration): Promise<NginxProcess> {
  if (spawnSync('nginx', ['-v']).error !== undefined)
    throw new Error('there is no nginx: run npm run test:integration, which gets one');
  const folder = await temporaryFolder();
  await cp(new URL('rollback/', fragments), join(folder, 'rollback'), { recursive: true });
  const port = await freePorts(2);
  const text = (await readFile(new URL('api.conf', fragments), 'utf8'))
    .replaceAll('/etc/nginx', folder)
    .replace('listen 80;', `listen 127.0.0.1:${port};`)
    .replace('listen 127.0.0.1:8079;', `listen 127.0.0.1:${port + 1};`);
  await writeFile(join(folder, 'api.conf'), change(text));
  await writeFile(join(folder, 'nginx.conf'), mainConfiguration(folder));
  for (const name of ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']) await mkdir(join(folder, name));
  const argv = ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')];
  const child = spawn('nginx', argv.slice(1), { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  afterwards(() => end(child));
  const url = `http://127.0.0.1:${port}`;
  const stateUrl = `http://127.0.0.1:${port + 1}/api`;
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${said}`);
    return fetch(stateUrl).then(
      () => true,
      () => false,
    );
  });
  return {
    folder,
    url,
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

export async function anNginx(change?: (configuration: string) => string) {
  const process = await startNginx(change);
  return { ...process, traffic: createNginxTraffic(process.options) };
}

function mainConfiguration(folder: string): string {
  return `daemon off;
worker_processes 2;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path ${folder}/body;
    proxy_temp_path ${folder}/proxy;
    fastcgi_temp_path ${folder}/fastcgi;
    uwsgi_temp_path ${folder}/uwsgi;
    scgi_temp_path ${folder}/scgi;
    include ${folder}/api.conf;
}
`;
}

/** Workers outlive a master that was killed; one that is told to end takes them along. */
async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGCONT');
  child.kill('SIGTERM');
  await eventually(() => child.exitCode !== null || child.signalCode !== null).catch(() => kill(child));
}
