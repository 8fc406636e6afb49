import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Instance } from '../../../domain/live.ts';
import { isCode } from '../../durable-file.ts';
import { isRunning } from '../../process-table.ts';
import type { StepContext } from '../deploy-target.ts';
import { type InstanceRecord, readRecord, startInstance, stopInstance } from './instance-process.ts';

const defaultStopTimeoutMs = 5_000;
const settleMs = 300;

export interface LocalService {
  /** Program and arguments, run without a shell in the release's folder. */
  readonly command: readonly string[];
  readonly instances: number;
  /** Instance `i` is told by `PORT` to listen on `basePort + i`. */
  readonly basePort: number;
  /** Where a second set of instances listens, in the same way; default `basePort + instances`. */
  readonly besideBasePort?: number | undefined;
  readonly env?: Readonly<Record<string, string>>;
  /** From SIGTERM to SIGKILL, milliseconds; default 5,000. */
  readonly stopTimeoutMs?: number;
}

export interface Place extends LocalService {
  readonly service: string;
  readonly folder: string;
}

export interface Slot {
  readonly index: number;
  readonly record: InstanceRecord | null;
}

export function instanceOf(place: Place, { index, record }: Slot): Instance {
  const id = `${place.service}/${index}`;
  if (record === null) return { id, release: null, running: false, url: null };
  const url = `http://127.0.0.1:${record.port}`;
  return { id, release: record.release, running: isRunning(record), url };
}

export function isDone({ record }: Slot, release: string, key: string): boolean {
  return record !== null && record.key === key && record.release === release && isRunning(record);
}

export async function stopSlot(place: Place, { index, record }: Slot, step: StepContext): Promise<void> {
  step.signal.throwIfAborted();
  if (record !== null) {
    const progress = `stopping ${record.release} of ${place.service}/${index}, pid ${record.pid}`;
    const onWait = () => step.heartbeat(progress);
    await stopInstance(record, {
      graceMs: place.stopTimeoutMs ?? defaultStopTimeoutMs,
      signal: step.signal,
      onWait,
    });
  }
  if (!isIn(place, await homeOf(place), { index, record })) await rm(pidFile(place, index), { force: true });
}

export async function startSlot(
  place: Place,
  { index }: Slot,
  release: string,
  step: StepContext,
): Promise<Slot> {
  step.signal.throwIfAborted();
  await mkdir(join(place.folder, 'run'), { recursive: true });
  await mkdir(join(place.folder, 'log'), { recursive: true });
  const record = await startInstance({
    command: place.command,
    folder: releaseFolder(place, release),
    env: { ...place.env, SERVICE: place.service },
    logFile: logFile(place, index),
    pidFile: pidFile(place, index),
    release,
    port: portOf(place, index),
    key: step.key,
  });
  step.heartbeat(`started ${release} of ${place.service}/${index}, pid ${record.pid}`);
  return { index, record };
}

/** Instances which end at once are told as such, with their own last words, instead of as two minutes of silence. */
export async function lastThrough(place: Place, started: readonly Slot[], step: StepContext): Promise<void> {
  if (started.length === 0) return;
  await sleep(settleMs);
  step.signal.throwIfAborted();
  for (const { index, record } of started) {
    if (record === null || isRunning(record)) continue;
    const log = await readFile(logFile(place, index), 'utf8').catch(() => '');
    const words = log.trimEnd().slice(-1_000);
    throw new Error(
      `${place.service}/${index} (${record.release}) ended within ${settleMs} ms of its start: ${words}`,
    );
  }
}

/** Waits for all, so that nothing still acts when the lock is released; then throws the first error. */
export async function forEvery<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results = await Promise.allSettled(items.map(act));
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

/** The slots that should be, and those which a pid file shows to be or to have been. */
export async function readSlots(place: Place): Promise<Slot[]> {
  const files = await readdir(join(place.folder, 'run')).catch(() => []);
  const recorded = files.filter((file) => /^\d+\.json$/.test(file)).map((file) => Number.parseInt(file, 10));
  const indexes = new Set([...indexesOf(place, await homeOf(place)), ...recorded]);
  const ordered = [...indexes].sort((a, b) => a - b);
  return Promise.all(
    ordered.map(async (index) => ({ index, record: await readRecord(pidFile(place, index)) })),
  );
}

/** Slots come in two halves, each with an instance for every port: the service is at home in one, a second release starts in the other. */
export type Half = 0 | 1;

export function otherHalf(half: Half): Half {
  return half === 0 ? 1 : 0;
}

export function indexesOf({ instances }: Place, half: Half): number[] {
  return Array.from({ length: instances }, (_, i) => half * instances + i);
}

export function isIn(place: Place, half: Half, { index }: Slot): boolean {
  return indexesOf(place, half).includes(index);
}

export function portOf(
  { instances, basePort, besideBasePort = basePort + instances }: Place,
  index: number,
): number {
  return index < instances ? basePort + index : besideBasePort + index - instances;
}

export async function homeOf(place: Place): Promise<Half> {
  const written = await readFile(homeFile(place), 'utf8').catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return '0';
    throw error;
  });
  return written.trim() === '1' ? 1 : 0;
}

export async function slotsIn(place: Place, half: Half): Promise<Slot[]> {
  return Promise.all(
    indexesOf(place, half).map(async (index) => ({ index, record: await readRecord(pidFile(place, index)) })),
  );
}

export function releaseFolder(place: Place, release: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._:@+~-]{0,199}$/.test(release)) {
    throw new Error(`release ${JSON.stringify(release)} cannot be the name of a folder`);
  }
  return join(place.folder, 'releases', release);
}

const pidFile = (place: Place, index: number) => join(place.folder, 'run', `${index}.json`);
const logFile = (place: Place, index: number) => join(place.folder, 'log', `${index}.log`);
export const homeFile = (place: Place) => join(place.folder, 'run', 'home');
