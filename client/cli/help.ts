import { commonOptions, exitMeanings, variableMeanings } from './table/common.ts';
import { type Argument, type Entry, type Option, usageOf } from './table/entry.ts';
import { groups } from './table/groups.ts';

const promise =
  'Watches each deployment for 24 hours and puts the last known good release back when it goes bad.';

/** All commands, by what one wants to do. */
export function overallHelp(width = 80): string {
  const names = groups.flatMap(({ entries }) => entries.map(({ name }) => name.length));
  const column = Math.max(...names) + 2;
  return [
    'Usage: orchestrator <command> [options]',
    '',
    ...wrapped(promise, width),
    '',
    ...groups.flatMap(({ title, entries }) => [
      `${title}:`,
      ...entries.flatMap(({ name, summary }) => listed(name, summary, column, width)),
      '',
    ]),
    ...wrapped(
      '"orchestrator <command> --help" says everything about one; --version says which this is.',
      width,
    ),
    '',
    ...wrapped(
      `Exit codes: ${Object.entries(exitMeanings)
        .map(([code, meaning]) => `${code} ${meaning}`)
        .join('; ')}.`,
      width,
    ),
  ].join('\n');
}

/** Everything about one command. */
export function helpOf(entry: Entry, width = 80): string {
  const { about, args = [], options = [], examples, seeAlso = [] } = entry;
  return [
    `Usage: orchestrator ${usageOf(entry)} [options]`,
    '',
    ...wrapped(about, width),
    ...section('Arguments', args.map(describedArgument), width),
    ...section('Options', options.map(describedOption), width),
    ...section('Options of every command', [...commonOptions.map(describedOption), helpLine], width),
    ...section('Exit codes', exitsOf(entry), width),
    ...section('Environment', variablesOf(entry), width),
    '',
    examples.length === 1 ? 'Example:' : 'Examples:',
    ...examples.map((example) => `  ${example}`),
    '',
    `See also: ${[...seeAlso.map((other) => `orchestrator ${other}`), 'man orchestrator'].join(', ')}`,
  ].join('\n');
}

type Pair = readonly [term: string, meaning: string];

const helpLine: Pair = ['-h, --help', 'this page'];

/** Of the codes a command can end with. */
export function exitsOf({ exits = [] }: Entry): Pair[] {
  return [0, 1, 2, ...exits].map((code) => [String(code), exitMeanings[code] ?? '']);
}

export function variablesOf({ variables = [] }: Entry): Pair[] {
  return variables.map((name) => [name, variableMeanings[name] ?? '']);
}

export function describedOption({ flags, description, fallback }: Option): Pair {
  return [flags, fallback === undefined ? description : `${description} (default: ${fallback})`];
}

function describedArgument({ name, description }: Argument): Pair {
  return [name, description];
}

function section(title: string, pairs: readonly Pair[], width: number): string[] {
  if (pairs.length === 0) return [];
  const column = Math.max(...pairs.map(([term]) => term.length)) + 2;
  return ['', `${title}:`, ...pairs.flatMap(([term, meaning]) => listed(term, meaning, column, width))];
}

function listed(term: string, meaning: string, column: number, width: number): string[] {
  const lines = wrapped(meaning, Math.max(width - column - 2, 30));
  return lines.map((line, at) => `  ${(at === 0 ? term : '').padEnd(column)}${line}`);
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
