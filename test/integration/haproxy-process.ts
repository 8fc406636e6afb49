import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runtimeApi } from '../../adapters/traffic/haproxy/runtime-api.ts';
import { createHaproxyTraffic, type HaproxyOptions } from '../../adapters/traffic/haproxy.ts';
import { afterwards, eventually, freePorts, kill, temporaryFolder } from '../adapters/temporary.ts';

const fragment = new URL('../../deploy/haproxy/haproxy.cfg', import.meta.url);

export interface HaproxyProcess {
  readonly folder: string;
  /** Where users come in. */
  readonly url: string;
  readonly socket: string;
  readonly options: HaproxyOptions;
  /** Starts another process in its place, which takes over its listeners, as `systemctl reload` does. */
  reload(): Promise<void>;
  readonly child: () => ChildProcess;
}

/** Debian's HAProxy with the configuration that users copy, its paths and port put into a folder of the test. */
export async function startHaproxy(
  change = (configuration: string) => configuration,
): Promise<HaproxyProcess> {
  if (spawnSync('haproxy', ['-v']).error !== undefined)
    throw new Error('there is no haproxy: run npm run test:integration, which gets one');
  const folder = await temporaryFolder();
  const state = join(folder, 'rollback');
  await mkdir(state);
  const map = join(state, 'api.map');
  await writeFile(map, '');
  const port = await freePorts(1);
  const socket = join(folder, 'rollback.sock');
  const text = (await readFile(fragment, 'utf8'))
    .replaceAll('/run/haproxy/rollback.sock', socket)
    .replaceAll('/var/lib/haproxy/rollback', state)
    .replace('bind :80', `bind 127.0.0.1:${port}`);
  const config = join(folder, 'haproxy.cfg');
  await writeFile(config, change(text));
  let child = await run(folder, []);
  afterwards(() => kill(child));
  return {
    folder,
    url: `http://127.0.0.1:${port}`,
    socket,
    options: {
      sockets: [socket],
      backend: 'api',
      map,
      files: { mapFile: map, serverStateFile: join(state, 'api') },
    },
    async reload() {
      const old = child;
      child = await run(folder, ['-sf', String(old.pid)]);
      await eventually(() => old.exitCode !== null || old.signalCode !== null);
    },
    child: () => child,
  };
}

export async function aHaproxy(change?: (configuration: string) => string) {
  const process = await startHaproxy(change);
  return { ...process, traffic: createHaproxyTraffic(process.options) };
}

async function run(folder: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn('haproxy', ['-db', '-f', join(folder, 'haproxy.cfg'), ...args], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`haproxy ended: ${said}`);
    return say(join(folder, 'rollback.sock'), 'show info').then(
      (info) => info.includes(`Pid: ${child.pid}\n`),
      () => false,
    );
  });
  return child;
}

/** What a person does by hand at the socket. */
export async function say(socket: string, command: string): Promise<string> {
  return runtimeApi(socket, { signal: AbortSignal.timeout(5_000), timeoutMs: 5_000 }).ask(command);
}
