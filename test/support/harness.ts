import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { Worker, WorkflowBundle } from '@temporalio/worker';
import type { Clock, Dependencies, ProductSetup, ServiceSetup } from '../../activities/dependencies.ts';
import { createFolderIssues } from '../../adapters/issues/folder-issues.ts';
import type { LogSource } from '../../adapters/logs/log-source.ts';
import type { Notifier } from '../../adapters/notify/notifier.ts';
import { openStore, type Store } from '../../adapters/store/store.ts';
import type { DeploymentOrigin } from '../../domain/deployment.ts';
import { type DeploymentKey, monitorWorkflowId, rollbackWorkflowId } from '../../domain/identity.ts';
import type { Message } from '../../domain/message.ts';
import { defaultPolicy, type Policy } from '../../domain/policy.ts';
import { controlQueue, watchQueue } from '../../domain/queues.ts';
import { bundleWorkflows, createWorkers } from '../../worker/workers.ts';
import type { monitorDeployment } from '../../workflows/monitor-deployment.ts';
import type { rollback } from '../../workflows/rollback.ts';
import { type BrokenStore, breakable } from './breakable-store.ts';
import { installQuietRuntime } from './quiet-runtime.ts';
import { calm, createScriptedService, histogram, type ScriptedService } from './scripted-service.ts';
import { startTimeSkipping } from './temporal.ts';

export const product = { product: 'shop', environment: 'production' };
export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;

let bundle: Promise<WorkflowBundle> | undefined;

installQuietRuntime();

export interface World {
  readonly environment: TestWorkflowEnvironment;
  readonly store: Store;
  readonly service: ScriptedService;
  /** One more service of the product; its calls stand among those of the first. */
  addService(name: string): ScriptedService;
  /** Everything people were told, oldest first. */
  readonly told: Message[];
  readonly setup: { policy: Policy; policyVersion: number; brokenStore: BrokenStore };
  now(): Promise<number>;
  /** Makes a release the last known good: deployed a day ago, watched, good. */
  haveGood(release: string, deployment?: string): Promise<void>;
  /** Deploys a release and starts its monitor, as a pipeline does through the API. */
  deploy(
    release: string,
    options?: { deployment?: string; origin?: DeploymentOrigin; callback?: string },
  ): Promise<Deployed>;
  /** Starts a worker of the product's group; returns what stops it. */
  startGroup(): Promise<() => void>;
  /** Lets virtual time pass. */
  pass(ms: number): Promise<void>;
  /** Lets time pass in small steps until something is so; fails after `withinMs` of virtual time. */
  until(what: string, isSo: () => Promise<boolean> | boolean, withinMs?: number): Promise<void>;
  rollbackHandle(): ReturnType<TestWorkflowEnvironment['client']['workflow']['getHandle']>;
  timeline(): Promise<string[]>;
  end(): Promise<void>;
}

export interface Deployed {
  readonly key: DeploymentKey;
  readonly handle: WorkflowHandleWithFirstExecutionRunId<typeof monitorDeployment>;
}

/** A whole system in virtual time: real Temporal test server, real store, real workers, a scripted service. */
export async function createWorld(
  change: (policy: Policy) => Policy = (policy) => policy,
  group?: string,
): Promise<World> {
  bundle ??= bundleWorkflows();
  const workflowBundle = await bundle;
  const environment = await startTimeSkipping();
  const folder = await mkdtemp(join(tmpdir(), 'orchestrator-world-'));
  const store = await openStore(join(folder, 'store.db'));
  const now = () => environment.currentTimeMs();
  const service = createScriptedService(now);
  const more: Record<string, ScriptedService> = {};
  const told: Message[] = [];
  const setup: World['setup'] = { policy: change(defaultPolicy), policyVersion: 1, brokenStore: false };
  const clock: Clock = { now };
  const channel: Notifier = {
    name: 'test',
    send: async (message) => {
      told.push(message);
    },
  };
  const reachable = reached('web', service);
  const queue = (name: string) => (group === undefined ? name : `${name}/${group}`);
  const dependenciesWith = (web: ServiceSetup): Dependencies => ({
    store: breakable(store, setup),
    clock,
    temporalUi: 'http://temporal.example/namespaces/default',
    temporalServer: { address: 'temporal.example:7233', namespace: 'default' },
    catalog: {
      products: async () => [product],
      setup: async (): Promise<ProductSetup> => ({
        ...product,
        ...setup,
        owner: 'Ana',
        services: [web, ...Object.entries(more).map(([name, other]) => reached(name, other))],
        notifiers: () => [channel],
        issues: null,
        incidentsFolder: createFolderIssues({ folder: join(folder, 'incidents') }),
        assigneesFor: () => ({ assignees: [], labels: [], role: 'Support Engineer' }),
        targetQueue: queue(controlQueue),
        watchQueue: queue(watchQueue),
      }),
    },
  });
  const workers: Worker[] = [];
  const running: Promise<void>[] = [];
  const start = async (web: ServiceSetup, workerGroup?: string) => {
    const options = { connection: environment.nativeConnection, namespace: 'default', workflowBundle };
    const dependencies = dependenciesWith(web);
    const made = await createWorkers({
      ...options,
      dependencies,
      ...(workerGroup ? { group: workerGroup } : {}),
    });
    workers.push(...made);
    running.push(...made.map((worker) => worker.run()));
    return () => made.forEach(stop);
  };
  // Where a group is named, the central worker cannot reach the service.
  await start(group === undefined ? reachable : outOfReach('web'));

  return {
    environment,
    store,
    service,
    addService(name) {
      const made = createScriptedService(now, service.calls, name);
      more[name] = made;
      return made;
    },
    told,
    setup,
    now,
    async haveGood(release, deployment = `deploy-${release}`) {
      await haveGood({ store, service, now }, release, deployment);
    },
    async deploy(release, options = {}) {
      const deployment = options.deployment ?? `deploy-${release}`;
      await service.deploy(release);
      return startMonitor(environment, store, { ...product, deployment }, release, await now(), {
        origin: options.origin ?? 'reported',
        callback: options.callback,
      });
    },
    startGroup: () => start(reachable, group),
    pass: (ms) => environment.sleep(ms),
    async until(what, isSo, withinMs = hourMs) {
      const endMs = (await now()) + withinMs;
      while (!(await isSo())) {
        if ((await now()) > endMs)
          throw new Error(`after ${withinMs / minuteMs} min of virtual time still not: ${what}`);
        await environment.sleep(5_000);
      }
    },
    rollbackHandle: () => environment.client.workflow.getHandle<typeof rollback>(rollbackWorkflowId(product)),
    async timeline() {
      return (await store.timeline.list({ ...product, limit: 1_000 })).map((entry) => entry.text);
    },
    async end() {
      // A worker waits for what it is at.
      setup.brokenStore = false;
      for (const each of [service, ...Object.values(more)]) each.answer();
      for (const worker of workers) stop(worker);
      await Promise.allSettled(running);
      await store.close();
      await environment.teardown();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What a log file of the service would say. */
function logsOf(service: ScriptedService): LogSource {
  return {
    excerpt: async ({ release }) => ({
      lines: [`${release}: connection pool exhausted`],
      total: 1,
      reference: `web.log, ${service.calls.length} steps later`,
    }),
  };
}

function reached(name: string, service: ScriptedService): ServiceSetup {
  return {
    service: name,
    ...service,
    logs: logsOf(service),
    changes: null,
    get way() {
      return service.state.way;
    },
  };
}

/** A service on hosts that this worker does not reach. */
function outOfReach(service: string): ServiceSetup {
  const fail = () => Promise.reject(new Error('this worker does not reach the hosts'));
  return {
    service,
    target: { live: fail, restorable: fail, restore: fail, restart: fail },
    metrics: { measure: fail },
    probe: { probe: fail },
    traffic: { state: fail, stop: fail, resume: fail },
    logs: { excerpt: fail },
    changes: null,
  };
}

function stop(worker: Worker): void {
  if (worker.getState() === 'RUNNING') worker.shutdown();
}

async function startMonitor(
  environment: TestWorkflowEnvironment,
  store: Store,
  key: DeploymentKey,
  release: string,
  deployedAtMs: number,
  { origin, callback }: { origin: DeploymentOrigin; callback: string | undefined },
): Promise<Deployed> {
  const services = [{ service: 'web', release }];
  await store.deployments.register({ ...key, services, origin, deployedAtMs });
  const handle = await environment.client.workflow.start<typeof monitorDeployment>('monitorDeployment', {
    workflowId: monitorWorkflowId(key),
    taskQueue: controlQueue,
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    args: [
      {
        key,
        services,
        origin,
        deployedAtMs,
        searchAttributes: true,
        ...(callback === undefined ? {} : { callback }),
      },
    ],
  });
  return { key, handle };
}

async function haveGood(
  { store, service, now }: { store: Store; service: ScriptedService; now: () => Promise<number> },
  release: string,
  deployment: string,
): Promise<void> {
  const key = { ...product, deployment };
  const deployedAtMs = (await now()) - 24 * hourMs;
  await store.deployments.register({
    ...key,
    services: [{ service: 'web', release }],
    origin: 'reported',
    deployedAtMs,
  });
  await store.deployments.setGood(key, 23 * hourMs);
  const { newWatch, advanceWatch } = await import('../../domain/watch.ts');
  let state = newWatch([{ service: 'web', release, references: [] }]);
  await service.deploy(release);
  // One hour of calm traffic, as its monitor would have seen it.
  for (let check = 0; check <= 60; check += 1) {
    const atMs = deployedAtMs + check * minuteMs;
    const counts = {
      requests: 9_000,
      errors: check % 2,
      latency: histogram(calm.p95Ms, 9_000),
      dbConnectionErrors: 0,
      memoryPercent: 45,
      cpuPercent: 30,
      affectedUsers: null,
    };
    const services = [
      {
        service: 'web',
        probes: [{ instance: '0', healthy: true, detail: '200' }],
        measured: { kind: 'counts' as const, counts, cursor: null, missing: [] },
      },
    ];
    const seen = { tickMs: atMs, regular: true, gap: false, atMs, services, unexpected: null };
    const context = { policy: defaultPolicy, deployedAtMs, mayAct: true, reported: {} };
    state = advanceWatch(state, seen, context).state;
  }
  await store.watches.record(key, state, []);
}
