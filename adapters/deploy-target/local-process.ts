import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readlink, rename, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import type { LiveService } from '../../domain/live.ts';
import type { ReadinessCheck } from '../../domain/readiness.ts';
import { isCode, replaceFile, syncFolder } from '../durable-file.ts';
import { isRunning } from '../process-table.ts';
import type { DeployTarget, Restorable, StepContext } from './deploy-target.ts';
import { withFileLock } from './local-process/file-lock.ts';
import {
  forEvery,
  type Half,
  homeFile,
  homeOf,
  instanceOf,
  isDone,
  isIn,
  type LocalService,
  lastThrough,
  otherHalf,
  type Place,
  portOf,
  readSlots,
  releaseFolder,
  slotsIn,
  startSlot,
  stopSlot,
} from './local-process/slots.ts';

export interface LocalProcessOptions {
  /** Holds a folder for each service: `releases/<release>/`, `current` → one of them, `run/`, `log/`. */
  readonly root: string;
  readonly services: Readonly<Record<string, LocalService>>;
}

/** Services that are plain processes on this machine; they go on running when the worker dies. */
export function createLocalProcessTarget(options: LocalProcessOptions): DeployTarget {
  return {
    live: async (service) => liveOf(placeOf(options, service)),
    restorable: async (service, release) => restorableIn(placeOf(options, service), release),
    restore: async (service, release, step) => restoreIn(placeOf(options, service), release, step),
    restart: async (service, step) => restartIn(placeOf(options, service), step),
    checks: async (service) => roomFor(placeOf(options, service)),
    beside: {
      start: async (service, release, step) => startBeside(placeOf(options, service), release, step),
      settle: async (service, release, step) => settleOn(placeOf(options, service), release, step),
      giveUp: async (service, release, step) => giveUpBeside(placeOf(options, service), release, step),
    },
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

/** Where a second set of instances is meant to start, nobody else may listen. */
async function roomFor(place: Place): Promise<readonly ReadinessCheck[]> {
  if (place.besideBasePort === undefined) return [];
  const slots = await slotsIn(place, otherHalf(await homeOf(place)));
  const idle = slots.filter(({ record }) => record === null || !isRunning(record));
  const taken: number[] = [];
  for (const port of idle.map(({ index }) => portOf(place, index)))
    if (!(await isFree(port))) taken.push(port);
  const detail =
    taken.length === 0
      ? `ports of ${slots.length} more instances are free`
      : `somebody else listens on ${taken.join(', ')}; see beside_base_port`;
  return [{ name: 'room for a second release', ok: taken.length === 0, detail }];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
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

async function restartIn(place: Place, step: StepContext): Promise<void> {
  await locked(place, step, async () => {
    const release = await startableRelease(place);
    const home = await homeOf(place);
    const outdated = (await readSlots(place)).filter((slot) => !isDone(slot, release, step.key));
    await forEvery(outdated, (slot) => stopSlot(place, slot, step));
    const missing = outdated.filter((slot) => isIn(place, home, slot));
    const started = await forEvery(missing, (slot) => startSlot(place, slot, release, step));
    await lastThrough(place, started, step);
  });
}

/** In the half of the slots that is not home: what an earlier attempt left there goes, what is home stays as it is. */
async function startBeside(place: Place, release: string, step: StepContext): Promise<void> {
  await locked(place, step, async () => {
    const problem = await releaseProblem(releaseFolder(place, release));
    if (problem !== null) throw new Error(`cannot start ${release} of ${place.service}: ${problem}`);
    const slots = await slotsIn(place, otherHalf(await homeOf(place)));
    // Whatever its key: it may serve already.
    const outdated = slots.filter(({ record }) => record?.release !== release || !isRunning(record));
    await forEvery(outdated, (slot) => stopSlot(place, slot, step));
    const started = await forEvery(outdated, (slot) => startSlot(place, slot, release, step));
    await lastThrough(place, started, step);
  });
}

async function giveUpBeside(place: Place, release: string, step: StepContext): Promise<void> {
  await locked(place, step, async () => {
    const slots = await slotsIn(place, otherHalf(await homeOf(place)));
    const ours = slots.filter(({ record }) => record?.release === release);
    await forEvery(ours, (slot) => stopSlot(place, slot, step));
  });
}

/** Home moves to where the release runs before anything ends: whoever repeats a step that was cut short ends the same ones. */
async function settleOn(place: Place, release: string, step: StepContext): Promise<void> {
  await locked(place, step, async () => {
    const slots = await readSlots(place);
    const running = slots.filter(({ record }) => record?.release === release && isRunning(record));
    if (running.length === 0)
      throw new Error(`no instance of ${release} of ${place.service} runs: what does is left as it is`);
    const inHalf = (half: Half) => running.filter((slot) => isIn(place, half, slot));
    const home = inHalf(1).length > inHalf(0).length ? 1 : 0;
    await restoreIn(place, release, step);
    await replaceFile(homeFile(place), String(home));
    const others = slots.filter((slot) => !inHalf(home).includes(slot));
    await forEvery(others, (slot) => stopSlot(place, slot, step));
  });
}

/** The lock keeps an attempt that timed out and its retry from both starting an instance in one slot. */
async function locked(place: Place, step: StepContext, act: () => Promise<void>): Promise<void> {
  await mkdir(place.folder, { recursive: true });
  const wait = {
    signal: step.signal,
    onWait: (holder: string) =>
      step.heartbeat(`waiting for another restart of ${place.service} by ${holder}`),
  };
  await withFileLock(join(place.folder, 'restart.lock'), wait, act);
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
