import { describedOption, exitsOf } from './help.ts';
import { commonOptions, exitMeanings, variableMeanings } from './table/common.ts';
import { type Entry, usageOf } from './table/entry.ts';
import { groups } from './table/groups.ts';

/** The text of `man/orchestrator.1`, from the table that the command line itself goes by. */
export function manPage(version: string): string {
  return `${[
    '.\\" Written by client/cli/write-man-page.ts; change the table in client/cli/table/ instead.',
    `.TH ORCHESTRATOR 1 "" "rollback-orchestrator ${version}" "User Commands"`,
    '.SH NAME',
    'orchestrator \\- watch every deployment and put the last known good release back when it goes bad',
    '.SH SYNOPSIS',
    '.B orchestrator',
    '.I command',
    '.RI [ options ]',
    '.SH DESCRIPTION',
    roff(
      'Watches each deployment for 24 hours: errors, latency, memory, database connections and health. When a release goes bad, the last known good one is put back, it is proved that this helped, people are called when it did not, and a report is written.',
    ),
    ...groups.flatMap(({ title, entries }) => [
      `.SH ${title.toUpperCase()}`,
      ...entries.flatMap(commandPart),
    ]),
    '.SH OPTIONS OF EVERY COMMAND',
    ...commonOptions.flatMap((option) => tagged(describedOption(option))),
    '.SH EXIT STATUS',
    ...Object.entries(exitMeanings).flatMap(tagged),
    '.SH ENVIRONMENT',
    ...Object.entries(variableMeanings).flatMap(tagged),
    '.SH FILES',
    ...tagged(['rollback-config.yml', 'what is watched, and when it is rolled back']),
    ...tagged([
      '.orchestrator/',
      'data folder: store, token, where the API is; for the account that runs it alone',
    ]),
    '.SH SEE ALSO',
    roff('README.md, docs/tutorial.md, docs/configuration.md and docs/operations.md of the package.'),
  ].join('\n')}\n`;
}

function commandPart(entry: Entry): string[] {
  const { about, args = [], options = [], examples } = entry;
  const exits = exitsOf(entry).map(([code]) => code);
  return [
    `.SS orchestrator ${roff(usageOf(entry))}`,
    roff(about),
    ...args.flatMap(({ name, description }) => tagged([name, description])),
    ...options.flatMap((option) => tagged(describedOption(option))),
    '.PP',
    `Exit codes: ${exits.join(', ')}.`,
    '.PP',
    '.EX',
    ...examples.map((example) => roff(`    ${example}`)),
    '.EE',
  ];
}

function tagged([term, meaning]: readonly [string, string]): string[] {
  return ['.TP', `.B ${roff(term)}`, roff(meaning)];
}

/** Nothing in it is taken for a request or an escape, and every dash can be copied. */
function roff(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('’', '\\(cq')
    .replaceAll('…', '\\&...');
  return /^['.]/.test(escaped) ? `\\&${escaped}` : escaped;
}
