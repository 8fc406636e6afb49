import { setTimeout as sleep } from 'node:timers/promises';
import { haproxyChecks } from './haproxy/checks.ts';
import { readMap, removeEntry, setEntry } from './haproxy/maintenance-map.ts';
import { type KeptFiles, keepThroughReload } from './haproxy/reload-files.ts';
import { type RuntimeApi, runtimeApi } from './haproxy/runtime-api.ts';
import { numbered, readSlots, type Seat, type Slot, seatsFor, setState, takeSeat } from './haproxy/slots.ts';
import { addressesOf } from './origins.ts';
import type { TrafficControl, TrafficState } from './traffic-control.ts';

const pollMs = 50;

export interface HaproxyOptions {
  /** Runtime API of each HAProxy before the service: the path of a UNIX socket, or `host:port`. */
  readonly sockets: readonly string[];
  /** Its servers are slots that instances are put into; nobody else uses them. */
  readonly backend: string;
  /** The map file of the maintenance page, as haproxy.cfg names it. */
  readonly map: string;
  /** Files on this machine that let the state survive a reload; only with one socket. */
  readonly files?: KeptFiles;
  /** How long requests under way are waited for. */
  readonly drainMs?: number;
  /** How long a server may take until HAProxy's own health check calls it up. */
  readonly upWithinMs?: number;
  /** Of one answer. */
  readonly timeoutMs?: number;
}

/** One HAProxy of several, for the length of one call. */
export interface HaproxyReach extends HaproxyOptions {
  readonly api: RuntimeApi;
}

/** Traffic of one service through HAProxy's runtime API. */
export function createHaproxyTraffic(options: HaproxyOptions): TrafficControl {
  const { mapFile, serverStateFile } = options.files ?? {};
  if (options.sockets.length > 1 && (mapFile ?? serverStateFile) !== undefined)
    throw new Error(
      'haproxy: map_file and server_state_file are files of one HAProxy, but there are several sockets',
    );
  return {
    async state(_service, signal) {
      return meanOf(await everywhere(options, signal, stateOf));
    },
    async stop(_service, { reason, retryAfterSeconds, signal }) {
      await everywhere(options, signal, (reach) => stopAt(reach, reason, retryAfterSeconds));
    },
    async resume(_service, { release, instances, signal }) {
      signal.throwIfAborted();
      const addresses = await numbered(addressesOf(release, instances));
      // Ready everywhere before anything is switched anywhere: one HAProxy that cannot leaves all of them as they were.
      await everywhere(options, signal, (reach) => prepare(reach, addresses));
      await everywhere(options, signal, (reach) => switchTo(reach, release, addresses));
    },
    async checks(_service, signal) {
      return (await everywhere(options, signal, haproxyChecks)).flat();
    },
  };
}

async function stopAt(reach: HaproxyReach, reason: string, retryAfterSeconds: number): Promise<void> {
  const { api, map, backend } = reach;
  await setEntry(api, map, `${backend}.reason`, reason);
  // The last one: with it the page is on, whole.
  await setEntry(api, map, backend, String(Math.ceil(retryAfterSeconds)));
  await keepThroughReload(reach);
  await drained(reach, () => true);
}

/** Puts the instances into slots without sending them traffic, and waits until HAProxy's checks pass. */
async function prepare(reach: HaproxyReach, addresses: readonly string[]): Promise<void> {
  const seats = seatsFor(addresses, await readSlots(reach), reach);
  const isNew = ({ slot, address }: Seat) => !slot.ready || slot.address !== address;
  try {
    for (const seat of seats) await takeSeat(reach, seat);
    await untilPassing(reach, seats);
  } catch (error) {
    // An instance that recovers later must not be found half way in.
    for (const seat of seats.filter(isNew)) await setState(reach, seat.slot, 'maint').catch(() => undefined);
    throw error;
  }
}

async function untilPassing(reach: HaproxyReach, seats: readonly Seat[]): Promise<void> {
  const deadline = performance.now() + (reach.upWithinMs ?? 30_000);
  for (;;) {
    const slots = await readSlots(reach);
    const waiting = slots.filter(
      ({ name, passing }) => !passing && seats.some(({ slot }) => slot.name === name),
    );
    if (waiting.length === 0) return;
    if (performance.now() > deadline) throw new Error(notUp(reach, waiting));
    await sleep(pollMs);
  }
}

async function switchTo(reach: HaproxyReach, release: string, addresses: readonly string[]): Promise<void> {
  const { api, map, backend } = reach;
  const slots = await readSlots(reach);
  const staying = seatsFor(addresses, slots, reach).map(({ slot }) => slot.name);
  const stays = ({ name }: Slot) => staying.includes(name);
  for (const slot of slots.filter(stays)) await setState(reach, slot, 'ready');
  const leaving = slots.filter((slot) => !stays(slot) && slot.status !== 'MAINT');
  for (const slot of leaving) await setState(reach, slot, 'drain');
  await setEntry(api, map, `${backend}.release`, `${addresses.join(',')} ${release}`);
  await removeEntry(api, map, backend);
  await drained(reach, (slot) => !stays(slot));
  for (const slot of leaving) await setState(reach, slot, 'maint');
  await keepThroughReload(reach);
  const { maintenance, weights } = await stateOf(reach);
  if (maintenance || weights[release] !== 100)
    throw new Error(
      `HAProxy at ${api.address} was switched to ${release}, but somebody else changed it meanwhile`,
    );
}

async function stateOf(reach: HaproxyReach): Promise<TrafficState> {
  const entries = await readMap(reach.api, reach.map);
  const ready = (await readSlots(reach)).filter((slot) => slot.ready);
  const [addresses = '', ...name] = (entries.get(`${reach.backend}.release`) ?? '').split(' ');
  const known = ready.every(({ address }) => addresses.split(',').includes(address));
  return {
    maintenance: entries.has(reach.backend) || ready.length === 0,
    weights: known && ready.length > 0 ? { [name.join(' ')]: 100 } : {},
  };
}

/** Returns when no request to these slots is under way, or after the time: a WebSocket may stay for days. */
async function drained(reach: HaproxyReach, which: (slot: Slot) => boolean): Promise<void> {
  const deadline = performance.now() + (reach.drainMs ?? 10_000);
  while (performance.now() < deadline) {
    const busy = (await readSlots(reach)).filter((slot) => which(slot) && slot.sessions > 0);
    if (busy.length === 0) return;
    await sleep(pollMs);
  }
}

function notUp({ api, backend }: HaproxyReach, waiting: readonly Slot[]): string {
  const each = waiting.map(({ name, address, status, check }) => `${name} (${address}) is ${status}${check}`);
  return `HAProxy at ${api.address} sends nothing to ${backend}: ${each.join(', ')}; traffic stays as it is`;
}

/** Users come in through every HAProxy alike. */
function meanOf(states: readonly TrafficState[]): TrafficState {
  const releases = new Set(states.flatMap(({ weights }) => Object.keys(weights)));
  const mean = (release: string) =>
    states.reduce((sum, { weights }) => sum + (weights[release] ?? 0), 0) / states.length;
  return {
    maintenance: states.every(({ maintenance }) => maintenance),
    weights: Object.fromEntries([...releases].map((release) => [release, mean(release)])),
  };
}

async function everywhere<T>(
  options: HaproxyOptions,
  signal: AbortSignal,
  act: (reach: HaproxyReach) => Promise<T>,
): Promise<T[]> {
  signal.throwIfAborted();
  const { sockets, timeoutMs = 10_000 } = options;
  const apis = sockets.map((address) => runtimeApi(address, { signal, timeoutMs }));
  const results = await Promise.allSettled(apis.map((api) => act({ ...options, api })));
  signal.throwIfAborted();
  const failures = results.flatMap((result) =>
    result.status === 'rejected' ? [wordsOf(result.reason)] : [],
  );
  if (failures.length === 0)
    return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const [only] = failures;
  if (sockets.length === 1) throw new Error(only);
  const done = sockets.length - failures.length;
  throw new Error(`${done} of ${sockets.length} HAProxy did as they were told; ${failures.join('; ')}`);
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
