import { openStore } from '../../../adapters/store/store.ts';
import { findConfigFile } from '../../../config/find-config-file.ts';
import { type Config, loadConfig } from '../../../config/load.ts';
import { referencesIn } from '../../../config/references.ts';
import { readYaml } from '../../../config/yaml-file.ts';
import { type CommonOptions, dataFolder } from '../context.ts';
import { storeLocation } from '../system.ts';
import { type Finding, looker, Warning } from './finding.ts';

/** The file with its warnings, the variables that it refers to, and the store. */
export async function lookAtConfiguration(
  options: CommonOptions,
): Promise<{ config: Config | null; findings: Finding[] }> {
  const look = looker('configuration');
  const store = storeLocation(dataFolder(options));
  let config: Config | null = null;
  const findings: Finding[] = [];
  const file = await look(
    'configuration',
    async () => {
      const path = findConfigFile({ flag: options.config, env: process.env, cwd: process.cwd() });
      const loaded = await loadConfig({ file: path, env: process.env, store });
      config = loaded.config;
      const others = loaded.warnings.filter(
        ({ message }) => !message.startsWith('the environment variable '),
      );
      for (const { file: where, line, message } of others)
        findings.push(
          await look(
            'configuration',
            () => warn(`${where}:${line}: ${message}`, 'change that line, or live with it'),
            '',
          ),
        );
      return path;
    },
    (detail) =>
      detail.startsWith('no configuration file')
        ? 'orchestrator init writes one'
        : 'correct these lines, or set these variables where API and worker run; "orchestrator config check" says when it is right',
  );
  return {
    config,
    findings: [
      file,
      ...findings,
      ...(config === null ? [] : [await look('variables', () => variablesOf(config as Config), '')]),
      await look('store', () => storeAt(store), mendStore(store)),
    ],
  };
}

function warn(detail: string, mend: string): never {
  throw new Warning(detail, mend);
}

/** The names alone: what is in them is secret. */
function variablesOf({ source, file }: Config): string {
  const names = [
    ...new Set(
      readYaml(source, file).texts.flatMap(({ text }) => referencesIn(text).map(({ name }) => name)),
    ),
  ];
  const unset = names.filter((name) => !process.env[name]);
  if (unset.length > 0)
    warn(
      `not set: ${unset.join(', ')}`,
      `set ${unset.join(', ')} where API and worker run; what refers to them is off`,
    );
  return names.length === 0 ? 'none are referred to' : `${names.join(', ')}: set`;
}

async function storeAt(location: string): Promise<string> {
  const store = await openStore(location);
  try {
    await store.check();
    return store.dialect === 'postgres' ? `PostgreSQL at ${hostOf(location)}` : `SQLite, ${location}`;
  } finally {
    await store.close();
  }
}

function mendStore(location: string): string {
  return /^postgres(ql)?:/.test(location)
    ? `see that PostgreSQL runs at ${hostOf(location)}, that the database is there, and that the user in ORCHESTRATOR_STORE may log in and create tables`
    : `see that ${location} and its folder can be written by this account, and that the file is whole: docs/operations.md says how to restore it`;
}

/** Without user and password. */
function hostOf(location: string): string {
  return URL.canParse(location) ? new URL(location).host : 'its address';
}
