import type { ChangeSource } from '../adapters/changes/change-source.ts';
import type { CompatibilityCheck } from '../adapters/compatibility/compatibility-check.ts';
import type { DeployTarget } from '../adapters/deploy-target/deploy-target.ts';
import type { HealthProbe } from '../adapters/health/health-probe.ts';
import type { IssueTracker } from '../adapters/issues/issue-tracker.ts';
import type { LogSource } from '../adapters/logs/log-source.ts';
import type { MetricsSource } from '../adapters/metrics/metrics-source.ts';
import type { Notifier } from '../adapters/notify/notifier.ts';
import type { PushedMetrics } from '../adapters/otlp/pushed.ts';
import type { Store } from '../adapters/store/store.ts';
import type { TrafficControl } from '../adapters/traffic/traffic-control.ts';
import type { ProductKey } from '../domain/identity.ts';
import type { TemporalServerName } from '../domain/message.ts';
import type { Policy } from '../domain/policy.ts';
import type { RollbackWay } from '../domain/rollback.ts';

/** Time, injected: the time-skipping server has its own. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): Promise<number>;
}

/** How one service is reached. */
export interface ServiceSetup {
  readonly service: string;
  readonly target: DeployTarget;
  /** How it is rolled back; `shift` needs a target that can run two releases, and a traffic control. Absent: `replace`. */
  readonly way?: RollbackWay | undefined;
  /** Time limit of its restore and of its restart, each, milliseconds; absent: the policy's. */
  readonly stepTimeoutMs?: number | undefined;
  readonly metrics: MetricsSource;
  /** By which names its metrics are pushed to us; absent: they are asked for. */
  readonly pushed?: PushedMetrics | undefined;
  readonly probe: HealthProbe;
  /** `null`: nothing stands before the service; a rollback leaves traffic alone. */
  readonly traffic: TrafficControl | null;
  /** How long a switch of it may take, milliseconds; absent: as long as any. */
  readonly switchMs?: number | undefined;
  /** Whether older releases can live with what newer ones left; absent: nobody asks. */
  readonly compatibility?: CompatibilityCheck | null;
  readonly logs: LogSource | null;
  readonly changes: ChangeSource | null;
}

/** Everything the configuration says of one product. */
export interface ProductSetup extends ProductKey {
  readonly policy: Policy;
  readonly policyVersion: number;
  readonly owner: string;
  readonly services: readonly ServiceSetup[];
  /** Untouched products on the same infrastructure. */
  readonly neighbours?: readonly ProductKey[];
  /** Under which people reach the page; `null`, or absent: not said. */
  readonly pageUrl?: string | null;
  /** Channels by who is meant: `owner`, `everyone`, or a channel's name. */
  notifiers(whom: string): readonly Notifier[];
  /** GitHub where a token is configured, else `null`. */
  readonly issues: IssueTracker | null;
  /** Where reports go in any case. */
  readonly incidentsFolder: IssueTracker;
  /** Who is assigned an incident with this cause or trigger; default the support engineer. */
  assigneesFor(cause: string): {
    readonly assignees: readonly string[];
    readonly labels: readonly string[];
    readonly role: string;
    /** An agent, or a team's system, that is told of it. */
    readonly webhook?: Notifier | undefined;
  };
  /** Task queue of the target and metrics activities. */
  readonly targetQueue: string;
  /** Task queue of the watch. */
  readonly watchQueue: string;
}

/** The products of the newest policy version; an unknown product throws and lists the known ones. */
export interface Catalog {
  setup(key: ProductKey): Promise<ProductSetup>;
  products(): Promise<readonly ProductKey[]>;
}

export interface Dependencies {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly clock: Clock;
  /** Namespace in the Temporal Web UI, where people find the story of a deployment or incident; `null`: not known. */
  readonly temporalUi: string | null;
  /** Which server the commands of Temporal's own CLI mean; `null`: not known. */
  readonly temporalServer: TemporalServerName | null;
}
