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
  /** Its newest health check passed, or it has none; drained or not. */
  readonly passing: boolean;
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

/** The servers of the backend; backup servers are nobody's slots. */
export async function readSlots(reach: HaproxyReach): Promise<Slot[]> {
  const admin = await adminStates(reach);
  const { api, backend } = reach;
  const command = `show stat ${backend} 4 -1 json`;
  const answer = await api.ask(command);
  const servers = parseServers(answer);
  if (servers === null) throw api.refused(command, answer);
  return servers.filter(({ bck }) => bck === 0).map((found) => slotOf(found, admin.get(found.svname) ?? 0));
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

/** Lets HAProxy check the instance without sending it traffic; a slot that has it already is left alone. */
export async function takeSeat(reach: HaproxyReach, { slot, address }: Seat): Promise<void> {
  // A weight that somebody had lowered by hand would keep traffic from a part of the release.
  await tell(reach, `set server ${reach.backend}/${slot.name} weight 100%`);
  if (slot.passing && slot.address === address) return;
  // After maintenance a server begins anew, a check away from being believed.
  await setState(reach, slot, 'maint');
  if (slot.address !== address) await move(reach, slot, address);
  await setState(reach, slot, 'drain');
}

/** `drain`: nothing new gets there; `maint`: no checks either. Requests under way go on in both. */
export async function setState(
  reach: HaproxyReach,
  slot: Slot,
  state: 'ready' | 'drain' | 'maint',
): Promise<void> {
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

function slotOf(found: z.infer<typeof server>, admin: number): Slot {
  const { svname: name, status, addr: address, check_status: check, last_chk: last } = found;
  const failing = status.startsWith('DOWN') && check !== undefined;
  return {
    name,
    address,
    status,
    ready: !/^(MAINT|DRAIN)/.test(status) && (admin & ~fromConfiguration) === 0,
    passing: ['UP', 'DRAIN', 'no check'].includes(status),
    sessions: found.scur + found.qcur,
    check: failing ? `: ${check} ${last ?? ''}`.trimEnd() : '',
  };
}

/** What people and we have set, which `show stat` hides for a server that is down. */
async function adminStates({ api, backend }: HaproxyReach): Promise<Map<string, number>> {
  const command = `show servers state ${backend}`;
  const answer = await api.ask(command);
  if (answer === "Can't find backend.")
    throw new Error(
      `HAProxy at ${api.address} has no backend "${backend}": it needs "backend ${backend}" in haproxy.cfg`,
    );
  const [version, header = '', ...rows] = answer.split('\n');
  const columns = header.split(' ').slice(1);
  const [name, admin] = [columns.indexOf('srv_name'), columns.indexOf('srv_admin_state')];
  if (version !== '1' || name < 0 || admin < 0) throw api.refused(command, answer);
  const cells = rows.map((row) => row.split(' '));
  return new Map(cells.map((row) => [row[name] ?? '', Number(row[admin])]));
}

/** Its `disabled`, which stays to be seen after the server was made ready. */
const fromConfiguration = 0x04;

function rank({ status }: Slot): number {
  if (status.startsWith('MAINT')) return 0;
  return status.startsWith('DRAIN') ? 1 : 2;
}

function hostAndPort(address: string): [string, string] {
  const colon = address.lastIndexOf(':');
  return [address.slice(0, colon).replace(/^\[|\]$/g, ''), address.slice(colon + 1)];
}
