import { readFile } from 'node:fs/promises';
import type { RollbackClient } from '../../rollback-client.ts';
import { apiClient, type CommonOptions, print, scopeOf, whoAmI } from '../context.ts';
import { CommandFailure, exitCode } from '../exit-codes.ts';
import { releasesOf } from '../releases-of.ts';

interface Options extends CommonOptions {
  readonly override?: string;
  readonly performance?: string;
  readonly service?: string;
}

type Question = NonNullable<Parameters<RollbackClient['gate']>[1]>;
type Answer = Awaited<ReturnType<RollbackClient['gate']>>;

const marks = { passed: 'ok  ', warning: 'warn', refused: 'NO  ' } as const;

/** The gates of the specification: before production, and on samples of a test before it. Exit code 6: shut. */
export async function gate([product, releases]: string[], options: Options): Promise<void> {
  const scope = scopeOf(product as string, options);
  const answer = await apiClient(options).gate(scope, {
    ...(releases === undefined ? {} : releasesOf(releases)),
    ...(options.override === undefined ? {} : { override: { by: whoAmI(), reason: options.override } }),
    ...(options.performance === undefined
      ? {}
      : { performance: await samplesOf(options.performance, options) }),
  });
  print(options, answer, describe(product as string, answer));
  if (!answer.open) process.exitCode = exitCode.refused;
}

function describe(product: string, { open, overridden, findings }: Answer): string {
  const lines = findings.flatMap(({ kind, name, reason, wayPast }) => [
    `${marks[kind]} ${name}: ${reason}`,
    ...(wayPast === null ? [] : [`     way past it: ${wayPast}`]),
  ]);
  const word = overridden ? 'open, by override' : open ? 'open' : 'shut';
  return [...lines, `The gate of ${product} is ${word}.`].join('\n');
}

/** A list of samples (of `--service`, or of the only one), or a mapping from services to lists. */
async function samplesOf(file: string, { service }: Options): Promise<NonNullable<Question['performance']>> {
  const wrong = (problem: string) =>
    new CommandFailure(
      exitCode.usage,
      `${file}: ${problem}; allowed is a list of samples like {"seconds": 60, "requests": 9000, "errors": 3, "p95Ms": 280}, or a mapping from services to such lists`,
    );
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw wrong(`cannot be read (${error.message})`);
  });
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw wrong(`found no JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  if (Array.isArray(found)) {
    if (service === undefined) throw wrong('found a list, of which service is not said: add --service');
    return { [service]: found as never };
  }
  if (typeof found !== 'object' || found === null) throw wrong(`found ${JSON.stringify(found).slice(0, 60)}`);
  return found as never;
}
