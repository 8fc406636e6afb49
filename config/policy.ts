import { defaultPolicy, type Policy } from '../domain/policy.ts';
import { readFreezeWindow } from './freeze-windows.ts';
import type { ConfigFile } from './schema/config-file.ts';
import type { PolicySettings } from './schema/policy.ts';

/** The policy of the file, with what a product overrides. Defaults fill what neither says. */
export function policyOf(file: ConfigFile, product?: string): Policy {
  const own =
    product !== undefined && Object.hasOwn(file.products ?? {}, product)
      ? file.products?.[product]?.policy
      : null;
  const policy = policyFrom(merged(file.rollback_policy ?? {}, own ?? {}));
  // The file's kill switch wins: whoever throws it at night must not have to know which product overrides it.
  return file.rollback_policy?.enabled === false ? { ...policy, enabled: false } : policy;
}

/** `override` over `base`, mapping by mapping; a list replaces a list. */
function merged<Settings extends object>(base: Settings, override: Settings): Settings {
  const result = { ...base } as Record<string, unknown>;
  for (const [key, value] of Object.entries(override)) {
    if (value === undefined || value === null) continue;
    const below = result[key];
    result[key] = isMapping(value) && isMapping(below) ? merged(below, value) : value;
  }
  return result as Settings;
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function policyFrom(settings: PolicySettings): Policy {
  const { monitoring, triggers, rollback, escalation, statistics } = defaultPolicy;
  return {
    enabled: settings.enabled ?? defaultPolicy.enabled,
    mode: settings.mode ?? defaultPolicy.mode,
    detection: {
      method: settings.detection ?? defaultPolicy.detection.method,
      falseRollbackBudget: settings.false_rollback_budget ?? defaultPolicy.detection.falseRollbackBudget,
    },
    monitoring: {
      checkIntervalMs: seconds(settings.monitoring?.check_interval_seconds) ?? monitoring.checkIntervalMs,
      baselineWindowMs: minutes(settings.monitoring?.baseline_window_minutes) ?? monitoring.baselineWindowMs,
      watchMs: hours(settings.monitoring?.watch_hours) ?? monitoring.watchMs,
      segmentMs: minutes(settings.monitoring?.segment_minutes) ?? monitoring.segmentMs,
      suspectIntervalMs:
        seconds(settings.monitoring?.suspect_interval_seconds) ?? monitoring.suspectIntervalMs,
      goodAfterMs: minutes(settings.monitoring?.good_after_minutes) ?? monitoring.goodAfterMs,
      warmUpMs: seconds(settings.monitoring?.warm_up_seconds) ?? monitoring.warmUpMs,
      minimumRequests: settings.monitoring?.minimum_requests ?? monitoring.minimumRequests,
      blindAlertMs: minutes(settings.monitoring?.blind_alert_minutes) ?? monitoring.blindAlertMs,
      blindEscalateMs: minutes(settings.monitoring?.blind_escalate_minutes) ?? monitoring.blindEscalateMs,
    },
    triggers: {
      errorRate: {
        enabled: settings.triggers?.error_rate?.enabled ?? triggers.errorRate.enabled,
        dryRun: settings.triggers?.error_rate?.dry_run ?? triggers.errorRate.dryRun,
        multiplier: settings.triggers?.error_rate?.multiplier ?? triggers.errorRate.multiplier,
        windowMs: minutes(settings.triggers?.error_rate?.window_minutes) ?? triggers.errorRate.windowMs,
      },
      latency: {
        enabled: settings.triggers?.latency?.enabled ?? triggers.latency.enabled,
        dryRun: settings.triggers?.latency?.dry_run ?? triggers.latency.dryRun,
        metric: settings.triggers?.latency?.metric ?? triggers.latency.metric,
        multiplier: settings.triggers?.latency?.multiplier ?? triggers.latency.multiplier,
        windowMs: minutes(settings.triggers?.latency?.window_minutes) ?? triggers.latency.windowMs,
      },
      memory: {
        enabled: settings.triggers?.memory?.enabled ?? triggers.memory.enabled,
        dryRun: settings.triggers?.memory?.dry_run ?? triggers.memory.dryRun,
        thresholdPercent: settings.triggers?.memory?.threshold_percent ?? triggers.memory.thresholdPercent,
        windowMs: minutes(settings.triggers?.memory?.window_minutes) ?? triggers.memory.windowMs,
      },
      database: {
        enabled: settings.triggers?.database?.enabled ?? triggers.database.enabled,
        dryRun: settings.triggers?.database?.dry_run ?? triggers.database.dryRun,
        connectionErrors:
          settings.triggers?.database?.connection_errors ?? triggers.database.connectionErrors,
        windowMs: minutes(settings.triggers?.database?.window_minutes) ?? triggers.database.windowMs,
      },
      healthCheck: {
        enabled: settings.triggers?.health_check?.enabled ?? triggers.healthCheck.enabled,
        dryRun: settings.triggers?.health_check?.dry_run ?? triggers.healthCheck.dryRun,
        failureCount: settings.triggers?.health_check?.failure_count ?? triggers.healthCheck.failureCount,
        windowMs: minutes(settings.triggers?.health_check?.window_minutes) ?? triggers.healthCheck.windowMs,
      },
      alert: {
        enabled: settings.triggers?.alert?.enabled ?? triggers.alert.enabled,
        dryRun: settings.triggers?.alert?.dry_run ?? triggers.alert.dryRun,
      },
    },
    rollback: {
      maxAttempts: settings.rollback?.max_rollback_attempts ?? rollback.maxAttempts,
      healthCheckTimeoutMs:
        seconds(settings.rollback?.health_check_timeout_seconds) ?? rollback.healthCheckTimeoutMs,
      verifyMs: minutes(settings.rollback?.verify_minutes) ?? rollback.verifyMs,
      retryBackoffMs: seconds(settings.rollback?.retry_backoff_seconds) ?? rollback.retryBackoffMs,
      stepTimeoutMs: seconds(settings.rollback?.step_timeout_seconds) ?? rollback.stepTimeoutMs,
      retryAfterSeconds: settings.rollback?.retry_after_seconds ?? rollback.retryAfterSeconds,
      vetoMs: {
        critical: seconds(settings.rollback?.veto_seconds?.critical) ?? rollback.vetoMs.critical,
        high: seconds(settings.rollback?.veto_seconds?.high) ?? rollback.vetoMs.high,
      },
    },
    escalation: {
      levels:
        settings.escalation?.map(({ after_minutes, notify }) => ({
          afterMs: msOf(after_minutes, 60_000),
          notify,
        })) ?? escalation.levels,
      repeatMs: minutes(settings.escalation_repeat_minutes) ?? escalation.repeatMs,
      acknowledgeMs: minutes(settings.escalation_acknowledge_minutes) ?? escalation.acknowledgeMs,
    },
    statistics: {
      manualRollbackMinutes: settings.statistics?.manual_rollback_minutes ?? statistics.manualRollbackMinutes,
      unattendedDowntimeMinutes:
        settings.statistics?.unattended_downtime_minutes ?? statistics.unattendedDowntimeMinutes,
    },
    // One that is no window is a problem of its own (`checks.ts`), and no reason to be without a policy.
    freezeWindows: (settings.freeze_windows ?? [])
      .map(readFreezeWindow)
      .filter((window) => typeof window !== 'string'),
  };
}

const inUnit = (unitMs: number) => (value: number | undefined) =>
  value === undefined ? undefined : msOf(value, unitMs);
const seconds = inUnit(1_000);
const minutes = inUnit(60_000);
const hours = inUnit(3_600_000);

function msOf(value: number, unitMs: number): number {
  return Math.round(value * unitMs);
}
