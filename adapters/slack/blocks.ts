import type { Message, MessageSeverity } from '../../domain/message.ts';
import { sparkline } from '../../domain/sparkline.ts';
import { oneLine, productLine, withoutControls } from '../notify/message-text.ts';

export interface BlockOptions {
  /** How things are now, of the first message of a story that went on. */
  readonly now?: { readonly severity: MessageSeverity; readonly text: string };
  /** Blocks with buttons, where somebody listens to them; else the commands to type are shown. */
  readonly buttons?: readonly unknown[] | null;
}

/** Slack refuses the whole message (`invalid_blocks`) when one part is larger than this. */
export const limits = { header: 150, section: 3_000, field: 2_000, button: 75, url: 3_000, context: 2_000 };

/** Parts beyond these counts are left out, with a word: 36 blocks at most, of the 50 that Slack takes. */
const most = { sections: 5, facts: 50, commands: 20, links: 5 };

/** What happened, why, what is being done, how it looks and what the reader can do, in Slack's Block Kit. */
export function messageBlocks(message: Message, { now, buttons = null }: BlockOptions = {}): unknown[] {
  const severity = now?.severity ?? message.severity;
  return [
    { type: 'header', text: { type: 'plain_text', text: cut(`${icons[severity]} ${message.title}`) } },
    { type: 'context', elements: [mrkdwn(escaped(productLine(message), limits.context))] },
    ...(now === undefined ? doingBlocks(message) : [section(`*Now:* ${escaped(clean(now.text), 500)}`)]),
    ...textBlocks(message),
    ...(message.series == null ? [] : [section(`\`${escaped(clean(sparkline(message.series)), 1_000)}\``)]),
    ...factBlocks(message),
    ...(buttons ?? commandBlocks(message)),
    ...linkBlocks(message),
  ];
}

/** What phones show in the notification. */
export function notificationText(message: Message): string {
  const { severity, title, product, environment } = message;
  const where = title.includes(product) ? '' : ` (${product}, ${environment})`;
  return escaped(`${icons[severity]} ${oneLine(title)}${where}`, limits.section);
}

function doingBlocks({ doing }: Message): unknown[] {
  return doing === undefined ? [] : [section(`*${escaped(clean(doing), 1_000)}*`)];
}

export function section(text: string): { type: 'section'; text: ReturnType<typeof mrkdwn> } {
  return { type: 'section', text: mrkdwn(text) };
}

export const icons: Readonly<Record<MessageSeverity, string>> = {
  info: '\u{2705}',
  warning: '\u{26a0}\u{fe0f}',
  critical: '\u{1f6a8}',
};

function textBlocks(message: Message): unknown[] {
  const pieces = escapedPieces(clean(message.text), limits.section);
  const shown = pieces.slice(0, most.sections);
  if (pieces.length > shown.length) shown.push('… the rest is in the incident report');
  return shown
    .filter((piece) => piece.trim() !== '')
    .map((piece) => ({ type: 'section', text: mrkdwn(piece) }));
}

function factBlocks(message: Message): unknown[] {
  const fields = message.facts.slice(0, most.facts).map(({ name, value }) => {
    const title = escaped(clean(name), 200) || '–';
    return mrkdwn(`*${title}*\n${escaped(clean(value), limits.field - 250) || '–'}`);
  });
  return chunks(fields, 10).map((ten) => ({ type: 'section', fields: ten }));
}

function commandBlocks(message: Message): unknown[] {
  return message.commands.slice(0, most.commands).map(({ label, command }) => {
    const code = escaped(clean(command), limits.section - 250);
    return { type: 'section', text: mrkdwn(`${escaped(clean(label), 200)}\n\`\`\`${code || ' '}\`\`\``) };
  });
}

function linkBlocks(message: Message): unknown[] {
  const links = message.links.filter(({ url }) => /^https?:/.test(url) && url.length <= limits.url);
  const elements = links.slice(0, most.links).map(({ label, url }) => ({
    type: 'button',
    text: { type: 'plain_text', text: cut(label || url, limits.button) },
    url,
  }));
  return elements.length === 0 ? [] : [{ type: 'actions', elements }];
}

/** `verbatim` keeps Slack from turning names and addresses within untrusted text into mentions and links. */
export function mrkdwn(text: string): { type: 'mrkdwn'; text: string; verbatim: true } {
  return { type: 'mrkdwn', text, verbatim: true };
}

/** Three backticks would begin or end a code block; with zero-width spaces between them they look the same. */
export function clean(text: string): string {
  return withoutControls(text).replaceAll('```', '`\u200b`\u200b`');
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Escapes what Slack reads as a mention or a link (`<!channel>`, `<@U1>`), cut to `limit` after escaping. */
export function escaped(text: string, limit: number): string {
  const [first = '', ...rest] = escapedPieces(text, limit - 1);
  return rest.length === 0 ? first : `${first}…`;
}

function escapedPieces(text: string, limit: number): string[] {
  const pieces = [''];
  let last = '';
  for (const character of text) {
    const next = entities[character] ?? character;
    if (last.length + next.length > limit) {
      pieces.push('');
      last = '';
    }
    last += next;
    pieces[pieces.length - 1] = last;
  }
  return pieces;
}

/** Plain text needs no escaping, only room; cut between characters, not within one. */
export function cut(text: string, limit = limits.header): string {
  const line = oneLine(text);
  if (line.length <= limit) return line;
  return `${line.slice(0, limit - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return items.length === 0 ? [] : [items.slice(0, size), ...chunks(items.slice(size), size)];
}
