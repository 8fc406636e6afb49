import { Command, CommanderError } from 'commander';
import { RollbackApiError } from '../rollback-client.ts';
import type { CommonOptions } from './context.ts';
import { CommandFailure, exitCode } from './exit-codes.ts';
import { helpOf, overallHelp } from './help.ts';
import { commonOptions } from './table/common.ts';
import { type Entry, usageOf } from './table/entry.ts';
import { entries } from './table/groups.ts';
import { version } from './version.ts';

/** Runs one command and sets the exit code. A leading `/orchestrator`, as a chat hands it over, is accepted. */
export async function main(argv: string[]): Promise<void> {
  const words = argv[0] === '/orchestrator' ? argv.slice(1) : argv;
  // What completion scripts ask with each TAB.
  if (words[0] === '__complete') return (await import('./completion/complete.ts')).complete(words.slice(1));
  try {
    await program().parseAsync(words, { from: 'user' });
  } catch (error) {
    process.exitCode = report(error, words.includes('--json'));
  }
}

function program(): Command {
  const root = new Command('orchestrator')
    .version(version())
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ formatHelp: () => `${overallHelp(width())}\n` });
  for (const entry of entries) add(root, entry);
  return root;
}

function add(root: Command, entry: Entry): void {
  const command = root
    .command(usageOf(entry))
    .description(entry.summary)
    .configureHelp({ formatHelp: () => `${helpOf(entry, width())}\n` });
  for (const { flags, description, fallback } of [...commonOptions, ...(entry.options ?? [])])
    command.option(flags, description, fallback);
  command.action(async (...given: unknown[]) => {
    const options = command.opts<CommonOptions>();
    const args = given.slice(0, -2).filter((arg): arg is string => typeof arg === 'string');
    const action = await entry.load();
    await action(args, options as never);
  });
}

/** Wider lines than this are not read well. */
const widest = 100;

function width(): number {
  return Math.min(process.stdout.columns || 80, widest);
}

function report(error: unknown, json: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
  const { code, message } = explain(error);
  process.stderr.write(json ? `${JSON.stringify({ error: message })}\n` : `orchestrator: ${message}\n`);
  return code;
}

function explain(error: unknown): { code: number; message: string } {
  if (error instanceof CommandFailure) return { code: error.code, message: error.message };
  if (error instanceof RollbackApiError) {
    const codes: Record<number, number> = {
      0: exitCode.unavailable,
      400: exitCode.usage,
      404: exitCode.notFound,
      503: exitCode.unavailable,
    };
    return { code: codes[error.status] ?? exitCode.failure, message: error.message };
  }
  if (error instanceof Error && error.name === 'ConfigError')
    return { code: exitCode.usage, message: error.message };
  return { code: exitCode.failure, message: error instanceof Error ? error.message : String(error) };
}
