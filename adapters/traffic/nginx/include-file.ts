import { z } from 'zod';

const longestReason = 1_000;
/** nginx takes 4,096 bytes in one text; a character may become 13 of them. */
const pieceLength = 250;

const state = z.strictObject({
  /** Other with each switch. */
  mark: z.string(),
  page: z.strictObject({ reason: z.string(), retryAfterSeconds: z.number() }).nullable(),
  release: z.string().nullable(),
  /** `host:port` of its instances. */
  addresses: z.array(z.string()),
});

/** What one version of the file makes nginx do. */
export type NginxState = z.infer<typeof state>;

/** The file that nginx includes; deploy/nginx/rollback/api.conf is the first one. */
export function includeText(upstream: string, given: NginxState): string {
  const { mark, page, release, addresses } = given;
  const shown = Buffer.from(JSON.stringify({ mark, page, release, addresses })).toString('base64');
  // An upstream needs a server even while nothing is sent there.
  const servers =
    addresses.length > 0 ? addresses.map((address) => `server ${address};`) : ['server 127.0.0.1:1 down;'];
  return `# Written by the rollback orchestrator with each switch of traffic; a change by hand is lost with the next one.
upstream ${upstream} {
${servers.map((server) => `    ${server}\n`).join('')}    keepalive 16;
    keepalive_timeout 4s;
}
geo $${upstream}_dollar { default "$"; }
${variable(`${upstream}_retry_after`, String(page?.retryAfterSeconds ?? ''))}
${variable(`${upstream}_reason`, (page?.reason ?? '').slice(0, longestReason), (text) => quoted(text, upstream))}
${variable(`${upstream}_state`, shown)}
`;
}

/** The state in an answer of nginx, or null where it is none. */
export function parseState(text: string): NginxState | null {
  try {
    return state.parse(JSON.parse(Buffer.from(text.trim(), 'base64').toString()));
  } catch {
    return null;
  }
}

function variable(name: string, value: string, write = (text: string) => text): string {
  const pieces = value.match(new RegExp(`.{1,${pieceLength}}`, 'gsu')) ?? [];
  const define = (as: string, text: string) => `map "" $${as} { default "${text}"; }`;
  if (pieces.length < 2) return define(name, write(value));
  const parts = pieces.map((piece, i) => define(`${name}_${i}`, write(piece)));
  return [...parts, define(name, pieces.map((_, i) => `\${${name}_${i}}`).join(''))].join('\n');
}

/** nginx has no way to write a `$` in a text that may hold variables, but a variable may hold one. */
function quoted(reason: string, upstream: string): string {
  const line = Array.from(reason, (character) => (character < ' ' ? ' ' : character)).join('');
  return line.replace(/[\\"]/g, '\\$&').replaceAll('$', `\${${upstream}_dollar}`);
}
