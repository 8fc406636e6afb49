// The part that is yours: what is live, what could be, and how it is put there. This one knows releases as folders,
// ROOT/<service>/releases/<release>/server.js, and runs one Node process for each service.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';

const { ROOT = '.', SERVICE_PORT = '4100' } = process.env;

/** What runs, by service: { child, release, key }. */
const running = new Map();

export async function live(service) {
  const configured = await readlink(join(ROOT, service, 'current')).then(
    (link) => basename(link),
    () => null,
  );
  const now = running.get(service);
  const instances = now === undefined ? [] : [instance(service, now)];
  return { configured, instances };
}

function instance(service, { child, release }) {
  const runs = child.exitCode === null && child.signalCode === null;
  const trouble = runs ? {} : { trouble: `ended with ${child.exitCode ?? child.signalCode}` };
  return { id: service, release, running: runs, url: `http://127.0.0.1:${SERVICE_PORT}`, ...trouble };
}

export async function restorable(service, release) {
  const file = join(folderOf(service, release), 'server.js');
  return access(file).then(
    () => ({ restorable: true, reason: `${file} is there` }),
    () => ({ restorable: false, reason: `${file} is missing` }),
  );
}

/** Makes the release the configured one and touches nothing that runs. The same again changes nothing. */
export async function restore(service, release) {
  const { restorable: there, reason } = await restorable(service, release);
  if (!there) throw new Error(reason);
  const next = join(ROOT, service, 'current.next');
  await rm(next, { force: true });
  await symlink(join('releases', release), next);
  await rename(next, join(ROOT, service, 'current'));
}

/** Replaces what runs by the configured release. A repeated key leaves alone what it started, if that still runs. */
export async function restart(service, key, say) {
  const { configured } = await live(service);
  if (configured === null) throw new Error(`no release of ${service} is configured`);
  const before = running.get(service);
  const runs = before !== undefined && instance(service, before).running;
  if (runs && before.key === key && before.release === configured) return;
  if (runs) {
    say(`stopping ${before.release}`);
    before.child.kill();
    await once(before.child, 'exit');
  }
  say(`starting ${configured}`);
  const env = { PATH: process.env.PATH, PORT: SERVICE_PORT, RELEASE: configured };
  const child = spawn(process.execPath, ['server.js'], {
    cwd: folderOf(service, configured),
    env,
    stdio: 'inherit',
  });
  running.set(service, { child, release: configured, key });
}

/** A name is a folder here: it must not lead anywhere else. */
function folderOf(service, release) {
  if (![service, release].every((name) => /^[\w][\w.-]*$/.test(name)))
    throw new Error(`${service} or ${release} cannot be the name of a folder`);
  return join(ROOT, service, 'releases', release);
}

process.on('SIGTERM', () => {
  for (const { child } of running.values()) child.kill();
  process.exit();
});
