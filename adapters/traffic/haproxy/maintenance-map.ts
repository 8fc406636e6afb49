import type { RuntimeApi } from './runtime-api.ts';

const longestText = 2_000;

/** Every entry of a map, the last of a key that is there twice. */
export async function readMap(api: RuntimeApi, map: string): Promise<Map<string, string>> {
  const command = `show map ${map}`;
  const answer = await api.ask(command);
  if (answer === '') return new Map();
  return new Map(
    answer.split('\n').map((line) => {
      const [, key, value] = /^0x[0-9a-f]+ (\S+) ?(.*)$/.exec(line) ?? [];
      if (key === undefined || value === undefined) throw mapError(api, map, command, answer);
      return [key, value];
    }),
  );
}

/** One command each, so that other entries, of other services, stay as they are. */
export async function setEntry(api: RuntimeApi, map: string, key: string, value: string): Promise<void> {
  const change = `map ${map} ${key} ${escaped(value)}`;
  const answer = await api.ask(`set ${change}`);
  const added = answer === 'entry not found.' ? await api.ask(`add ${change}`) : answer;
  if (added !== '') throw mapError(api, map, `set ${change}`, added);
}

export async function removeEntry(api: RuntimeApi, map: string, key: string): Promise<void> {
  const command = `del map ${map} ${key}`;
  const answer = await api.ask(command);
  if (answer !== '' && answer !== 'Key not found.') throw mapError(api, map, command, answer);
}

/** A blank ends an argument, `;` a command, and `<<` at the end would begin a text of many lines. */
function escaped(value: string): string {
  const line = Array.from(value.slice(0, longestText), (character) =>
    character < ' ' ? ' ' : character,
  ).join('');
  return line.replace(/[^A-Za-z0-9\u{80}-\u{10ffff}]/gu, (character) => `\\${character}`);
}

function mapError(api: RuntimeApi, map: string, command: string, answer: string): Error {
  if (!answer.startsWith('Unknown map identifier')) return api.refused(command, answer);
  return new Error(
    `HAProxy at ${api.address} has no map "${map}": no rule of haproxy.cfg uses it under this name, see docs/traffic.md`,
  );
}
