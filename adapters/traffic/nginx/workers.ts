import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning, type ProcessIdentity, processTable } from '../../process-table.ts';
import type { NginxReach } from '../nginx.ts';

const pollMs = 20;

/** The workers that take connections now; those that shut down since an earlier reload were waited for then. */
export async function readWorkers(reach: NginxReach): Promise<ProcessIdentity[]> {
  const master = await readMaster(reach);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const isWorker = (await parentOf(pid)) === master && isServing(await titleOf(pid));
      return isWorker ? processTable.find(pid) : null;
    }),
  );
  return found.filter((entry) => entry !== null);
}

/** Waits for new workers and for the end of the old ones; after the drain time it suffices that these take nothing new. */
export async function replacedWorkers(reach: NginxReach, old: readonly ProcessIdentity[]): Promise<void> {
  const startedMs = performance.now();
  const waited = () => performance.now() - startedMs;
  for (;;) {
    reach.signal.throwIfAborted();
    const left = old.filter(isRunning);
    const titles = await Promise.all(left.map(({ pid }) => titleOf(pid)));
    const taking = titles.filter(isServing).length;
    if (left.length === 0 || (taking === 0 && waited() > reach.drainMs)) return;
    if (taking > 0 && waited() > reach.timeoutMs)
      throw new Error(
        `nginx kept ${taking} of its ${old.length} workers for ${reach.timeoutMs} ms after the reload: it refused the configuration, and its error log says why`,
      );
    await sleep(pollMs);
  }
}

/** The pid of the master process, which must run. */
export async function readMaster({ pidFile }: NginxReach): Promise<number> {
  const text = await readFile(pidFile, 'utf8').catch((error: Error) => {
    throw new Error(
      `nginx's pid file cannot be read (${error.message}): does nginx run, and is this its "pid"?`,
    );
  });
  const pid = Number(text.trim());
  if (!(await titleOf(pid)).startsWith('nginx: master process'))
    throw new Error(`${pidFile} holds ${JSON.stringify(text.trim())}, which is no master process of nginx`);
  return pid;
}

function isServing(title: string): boolean {
  return title.startsWith('nginx: worker process') && !title.endsWith('is shutting down');
}

/** What a process calls itself: `nginx: worker process is shutting down`; nothing when it is gone. */
async function titleOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text.replaceAll('\0', ' ').trim();
}

async function parentOf(pid: number): Promise<number | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  // The name in parentheses may itself hold spaces and parentheses.
  return stat === null ? null : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}
