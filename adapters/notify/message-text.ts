import type { Message } from '../../domain/message.ts';
import { sparkline } from '../../domain/sparkline.ts';

/** A message as plain text, for terminals and e-mail; the first line is the title. */
export function messageText(whole: Message): string {
  const message = readableLength(whole);
  const parts = [
    [message.title, productLine(message)],
    message.text === '' ? [] : [message.text],
    message.doing === undefined ? [] : [message.doing],
    message.series == null ? [] : [sparkline(message.series)],
    factLines(message),
    commandLines(message),
    message.links.map((link) => `${link.label}: ${link.url}`),
  ];
  const text = parts.filter((lines) => lines.length > 0).map((lines) => lines.join('\n'));
  return withoutControls(text.join('\n\n'));
}

/** `shop, production, 2026-03-01 02:51:10 UTC` */
export function productLine(message: Message): string {
  return `${message.product}, ${message.environment}, ${utc(message.atMs)}`;
}

/** `2026-03-01 02:51:10 UTC` */
export function utc(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/**
 * One line without control characters: for headers, where a line end would begin a header of its own.
 * Line separators count as line ends too.
 */
export function oneLine(text: string): string {
  return withoutControls(text.replace(/[\r\n\t\u2028\u2029]+/g, ' ')).trim();
}

/** Logs and error messages quote what users sent; an escape sequence in them must not reach a terminal. */
export function withoutControls(text: string): string {
  // Category Cc is the control characters; line end and tab stay.
  return text.replace(/\r\n?/g, '\n').replace(/[^\P{Cc}\n\t]/gu, '');
}

/** A message as a mail or a terminal can show it: a reason sentence that quotes a megabyte of log is cut. */
export function readableLength(message: Message): Message {
  return {
    ...message,
    text: shortened(message.text, 20_000),
    facts: message.facts
      .slice(0, 50)
      .map(({ name, value }) => ({ name: shortened(name, 200), value: shortened(value, 2_000) })),
    commands: message.commands
      .slice(0, 20)
      .map(({ label, command }) => ({ label, command: shortened(command, 4_000) })),
    links: message.links.slice(0, 20),
  };
}

function shortened(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}…`;
}

function factLines(message: Message): string[] {
  const width = Math.min(30, Math.max(0, ...message.facts.map((fact) => fact.name.length)));
  return message.facts.map((fact) => `  ${fact.name.padEnd(width)}  ${fact.value}`);
}

function commandLines(message: Message): string[] {
  if (message.commands.length === 0) return [];
  return ['By hand:', ...message.commands.flatMap(({ label, command }) => [`  # ${label}`, `  ${command}`])];
}
