import { randomUUID } from 'node:crypto';
import {
  type Client,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import type { Catalog, ProductSetup } from '../../activities/dependencies.ts';
import { readRollbackPlan } from '../../activities/rollback-plan.ts';
import { within } from '../../activities/within.ts';
import type { Store } from '../../adapters/store/store.ts';
import type { Deployment, ServiceRelease } from '../../domain/deployment.ts';
import {
  type DeploymentKey,
  monitorWorkflowId,
  type ProductKey,
  postMortemWorkflowId,
  rollbackWorkflowId,
} from '../../domain/identity.ts';
import type { Incident } from '../../domain/incident.ts';
import type { Candidate, ReleaseStanding } from '../../domain/last-known-good.ts';
import type { Pause } from '../../domain/product-row.ts';
import { controlQueue } from '../../domain/queues.ts';
import type { RollbackRequest } from '../../domain/rollback.ts';
import {
  type Answer,
  type AnyRollbackCommand,
  commandSignals,
  commandUpdates,
  newDeploymentSignal,
  type RollbackCommandName,
  type RollbackInput,
  requestRollbackSignal,
  requestRollbackUpdate,
  reviewUpdate,
  supersededSignal,
} from '../../workflows/messages.ts';
import type { monitorDeployment } from '../../workflows/monitor-deployment.ts';
import type { rollback } from '../../workflows/rollback.ts';
import { workflowMemo } from '../../workflows/start-options.ts';
import { ApiError } from './api-error.ts';

export interface OperationsOptions {
  readonly client: Client;
  readonly store: Store;
  readonly catalog: Catalog;
  /** Whether the search attributes are registered on this server. */
  readonly searchAttributes: boolean;
  /** How long an update may wait for a worker before the request is queued instead. */
  readonly updatePatienceMs?: number;
}

export interface DeploymentReport {
  readonly key: DeploymentKey;
  readonly services: readonly ServiceRelease[];
  readonly deployedAtMs: number;
  /** A person vouches for the release: it is a rollback target at once. */
  readonly good: { readonly by: string; readonly reason: string } | null;
}

export interface Reported {
  readonly deployment: Deployment;
  readonly isNew: boolean;
  /** Things worth knowing: quarantined, waiting for a rollback. */
  readonly notes: readonly string[];
}

export interface DryRun {
  readonly deployment: Deployment;
  readonly services: readonly {
    readonly service: string;
    readonly release: string;
    readonly candidates: readonly (Candidate & { readonly restorable: string })[];
    readonly rejected: readonly Candidate[];
  }[];
}

export interface CommandAnswer extends Answer {
  /** No worker took it yet; it will be handled when one polls. */
  readonly queued: boolean;
}

/** What people and pipelines can do: the only place that starts and signals workflows. */
export function createOperations(options: OperationsOptions) {
  const { client, store, catalog, searchAttributes } = options;
  const patienceMs = options.updatePatienceMs ?? 5_000;

  return {
    /** A deployment that is reported has already happened: only malformed reports are refused. */
    async report(report: DeploymentReport): Promise<Reported> {
      const setup = await setupOf(report.key);
      for (const { service } of report.services) knownService(setup, service);
      const { deployment, isNew, superseded } = await store.deployments.register({
        ...report.key,
        services: report.services,
        origin: 'reported',
        deployedAtMs: report.deployedAtMs,
      });
      const notes: string[] = [];
      if (isNew && report.good !== null) await vouch(report, report.good);
      if (isNew) notes.push(...(await warnings(report)));
      if (deployment.outcome === null) await startMonitor(deployment);
      if (superseded !== null)
        await tellSuperseded({ ...report.key, deployment: superseded }, report.key.deployment);
      if (deployment.status === 'waiting') {
        notes.push(
          'a rollback is under way: this deployment waits, the rollback verifies it and lets it take over',
        );
        await tellRollback(deployment);
      }
      return { deployment, isNew, notes };
    },

    /**
     * Starts the monitors of deployments that are recorded but were never looked at: Temporal was down when they were reported, or
     * a rollback by hand made them. Starting one that runs changes nothing.
     */
    async startMissingMonitors(olderThanMs: number): Promise<number> {
      const never = (await store.watches.lastLooks()).filter((look) => look.atMs === null);
      const deployments = await Promise.all(never.map((look) => store.deployments.read(look)));
      const missing = deployments
        .filter((deployment) => deployment !== null)
        .filter((deployment) => Date.now() - deployment.deployedAtMs > olderThanMs);
      for (const deployment of missing) await startMonitor(deployment);
      return missing.length;
    },

    /** One door to a rollback: starts it, joins the running one, or retries the one that waits for people. */
    async rollBack(
      key: ProductKey,
      wanted: { by: string; reason: string; to: string | null; requestId?: string },
    ): Promise<CommandAnswer> {
      const current = await findCurrent(key);
      if (current === null) return { accepted: false, queued: false, reason: nothingToRollBack(key) };
      const requestId = wanted.requestId ?? randomUUID();
      const request = manualRequest(wanted, requestId);
      const input: RollbackInput = {
        key: { ...key, deployment: current.deployment },
        services: current.services,
        request,
        plan: null,
        searchAttributes,
      };
      const start = {
        workflowId: rollbackWorkflowId(key),
        taskQueue: controlQueue,
        args: [input] as [RollbackInput],
        ...workflowMemo('rollback', input),
      };
      return answerOrQueue(
        () =>
          client.workflow.executeUpdateWithStart(requestRollbackUpdate, {
            startWorkflowOperation: new WithStartWorkflowOperation<typeof rollback>('rollback', {
              ...start,
              workflowIdConflictPolicy: 'USE_EXISTING',
            }),
            args: [request],
            updateId: requestId,
          }),
        async () => {
          await client.workflow.signalWithStart<typeof rollback, [RollbackRequest, (string | null)?]>(
            'rollback',
            {
              ...start,
              signal: requestRollbackSignal,
              signalArgs: [request],
            },
          );
        },
      );
    },

    /** What a rollback would do now, without doing it. */
    async planRollback(key: ProductKey): Promise<DryRun> {
      const setup = await setupOf(key);
      const deployment = await findCurrent(key);
      if (deployment === null) throw new ApiError(409, nothingToRollBack(key));
      const plan = await readRollbackPlan(store, setup, { key: deployment, services: deployment.services });
      const services = await Promise.all(
        plan.services.map(async ({ service, release, candidates, rejected }) => {
          const { target } = knownService(setup, service);
          const asked = candidates.slice(0, 5).map(async (candidate) => {
            const answer = await target
              .restorable(service, candidate.release, AbortSignal.timeout(15_000))
              .catch((error: unknown) => ({ restorable: false, reason: String(error) }));
            return { ...candidate, restorable: answer.restorable ? 'yes' : `no: ${answer.reason}` };
          });
          return { service, release, rejected, candidates: await Promise.all(asked) };
        }),
      );
      return { deployment, services };
    },

    /** A word to the rollback that runs or waits for people. */
    async command(
      key: ProductKey,
      name: RollbackCommandName,
      command: AnyRollbackCommand,
    ): Promise<CommandAnswer> {
      await setupOf(key);
      const handle = client.workflow.getHandle<typeof rollback>(rollbackWorkflowId(key));
      const given = { ...command, requestId: command.requestId ?? randomUUID() };
      return answerOrQueue(
        () => handle.executeUpdate(commandUpdates[name], { args: [given], updateId: given.requestId }),
        () => handle.signal(commandSignals[name], given),
      ).catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError)
          throw new ApiError(404, `no rollback of ${key.product} is running`);
        throw error;
      });
    },

    async pause(key: ProductKey, pause: Pause): Promise<void> {
      await setupOf(key);
      await store.products.change(key, (row) => ({ ...row, pause }));
      const until =
        pause.untilMs === null ? 'until resumed' : `until ${new Date(pause.untilMs).toISOString()}`;
      await noteForPeople(key, `Automatic rollback paused by ${pause.by} ${until}: ${pause.reason}`);
    },

    async resume(key: ProductKey, by: string): Promise<void> {
      await setupOf(key);
      await store.products.change(key, (row) => ({ ...row, pause: null }));
      await noteForPeople(key, `Automatic rollback resumed by ${by}`);
    },

    async setStanding(
      key: ProductKey,
      standing: Omit<ReleaseStanding, 'atMs' | 'service'>,
      service: string | null,
    ): Promise<void> {
      const setup = await setupOf(key);
      const services =
        service === null
          ? setup.services.map((entry) => entry.service)
          : [knownService(setup, service).service];
      for (const name of services)
        await store.releases.set(key, { ...standing, service: name, atMs: Date.now() });
      const word = standing.standing === 'good' ? 'good' : 'bad (quarantined)';
      await noteForPeople(
        key,
        `${standing.release} declared ${word} by ${standing.author}: ${standing.reason}`,
      );
    },

    async review(incident: string, review: { by: string; verdict: string; note: string }): Promise<Answer> {
      const known = await store.incidents.read(incident);
      if (known === null) throw new ApiError(404, `incident ${incident} is not known`);
      const handle = client.workflow.getHandle(postMortemWorkflowId(incident));
      try {
        return await handle.executeUpdate(reviewUpdate, { args: [review] });
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        // Its workflow has ended with an earlier review, or has gone with Temporal's retention: the store keeps incidents longer.
        return reviewInStore(incident, { ...review, atMs: Date.now() });
      }
    },
  };

  async function reviewInStore(id: string, review: NonNullable<Incident['review']>): Promise<Answer> {
    let earlier: Incident['review'] = null;
    await store.incidents.change(id, (found) => {
      earlier = found.review;
      return earlier === null ? { ...found, status: 'reviewed', review } : found;
    });
    if (earlier === null) return { accepted: true, reason: 'review recorded' };
    return { accepted: false, reason: `reviewed already by ${(earlier as typeof review).by}` };
  }

  async function setupOf(key: ProductKey): Promise<ProductSetup> {
    try {
      return await catalog.setup(key);
    } catch (error) {
      throw new ApiError(404, error instanceof Error ? error.message : String(error));
    }
  }

  function knownService(setup: ProductSetup, service: string) {
    const found = setup.services.find((entry) => entry.service === service);
    if (found !== undefined) return found;
    const known = setup.services.map((entry) => entry.service).join(', ') || 'none';
    throw new ApiError(400, `product ${setup.product} has no service ${service}; configured: ${known}`);
  }

  async function findCurrent(key: ProductKey): Promise<Deployment | null> {
    await setupOf(key);
    const { currentDeployment: id } = await store.products.read(key);
    return id === null ? null : store.deployments.read({ ...key, deployment: id });
  }

  async function vouch(report: DeploymentReport, good: { by: string; reason: string }): Promise<void> {
    for (const { service, release } of report.services) {
      const standing = { service, release, standing: 'good' as const, author: good.by, reason: good.reason };
      await store.releases.set(report.key, { ...standing, atMs: Date.now() });
    }
  }

  async function warnings(report: DeploymentReport): Promise<string[]> {
    const standings = await store.releases.list(report.key);
    const notes = report.services.flatMap(({ service, release }) => {
      const standing = standings.find((entry) => entry.service === service && entry.release === release);
      if (standing === undefined || standing.standing === 'good') return [];
      return [
        `${release} of ${service} is ${standing.standing} (${standing.reason}); it is watched all the same`,
      ];
    });
    if (notes.length > 0) await noteForPeople(report.key, notes.join('; '));
    return notes;
  }

  async function startMonitor(deployment: Deployment): Promise<void> {
    const { product, environment, deployment: id, services, origin, deployedAtMs } = deployment;
    const key = { product, environment, deployment: id };
    const input = { key, services, origin, deployedAtMs, searchAttributes };
    try {
      await client.workflow.start<typeof monitorDeployment>('monitorDeployment', {
        workflowId: monitorWorkflowId(key),
        taskQueue: controlQueue,
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'USE_EXISTING',
        args: [input],
        ...workflowMemo('monitor', input),
      });
    } catch (error) {
      // The same deployment reported again after its monitor has ended.
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }

  async function tellSuperseded(older: DeploymentKey, by: string): Promise<void> {
    await client.workflow
      .getHandle(monitorWorkflowId(older))
      .signal(supersededSignal, { by })
      .catch(ignoreGone);
  }

  async function tellRollback(newcomer: Deployment): Promise<void> {
    await client.workflow
      .getHandle(rollbackWorkflowId(newcomer))
      .signal(newDeploymentSignal, { deployment: newcomer.deployment, services: [...newcomer.services] })
      .catch(ignoreGone);
  }

  async function noteForPeople(key: ProductKey, text: string): Promise<void> {
    const { currentDeployment: deployment } = await store.products.read(key);
    const entry = {
      product: key.product,
      environment: key.environment,
      deployment: deployment ?? 'none',
      incident: null,
    };
    await store.timeline.append([
      { ...entry, key: `api/${randomUUID()}`, atMs: Date.now(), kind: 'person', text },
    ]);
  }

  /** An update has an answer; where no worker gives one in time, the same request goes as a signal and waits for a worker. */
  async function answerOrQueue(
    update: () => Promise<Answer>,
    signal: () => Promise<void>,
  ): Promise<CommandAnswer> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), patienceMs);
    });
    try {
      const running = update();
      running.catch(() => undefined);
      const answer = await Promise.race([running, late]);
      if (answer !== 'late') return { ...answer, queued: false };
      // Where Temporal itself is down, people hear of it within the time that their client waits.
      await within(patienceMs, 'Temporal', signal);
      return { accepted: true, queued: true, reason: await lastPoll() };
    } catch (error) {
      if (error instanceof WorkflowUpdateFailedError) {
        return { accepted: false, queued: false, reason: error.cause?.message ?? error.message };
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async function lastPoll(): Promise<string> {
    const seen = await client.workflowService
      .describeTaskQueue({
        namespace: client.options.namespace,
        taskQueue: { name: controlQueue },
        taskQueueType: 1,
      })
      .then(
        ({ pollers }) =>
          Math.max(0, ...(pollers ?? []).map((poller) => Number(poller.lastAccessTime?.seconds ?? 0))),
        () => 0,
      );
    const when = seen === 0 ? 'never' : new Date(seen * 1000).toISOString().slice(11, 16);
    return `queued: no worker is polling control, last seen ${when}`;
  }
}

export type Operations = ReturnType<typeof createOperations>;

function nothingToRollBack({ product }: ProductKey): string {
  return `no deployment of ${product} is known, so there is nothing to roll back`;
}

function manualRequest(
  wanted: { by: string; reason: string; to: string | null },
  requestId: string,
): RollbackRequest {
  const atMs = Date.now();
  return {
    requestId,
    origin: 'manual',
    by: wanted.by,
    reason: wanted.reason,
    to: wanted.to,
    breachAtMs: atMs,
    triggers: [
      {
        type: 'manual',
        severity: 'critical',
        service: null,
        baseline: null,
        current: null,
        threshold: null,
        reason: `${wanted.by}: ${wanted.reason}`,
        sinceMs: atMs,
      },
    ],
  };
}

/** Who is told may have ended meanwhile; the store tells them otherwise. */
function ignoreGone(error: unknown): void {
  if (!(error instanceof WorkflowNotFoundError)) throw error;
}
