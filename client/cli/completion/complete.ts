import { commonOptions } from '../table/common.ts';
import type { Argument, Option } from '../table/entry.ts';
import { entries } from '../table/groups.ts';
import { namesFromApi } from './names.ts';

/** What may stand at the cursor. `files` and `folders`: the shell knows those best. */
export type Candidates = readonly Candidate[] | 'files' | 'folders';

export interface Candidate {
  readonly value: string;
  readonly description: string;
}

export interface Names {
  products(): Promise<readonly string[]>;
  incidents(): Promise<readonly Candidate[]>;
}

/** Answers a completion script: a candidate a line, `value<TAB>description`, or `:files`, `:folders`. Silent on every failure. */
export async function complete(words: readonly string[]): Promise<void> {
  try {
    const found = await candidates(words, namesFromApi(words));
    const lines =
      typeof found === 'string' ? [`:${found}`] : found.map((one) => `${one.value}\t${one.description}`);
    process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  } catch {
    // Whoever presses TAB wants no error in the middle of a line.
  }
}

/** `words`: what is typed after `orchestrator`, the one at the cursor last. */
export async function candidates(words: readonly string[], names: Names): Promise<Candidates> {
  const [first = '', ...rest] = words;
  const current = words.at(-1) ?? '';
  if (words.length < 2) return starting(current, commandCandidates());
  const entry = entries.find(({ name }) => name === first);
  if (entry === undefined) return [];
  const options = [...(entry.options ?? []), ...commonOptions];
  const asked = options.find((option) => takesValue(option) && longFlag(option) === rest.at(-2));
  if (asked !== undefined) return ofValue(valueName(asked), asked.values, current, names);
  if (current.startsWith('-'))
    return starting(
      current,
      [...options, help].map((option) => described(longFlag(option), option)),
    );
  const argument = entry.args?.[argumentsIn(rest.slice(0, -1), options)];
  if (argument === undefined) return [];
  return ofValue(bare(argument), argument.values, current, names);
}

function commandCandidates(): Candidate[] {
  return entries.map(({ name, summary }) => ({ value: name, description: summary }));
}

const help: Option = { flags: '--help', description: 'everything about this command' };

/** What a placeholder like `<product>` stands for. */
async function ofValue(
  name: string,
  values: readonly string[] | undefined,
  current: string,
  names: Names,
): Promise<Candidates> {
  if (values !== undefined) return starting(current, values.map(plainly));
  if (name === 'file') return 'files';
  if (name === 'folder') return 'folders';
  if (name === 'product') return starting(current, (await names.products()).map(plainly));
  if (name === 'incident') return starting(current, await names.incidents());
  return [];
}

function argumentsIn(words: readonly string[], options: readonly Option[]): number {
  const valued = new Set(options.filter(takesValue).map(longFlag));
  return words.filter((word, at) => !word.startsWith('-') && !valued.has(words[at - 1] ?? '')).length;
}

function longFlag({ flags }: Option): string {
  return flags.split(' ')[0] as string;
}

function takesValue({ flags }: Option): boolean {
  return flags.includes('<');
}

function valueName({ flags }: Option): string {
  return /<([^.>]+)/.exec(flags)?.[1] ?? '';
}

function bare({ name }: Argument): string {
  return name.replaceAll(/[<>[\]]/g, '');
}

function described(value: string, { description }: Option): Candidate {
  return { value, description };
}

function plainly(value: string): Candidate {
  return { value, description: '' };
}

function starting(prefix: string, all: readonly Candidate[]): Candidate[] {
  return all.filter(({ value }) => value.startsWith(prefix));
}
