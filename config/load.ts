import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { crossCheck, type Surroundings } from './checks.ts';
import { ConfigError, configError, type Finding } from './findings.ts';
import {
  type Env,
  malformedReferences,
  missingVariables,
  referenceLines,
  resolveReferences,
} from './references.ts';
import { type ConfigFile, configSchema } from './schema/config-file.ts';
import { schemaProblems } from './schema-problems.ts';
import { writtenSecrets } from './secrets.ts';
import { readYaml } from './yaml-file.ts';

export interface Config {
  readonly file: string;
  /** The YAML text, which the store keeps as a version. */
  readonly source: string;
  /** As written: `${NAME}` is not resolved, defaults are not filled in. */
  readonly data: ConfigFile;
  /** Puts variables into a text of `data`; a missing one throws a sentence with its name and line. */
  text(written: string, env: Env): string;
  /** Like `text`, then as a path relative to the file's folder. */
  path(written: string, env: Env): string;
}

export interface Parsed {
  /** `null` where the text is not a configuration. With a missing variable it is one. */
  readonly config: Config | null;
  readonly warnings: readonly Finding[];
  readonly problems: readonly Finding[];
}

export interface LoadOptions extends Surroundings {
  /** Named in findings; relative paths start at its folder. */
  readonly file: string;
}

/** Reads the text of a configuration file; all that is wrong with it comes back, nothing is thrown. */
export function parseConfig(source: string, options: LoadOptions): Parsed {
  const yaml = readYaml(source, options.file);
  if (yaml.value === null) return { config: null, warnings: [], problems: inOrder(yaml.problems) };
  const { env } = options;
  const variables = env === undefined ? { problems: [], warnings: [] } : missingVariables(yaml, env);
  const faults = [
    ...yaml.problems,
    ...schemaProblems(yaml),
    ...malformedReferences(yaml),
    ...writtenSecrets(yaml),
  ];
  const parsed = configSchema.safeParse(yaml.value);
  if (!parsed.success) {
    return { config: null, warnings: [], problems: inOrder([...faults, ...variables.problems]) };
  }
  const checks = crossCheck(parsed.data, yaml, options);
  const usable = faults.length + checks.problems.length === 0;
  return {
    config: usable ? createConfig(source, options.file, parsed.data, referenceLines(yaml)) : null,
    warnings: inOrder([...checks.warnings, ...variables.warnings]),
    problems: inOrder([...faults, ...checks.problems, ...variables.problems]),
  };
}

/** Reads a configuration file; throws a {@link ConfigError} with all its problems. */
export async function loadConfig(
  options: LoadOptions,
): Promise<{ config: Config; warnings: readonly Finding[] }> {
  const source = await readFile(options.file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(`the configuration ${options.file} cannot be read: ${error.code ?? error.message}`);
  });
  const { config, warnings, problems } = parseConfig(source, options);
  if (config === null || problems.length > 0) throw configError(problems);
  return { config, warnings };
}

function createConfig(
  source: string,
  file: string,
  data: ConfigFile,
  lines: ReadonlyMap<string, number>,
): Config {
  const text = (written: string, env: Env) =>
    resolveReferences(written, env, (name) => {
      const where = `${basename(file)}:${lines.get(name) ?? '?'}`;
      throw new ConfigError(`the environment variable ${name} is not set; ${where} refers to it`);
    });
  return { file, source, data, text, path: (written, env) => resolve(dirname(file), text(written, env)) };
}

function inOrder(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => a.line - b.line || a.column - b.column);
}
