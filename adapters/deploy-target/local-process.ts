import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Instance, LiveService } from '../../domain/live.ts';
import { isCode, syncFolder } from '../durable-file.ts';
import { isRunning } from '../process-table.ts';
import type { DeployTarget, Restorable, StepContext } from './deploy-target.ts';
import { withFileLock } from './file-lock.ts';
import { type InstanceRecord, readRecord, startInstance, stopInstance } from './instance-process.ts';

const defaultStopTimeoutMs = 5_000;
const settleMs = 300;

export interface LocalService {
  /** Program and arguments, run without a shell in the release's folder. */
  readonly command: readonly string[];
  readonly instances: number;
  /** Instance `i` is told by `PORT` to listen on `basePort + i`. */
  readonly basePort: number;
  readonly env?: Readonly<Record<string, string>>;
  /** From SIGTERM to SIGKILL, milliseconds; default 5,000. */
  readonly stopTimeoutMs?: number;
}

export interface LocalProcessOptions {
  /** Holds a folder for each service: `releases/<release>/`, `current` → one of them, `run/`, `log/`. */
  readonly root: string;
  readonly services: Readonly<Record<string, LocalService>>;
}

interface Place extends LocalService {
  readonly service: string;
  readonly folder: string;
}

interface Slot {
  readonly index: number;
  readonly record: InstanceRecord | null;
}

/** Services that are plain processes on this machine; they go on running when the worker dies. */
export function createLocalProcessTarget(options: LocalProcessOptions): DeployTarget {
  return {
    live: async (service) => liveOf(placeOf(options, service)),
    restorable: async (service, release) => restorableIn(placeOf(options, service), release),
    restore: async (service, release, step) => restoreIn(placeOf(options, service), release, step),
    restart: async (service, step) => restartIn(placeOf(options, service), step),
  };
}

function placeOf(options: LocalProcessOptions, service: string): Place {
  const settings = Object.hasOwn(options.services, service) ? options.services[service] : undefined;
  if (settings === undefined) {
    throw new Error(`unknown service ${service}; known: ${Object.keys(options.services).join(', ')}`);
  }
  return { ...settings, service, folder: join(options.root, service) };
}

async function liveOf(place: Place): Promise<LiveService> {
  const slots = await readSlots(place);
  return {
    configured: await configuredRelease(place),
    instances: slots.map((slot) => instanceOf(place, slot)),
  };
}

function instanceOf(place: Place, { index, record }: Slot): Instance {
  const id = `${place.service}/${index}`;
  if (record === null) return { id, release: null, running: false, url: null };
  const url = `http://127.0.0.1:${record.port}`;
  return { id, release: record.release, running: isRunning(record), url };
}

async function restorableIn(place: Place, release: string): Promise<Restorable> {
  const folder = releaseFolder(place, release);
  const problem = await releaseProblem(folder);
  return { restorable: problem === null, reason: problem ?? `${folder} is there` };
}

async function restoreIn(place: Place, release: string, step: StepContext): Promise<void> {
  step.signal.throwIfAborted();
  const problem = await releaseProblem(releaseFolder(place, release));
  if (problem !== null) throw new Error(`cannot restore ${release} of ${place.service}: ${problem}`);
  if ((await configuredRelease(place)) === release) return step.heartbeat(`${release} is configured already`);
  const draft = join(place.folder, `.current.${randomUUID()}`);
  await symlink(join('releases', release), draft);
  await rename(draft, join(place.folder, 'current'));
  await syncFolder(place.folder);
  step.heartbeat(`${release} is configured`);
}

/** The lock keeps an attempt that timed out and its retry from both starting an instance in one slot. */
async function restartIn(place: Place, step: StepContext): Promise<void> {
  await mkdir(place.folder, { recursive: true });
  const wait = {
    signal: step.signal,
    onWait: (holder: string) =>
      step.heartbeat(`waiting for another restart of ${place.service} by ${holder}`),
  };
  await withFileLock(join(place.folder, 'restart.lock'), wait, async () => {
    const release = await startableRelease(place);
    const slots = await readSlots(place);
    const outdated = slots.filter((slot) => !isDone(slot, release, step.key));
    await forEvery(outdated, (slot) => stopSlot(place, slot, step));
    const missing = outdated.filter((slot) => slot.index < place.instances);
    const started = await forEvery(missing, (slot) => startSlot(place, slot, release, step));
    await settle(place, started, step);
  });
}

function isDone({ record }: Slot, release: string, key: string): boolean {
  return record !== null && record.key === key && record.release === release && isRunning(record);
}

/** Checked before anything is stopped: a missing folder must not cost the instances that still run. */
async function startableRelease(place: Place): Promise<string> {
  const release = await configuredRelease(place);
  if (release === null)
    throw new Error(`${join(place.folder, 'current')} is missing: no release is configured`);
  const problem = await releaseProblem(releaseFolder(place, release));
  if (problem !== null) throw new Error(`cannot start ${release} of ${place.service}: ${problem}`);
  return release;
}

async function stopSlot(place: Place, { index, record }: Slot, step: StepContext): Promise<void> {
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
  if (index >= place.instances) await rm(pidFile(place, index), { force: true });
}

async function startSlot(place: Place, { index }: Slot, release: string, step: StepContext): Promise<Slot> {
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
    port: place.basePort + index,
    key: step.key,
  });
  step.heartbeat(`started ${release} of ${place.service}/${index}, pid ${record.pid}`);
  return { index, record };
}

/** Instances which end at once are told as such, with their own last words, instead of as two minutes of silence. */
async function settle(place: Place, started: readonly Slot[], step: StepContext): Promise<void> {
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
async function forEvery<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results = await Promise.allSettled(items.map(act));
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

/** The slots that should be, and those which a pid file shows to be or to have been. */
async function readSlots(place: Place): Promise<Slot[]> {
  const files = await readdir(join(place.folder, 'run')).catch(() => []);
  const recorded = files.filter((file) => /^\d+\.json$/.test(file)).map((file) => Number.parseInt(file, 10));
  const indexes = new Set([...Array(place.instances).keys(), ...recorded]);
  const ordered = [...indexes].sort((a, b) => a - b);
  return Promise.all(
    ordered.map(async (index) => ({ index, record: await readRecord(pidFile(place, index)) })),
  );
}

async function configuredRelease(place: Place): Promise<string | null> {
  const link = join(place.folder, 'current');
  try {
    return basename(await readlink(link));
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    if (isCode(error, 'EINVAL'))
      throw new Error(`${link} is not a symbolic link to a release`, { cause: error });
    throw error;
  }
}

async function releaseProblem(folder: string): Promise<string | null> {
  try {
    return (await readdir(folder)).length === 0 ? `${folder} is empty` : null;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return `${folder} does not exist`;
    if (isCode(error, 'ENOTDIR')) return `${folder} is not a folder`;
    throw error;
  }
}

function releaseFolder(place: Place, release: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._:@+~-]{0,199}$/.test(release)) {
    throw new Error(`release ${JSON.stringify(release)} cannot be the name of a folder`);
  }
  return join(place.folder, 'releases', release);
}

const pidFile = (place: Place, index: number) => join(place.folder, 'run', `${index}.json`);
const logFile = (place: Place, index: number) => join(place.folder, 'log', `${index}.log`);
