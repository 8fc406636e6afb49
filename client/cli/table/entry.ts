export type Action = (args: string[], options: never) => Promise<void>;

/** One command as the command line, its help, the man page and completion know it. */
export interface Entry {
  readonly name: string;
  /** In the list of all commands: one line. */
  readonly summary: string;
  /** What it does, in a sentence or three. */
  readonly about: string;
  readonly args?: readonly Argument[];
  readonly options?: readonly Option[];
  /** Exit codes beyond 0, 1 and 2. */
  readonly exits?: readonly number[];
  /** Environment variables beyond those that every command knows. */
  readonly variables?: readonly string[];
  readonly examples: readonly string[];
  readonly seeAlso?: readonly string[];
  /** Loaded when the command runs: nothing that one command needs makes another one slow. */
  readonly load: () => Promise<Action>;
}

export interface Argument {
  /** As in the usage: `<product>`, or `[release]` where it may be left out. */
  readonly name: string;
  readonly description: string;
  /** All that is allowed, where that is a short list. */
  readonly values?: readonly string[];
}

export interface Option {
  readonly flags: string;
  readonly description: string;
  readonly fallback?: string;
  readonly values?: readonly string[];
}

export interface Group {
  /** What one wants to do. */
  readonly title: string;
  readonly entries: readonly Entry[];
}

export const product: Argument = { name: '<product>', description: 'a product of the configuration' };
export const anyProduct: Argument = { name: '[product]', description: 'a product; default: all of them' };
export const reason: Argument = { name: '[reason]', description: 'why; it goes into the timeline' };
export const note: Argument = {
  name: '[note]',
  description: 'what to say about it; it goes into the timeline',
};

/** `deployed <product> <release>`. */
export function usageOf({ name, args = [] }: Entry): string {
  return [name, ...args.map((argument) => argument.name)].join(' ');
}
