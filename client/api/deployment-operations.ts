import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { within } from '../../activities/within.ts';
import { ofProduct, type Registered } from '../../adapters/store/deployments.ts';
import { type Deployment, releaseNames, releaseOf, type ServiceRelease } from '../../domain/deployment.ts';
import { type DeploymentKey, monitorWorkflowId, rollbackWorkflowId } from '../../domain/identity.ts';
import { type ReleaseStanding, standingWarnings } from '../../domain/last-known-good.ts';
import { callbackOf } from '../../domain/message.ts';
import { controlQueue } from '../../domain/queues.ts';
import { floorWarning, type RollbackFloors, withFloor } from '../../domain/rollback-floor.ts';
import { newDeploymentSignal, supersededSignal } from '../../workflows/messages.ts';
import type { monitorDeployment } from '../../workflows/monitor-deployment.ts';
import { workflowMemo } from '../../workflows/start-options.ts';
import { ApiError } from './api-error.ts';
import { knownService, type Lookup } from './lookup.ts';
import type { OperationsOptions } from './operations.ts';

export interface DeploymentReport {
  readonly key: DeploymentKey;
  /** Whether the id was chosen by whoever reports: then it names one deployment only. */
  readonly isIdGiven: boolean;
  readonly services: readonly ServiceRelease[];
  readonly deployedAtMs: number;
  /** When its oldest change was committed, milliseconds since the epoch; `null`: not said. */
  readonly changedAtMs?: number | null;
  /** The configured webhook that is told the outcome. */
  readonly callback?: string | undefined;
  /** A person vouches for the release: it is a rollback target at once. */
  readonly good: { readonly by: string; readonly reason: string } | null;
  /** From now on no older release of these services may be restored. */
  readonly floor: FloorDeclaration | null;
}

export interface FloorDeclaration {
  readonly services: readonly ServiceRelease[];
  readonly by: string;
  readonly reason: string;
}

export interface Reported {
  readonly deployment: Deployment;
  readonly isNew: boolean;
  /** Things worth knowing: quarantined, waiting for a rollback. */
  readonly notes: readonly string[];
}

/** A store that hangs is no reason to keep a pipeline waiting: it tries again. What was written late then is known already. */
const storePatienceMs = 2_000;

/** Deployments are reported, recorded and monitored. */
export function createDeploymentOperations(
  { client, store, searchAttributes }: OperationsOptions,
  { setupOf }: Lookup,
) {
  return {
    /** A deployment that is reported has already happened: only malformed reports are refused. */
    async report(report: DeploymentReport): Promise<Reported> {
      const setup = await setupOf(report.key);
      for (const { service } of [...report.services, ...(report.floor?.services ?? [])])
        knownService(setup, service);
      if (report.callback !== undefined && setup.notifiers(callbackOf(report.callback)).length === 0)
        throw new ApiError(
          400,
          `callback: found ${JSON.stringify(report.callback)}; allowed is the name of one of rollback_policy.notifications.webhooks`,
        );
      const { registered, standings } = await within(storePatienceMs, 'the store', () => record(report));
      const { deployment, isNew, superseded } = registered;
      const notes: string[] = report.floor === null ? [] : await declareFloor(report, report.floor);
      if (isNew) notes.push(...standingWarnings(report.services, standings));
      if (deployment.outcome === null) await startMonitor(deployment);
      if (superseded !== null)
        await tellSuperseded({ ...report.key, deployment: superseded }, deployment.deployment);
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
  };

  async function record(
    report: DeploymentReport,
  ): Promise<{ registered: Registered; standings: readonly ReleaseStanding[] }> {
    const registered = await register(report);
    if (report.good !== null) await vouch(report, report.good);
    return { registered, standings: await store.releases.list(report.key) };
  }

  /** The same id is the same deployment; two releases that are reported in one second are two, under an id each. */
  async function register(report: DeploymentReport): Promise<Registered> {
    const { services, key, deployedAtMs, changedAtMs, callback } = report;
    for (let count = 1; ; count += 1) {
      const registered = await store.deployments.register({
        ...key,
        deployment: count === 1 ? key.deployment : `${key.deployment}-${count}`,
        services,
        origin: 'reported',
        deployedAtMs,
        ...(changedAtMs == null ? {} : { changedAtMs }),
        ...(callback === undefined ? {} : { callback }),
      });
      const known = registered.deployment.services;
      if (registered.isNew || sameReleases(known, services)) return registered;
      if (report.isIdGiven)
        throw new ApiError(
          409,
          `deployment ${key.deployment} of ${key.product} is known already, with ${releaseNames(known)} and not ${releaseNames(services)}: give another id`,
        );
    }
  }

  async function declareFloor(
    { key, deployedAtMs }: DeploymentReport,
    { services, by, reason }: FloorDeclaration,
  ): Promise<string[]> {
    await store.products.change(key, (row) => ({
      ...row,
      floors: services.reduce<RollbackFloors>(
        (floors, { service, release }) =>
          withFloor(floors, service, { release, by, reason, atMs: deployedAtMs }),
        row.floors ?? {},
      ),
    }));
    const history = await store.deployments.list(ofProduct(key, 200));
    const warnings = services.map(({ service, release }) =>
      floorWarning(
        service,
        release,
        history.map((deployment) => releaseOf(deployment, service)),
      ),
    );
    return warnings.filter((warning) => warning !== null);
  }

  async function vouch(report: DeploymentReport, good: { by: string; reason: string }): Promise<void> {
    for (const { service, release } of report.services) {
      const standing = { service, release, standing: 'good' as const, author: good.by, reason: good.reason };
      await store.releases.set(report.key, { ...standing, atMs: Date.now() });
    }
  }

  async function startMonitor(deployment: Deployment): Promise<void> {
    const { product, environment, deployment: id, services, origin, deployedAtMs, callback } = deployment;
    const key = { product, environment, deployment: id };
    const input = {
      key,
      services,
      origin,
      deployedAtMs,
      searchAttributes,
      ...(callback === undefined ? {} : { callback }),
    };
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
}

function sameReleases(some: readonly ServiceRelease[], others: readonly ServiceRelease[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ service, release }) => releaseOf({ services: others }, service) === release)
  );
}

/** Who is told may have ended meanwhile; the store tells them otherwise. */
function ignoreGone(error: unknown): void {
  if (!(error instanceof WorkflowNotFoundError)) throw error;
}
