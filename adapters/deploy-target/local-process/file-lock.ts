import { mkdir, readFile, rm, rmdir, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { createFile, isCode } from '../../durable-file.ts';
import { isRunning, type ProcessIdentity, processTable } from '../../process-table.ts';

const pollMs = 50;
const breakingTimeoutMs = 10_000;
const holderSchema = z.object({ pid: z.number(), startTime: z.string() });

export interface LockWait {
  readonly signal: AbortSignal;
  /** Called several times a second while another holds the lock. */
  readonly onWait: (holder: string) => void;
}

/** Runs the action while no other action, of this process or another, runs under the same lock file. */
export async function withFileLock<T>(path: string, wait: LockWait, action: () => Promise<T>): Promise<T> {
  await acquire(path, wait);
  try {
    return await action();
  } finally {
    await rm(path, { force: true });
  }
}

async function acquire(path: string, wait: LockWait): Promise<void> {
  const self = processTable.find(process.pid);
  for (;;) {
    wait.signal.throwIfAborted();
    if (await createFile(path, JSON.stringify(self))) return;
    const holder = await readHolder(path);
    if (holder !== null && isRunning(holder)) wait.onWait(`pid ${holder.pid}`);
    else await breakLock(path);
    await sleep(pollMs);
  }
}

/** Removes the lock of a dead process. One breaker at a time, or the second would remove the first one's new lock. */
async function breakLock(path: string): Promise<void> {
  const guard = `${path}.breaking`;
  if (!(await takeGuard(guard))) return;
  try {
    const holder = await readHolder(path);
    if (holder === null || !isRunning(holder)) await rm(path, { force: true });
  } finally {
    await rmdir(guard).catch(() => undefined);
  }
}

async function takeGuard(guard: string): Promise<boolean> {
  try {
    await mkdir(guard);
    return true;
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
  }
  const made = await stat(guard).catch(() => null);
  if (made !== null && Date.now() - made.mtimeMs > breakingTimeoutMs)
    await rmdir(guard).catch(() => undefined);
  return false;
}

async function readHolder(path: string): Promise<ProcessIdentity | null> {
  try {
    return holderSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return null;
  }
}
