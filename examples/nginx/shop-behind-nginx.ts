import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { createNginxTraffic, type NginxOptions } from '../../adapters/traffic/nginx.ts';
import { startCommand } from '../demo/program.ts';
import { type Front, prepareWorkspace, untilAnswers, type Workspace } from '../demo/workspace.ts';

/** As rollback-config.yml and the nginx files have them; a test has others. */
export const writtenPorts = { users: 8080, state: 8079, instances: 4101, payments: 4100 };

export type Ports = typeof writtenPorts;

const here = (name: string) => new URL(name, import.meta.url);

/** Two processes of the shop behind nginx, with the files of this folder and of deploy/nginx. */
export function prepareShopBehindNginx(folder: string, ports: Ports = writtenPorts): Promise<Workspace> {
  return prepareWorkspace(folder, {
    paymentsPort: ports.payments,
    basePort: ports.instances,
    startFront: () => startFront(folder, ports),
    configuration: () => configuration(ports),
  });
}

async function configuration(ports: Ports): Promise<string> {
  const text = await readFile(here('rollback-config.yml'), 'utf8');
  return text
    .replace(`base_port: ${writtenPorts.instances}`, `base_port: ${ports.instances}`)
    .replace(`127.0.0.1:${writtenPorts.payments}`, `127.0.0.1:${ports.payments}`)
    .replace(`127.0.0.1:${writtenPorts.state}`, `127.0.0.1:${ports.state}`);
}

async function startFront(folder: string, ports: Ports): Promise<Front> {
  const text = await configuration(ports);
  const settings = (parse(text) as ExampleFile).products.shop.services.web.traffic;
  const options: NginxOptions = {
    file: join(folder, settings.file),
    upstream: settings.upstream,
    stateUrl: settings.state_url,
    pidFile: join(folder, settings.pid_file),
    cwd: folder,
    testCommand: settings.test_command,
    reloadCommand: settings.reload_command,
    drainMs: 5_000,
  };
  const prefix = join(folder, 'nginx');
  await layOutNginx(prefix, ports);
  const argv = ['nginx', '-p', prefix, '-c', join(prefix, 'nginx.conf'), '-e', join(prefix, 'error.log')];
  const program = startCommand('nginx', argv, join(folder, 'nginx.log'));
  await untilAnswers(options.stateUrl);
  return {
    url: `http://127.0.0.1:${ports.users}`,
    traffic: createNginxTraffic(options),
    settings,
    stop: () => program.stop(),
  };
}

/** nginx.conf of this folder, and what deploy/nginx has for /etc/nginx. */
export async function layOutNginx(
  prefix: string,
  { users, state }: Pick<Ports, 'users' | 'state'>,
): Promise<void> {
  await mkdir(prefix, { recursive: true });
  await cp(here('nginx.conf'), join(prefix, 'nginx.conf'));
  await cp(here('../../deploy/nginx/rollback/'), join(prefix, 'rollback'), { recursive: true });
  const site = await readFile(here('../../deploy/nginx/api.conf'), 'utf8');
  const placed = site
    .replaceAll('/etc/nginx', prefix)
    .replace('listen 80;', `listen 127.0.0.1:${users};`)
    .replace(`listen 127.0.0.1:${writtenPorts.state};`, `listen 127.0.0.1:${state};`);
  await writeFile(join(prefix, 'api.conf'), placed);
}

interface ExampleFile {
  readonly products: {
    readonly shop: {
      readonly services: {
        readonly web: {
          readonly traffic: {
            readonly file: string;
            readonly upstream: string;
            readonly state_url: string;
            readonly pid_file: string;
            readonly test_command: string[];
            readonly reload_command: string[];
          };
        };
      };
    };
  };
}
