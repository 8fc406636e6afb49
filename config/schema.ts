import { z } from 'zod';
import { type QuerySetName, querySets } from '../adapters/metrics/prometheus/queries.ts';
import { type TriggerType, triggerTypes } from '../domain/detection/verdict.ts';
import { defaultEnvironment, identifierPattern } from '../domain/identity.ts';
import { defaultPolicy } from '../domain/policy.ts';
import type { Cause } from '../domain/root-cause.ts';

// Every error message here is the phrase of what is allowed; `problems.ts` says where and what was found instead.

const second = 1_000;
const unitMs = { seconds: second, minutes: 60 * second, hours: 3_600 * second } as const;
const longestMs = 7 * 24 * unitMs.hours;

/** A mapping whose keys are all known. Left empty, as when all its lines are comments, it counts as absent. */
function section<Shape extends z.ZodRawShape>(description: string, shape: Shape) {
  return mapping(shape).nullish().describe(description);
}

function mapping<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, { error: () => Object.keys(shape).join(', ') });
}

function duration(unit: keyof typeof unitMs, description: string, defaultMs?: number) {
  return limited(description, unit, second, defaultMs);
}

function durationOrNone(unit: keyof typeof unitMs, description: string, defaultMs?: number) {
  return limited(description, unit, 0, defaultMs);
}

function limited(description: string, unit: keyof typeof unitMs, leastMs: number, defaultMs?: number) {
  const allowed = `a number of ${unit}, from ${leastMs === 0 ? '0' : '1 second'} to 7 days`;
  const number = z.number(allowed).min(leastMs / unitMs[unit], allowed);
  return number.max(longestMs / unitMs[unit], allowed).meta(about(description, defaultMs, unitMs[unit]));
}

function wholeNumber(description: string, least: number, most: number, initial?: number) {
  const allowed = `a whole number from ${least} to ${most.toLocaleString('en-US')}`;
  return z.int(allowed).min(least, allowed).max(most, allowed).meta(about(description, initial));
}

function multiplier(description: string, initial: number) {
  const allowed = 'a number from 1 to 1,000';
  return z.number(allowed).min(1, allowed).max(1_000, allowed).meta(about(description, initial));
}

function flag(description: string, initial: boolean) {
  return z.boolean('true or false').meta(about(description, initial));
}

function about(description: string, initial: unknown, unit = 1) {
  if (initial === undefined) return { description };
  return { description, default: typeof initial === 'number' ? initial / unit : initial };
}

function text(description: string, allowed = 'text') {
  return z.string(allowed).min(1, allowed).describe(description);
}

function name(description: string) {
  const allowed =
    'a name of lower-case letters, digits, ".", "_" and "-", at most 63, beginning with a letter or digit';
  return z.string(allowed).regex(identifierPattern, allowed).describe(description);
}

function url(description: string) {
  const allowed = `an http or https URL, or a reference like \${NAME}`;
  return z
    .string(allowed)
    .regex(/^https?:\/\/|\$\{/, allowed)
    .describe(description);
}

function email(description: string) {
  const allowed = `e-mail addresses separated by commas, or a reference like \${NAME}`;
  return z
    .string(allowed)
    .regex(/@|\$\{/, allowed)
    .describe(description);
}

/** The message for an unknown kind is the list of kinds. */
function kinds(known: string) {
  return {
    error: (issue: { readonly code?: string }) => (issue.code === 'invalid_type' ? `kind: ${known}` : known),
  };
}

function texts(description: string) {
  return z
    .array(z.string('text'), 'a list of texts')
    .min(1, 'a list of at least one text')
    .describe(description);
}

function environmentVariables(description: string) {
  const values = z.string('text (numbers in quotes)');
  return z.record(z.string(), values, 'a mapping from names to texts').describe(description);
}

const { monitoring, triggers, rollback, escalation, statistics } = defaultPolicy;
const trigger = 'Whether it may roll back';
const dryRun = flag('true: judged and told, but nothing is rolled back for it', false).optional();

const policyShape = {
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
};

const policySettings = mapping(policyShape);

const notifications = section('Who is told, and how. Without any channel, messages go to the console.', {
  ceo_alert: flag('Whether slack_webhook and email below are used', true).optional(),
  slack_webhook: url('An incoming webhook of Slack (a secret)').optional(),
  email: email('Needs the environment variable SMTP_URL').optional(),
  webhooks: z
    .array(
      mapping({
        name: name('Channel webhook:<name>'),
        url: url('Receives each message as JSON (a secret)'),
        secret: text('Signs messages as Standard Webhooks').optional(),
      }),
      'a list of webhooks, each with name and url',
    )
    .optional(),
  watchdog_url: url('Called each minute while every watch works: a dead-man switch (a secret)').optional(),
});

const stepTimeout = duration(
  'seconds',
  'Restore and restart of this service may take, each; default rollback.step_timeout_seconds',
).optional();

const deployTarget = z
  .discriminatedUnion(
    'kind',
    [
      mapping({
        kind: z.literal('local-process').describe('Plain processes on this machine'),
        root: text('Holds <service>/releases/<release>/ and <service>/current', 'a folder'),
        command: texts('Program and arguments, run without a shell in the folder of the release'),
        instances: wholeNumber('Processes', 1, 1_000, 1).optional(),
        base_port: wholeNumber('Instance i listens on this port + i, told by PORT', 1, 65_535),
        env: environmentVariables('With PATH and HOME the whole environment of the processes').optional(),
        stop_timeout_seconds: duration('seconds', 'From SIGTERM to SIGKILL', 5 * second).optional(),
        step_timeout_seconds: stepTimeout,
      }),
      mapping({
        kind: z.literal('command').describe('Whatever a script can deploy to'),
        live: texts('Prints the live release, or JSON with configured and instances'),
        restorable: texts('Exit code 0: the release can be restored'),
        restore: texts('Makes {release} the configured one; may be run again with the same {key}'),
        restart: texts('Makes the service run the configured release; may be run again with the same {key}'),
        cwd: text('Where the commands run; default the folder of this file', 'a folder').optional(),
        env: environmentVariables('With PATH and HOME the whole environment of the commands').optional(),
        time_limit_seconds: duration('seconds', 'For each command', 300 * second).optional(),
        step_timeout_seconds: stepTimeout,
      }),
    ],
    kinds('local-process, command'),
  )
  .describe(
    'Where the service runs. {service}, {release} and {key} are replaced within arguments of commands.',
  );

const querySetNames = Object.keys(querySets) as QuerySetName[];

const memoryLimit = z
  .number('a number above 0')
  .positive('a number above 0')
  .describe('What memory is a percentage of, MiB; without it the memory trigger is off')
  .optional();

/** Metrics and queries that are named alike wherever they are read. */
const plainMetrics = {
  db_connection_errors: text('Counter').optional(),
  memory_bytes: text('Gauge').optional(),
  memory_percent: text('Gauge, 0 to 100').optional(),
  cpu_seconds: text('Counter').optional(),
  start_time: text('Gauge, seconds since 1970').optional(),
  affected_users: text('Gauge of users who met an error').optional(),
};

const prometheusMetrics = mapping({
  kind: z
    .literal('prometheus')
    .describe('The HTTP API of Prometheus, also as Thanos, Mimir or VictoriaMetrics serve it'),
  url: url('What stands before /api/v1, like http://prometheus:9090'),
  set: z
    .enum(querySetNames, querySetNames.join(', '))
    .describe('Ready-made queries; default prom-client, or none where queries has requests')
    .optional(),
  selector: text(
    'Label matchers of the ready-made queries, in place of their own, like job="shop"',
  ).optional(),
  instance_label: text('Label that names the instance; default instance', 'a label').optional(),
  endpoint_label: text(
    'Label of the requests that names the endpoint, like route; without it endpoints are not told apart',
    'a label',
  ).optional(),
  queries: section(
    'PromQL of your own, in place of or beside the ready-made. Counters as they are: no rate, no increase. {{product}}, {{service}}, {{environment}}, {{release}}, {{selector}} and {{instance}} are replaced.',
    {
      requests: text('Counter; a label with the status tells errors apart').optional(),
      errors: text('Counter, where requests carry no status').optional(),
      latency: text('Counters of the buckets of a histogram, by le').optional(),
      ...plainMetrics,
      newest: text('When the requests were last scraped, seconds since 1970').optional(),
    },
  ),
  latency_unit: z
    .enum(['seconds', 'milliseconds'], 'seconds, milliseconds')
    .describe('Of the bounds of the histogram; default that of the set')
    .optional(),
  bearer_token: text('Sent as a bearer token (a secret)').optional(),
  username: text('For basic authentication').optional(),
  password: text('For basic authentication (a secret)').optional(),
  tenant: text('Sent as X-Scope-OrgID').optional(),
  resolution_seconds: duration(
    'seconds',
    'Between two steps of a question; as often as the service is scraped',
    15 * second,
  ).optional(),
  settle_seconds: durationOrNone('seconds', 'The newest values are this old', 5 * second).optional(),
  stale_after_seconds: duration(
    'seconds',
    'An instance that was not scraped for this long is not known',
    120 * second,
  ).optional(),
  timeout_seconds: duration('seconds', 'For one query', 5 * second).optional(),
  memory_limit_mb: memoryLimit,
});

const serviceSettings = mapping({
  enabled: flag('false: left out, its references need not resolve', true).optional(),
  deploy_target: deployTarget,
  metrics: z
    .discriminatedUnion(
      'kind',
      [
        mapping({
          kind: z
            .literal('scrape')
            .describe('The /metrics page of every instance, in the format of Prometheus'),
          path: text('Appended to the URL of an instance; default /metrics', 'a path').optional(),
          timeout_seconds: duration('seconds', 'For one page', 5 * second).optional(),
          memory_limit_mb: memoryLimit,
          names: section('Which metric means what, where it is not the usual name.', {
            requests: text('Counter with a label status, status_code or code').optional(),
            errors: text('Counter, where requests carry no status').optional(),
            latency: text('Histogram').optional(),
            ...plainMetrics,
            endpoint_label: text(
              'Label of the requests that names the endpoint; by default route, handler, endpoint, uri, http_route or path',
            ).optional(),
          }),
        }),
        prometheusMetrics,
      ],
      kinds('scrape, prometheus'),
    )
    .describe('Where errors, latency and memory are read.')
    .optional(),
  health: section('The health check of an instance.', {
    path: text('Appended to the URL of an instance; default /healthz', 'a path').optional(),
    timeout_seconds: duration('seconds', 'For one check', 2 * second).optional(),
  }),
  traffic: z
    .discriminatedUnion(
      'kind',
      [
        mapping({
          kind: z.literal('proxy').describe('The built-in proxy'),
          control_url: url('Its control address, like http://127.0.0.1:4001'),
          token_file: text('Holds its token', 'a file'),
        }),
      ],
      kinds('proxy'),
    )
    .describe('What stands before the service. Absent: a rollback leaves traffic alone.')
    .optional(),
  logs: z
    .discriminatedUnion(
      'kind',
      [
        mapping({
          kind: z.literal('files').describe('Log files on this machine'),
          paths: texts('Paths or globs; {service} is replaced'),
        }),
      ],
      kinds('files'),
    )
    .describe('Where incident reports quote from.')
    .optional(),
  changes: z
    .discriminatedUnion(
      'kind',
      [
        mapping({
          kind: z.literal('git').describe('A clone on this machine'),
          repository: text('The clone, bare or not', 'a folder'),
          ref: text('Tag, branch or commit of a release, like v{release}; default {release}').optional(),
        }),
      ],
      kinds('git'),
    )
    .describe('What an incident report says was deployed.')
    .optional(),
});

const productSettings = mapping({
  environment: name('Part of the identity of the product').meta({ default: defaultEnvironment }).optional(),
  owner: section('Who is alerted and reviews incidents.', {
    name: text('Of a person or team'),
    email: email('Needs the environment variable SMTP_URL').optional(),
    slack_webhook: url('An incoming webhook of Slack (a secret)').optional(),
    github: text('Assigned to incidents when there is no support_engineer', 'a GitHub login').optional(),
  }),
  neighbours: z
    .array(name('A product'), 'a list of products')
    .describe('Untouched products on the same infrastructure: when they are sick, too, it is not the release')
    .optional(),
  worker_group: name('Only workers of this group touch its hosts; needs PostgreSQL').optional(),
  services: z.record(name('A service'), serviceSettings, 'a mapping from names to services'),
  policy: section('Overrides rollback_policy for this product.', policyShape),
});

const causes = Object.keys({
  n_plus_one_query: true,
  listener_leak: true,
  unbounded_growth: true,
  database_connections: true,
  dependency_failure: true,
  code_error: true,
  process_crash: true,
  unknown: true,
} satisfies Record<Cause, true>) as Cause[];

const triggersAndCauses: readonly (TriggerType | Cause)[] = [...triggerTypes, ...causes];

const assignment = mapping({
  github: text('Assigned to the issue', 'a GitHub login').optional(),
  label: text('Put on the issue').optional(),
  webhook: url('Told of the incident: an agent, or the system of a team (a secret)').optional(),
  role: text('How the report calls them: Backend Engineer').optional(),
});

export const configSchema = mapping({
  rollback_policy: section('When and how a release is rolled back.', { ...policyShape, notifications }),
  products: z
    .record(name('A product'), productSettings, 'a mapping from names to products')
    .nullish()
    .describe('What is deployed and watched.'),
  github: section('Where issues are opened.', {
    owner: text('Organization or user', 'a GitHub organization or user'),
    repo: text('Repository', 'the name of a GitHub repository'),
    token: text('May write issues (a secret)', `a token, best as a reference like \${GITHUB_TOKEN}`),
    base_url: url('Of a GitHub Enterprise Server').optional(),
  }),
  support_engineer: z
    .union(
      [
        text('A name, for the report only'),
        mapping({
          github: text('Assigned to the issue', 'a GitHub login'),
          name: text('For the report').optional(),
        }),
      ],
      'a name, or a mapping with github and name',
    )
    .describe('Who investigates incidents.')
    .optional(),
  assign: z
    .partialRecord(z.enum(triggersAndCauses, triggersAndCauses.join(', ')), assignment, {
      error: ({ code }: { readonly code?: string }) =>
        code === 'unrecognized_keys'
          ? triggersAndCauses.join(', ')
          : 'a mapping from triggers and causes to github, label, webhook and role',
    })
    .nullish()
    .describe('Who gets an incident by its cause or trigger; default the support engineer.'),
  incidents_folder: text('Where incident reports are written', 'a folder').optional(),
});

/** The file as written: defaults not filled in, `${NAME}` not resolved. */
export type ConfigFile = z.infer<typeof configSchema>;
export type PolicySettings = z.infer<typeof policySettings>;
export type ProductSettings = z.infer<typeof productSettings>;
export type ServiceSettings = z.infer<typeof serviceSettings>;

/** For editors: the text of `docs/rollback-config.schema.json`. */
export function jsonSchemaText(): string {
  const schema = z.toJSONSchema(configSchema, { target: 'draft-7', io: 'input' });
  return `${JSON.stringify({ title: 'rollback-config.yml', ...schema }, null, 2)}\n`;
}
