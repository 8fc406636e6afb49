import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runCommand } from '../../adapters/run-command.ts';
import { afterwards, eventually, kill } from '../adapters/temporary.ts';

/** A real systemd of the test's own: the manager that runs a user's services, without a machine that was booted by it. */
export interface SystemdManager {
  /** Where units go. */
  readonly units: string;
  /** Where its runtime directories are, `/run` of a real one. */
  readonly runtime: string;
  /** How it is reached: `systemctl` looks at /run as well. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  systemctl(...args: string[]): Promise<string>;
}

/**
 * A manager moves every process of the cgroup that it starts in to a place of its own. Started where the test runs, it would take along
 * the test and, in the root, everything on the machine. It is not started before it is alone.
 */
const boot = `
  set -e
  for at in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    if [ -f $at/cgroup.procs ]; then mkdir $at/$OWN_CGROUP; echo $$ > $at/$OWN_CGROUP/cgroup.procs; fi
  done
  if grep -E '^([0-9]+:name=systemd|0:):' /proc/$$/cgroup | grep -v "/$OWN_CGROUP$"; then echo 'no cgroup of its own' >&2; exit 1; fi
  mount -t tmpfs tmpfs /run
  mkdir -p /run/systemd/system
  exec /lib/systemd/systemd --user --log-target=console
`;

/**
 * systemd refuses to start where it did not boot the machine, which it sees by /run/systemd/system: the test's manager has a /run
 * of its own in a mount namespace. It needs root, and Debian's package systemd.
 */
export async function startSystemd(folder: string): Promise<SystemdManager> {
  const [units, runtime] = [join(folder, 'config/systemd/user'), join(folder, 'runtime')];
  for (const made of [units, runtime]) await mkdir(made, { recursive: true, mode: 0o700 });
  const env = {
    PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
    HOME: folder,
    XDG_CONFIG_HOME: join(folder, 'config'),
    XDG_RUNTIME_DIR: runtime,
  };
  const cgroup = `rollback-test-${randomUUID()}`;
  const manager = spawn('unshare', ['--mount', 'sh', '-c', boot], {
    env: { ...env, OWN_CGROUP: cgroup },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  manager.stderr?.on('data', (text) => {
    said += text;
  });
  const command = ['nsenter', '--mount', '--target', String(manager.pid), 'systemctl', '--user'];
  const systemctl = async (...args: string[]) => {
    const argv = [...command, ...args];
    const signal = AbortSignal.timeout(30_000);
    const limits = { signal, timeLimitMs: 30_000, outputLimitBytes: 65_536 };
    const { exitCode, output, stdout } = await runCommand({ argv, env, ...limits });
    if (exitCode !== 0) throw new Error(`${argv.join(' ')} exited with ${exitCode}: ${output}`);
    return stdout.trim();
  };
  afterwards(() => end(manager, cgroup, systemctl));
  await eventually(() => systemctl('is-system-running').catch(() => null), 20_000).catch(() => {
    throw new Error(
      `systemd did not start; it needs root and Debian's package systemd: ${said.slice(-1_000)}`,
    );
  });
  return { units, runtime, command, env, systemctl };
}

async function end(
  manager: ChildProcess,
  cgroup: string,
  systemctl: SystemdManager['systemctl'],
): Promise<void> {
  await systemctl('exit').catch(() => undefined);
  await eventually(() => manager.exitCode !== null || manager.signalCode !== null, 15_000).catch(
    () => undefined,
  );
  await kill(manager);
  await removeCgroup(cgroup);
}

/** Of every controller, the innermost first: a cgroup with others in it cannot be removed. */
async function removeCgroup(cgroup: string): Promise<void> {
  const roots = ['', ...(await readdir('/sys/fs/cgroup'))].map((name) =>
    join('/sys/fs/cgroup', name, cgroup),
  );
  for (const root of roots) {
    const below = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => null);
    if (below === null) continue;
    const folders = below
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name));
    for (const folder of [...folders.toSorted((a, b) => b.length - a.length), root]) await rmdir(folder);
  }
}
