import { randomUUID } from 'node:crypto';
import {
  WithStartWorkflowOperation,
  type WorkflowHandle,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { readRollbackPlan } from '../../activities/rollback-plan.ts';
import { recordedRecipes } from '../../activities/way-back.ts';
import { within } from '../../activities/within.ts';
import { type Deployment, releaseNames } from '../../domain/deployment.ts';
import { monitorWorkflowId, type ProductKey, rollbackWorkflowId } from '../../domain/identity.ts';
import type { Candidate } from '../../domain/last-known-good.ts';
import { isDirect } from '../../domain/product-row.ts';
import { controlQueue } from '../../domain/queues.ts';
import type { RollbackRequest } from '../../domain/rollback.ts';
import {
  type Answer,
  type AnyRollbackCommand,
  commandSignals,
  commandUpdates,
  manualRollbackSignal,
  manualRollbackUpdate,
  type RollbackCommandName,
  type RollbackInput,
  requestRollbackSignal,
  requestRollbackUpdate,
  statusQuery,
  vetoSignal,
  vetoUpdate,
} from '../../workflows/messages.ts';
import type { monitorDeployment } from '../../workflows/monitor-deployment.ts';
import type { rollback } from '../../workflows/rollback.ts';
import { workflowMemo } from '../../workflows/start-options.ts';
import { ApiError } from './api-error.ts';
import { knownService, type Lookup } from './lookup.ts';
import type { OperationsOptions } from './operations.ts';

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

/** A person's word; `deployment`: what it is about, where they said it of one. */
export interface Wanted {
  readonly by: string;
  readonly reason: string;
  readonly requestId?: string | undefined;
  readonly deployment?: string | undefined;
}

/** How long the store may take before the monitor is asked instead. */
const storePatienceMs = 4_000;

/** Rollbacks by people, and people's words to a rollback that runs or waits for them. */
export function createRollbackOperations(
  options: OperationsOptions,
  { setupOf, findCurrent, noteForPeople }: Lookup,
) {
  const { client, store, searchAttributes } = options;
  const patienceMs = options.updatePatienceMs ?? 5_000;

  return {
    /** One door to a rollback: starts it, joins the running one, or retries the one that waits for people. */
    async rollBack(key: ProductKey, wanted: Wanted & { to: string | null }): Promise<CommandAnswer> {
      const current = await currentOrDown(key);
      if (current === 'store down') return throughMonitor(key, wanted);
      if (current === null) return refused(nothingToRollBack(key));
      const changed = otherThan(wanted.deployment, current);
      if (changed !== null) return refused(changed);
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
          const recipeOf = recordedRecipes(store, key, service);
          const asked = candidates.slice(0, 5).map(async (candidate) => {
            const recipe = await recipeOf(candidate.release);
            const answer = await target
              .restorable(service, candidate.release, AbortSignal.timeout(15_000), recipe)
              .catch((error: unknown) => ({ restorable: false, reason: String(error) }));
            return { ...candidate, restorable: answer.restorable ? 'yes' : `no: ${answer.reason}` };
          });
          return { service, release, rejected, candidates: await Promise.all(asked) };
        }),
      );
      return { deployment, services };
    },

    /** Says no to a rollback that waits for that. Refused where none waits. */
    async veto(key: ProductKey, wanted: Wanted): Promise<CommandAnswer> {
      await setupOf(key);
      const handle = await currentMonitor(key);
      const { deployment, ...words } = wanted;
      const given = { ...words, requestId: wanted.requestId ?? randomUUID() };
      if (handle === null || isOther(deployment, handle.workflowId, key)) return refused(nothingWaits(key));
      return answerOrQueue(
        () => handle.executeUpdate(vetoUpdate, { args: [given], updateId: given.requestId }),
        () => handle.signal(vetoSignal, given),
      ).catch((error: unknown) => {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        return refused(nothingWaits(key));
      });
    },

    /** A word to the rollback that runs or waits for people. */
    async command(
      key: ProductKey,
      name: RollbackCommandName,
      { deployment, ...command }: AnyRollbackCommand & { readonly deployment?: string | undefined },
    ): Promise<CommandAnswer> {
      await setupOf(key);
      const another = deployment === undefined ? null : await rollbackOfAnother(key, deployment);
      if (another !== null) return refused(another);
      const handle = client.workflow.getHandle<typeof rollback>(rollbackWorkflowId(key));
      const given = { ...command, requestId: command.requestId ?? randomUUID() };
      return answerOrQueue(
        () => handle.executeUpdate(commandUpdates[name], { args: [given], updateId: given.requestId }),
        () => handle.signal(commandSignals[name], given),
      ).catch((error: unknown) => {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        return name === 'resolve' ? giveUpDirect(key, given.by ?? 'a person') : noneRuns(key);
      });
    },
  };

  /** A rollback by hand that failed, or whose terminal is gone, still holds the product: nothing else would free it. */
  async function giveUpDirect(key: ProductKey, by: string): Promise<CommandAnswer> {
    const { rollback: held } = await store.products.read(key);
    if (held === null || !isDirect(held.id)) return noneRuns(key);
    await store.deployments.freeRow(key, held.id, Date.now());
    await noteForPeople(key, `${by} gave up ${held.id}: look at what is live and at traffic`);
    return { accepted: true, queued: false, reason: `${held.id} no longer holds ${key.product}` };
  }

  /** The store is down: the monitor that watches knows the way back, and Temporal knows the monitor. */
  async function throughMonitor(
    key: ProductKey,
    { deployment, ...wanted }: Wanted & { to: string | null },
  ): Promise<CommandAnswer> {
    const handle = await watchingMonitor(key);
    if (handle === null)
      throw new ApiError(
        503,
        `unavailable, try again: the store does not answer, and no monitor of ${key.product} runs`,
      );
    if (isOther(deployment, handle.workflowId, key))
      return refused(`${deployment} is not what is watched now: look again`);
    const requestId = wanted.requestId ?? randomUUID();
    const command = { ...wanted, requestId };
    return answerOrQueue(
      () => handle.executeUpdate(manualRollbackUpdate, { args: [command], updateId: requestId }),
      () => handle.signal(manualRollbackSignal, command),
    );
  }

  /** The sentence that says so; a store that is down keeps nobody from answering. */
  async function rollbackOfAnother(key: ProductKey, deployment: string): Promise<string | null> {
    const row = await within(storePatienceMs, 'the store', () => store.products.read(key)).catch(() => null);
    const held = row?.rollback ?? null;
    if (held === null || held.deployment === deployment) return null;
    return `the rollback of ${deployment} is over; ${held.id}, of ${held.deployment}, runs now: look again`;
  }

  async function currentOrDown(key: ProductKey): Promise<Deployment | null | 'store down'> {
    return within(storePatienceMs, 'the store', () => findCurrent(key)).catch((error) => {
      if (error instanceof ApiError) throw error;
      return 'store down' as const;
    });
  }

  /** The monitor of what is live; where the store is down, Temporal is asked for it. */
  async function currentMonitor(key: ProductKey): Promise<WorkflowHandle<typeof monitorDeployment> | null> {
    const current = await currentOrDown(key);
    if (current === 'store down') return watchingMonitor(key);
    return current === null
      ? null
      : client.workflow.getHandle<typeof monitorDeployment>(monitorWorkflowId(current));
  }

  /** The newest monitor of the product that does not wait for a rollback to let it in. */
  async function watchingMonitor(key: ProductKey): Promise<WorkflowHandle<typeof monitorDeployment> | null> {
    const prefix = monitorWorkflowId({ ...key, deployment: '' });
    const query = `WorkflowType = 'monitorDeployment' AND ExecutionStatus = 'Running' AND WorkflowId STARTS_WITH '${prefix}'`;
    const running: { id: string; startedMs: number }[] = [];
    for await (const { workflowId, startTime } of client.workflow.list({ query }))
      running.push({ id: workflowId, startedMs: startTime.getTime() });
    for (const { id } of running.toSorted((a, b) => b.startedMs - a.startedMs)) {
      const handle = client.workflow.getHandle<typeof monitorDeployment>(id);
      const phase = await within(patienceMs, 'the monitor', () => handle.query(statusQuery)).then(
        (status) => status.phase,
        () => 'unknown',
      );
      if (phase !== 'waiting') return handle;
    }
    return null;
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

function refused(reason: string): CommandAnswer {
  return { accepted: false, queued: false, reason };
}

function otherThan(meant: string | undefined, current: Deployment): string | null {
  if (meant === undefined || meant === current.deployment) return null;
  return `${meant} is not live any more: ${current.deployment} is (${releaseNames(current.services)}): look again`;
}

function isOther(meant: string | undefined, monitor: string, key: ProductKey): boolean {
  return meant !== undefined && monitor !== monitorWorkflowId({ ...key, deployment: meant });
}

function noneRuns({ product }: ProductKey): never {
  throw new ApiError(404, `no rollback of ${product} is running`);
}

function nothingWaits({ product }: ProductKey): string {
  return `no rollback of ${product} waits for a veto`;
}

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
