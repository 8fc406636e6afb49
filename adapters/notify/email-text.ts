import type { Message } from '../../domain/message.ts';
import { sparkline } from '../../domain/sparkline.ts';
import { productLine, readableLength, withoutControls } from './message-text.ts';

const columns = 76;

/** A message for somebody who was woken by it: four headings, short lines, commands that can be copied whole. */
export function emailText(whole: Message): string {
  const message = readableLength(whole);
  const sections: readonly (readonly [string, readonly string[]])[] = [
    ['WHAT HAPPENED', [...wrapped(message.title), ...wrapped(productLine(message))]],
    ['WHY', [...wrapped(message.text), ...factLines(message), ...pictureLines(message)]],
    ['WHAT IS BEING DONE', wrapped(message.doing ?? '')],
    ['WHAT YOU CAN DO', commandLines(message)],
    ['MORE', message.links.map(({ label, url }) => `${label}: ${url}`)],
  ];
  const parts = sections.filter(([, lines]) => lines.length > 0);
  return withoutControls(
    parts.map(([heading, lines]) => [heading, ...lines.map(indented)].join('\n')).join('\n\n'),
  );
}

function factLines({ facts, text }: Message): string[] {
  const news = facts.filter(({ value }) => !text.includes(value));
  if (news.length === 0) return [];
  const width = Math.min(24, Math.max(...news.map(({ name }) => name.length)));
  const lines = news.flatMap(({ name, value }) => {
    const [first = '', ...rest] = wrapped(value, columns - width - 2);
    return [`${name.padEnd(width)}  ${first}`, ...rest.map((line) => `${' '.repeat(width + 2)}${line}`)];
  });
  return ['', ...lines];
}

function pictureLines({ series }: Message): string[] {
  return series == null ? [] : ['', ...wrapped(sparkline(series, '\n'))];
}

/** A blank line between commands; none is broken, whatever its length: it is copied. */
function commandLines({ commands }: Message): string[] {
  return commands.flatMap(({ label, command }, i) => [...(i === 0 ? [] : ['']), `${label}:`, `  ${command}`]);
}

/** A word that is longer than the line, an address or a path, stays whole. */
function wrapped(text: string, limit = columns): string[] {
  if (text.trim() === '') return [];
  return text.split('\n').flatMap((paragraph) => {
    const lines = [''];
    for (const word of paragraph.split(' ')) {
      const longer = lines.at(-1) === '' ? word : `${lines.at(-1)} ${word}`;
      if (longer.length <= limit || lines.at(-1) === '') lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines;
  });
}

function indented(line: string): string {
  return line === '' ? '' : `  ${line}`;
}
