import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processTable } from '../../adapters/process-table.ts';

const folders: string[] = [];
const children: ChildProcess[] = [];
const closers: (() => unknown)[] = [];

/** A folder that {@link cleanUp} removes, with every process that works in it. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rollback-test-'));
  folders.push(folder);
  return folder;
}

/** A Node process that {@link cleanUp} kills. */
export function startNode(args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return child;
}

/** Runs at {@link cleanUp}. */
export function afterwards(close: () => unknown): void {
  closers.push(close);
}

/** Ends what a test left behind, also when it failed. */
export async function cleanUp(): Promise<void> {
  // The newest first: a client goes before the proxy that would wait for it.
  for (const close of closers.splice(0).reverse()) await close();
  for (const child of children.splice(0)) await kill(child);
  for (const folder of folders.splice(0)) {
    for (const pid of processesIn(folder)) killPid(pid);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Pids of the living processes that work in a folder or below it, in ascending order. */
export function processesIn(folder: string): number[] {
  const pids = processTable.all().map(({ pid }) => pid);
  const inside = pids.filter((pid) => pid !== process.pid && workingFolder(pid).includes(folder));
  return inside.toSorted((a, b) => a - b);
}

export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** The first port of `count` free ones in a row, outside the range that clients are given ports from. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const base = 12_000 + Math.floor(Math.random() * 18_000);
    const ports = Array.from({ length: count }, (_, index) => base + index);
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return base;
  }
}

/** Polls until the check returns something; fails after the time with its words. */
export async function eventually<T>(check: () => T | Promise<T>, withinMs = 10_000): Promise<NonNullable<T>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await check();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${check.toString()}`);
    await sleep(20);
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listening = once(server, 'listening').then(
    () => true,
    () => false,
  );
  server.listen(port, '127.0.0.1');
  const free = await listening;
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}

function workingFolder(pid: number): string {
  try {
    if (existsSync('/proc/self')) return readlinkSync(`/proc/${pid}/cwd`);
    return execFileSync('lsof', ['-a', '-p', `${pid}`, '-d', 'cwd', '-Fn'], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

function killPid(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}
