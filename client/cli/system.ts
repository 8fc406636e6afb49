import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Catalog } from '../../activities/dependencies.ts';
import { openStore, type Store } from '../../adapters/store/store.ts';
import { findConfigFile } from '../../config/find-config-file.ts';
import { type Config, loadConfig, parseConfig } from '../../config/load.ts';
import { secretsOf } from '../../config/secrets.ts';
import { watchConfigFile } from '../../config/watch-file.ts';
import { controlQueue, watchQueue } from '../../domain/queues.ts';
import { createRedactor, type Redactor } from '../../domain/redaction.ts';
import { type ConfiguredCatalog, createCatalog } from '../../worker/catalog.ts';
import { type CommonOptions, dataFolder } from './context.ts';
import { guardRequests } from './guard-requests.ts';

/** Store, configuration and catalog of this process: what `up`, `doctor` and `rollback --direct` have in common. */
export interface System {
  readonly folder: string;
  readonly config: Config;
  readonly store: Store;
  readonly catalog: ConfiguredCatalog;
  /** Knows every secret of this configuration. */
  readonly redactor: Redactor;
  /** What to mind, one line each. */
  readonly warnings: readonly string[];
  close(): Promise<void>;
}

export function storeLocation(folder: string): string {
  return process.env.ORCHESTRATOR_STORE ?? join(folder, 'store.db');
}

/**
 * Whose policy holds. `publish`: this file's becomes the newest version, for everybody (the API). `follow`: the newest in the
 * store (a worker). `own`: this file's, for this process alone (`doctor`, a rollback by hand).
 */
export type PolicyRole = 'publish' | 'follow' | 'own';

/** Loads the configuration and opens the store. */
export async function openSystem(options: CommonOptions, role: PolicyRole): Promise<System> {
  guardRequests();
  const folder = dataFolder(options);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const location = storeLocation(folder);
  const file = findConfigFile({ flag: options.config, env: process.env, cwd: process.cwd() });
  const { config, warnings } = await loadConfig({ file, env: process.env, store: location });
  const redactor = createRedactor(secretsOf(config.source, process.env));
  const store = await openStore(location, redactor.values);
  if (role === 'publish') await store.policies.save(config.source, Date.now());
  return {
    folder,
    config,
    store,
    redactor,
    catalog: catalogOver(() => policyFor(role, store, config), { file, folder, store, redactor }),
    warnings: warnings.map((warning) => `${warning.file}:${warning.line}: ${warning.message}`),
    close: () => store.close(),
  };
}

async function policyFor(
  role: PolicyRole,
  store: Store,
  { source }: Config,
): Promise<{ version: number; source: string }> {
  if (role === 'own') return { version: 0, source };
  // A worker that starts before the first API goes by its own file.
  return (await store.policies.newest()) ?? { version: 0, source };
}

function catalogOver(
  read: () => Promise<{ version: number; source: string }>,
  {
    file,
    folder,
    store,
    redactor,
  }: { readonly file: string; readonly folder: string; readonly store: Store; readonly redactor: Redactor },
): ConfiguredCatalog {
  return createCatalog({
    read: async () => ({ ...(await read()), file }),
    env: process.env,
    pushed: store.pushed,
    threads: store.threads,
    incidentsFolder: join(folder, 'incidents'),
    queues: { control: controlQueue, watch: watchQueue },
    stdout: process.stdout,
    redactor,
  });
}

/** Takes changes of the file into the store; a bad new version keeps the old one, and people are told. Returns a stop function. */
export function reloadOnChange({ config, store, catalog, folder }: System, logger: Logger): () => void {
  return watchConfigFile(config.file, async () => {
    const source = await readFile(config.file, 'utf8');
    const { config: changed, problems } = parseConfig(source, {
      file: config.file,
      env: process.env,
      store: storeLocation(folder),
    });
    if (changed !== null && problems.length === 0) {
      const saved = await store.policies.save(source, Date.now());
      logger.info(`configuration reloaded, version ${saved.version}`);
      return;
    }
    const text = problems.map((problem) => `${problem.file}:${problem.line}: ${problem.message}`).join('\n');
    logger.error(`the changed configuration is not valid, the version before it stays in force:\n${text}`);
    await tellOwners(catalog, text);
  });
}

async function tellOwners(catalog: Catalog, text: string): Promise<void> {
  const atMs = Date.now();
  for (const key of await catalog.products()) {
    const setup = await catalog.setup(key);
    const message = {
      ...key,
      key: `config/${atMs}/${key.product}`,
      severity: 'warning' as const,
      title: 'The changed configuration is not valid',
      text: `The version before it stays in force.\n${text}`,
      facts: [],
      commands: [],
      links: [],
      atMs,
    };
    await Promise.allSettled(
      setup.notifiers('owner').map((channel) => channel.send(message, AbortSignal.timeout(15_000))),
    );
  }
}
