import type { ReadinessCheck } from '../../../domain/readiness.ts';
import type { HaproxyReach } from '../haproxy.ts';
import { readMap } from './maintenance-map.ts';
import { staleFiles } from './reload-files.ts';
import { readSlots } from './slots.ts';

type Finding = Pick<ReadinessCheck, 'ok' | 'detail'>;

/** What switching this HAProxy will need. */
export async function haproxyChecks(reach: HaproxyReach): Promise<ReadinessCheck[]> {
  const looks: [string, (reach: HaproxyReach) => Promise<Finding>][] = [
    ['may switch servers', levelOf],
    ['room for the other release', roomIn],
    ['the maintenance page has its map', mapIn],
    ['survives a reload', reloadOf],
  ];
  const found = looks.map(async ([name, look]) => {
    const finding = await look(reach).catch((error: Error) => ({ ok: false, detail: error.message }));
    return { name: `HAProxy at ${reach.api.address}: ${name}`, ...finding };
  });
  return Promise.all(found);
}

/** A lower level reads everything and may even write maps, but moves no server. */
async function levelOf({ api }: HaproxyReach): Promise<Finding> {
  const level = await api.ask('show cli level');
  if (level === 'admin') return { ok: true, detail: 'level admin' };
  return { ok: false, detail: `level ${level}: its stats socket needs "level admin" in haproxy.cfg` };
}

async function roomIn(reach: HaproxyReach): Promise<Finding> {
  const slots = await readSlots(reach);
  const ready = slots.filter((slot) => slot.ready).length;
  const used = `${ready} of ${slots.length} servers of backend ${reach.backend} are in use`;
  if (slots.length > 0 && slots.length >= 2 * ready) return { ok: true, detail: used };
  return { ok: false, detail: `${used}: a release that comes beside the old one needs as many free ones` };
}

async function mapIn({ api, map }: HaproxyReach): Promise<Finding> {
  await readMap(api, map);
  const list = await api.ask('show map');
  const line = list.split('\n').find((entry) => entry.includes(`(${map})`)) ?? '';
  const users = /used by map at (.*?)\. curr_ver/.exec(line)?.[1];
  return { ok: true, detail: `${map} is used by rules at ${users ?? 'unknown places'}` };
}

async function reloadOf(reach: HaproxyReach): Promise<Finding> {
  const { mapFile, serverStateFile } = reach.files ?? {};
  if (mapFile === undefined || serverStateFile === undefined) {
    const detail = 'a reload puts every server into maintenance: set map_file and server_state_file';
    return { ok: false, detail };
  }
  const stale = await staleFiles(reach);
  if (stale.length === 0)
    return { ok: true, detail: `${mapFile} and ${serverStateFile} hold what is in force` };
  const detail = `a reload would not read what is in force from ${stale.join(' and ')}: can this worker write there?`;
  return { ok: false, detail };
}
