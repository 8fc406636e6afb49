import { z } from 'zod';
import { defaultPolicy } from '../../domain/policy.ts';
import { isTimeZone, parseFreezeTime } from '../freeze-windows.ts';
import {
  about,
  duration,
  durationOrNone,
  flag,
  mapping,
  multiplier,
  section,
  text,
  unitMs,
  wholeNumber,
} from './fields.ts';

const { monitoring, triggers, rollback, escalation, statistics } = defaultPolicy;
const trigger = 'Whether it may roll back';
const dryRun = flag('true: judged and told, but nothing is rolled back for it', false).optional();

const freezeTimeAllowed =
  'a time like 2026-11-27T00:00:00+01:00, or one of every week like "Fri 16:00" (Mon, Tue, Wed, Thu, Fri, Sat, Sun)';
const freezeTime = (description: string) =>
  z
    .string(freezeTimeAllowed)
    .refine((written) => parseFreezeTime(written) !== null, freezeTimeAllowed)
    .describe(description);

const zoneAllowed = 'a time zone like Europe/Berlin';
const freezeWindow = mapping({
  reason: text('Said to whoever is refused'),
  from: freezeTime('First moment'),
  until: freezeTime('First moment after it; written like from'),
  time_zone: z
    .string(zoneAllowed)
    .refine(isTimeZone, zoneAllowed)
    .meta(about('Of weekly times', 'UTC'))
    .optional(),
});

const longestVetoSeconds = 600;
const vetoAllowed = `a number of seconds, from 0 to ${longestVetoSeconds}`;
const wait = (triggers: string, initialMs: number) =>
  z
    .number(vetoAllowed)
    .min(0, vetoAllowed)
    .max(longestVetoSeconds, vetoAllowed)
    .meta(about(`Seconds, for these triggers: ${triggers}`, initialMs, unitMs.seconds))
    .optional();

export const policyShape = {
  enabled: flag(
    'false: deployments are watched and alerts sent, but nothing is rolled back by itself. A person still can.',
    defaultPolicy.enabled,
  ).optional(),
  mode: z
    .enum(['act', 'observe'], 'act, observe')
    .meta(about('observe: decides and explains, and rolls nothing back by itself', defaultPolicy.mode))
    .optional(),
  detection: z
    .enum(['statistical', 'literal'], 'statistical, literal')
    .meta(
      about(
        "statistical: against the service's own normal life; literal: the multipliers word for word, without asking for evidence",
        defaultPolicy.detection.method,
      ),
    )
    .optional(),
  false_rollback_budget: z
    .number('a number from 0.00001 to 0.1')
    .min(0.00001, 'a number from 0.00001 to 0.1')
    .max(0.1, 'a number from 0.00001 to 0.1')
    .meta(
      about(
        'False rollbacks allowed per healthy deployment: 0.001 is one in a thousand. Less is slower',
        defaultPolicy.detection.falseRollbackBudget,
      ),
    )
    .optional(),
  monitoring: section('How a deployment is watched.', {
    check_interval_seconds: duration('seconds', 'Between two checks', monitoring.checkIntervalMs).optional(),
    baseline_window_minutes: duration(
      'minutes',
      'What a healthy release looks like is measured this long after the deployment',
      monitoring.baselineWindowMs,
    ).optional(),
    watch_hours: duration(
      'hours',
      'How long a deployment is watched, baseline included',
      monitoring.watchMs,
    ).optional(),
    segment_minutes: duration('minutes', 'Length of one step of the watch', monitoring.segmentMs).optional(),
    suspect_interval_seconds: duration(
      'seconds',
      'Between two checks while something looks wrong',
      monitoring.suspectIntervalMs,
    ).optional(),
    good_after_minutes: duration(
      'minutes',
      'After this much traffic without a breach a release may be rolled back to',
      monitoring.goodAfterMs,
    ).optional(),
    warm_up_seconds: durationOrNone(
      'seconds',
      'Health checks that fail this early after a deployment do not count',
      monitoring.warmUpMs,
    ).optional(),
    minimum_requests: wholeNumber(
      'Fewer requests than this in a window are no evidence about errors and latency',
      1,
      1_000_000_000,
      monitoring.minimumRequests,
    ).optional(),
    blind_alert_minutes: duration(
      'minutes',
      'No metrics this long: alert',
      monitoring.blindAlertMs,
    ).optional(),
    blind_escalate_minutes: duration(
      'minutes',
      'No metrics this long: escalate',
      monitoring.blindEscalateMs,
    ).optional(),
  }),
  triggers: section('What rolls a release back.', {
    error_rate: section('Errors per minute against the baseline.', {
      enabled: flag(trigger, triggers.errorRate.enabled).optional(),
      dry_run: dryRun,
      multiplier: multiplier('Times the baseline', triggers.errorRate.multiplier).optional(),
      window_minutes: duration('minutes', 'Looked at together', triggers.errorRate.windowMs).optional(),
    }),
    latency: section('Request duration against the baseline.', {
      enabled: flag(trigger, triggers.latency.enabled).optional(),
      dry_run: dryRun,
      metric: z
        .enum(['p50', 'p95', 'p99'], 'p50, p95, p99')
        .meta(about('Which percentile', triggers.latency.metric))
        .optional(),
      multiplier: multiplier('Times the baseline', triggers.latency.multiplier).optional(),
      window_minutes: duration('minutes', 'Looked at together', triggers.latency.windowMs).optional(),
    }),
    memory: section('Memory in percent of the limit.', {
      enabled: flag(trigger, triggers.memory.enabled).optional(),
      dry_run: dryRun,
      threshold_percent: z
        .number('a number above 0, up to 100')
        .gt(0, 'a number above 0, up to 100')
        .max(100, 'a number above 0, up to 100')
        .meta(about('Percent of the limit', triggers.memory.thresholdPercent))
        .optional(),
      window_minutes: duration('minutes', 'Looked at together', triggers.memory.windowMs).optional(),
    }),
    database: section('Failed connections to the database.', {
      enabled: flag(trigger, triggers.database.enabled).optional(),
      dry_run: dryRun,
      connection_errors: wholeNumber(
        'More than this many',
        1,
        1_000_000,
        triggers.database.connectionErrors,
      ).optional(),
      window_minutes: duration('minutes', 'Looked at together', triggers.database.windowMs).optional(),
    }),
    health_check: section('Failed health checks.', {
      enabled: flag(trigger, triggers.healthCheck.enabled).optional(),
      dry_run: dryRun,
      failure_count: wholeNumber(
        'More than this many',
        1,
        1_000,
        triggers.healthCheck.failureCount,
      ).optional(),
      window_minutes: duration('minutes', 'Looked at together', triggers.healthCheck.windowMs).optional(),
    }),
    alert: section("An alert that somebody's alert manager sends to /v1/alerts.", {
      enabled: flag(trigger, triggers.alert.enabled).optional(),
      dry_run: dryRun,
    }),
  }),
  rollback: section('How a rollback is done.', {
    max_rollback_attempts: wholeNumber('Before people are called', 1, 10, rollback.maxAttempts).optional(),
    health_check_timeout_seconds: duration(
      'seconds',
      'The restored release must be healthy within',
      rollback.healthCheckTimeoutMs,
    ).optional(),
    verify_minutes: duration(
      'minutes',
      'The restored release is verified under traffic for',
      rollback.verifyMs,
    ).optional(),
    retry_backoff_seconds: duration(
      'seconds',
      'Before the second attempt; doubles with each further one',
      rollback.retryBackoffMs,
    ).optional(),
    step_timeout_seconds: duration(
      'seconds',
      'Restore and restart may take, each',
      rollback.stepTimeoutMs,
    ).optional(),
    retry_after_seconds: wholeNumber(
      'Seconds after which the maintenance page asks browsers to come back',
      1,
      86_400,
      rollback.retryAfterSeconds,
    ).optional(),
    veto_seconds: section(
      'How long an automatic rollback waits for a veto before it begins; 0: it does not.',
      {
        critical: wait('errors, memory, database, alerts', rollback.vetoMs.critical),
        high: wait('latency', rollback.vetoMs.high),
      },
    ),
  }),
  escalation: z
    .array(
      mapping({
        after_minutes: durationOrNone('minutes', 'After the escalation began'),
        notify: text(
          'owner, everyone, or a channel: slack, email, console, webhook:<name>',
          'owner, everyone or the name of a channel',
        ),
      }),
      'a list of levels, each with after_minutes and notify',
    )
    .min(1, 'at least one level with after_minutes and notify')
    .meta({
      description: 'Who is asked for help, and when, until someone acknowledges.',
      default: escalation.levels.map(({ afterMs, notify }) => ({
        after_minutes: afterMs / unitMs.minutes,
        notify,
      })),
    })
    .optional(),
  escalation_repeat_minutes: duration(
    'minutes',
    'After the last level everyone is told again this often',
    escalation.repeatMs,
  ).optional(),
  escalation_acknowledge_minutes: duration(
    'minutes',
    'An acknowledgement silences for this long',
    escalation.acknowledgeMs,
  ).optional(),
  statistics: section('Assumptions behind the statistics.', {
    manual_rollback_minutes: duration(
      'minutes',
      'A rollback by hand takes',
      statistics.manualRollbackMinutes * unitMs.minutes,
    ).optional(),
    unattended_downtime_minutes: duration(
      'minutes',
      'Without automatic rollback a bad release stays up for',
      statistics.unattendedDowntimeMinutes * unitMs.minutes,
    ).optional(),
  }),
  freeze_windows: z
    .array(freezeWindow, 'a list of windows, each with reason, from and until')
    .describe('When the gate lets no deployment through. Rollbacks are never frozen.')
    .optional(),
};

export const policySettings = mapping(policyShape);

export type PolicySettings = z.infer<typeof policySettings>;
