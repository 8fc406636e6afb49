import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { NativeConnection, type Worker } from '@temporalio/worker';
import type { Catalog, Dependencies, ProductSetup } from '../../activities/dependencies.ts';
import { createFolderIssues } from '../../adapters/issues/folder-issues.ts';
import { openStore, type Store } from '../../adapters/store/store.ts';
import type { RateLimits } from '../../client/api/access/rate-limits.ts';
import { type RunningApi, serveApi } from '../../client/api/serve.ts';
import { calledBack, type Message } from '../../domain/message.ts';
import { defaultPolicy, type Policy } from '../../domain/policy.ts';
import { controlQueue, watchQueue } from '../../domain/queues.ts';
import { type EmbeddedServer, startEmbedded } from '../../worker/embedded-server.ts';
import { freePort } from '../../worker/free-port.ts';
import { registerSearchAttributes } from '../../worker/prepare-namespace.ts';
import { createSweep } from '../../worker/sweep.ts';
import { findServerProgram } from '../../worker/temporal-server.ts';
import { bundleWorkflows, createWorkers } from '../../worker/workers.ts';
import { type BrokenStore, breakable } from './breakable-store.ts';
import { installQuietRuntime } from './quiet-runtime.ts';
import { createScriptedService, type ScriptedService } from './scripted-service.ts';

installQuietRuntime();

/** The default policy with minutes shortened to seconds: the dev server knows real time only. */
export const quickPolicy: Policy = {
  ...defaultPolicy,
  monitoring: {
    ...defaultPolicy.monitoring,
    checkIntervalMs: 1_000,
    suspectIntervalMs: 1_000,
    baselineWindowMs: 2_000,
    goodAfterMs: 60_000,
    warmUpMs: 1_000,
    minimumRequests: 20,
  },
  triggers: {
    ...defaultPolicy.triggers,
    errorRate: { ...defaultPolicy.triggers.errorRate, windowMs: 5_000 },
  },
  rollback: {
    ...defaultPolicy.rollback,
    maxAttempts: 1,
    healthCheckTimeoutMs: 8_000,
    verifyMs: 2_000,
    retryBackoffMs: 100,
  },
};

/** A Temporal dev server in its own process, on free ports, with its state in a folder. */
export async function startDevServer(folder: string): Promise<EmbeddedServer> {
  const program = await findServerProgram({ say: () => undefined });
  return startEmbedded({
    program,
    dbFile: join(folder, 'temporal.db'),
    logFile: join(folder, 'temporal.log'),
    port: await freePort(),
    uiPort: await freePort(),
  });
}

/** A product of its own for each test, so that one server serves a whole file. */
export interface DevProduct {
  readonly product: string;
  readonly environment: string;
  /** The first service; all services are the same scripted one. */
  readonly service: ScriptedService;
  /** Makes a release live and the last known good. */
  haveGood(release: string): Promise<void>;
}

export interface DevWorld {
  readonly folder: string;
  readonly server: EmbeddedServer;
  readonly client: Client;
  readonly connection: NativeConnection;
  readonly store: Store;
  readonly catalog: Catalog;
  readonly api: RunningApi;
  readonly token: string;
  readonly told: Message[];
  /** `brokenStore`: how it answers from now on. */
  readonly setup: { brokenStore: BrokenStore };
  addProduct(product: string, services?: readonly string[]): DevProduct;
  startWorkers(): Promise<void>;
  stopWorkers(): Promise<void>;
  end(): Promise<void>;
}

/** A whole system in real time: Temporal dev server with visibility, SQLite store, workers and the API. */
export async function createDevWorld(options: DevWorldOptions = {}): Promise<DevWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'orchestrator-dev-'));
  const ends: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true, maxRetries: 5 })];
  const end = async () => {
    for (const close of ends.splice(0).reverse()) await close();
  };
  try {
    return { ...(await build(folder, ends, options)), end };
  } catch (error) {
    await end();
    throw error;
  }
}

export interface DevWorldOptions {
  readonly limits?: RateLimits;
}

async function build(
  folder: string,
  ends: (() => unknown)[],
  { limits }: DevWorldOptions,
): Promise<Omit<DevWorld, 'end'>> {
  const server = await startDevServer(folder);
  ends.push(() => server.stop());
  const connection = await NativeConnection.connect({ address: server.address });
  ends.push(() => connection.close());
  const searchAttributes = await registerSearchAttributes(connection, 'default');
  const opened = await openStore(join(folder, 'store.db'));
  ends.push(() => opened.close());
  const setup: DevWorld['setup'] = { brokenStore: false };
  const store = breakable(opened, setup);
  const told: Message[] = [];
  const setups = new Map<string, ProductSetup>();
  const catalog = catalogOf(setups);
  const sweep = createSweep({
    store,
    catalog,
    connection,
    namespace: 'default',
    watchdogUrl: async () => null,
    temporalUi: null,
  });
  const token = 'a-token-for-tests';
  const api = await serveApi({
    connection,
    namespace: 'default',
    store,
    catalog,
    searchAttributes,
    temporalUi: `${server.uiUrl}/namespaces/default`,
    token,
    limits,
    host: '127.0.0.1',
    port: 0,
    problems: async () =>
      (await sweep.staleWatches()).map(({ deployment }) => `nobody looks at ${deployment}`),
  });
  ends.push(() => api.close());
  const dependencies: Dependencies = {
    store,
    catalog,
    clock: { now: async () => Date.now() },
    temporalUi: null,
    temporalServer: null,
  };
  const workflowBundle = await bundleWorkflows();
  let workers: Worker[] = [];
  let running: Promise<unknown>[] = [];
  const stopWorkers = async () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await Promise.allSettled(running);
    workers = [];
  };
  const startWorkers = async () => {
    workers = await createWorkers({ connection, namespace: 'default', dependencies, workflowBundle });
    running = workers.map((worker) => worker.run());
  };
  ends.push(stopWorkers);
  await startWorkers();

  return {
    folder,
    server,
    client: new Client({ connection }),
    connection,
    store,
    catalog,
    api,
    token,
    told,
    setup,
    startWorkers,
    stopWorkers,
    addProduct(product, names = ['web']) {
      const key = { product, environment: 'production' };
      const service = createScriptedService(async () => Date.now());
      const channel = { name: 'test', send: async (message: Message) => void told.push(message) };
      const services = names.map((name) => ({ service: name, ...service, logs: null, changes: null }));
      setups.set(product, {
        ...key,
        policy: quickPolicy,
        policyVersion: 1,
        owner: 'Ana',
        services,
        // The one webhook that may be called back.
        notifiers: (whom) => ([null, 'graph'].includes(calledBack(whom)) ? [channel] : []),
        issues: null,
        incidentsFolder: createFolderIssues({ folder: join(folder, 'incidents') }),
        assigneesFor: () => ({ assignees: [], labels: [], role: 'Support Engineer' }),
        targetQueue: controlQueue,
        watchQueue,
      });
      return {
        ...key,
        service,
        async haveGood(release) {
          const deployment = { ...key, deployment: `deploy-${release}` };
          await store.deployments.register({
            ...deployment,
            services: names.map((name) => ({ service: name, release })),
            origin: 'reported',
            deployedAtMs: Date.now() - 24 * 3_600_000,
          });
          await store.deployments.setGood(deployment, 23 * 3_600_000);
          await store.deployments.end(deployment, 'healthy', 'watched for 24 h', Date.now());
          await service.deploy(release);
        },
      };
    },
  };
}

function catalogOf(setups: ReadonlyMap<string, ProductSetup>): Catalog {
  return {
    products: async () => [...setups.values()].map(({ product, environment }) => ({ product, environment })),
    async setup({ product, environment }) {
      const found = setups.get(product);
      if (found !== undefined && found.environment === environment) return found;
      throw new Error(`unknown product ${product}; known: ${[...setups.keys()].join(', ')}`);
    },
  };
}
