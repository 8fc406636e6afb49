import type { Severity } from './detection/verdict.ts';
import type { FreezeWindow } from './freeze-window.ts';

/** The rollback policy, all durations in milliseconds. `config/` makes it from the YAML file and fills the defaults. */
export interface Policy {
  /** `false`: running monitors observe, alert and record what they would have done, but act on nothing. */
  readonly enabled: boolean;
  /** `observe`: decides and explains, and acts on nothing. */
  readonly mode: 'act' | 'observe';
  readonly detection: DetectionPolicy;
  readonly monitoring: MonitoringPolicy;
  readonly triggers: TriggerPolicies;
  readonly rollback: RollbackPolicy;
  readonly escalation: EscalationPolicy;
  readonly statistics: StatisticsPolicy;
  /** When the gate lets nothing through. */
  readonly freezeWindows: readonly FreezeWindow[];
}

export interface DetectionPolicy {
  /** `literal`: the specification's rules word for word, without asking for evidence. */
  readonly method: 'statistical' | 'literal';
  /** False rollbacks allowed per healthy deployment: 0.001 is one in a thousand. */
  readonly falseRollbackBudget: number;
}

export interface MonitoringPolicy {
  readonly checkIntervalMs: number;
  readonly baselineWindowMs: number;
  /** How long a deployment is watched, baseline included. */
  readonly watchMs: number;
  /** Length of one watch segment. */
  readonly segmentMs: number;
  /** Checks while something is suspect. */
  readonly suspectIntervalMs: number;
  /** Observed breach-free traffic after which a release may be a rollback target. */
  readonly goodAfterMs: number;
  /** Failed health checks this early after the deployment do not count. */
  readonly warmUpMs: number;
  /** Fewer requests than this in a window are no evidence about rates and latency. */
  readonly minimumRequests: number;
  /** Blind this long: alert. */
  readonly blindAlertMs: number;
  /** Blind this long: escalate. */
  readonly blindEscalateMs: number;
}

interface SwitchedTrigger {
  readonly enabled: boolean;
  /** Judged and told, never acted on. */
  readonly dryRun: boolean;
}

interface TriggerPolicy extends SwitchedTrigger {
  readonly windowMs: number;
}

export interface TriggerPolicies {
  readonly errorRate: TriggerPolicy & { readonly multiplier: number };
  readonly latency: TriggerPolicy & { readonly metric: LatencyMetric; readonly multiplier: number };
  readonly memory: TriggerPolicy & { readonly thresholdPercent: number };
  readonly database: TriggerPolicy & { readonly connectionErrors: number };
  readonly healthCheck: TriggerPolicy & { readonly failureCount: number };
  /** An alert that somebody's alert manager sends. */
  readonly alert: SwitchedTrigger;
}

export type LatencyMetric = 'p50' | 'p95' | 'p99';

export const latencyQuantile: Readonly<Record<LatencyMetric, number>> = { p50: 0.5, p95: 0.95, p99: 0.99 };

export interface RollbackPolicy {
  readonly maxAttempts: number;
  readonly healthCheckTimeoutMs: number;
  /** How long the restored release is verified under traffic at most. */
  readonly verifyMs: number;
  /** Wait before the second attempt; doubles with each further one. */
  readonly retryBackoffMs: number;
  /** Time limit of restore and of restart, each. */
  readonly stepTimeoutMs: number;
  /** `Retry-After` of the maintenance page, seconds. */
  readonly retryAfterSeconds: number;
  /** How long an automatic rollback waits for a veto before it begins, by the severity of its triggers; 0: it does not wait. */
  readonly vetoMs: Readonly<Record<Severity, number>>;
}

export interface EscalationPolicy {
  readonly levels: readonly EscalationLevel[];
  /** After the last level: everyone again, this often. */
  readonly repeatMs: number;
  /** An acknowledgement silences for this long. */
  readonly acknowledgeMs: number;
}

export interface EscalationLevel {
  readonly afterMs: number;
  /** `owner`, `everyone` or the name of a notification channel. */
  readonly notify: string;
}

/** Assumptions behind the statistics, named wherever a figure rests on them. */
export interface StatisticsPolicy {
  readonly manualRollbackMinutes: number;
  readonly unattendedDowntimeMinutes: number;
}

const minute = 60_000;
const hour = 60 * minute;

/** The specification's values, and the project's where it is silent. */
export const defaultPolicy: Policy = {
  enabled: true,
  mode: 'act',
  detection: { method: 'statistical', falseRollbackBudget: 0.001 },
  monitoring: {
    checkIntervalMs: minute,
    baselineWindowMs: 5 * minute,
    watchMs: 24 * hour,
    segmentMs: hour,
    suspectIntervalMs: 10_000,
    goodAfterMs: 30 * minute,
    warmUpMs: minute,
    minimumRequests: 100,
    blindAlertMs: 3 * minute,
    blindEscalateMs: 15 * minute,
  },
  triggers: {
    errorRate: { enabled: true, dryRun: false, multiplier: 2, windowMs: 5 * minute },
    latency: { enabled: true, dryRun: false, metric: 'p95', multiplier: 1.5, windowMs: 5 * minute },
    memory: { enabled: true, dryRun: false, thresholdPercent: 90, windowMs: 10 * minute },
    database: { enabled: true, dryRun: false, connectionErrors: 10, windowMs: 2 * minute },
    healthCheck: { enabled: true, dryRun: false, failureCount: 3, windowMs: 5 * minute },
    alert: { enabled: true, dryRun: false },
  },
  rollback: {
    maxAttempts: 3,
    healthCheckTimeoutMs: 2 * minute,
    verifyMs: 5 * minute,
    retryBackoffMs: 5_000,
    stepTimeoutMs: 5 * minute,
    retryAfterSeconds: 30,
    vetoMs: { critical: 0, high: 0 },
  },
  escalation: {
    levels: [
      { afterMs: 0, notify: 'owner' },
      { afterMs: 5 * minute, notify: 'everyone' },
    ],
    repeatMs: 15 * minute,
    acknowledgeMs: 30 * minute,
  },
  statistics: { manualRollbackMinutes: 25, unattendedDowntimeMinutes: 30 },
  freezeWindows: [],
};
