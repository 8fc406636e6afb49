import { readFile } from 'node:fs/promises';
import { replaceFile } from '../../durable-file.ts';
import type { HaproxyReach } from '../haproxy.ts';
import { readMap } from './maintenance-map.ts';

/** What HAProxy reads when it is reloaded. */
export interface KeptFiles {
  /** The map, as this machine names it. */
  readonly mapFile?: string;
  /** `<server-state-base>/<backend>`. */
  readonly serverStateFile?: string;
}

/**
 * Writes what is in force to what a reload reads. A disk that is full must not stop a rollback, which it may be the
 * reason for: what could not be written is found by `checks`, which compare.
 */
export async function keepThroughReload(reach: HaproxyReach): Promise<void> {
  for (const { file, text } of await wantedTexts(reach)) await replaceFile(file, text).catch(() => undefined);
}

/** The files that a reload would read something else from than what is in force. */
export async function staleFiles(reach: HaproxyReach): Promise<string[]> {
  const wanted = await wantedTexts(reach);
  const stale = wanted.map(async ({ file, text, same }) => {
    const found = await readFile(file, 'utf8').catch(() => null);
    return found !== null && same(found, text) ? [] : [file];
  });
  return (await Promise.all(stale)).flat();
}

async function wantedTexts(reach: HaproxyReach) {
  const { api, backend, map, files = {} } = reach;
  const { mapFile, serverStateFile } = files;
  const texts = [];
  if (mapFile !== undefined) {
    const entries = await readMap(api, map);
    const text = [...entries].map(([key, value]) => `${key} ${value}\n`).join('');
    texts.push({ file: mapFile, text, same: (a: string, b: string) => a === b });
  }
  if (serverStateFile !== undefined) {
    const command = `show servers state ${backend}`;
    const text = await api.ask(command);
    if (!text.startsWith('1\n')) throw api.refused(command, text);
    const same = (a: string, b: string) => placesIn(a) === placesIn(b);
    texts.push({ file: serverStateFile, text: `${text}\n`, same });
  }
  return texts;
}

/** Name, address, port and administrative state of each server; the other columns change by themselves. */
function placesIn(state: string): string {
  const rows = state.split('\n').map((line) => line.split(' '));
  return rows.map((row) => [row[3], row[4], Number(row[6]) & 1, row[18]].join(' ')).join('\n');
}
