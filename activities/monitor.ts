import type { NewDeployment } from '../adapters/store/deployments.ts';
import { type Baseline, baselineMetrics } from '../domain/baseline.ts';
import type { DeploymentOrigin, DeploymentStatus, Outcome, ServiceRelease } from '../domain/deployment.ts';
import { shortNumber } from '../domain/detection/verdict.ts';
import type { DeploymentKey, ProductKey } from '../domain/identity.ts';
import { standingWarnings } from '../domain/last-known-good.ts';
import { type Pause, resumed, type Veto, type VetoWindow } from '../domain/product-row.ts';
import type { RollbackPlan } from '../domain/rollback.ts';
import type { TimelineEntry } from '../domain/timeline.ts';
import type { Dependencies } from './dependencies.ts';
import { readRollbackPlan } from './rollback-plan.ts';
import { type Obstacle, obstacleOf } from './watch.ts';

export interface MonitoredDeployment {
  readonly key: DeploymentKey;
  readonly services: readonly ServiceRelease[];
  readonly origin: DeploymentOrigin;
  readonly deployedAtMs: number;
}

/** How a monitor runs; fixed when it begins, all durations in milliseconds. */
export interface MonitorSettings {
  readonly status: DeploymentStatus;
  readonly baselineEndMs: number;
  readonly endMs: number;
  readonly segmentMs: number;
  readonly checkIntervalMs: number;
  readonly watchQueue: string;
  readonly plan: RollbackPlan;
  /** What the owner should know of these releases. */
  readonly warnings: readonly string[];
}

export interface VetoRecord {
  readonly window: VetoWindow | null;
  /** Absent: the one that stands stays. */
  readonly veto?: Veto;
}

export function createMonitorActivities({ store, catalog, clock }: Dependencies) {
  return {
    /** Makes sure the deployment is recorded, and reads what its monitor needs. */
    async beginMonitor(deployment: MonitoredDeployment): Promise<MonitorSettings> {
      const setup = await catalog.setup(deployment.key);
      const { deployment: known } = await store.deployments.register(newDeployment(deployment));
      const { monitoring } = setup.policy;
      return {
        status: known.status,
        baselineEndMs: deployment.deployedAtMs + monitoring.baselineWindowMs,
        endMs: deployment.deployedAtMs + monitoring.watchMs,
        segmentMs: monitoring.segmentMs,
        checkIntervalMs: monitoring.checkIntervalMs,
        watchQueue: setup.watchQueue,
        plan: await readRollbackPlan(store, setup, deployment),
        warnings:
          deployment.origin === 'reported'
            ? standingWarnings(deployment.services, await store.releases.list(deployment.key))
            : [],
      };
    },

    /** The specification's baseline, from the release's own first minutes. */
    async establishBaseline(
      deployment: MonitoredDeployment,
    ): Promise<{ baselines: Baseline[]; text: string }> {
      const watch = await store.watches.read(deployment.key);
      const timestamp = new Date(await clock.now()).toISOString();
      const baselines = (watch?.services ?? []).map(
        (service): Baseline => ({
          deployment_id: deployment.key.deployment,
          service: service.service,
          release: service.release,
          timestamp,
          metrics: baselineMetrics(service.baseline),
        }),
      );
      return {
        baselines,
        text: baselines.map((baseline) => describe(baseline, baselines.length > 1)).join('\n'),
      };
    },

    async endMonitor(key: DeploymentKey, outcome: Outcome, reason: string): Promise<Outcome> {
      const ended = await store.deployments.end(key, outcome, reason, await clock.now());
      return ended?.outcome ?? outcome;
    },

    /**
     * Registers what is live as a deployment of its own: somebody changed it by hand. `null` when nothing else is live, and when a
     * pipeline has reported it meanwhile: its report is the deployment, and nothing observed may supersede it.
     */
    async registerObserved(
      deployment: MonitoredDeployment,
      live: Readonly<Record<string, readonly string[]>>,
    ): Promise<MonitoredDeployment | null> {
      const services = deployment.services.map(({ service, release }) => ({
        service,
        release: live[service]?.find((found) => found !== release) ?? release,
      }));
      if (services.every((entry, i) => entry.release === deployment.services[i]?.release)) return null;
      const nowMs = await clock.now();
      const observed: MonitoredDeployment = {
        key: { ...deployment.key, deployment: `observed-${nowMs}` },
        services,
        origin: 'observed',
        deployedAtMs: nowMs,
      };
      const registered = await store.deployments.registerInPlaceOf(
        {
          deployment: deployment.key.deployment,
          outcome: 'changed_outside',
          reason: 'somebody changed what is live by hand',
          atMs: nowMs,
        },
        newDeployment(observed),
      );
      return registered === null ? null : observed;
    },

    /** What a rollback of this deployment came to; `running` while the row names one, `gone` when it left no outcome. */
    async readRollbackOutcome(
      key: DeploymentKey,
    ): Promise<'running' | 'gone' | { outcome: Outcome; reason: string }> {
      const deployment = await store.deployments.read(key);
      if (deployment !== null && deployment.outcome !== null)
        return { outcome: deployment.outcome, reason: deployment.outcomeReason ?? '' };
      return (await store.products.read(key)).rollback === null ? 'gone' : 'running';
    },

    /** Whether a waiting deployment was let in. */
    async isReleased(key: DeploymentKey): Promise<boolean> {
      return (await store.deployments.read(key))?.status !== 'waiting';
    },

    /** Whether the newest check met this blindness, or nothing was measured for `silentMs`. */
    async isBlind(key: DeploymentKey, condition: string, silentMs: number): Promise<boolean> {
      const watch = await store.watches.read(key);
      const standing = watch?.conditions.standing.find((entry) => entry.key === condition);
      const silent = (await clock.now()) - (watch?.lastAtMs ?? 0) > silentMs;
      return silent || standing?.clearTicks === 0;
    },

    /** When the deployment was last looked at, milliseconds since the epoch. */
    async lastLook(key: DeploymentKey): Promise<number | null> {
      return (await store.watches.read(key))?.lastAtMs ?? null;
    },

    async setPause(key: ProductKey, pause: Pause | null): Promise<void> {
      await store.products.change(key, (row) => (pause === null ? resumed(row) : { ...row, pause }));
    },

    /** Says that a rollback waits for a veto, that it no longer does, or that it was vetoed. */
    async recordVeto(key: ProductKey, { window, veto }: VetoRecord): Promise<void> {
      await store.products.change(key, (row) => ({
        ...row,
        vetoWindow: window,
        veto: veto ?? row.veto ?? null,
      }));
    },

    /** What holds an automatic rollback back now, `null` when nothing does. */
    async readObstacle(key: DeploymentKey, origin: DeploymentOrigin): Promise<Obstacle> {
      const [setup, row] = await Promise.all([catalog.setup(key), store.products.read(key)]);
      return obstacleOf({ key, origin }, setup, row, await clock.now());
    },

    async recordTimeline(entries: TimelineEntry[]): Promise<void> {
      await store.timeline.append(entries);
    },
  };
}

export function newDeployment(deployment: MonitoredDeployment): NewDeployment {
  return {
    ...deployment.key,
    services: deployment.services,
    origin: deployment.origin,
    deployedAtMs: deployment.deployedAtMs,
  };
}

function describe({ service, metrics }: Baseline, named: boolean): string {
  const known = (label: string, value: number | null, unit: string) =>
    value === null ? [] : [`${label}: ${shortNumber(value)}${unit}`];
  return [
    named ? `Baseline of ${service} established` : 'Baseline established',
    ...known('Error rate', metrics.error_rate, '/min'),
    ...known('P95 latency', metrics.p95_latency_ms, 'ms'),
    ...known('Memory', metrics.memory_usage_percent, '%'),
    ...known('Request rate', metrics.request_rate, '/s'),
  ].join('\n');
}
