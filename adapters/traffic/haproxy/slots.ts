import { lookup } from 'node:dns/promises';
import { z } from 'zod';
import type { HaproxyReach } from '../haproxy.ts';

/** A server of the backend, that instances are put into. */
export interface Slot {
  readonly name: string;
  /** `host:port`. */
  readonly address: string;
  /** As HAProxy says: `UP`, `UP 1/3`, `DOWN`, `DRAIN`, `MAINT`, `no check`. */
  readonly status: string;
  /** Meant to get traffic, whatever its health check says. */
  readonly ready: boolean;
  /** It gets traffic, and its newest health check passed. */
  readonly up: boolean;
  /** Requests under way. */
  readonly sessions: number;
  /** `: L4CON Connection refused`, or nothing. */
  readonly check: string;
}

export interface Seat {
  readonly slot: Slot;
  readonly address: string;
}

/** HAProxy takes numbers only, and shows them so. */
export async function numbered(addresses: readonly string[]): Promise<string[]> {
  const looked = addresses.map(async (address) => {
    const [host, port] = hostAndPort(address);
    const { address: ip, family } = await lookup(host, { order: 'ipv4first' });
    return family === 6 ? `[${ip}]:${port}` : `${ip}:${port}`;
  });
  return [...new Set(await Promise.all(looked))];
}

/** The servers of the backend as `show stat` has them; backup servers are nobody's slots. */
export async function readSlots({ api, backend }: HaproxyReach): Promise<Slot[]> {
  const command = `show stat ${backend} 4 -1 json`;
  const answer = await api.ask(command);
  if (answer === 'No such proxy.')
    throw new Error(
      `HAProxy at ${api.address} has no backend "${backend}": it needs "backend ${backend}" in haproxy.cfg`,
    );
  const servers = parseServers(answer);
  if (servers === null) throw api.refused(command, answer);
  return servers.filter(({ bck }) => bck === 0).map(slotOf);
}

/** Where each instance goes: its own slot where it has one, else one that nobody needs, those in maintenance first. */
export function seatsFor(
  addresses: readonly string[],
  slots: readonly Slot[],
  { api, backend }: HaproxyReach,
): Seat[] {
  const own = addresses.map((address) => ({ address, slot: slots.find((slot) => slot.address === address) }));
  const taken = new Set(own.map(({ slot }) => slot));
  const free = slots.filter((slot) => !taken.has(slot)).toSorted((a, b) => rank(a) - rank(b));
  return own.map(({ address, slot = free.shift() }) => {
    if (slot !== undefined) return { address, slot };
    throw new Error(
      `HAProxy at ${api.address} has ${slots.length} servers in backend ${backend} for ${addresses.length} instances: its server-template needs more`,
    );
  });
}

/** Makes the slot ready at the address; one that is up there already is left alone. */
export async function takeSeat(reach: HaproxyReach, { slot, address }: Seat): Promise<void> {
  // A weight that somebody had lowered by hand would keep traffic from a part of the release.
  await tell(reach, `set server ${reach.backend}/${slot.name} weight 100%`);
  if (slot.up && slot.address === address) return;
  // Ready again after maintenance a server counts as up until its next check, which tells soon whether it is.
  await takeOut(reach, slot, 'maint');
  if (slot.address !== address) await move(reach, slot, address);
  await tell(reach, `set server ${reach.backend}/${slot.name} state ready`);
}

/** `drain`: nothing new gets there; `maint`: nothing at all. Requests under way go on in both. */
export async function takeOut(reach: HaproxyReach, slot: Slot, state: 'drain' | 'maint'): Promise<void> {
  await tell(reach, `set server ${reach.backend}/${slot.name} state ${state}`);
}

async function move({ api, backend }: HaproxyReach, slot: Slot, address: string): Promise<void> {
  const [host, port] = hostAndPort(address);
  const command = `set server ${backend}/${slot.name} addr ${host} port ${port}`;
  const answer = await api.ask(command);
  if (!/^(IP changed from|no need to change)/.test(answer)) throw api.refused(command, answer);
}

async function tell({ api }: HaproxyReach, command: string): Promise<void> {
  const answer = await api.ask(command);
  if (answer !== '') throw api.refused(command, answer);
}

const statistics = z.array(
  z.array(
    z.object({
      field: z.object({ name: z.string() }),
      value: z.object({ value: z.union([z.string(), z.number()]) }),
    }),
  ),
);

const server = z.object({
  svname: z.string(),
  status: z.string(),
  addr: z.string(),
  scur: z.number(),
  qcur: z.number(),
  bck: z.number(),
  check_status: z.string().optional(),
  last_chk: z.string().optional(),
});

function parseServers(answer: string): z.infer<typeof server>[] | null {
  try {
    return statistics.parse(JSON.parse(answer)).map((fields) => {
      const named = fields.map(({ field, value }) => [field.name, value.value]);
      return server.parse(Object.fromEntries(named));
    });
  } catch {
    return null;
  }
}

function slotOf(found: z.infer<typeof server>): Slot {
  const { svname: name, status, addr: address, check_status: check, last_chk: last } = found;
  const failing = status.startsWith('DOWN') && check !== undefined;
  return {
    name,
    address,
    status,
    ready: !/^(MAINT|DRAIN)/.test(status),
    up: status === 'UP' || status === 'no check',
    sessions: found.scur + found.qcur,
    check: failing ? `: ${check} ${last ?? ''}`.trimEnd() : '',
  };
}

function rank({ status }: Slot): number {
  if (status.startsWith('MAINT')) return 0;
  return status.startsWith('DRAIN') ? 1 : 2;
}

function hostAndPort(address: string): [string, string] {
  const colon = address.lastIndexOf(':');
  return [address.slice(0, colon).replace(/^\[|\]$/g, ''), address.slice(colon + 1)];
}
