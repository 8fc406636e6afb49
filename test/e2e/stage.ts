import { type ChildProcess, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { createLocalProcessTarget } from '../../adapters/deploy-target/local-process.ts';
import { openStore, type Store } from '../../adapters/store/store.ts';
import { startProxy } from '../../adapters/traffic/proxy/proxy-server.ts';
import { createProxyTraffic } from '../../adapters/traffic/proxy.ts';
import { createRollbackClient, type RollbackClient } from '../../client/rollback-client.ts';
import { rollbackWorkflowId } from '../../domain/identity.ts';
import { type EmbeddedServer, startEmbedded } from '../../worker/embedded-server.ts';
import { freePort } from '../../worker/free-port.ts';
import { findServerProgram } from '../../worker/temporal-server.ts';
import { freePorts } from '../adapters/temporary.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const tinyService = fileURLToPath(new URL('./tiny-service.js', import.meta.url));
/** The bad release fails its health checks this long after its start. */
const sickAfterMs = 9_000;

/** The whole system as real processes: Temporal, API, workers, services and proxies. */
export interface Stage {
  readonly client: RollbackClient;
  readonly temporal: Client;
  readonly store: Store;
  readonly storeFile: string;
  /** Starts a worker process and returns when it polls. */
  startWorker(): Promise<Killable>;
  /** Ends the Temporal server with SIGKILL and starts it again on the same state. */
  killTemporal(downMs: number): Promise<void>;
  /** Deploys v1 (good) and then v2 (bad by itself) of a product. */
  deployBad(product: string): Promise<void>;
  /** Waits until the product's rollback has scheduled (or completed) an activity of this name. */
  untilStep(product: string, step: string): Promise<void>;
  /** What every run must end with. */
  check(product: string): Promise<Ending>;
  end(): Promise<void>;
}

export interface Killable {
  kill(): Promise<void>;
}

export interface Ending {
  readonly serving: string;
  readonly maintenance: boolean;
  readonly outcome: string | null;
  readonly incidents: number;
  readonly rollbacks: number;
  readonly released: boolean;
}

export async function createStage(products: readonly string[]): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'orchestrator-e2e-'));
  const data = join(folder, 'data');
  await mkdir(data, { recursive: true });
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    return await build();
  } catch (error) {
    await endAll();
    throw error;
  }

  async function endAll(): Promise<void> {
    for (const end of ends.reverse()) await end().catch(() => undefined);
  }

  async function build(): Promise<Stage> {
    const program = await findServerProgram({ say: () => undefined });
    const ports = { port: await freePort(), uiPort: await freePort() };
    const options = {
      program,
      ...ports,
      dbFile: join(folder, 'temporal.db'),
      logFile: join(folder, 'temporal.log'),
    };
    let server: EmbeddedServer = await startEmbedded(options);
    ends.push(() => server.stop());
    const firstPort = await freePorts(products.length);
    const services = await Promise.all(
      products.map((product, i) => createService(folder, product, firstPort + i, ends)),
    );
    const configFile = join(folder, 'rollback-config.yml');
    await writeFile(configFile, configuration(services));
    const env = { ...process.env, TEMPORAL_ADDRESS: server.address, LOG_LEVEL: 'error' };
    const run = (role: string) =>
      spawnNode(
        [
          'bin/orchestrator.js',
          'up',
          '--only',
          role,
          '--config',
          configFile,
          '--data',
          data,
          '--port',
          '0',
          '--metrics-port',
          '0',
        ],
        join(folder, `${role}.log`),
        env,
      );
    const api = run('api');
    ends.push(() => kill(api));
    const place = await until(
      'the API',
      async () => JSON.parse(await readFile(join(data, 'api.json'), 'utf8')) as { url: string },
    );
    const token = (await readFile(join(data, 'api-token'), 'utf8')).trim();
    const client = createRollbackClient({ url: place.url, token });
    const store = await openStore(join(data, 'store.db'));
    ends.push(() => store.close());
    const connection = await NativeConnection.connect({ address: server.address });
    ends.push(() => connection.close());
    const temporal = new Client({ connection });
    const of = (product: string) => services.find((service) => service.product === product) as Service;

    return {
      client,
      temporal,
      store,
      storeFile: join(data, 'store.db'),
      async startWorker() {
        const child = run('worker');
        ends.push(() => kill(child));
        return { kill: () => kill(child) };
      },
      async killTemporal(downMs) {
        process.kill(server.pid, 'SIGKILL');
        await sleep(downMs);
        server = await startEmbedded(options);
      },
      async deployBad(product) {
        await of(product).deploy('v1');
        await client.reportDeployment({
          product,
          release: 'v1',
          deployment: 'd1',
          good: { by: 'test', reason: 'known' },
        });
        await of(product).deploy('v2');
        await client.reportDeployment({ product, release: 'v2', deployment: 'd2' });
      },
      async untilStep(product, step) {
        const handle = temporal.workflow.getHandle(
          rollbackWorkflowId({ product, environment: 'production' }),
        );
        await until(
          `${step} of ${product}`,
          async () => {
            const { events } = await handle.fetchHistory();
            const seen = events?.some(
              (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === step,
            );
            if (!seen) throw new Error(`${step} has not been scheduled`);
          },
          20,
        );
      },
      check: (product) => checkEnding(product, of(product), store),
      end: endAll,
    };
  }
}

interface Service {
  readonly product: string;
  readonly yaml: string;
  readonly url: string;
  deploy(release: string): Promise<void>;
  maintenance(): Promise<boolean>;
}

async function createService(
  folder: string,
  product: string,
  basePort: number,
  ends: (() => Promise<unknown>)[],
): Promise<Service> {
  const root = join(folder, product);
  for (const [release, sick] of [
    ['v1', null],
    ['v2', sickAfterMs],
  ] as const) {
    const place = join(root, 'web', 'releases', release);
    await mkdir(place, { recursive: true });
    await cp(tinyService, join(place, 'server.js'));
    await writeFile(join(place, 'package.json'), '{"type":"module"}');
    await writeFile(join(place, 'behaviour.json'), JSON.stringify({ sickAfterMs: sick }));
  }
  const tokenFile = join(root, 'token');
  const proxy = await startProxy({
    port: 0,
    controlPort: 0,
    stateFile: join(root, 'proxy.json'),
    tokenFile,
    host: '127.0.0.1',
    drainTimeoutMs: 1_000,
  });
  ends.push(() => proxy.close());
  const target = createLocalProcessTarget({
    root,
    services: { web: { command: ['node', 'server.js'], instances: 1, basePort } },
  });
  const controlUrl = `http://127.0.0.1:${proxy.controlPort}`;
  const traffic = createProxyTraffic({ controlUrl, tokenFile });
  ends.push(async () => {
    const { pid } = JSON.parse(await readFile(join(root, 'web', 'run', '0.json'), 'utf8')) as { pid: number };
    process.kill(-pid, 'SIGKILL');
  });
  const quoted = JSON.stringify;
  return {
    product,
    url: `http://127.0.0.1:${proxy.port}`,
    yaml: `  ${product}:
    services:
      web:
        deploy_target: { kind: local-process, root: ${quoted(root)}, command: [node, server.js], instances: 1, base_port: ${basePort} }
        metrics: { kind: scrape }
        traffic: { kind: proxy, control_url: ${quoted(controlUrl)}, token_file: ${quoted(tokenFile)} }
`,
    async deploy(release) {
      const signal = AbortSignal.timeout(20_000);
      const step = { signal, key: `pipeline-${release}`, heartbeat: () => undefined };
      await target.restore('web', release, step);
      await target.restart('web', step);
      const { instances } = await target.live('web', signal);
      await traffic.resume('web', { release, instances, signal });
    },
    maintenance: async () => (await traffic.state('web', AbortSignal.timeout(5_000))).maintenance,
  };
}

function configuration(services: readonly Service[]): string {
  return `rollback_policy:
  monitoring: { check_interval_seconds: 1, suspect_interval_seconds: 1, baseline_window_minutes: 0.1, warm_up_seconds: 1, segment_minutes: 1 }
  triggers:
    health_check: { failure_count: 2, window_minutes: 0.5 }
    error_rate: { enabled: false }
    latency: { enabled: false }
  rollback: { verify_minutes: 0.06, retry_backoff_seconds: 1, health_check_timeout_seconds: 20 }
products:
${services.map((service) => service.yaml).join('')}`;
}

async function checkEnding(product: string, service: Service, store: Store): Promise<Ending> {
  const key = { product, environment: 'production' };
  await until(
    `the end of the rollback of ${product}`,
    async () => {
      const deployment = await store.deployments.read({ ...key, deployment: 'd2' });
      const { rollback } = await store.products.read(key);
      const [incident] = await store.incidents.list({ product, limit: 1 });
      if (deployment?.outcome == null || rollback !== null || incident?.endedAtMs == null)
        throw new Error(`still ${JSON.stringify({ rollback })}: ${await lastLines(key, store)}`);
    },
    200,
    120_000,
  );
  const deployments = await store.deployments.list({ product, limit: 50 });
  const incidents = await store.incidents.list({ product, limit: 50 });
  const answer = await fetch(service.url);
  return {
    serving: `${answer.status} ${await answer.text()}`,
    maintenance: await service.maintenance(),
    outcome: deployments.find((deployment) => deployment.deployment === 'd2')?.outcome ?? null,
    incidents: incidents.length,
    rollbacks: deployments.filter((deployment) => deployment.origin === 'rollback').length,
    released: (await store.products.read(key)).rollback === null,
  };
}

async function lastLines(key: { product: string; environment: string }, store: Store): Promise<string> {
  const entries = await store.timeline.list({ ...key, limit: 1_000 });
  return entries
    .slice(-10)
    .map(({ text }) => text)
    .join(' | ');
}

/** The ending that every kill must leave. */
export const wellEnded: Ending = {
  serving: '200 v1',
  maintenance: false,
  outcome: 'rolled_back',
  incidents: 1,
  rollbacks: 1,
  released: true,
};

function spawnNode(args: readonly string[], logFile: string, env: NodeJS.ProcessEnv): ChildProcess {
  const log = openSync(logFile, 'a');
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    cwd: checkout,
    env,
    stdio: ['ignore', log, log],
  });
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await gone;
}

export async function until<Result>(
  what: string,
  ask: () => Promise<Result>,
  everyMs = 100,
  withinMs = 60_000,
): Promise<Result> {
  const end = Date.now() + withinMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > end) throw new Error(`waited ${withinMs / 1000} s for ${what}`, { cause: error });
      await sleep(everyMs);
    }
  }
}
