import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml, stringify } from 'yaml';
import { policyOf } from '../../config/policy.ts';
import { defaultPolicy } from '../../domain/policy.ts';
import { aProduct, fullEnv, parse, problemsIn, validData } from './builders.ts';

const textOf = (place: string) => readFileSync(new URL(place, import.meta.url), 'utf8');
/** Not named `.yml`, so that no formatter changes a space of it. */
const specification = textOf('./specification.yml.txt');
const example = textOf('../../examples/rollback-config.yml');

type Tree = { [key: string]: unknown };
type Path = readonly string[];

/** Every key below a mapping, mappings included. */
function keysOf(tree: Tree, above: Path = []): Path[] {
  return Object.entries(tree).flatMap(([key, value]) => {
    const path = [...above, key];
    const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value);
    return [path, ...(isMapping ? keysOf(value as Tree, path) : [])];
  });
}

function without(tree: Tree, removed: readonly Path[]): Tree {
  const copy = structuredClone(tree);
  for (const path of removed) {
    const parent = path
      .slice(0, -1)
      .reduce<Tree | undefined>((inside, key) => inside?.[key] as Tree | undefined, copy);
    if (parent !== undefined) delete parent[path.at(-1) ?? ''];
  }
  return copy;
}

describe('the policy', () => {
  it('is the default one for the file of the specification, which loads verbatim', () => {
    const { config, problems, warnings } = parse(specification, { env: fullEnv });
    expect({ problems, warnings }).toEqual({ problems: [], warnings: [] });
    expect(policyOf(config?.data ?? {})).toEqual(defaultPolicy);
    expect(config?.data.rollback_policy?.notifications).toEqual({
      ceo_alert: true,
      slack_webhook: `\${SLACK_WEBHOOK_URL}`,
      email: `\${CEO_EMAIL}`,
    });
  });

  it.each([
    ['an empty file', ''],
    ['a file of comments', '# nothing yet\n'],
    [
      'empty sections',
      'rollback_policy:\n  triggers:\n  monitoring:\n    # check_interval_seconds: 30\nproducts:\n',
    ],
  ])('is the default one for %s', (_name, source) => {
    expect(policyOf(validData(source))).toEqual(defaultPolicy);
  });

  it('takes the default for whatever is left out of a file that states the defaults', () => {
    const { rollback_policy } = parseYaml(example) as { rollback_policy: Tree };
    // Neither has a default: they are there to be seen.
    const { notifications: _, freeze_windows: __, ...policy } = rollback_policy;
    expect(policyOf(validData(stringify({ rollback_policy: policy })))).toEqual(defaultPolicy);
    fc.assert(
      fc.property(fc.subarray(keysOf({ rollback_policy: policy })), (removed) => {
        const left = validData(stringify(without({ rollback_policy: policy }, removed)));
        expect(policyOf(left)).toEqual(defaultPolicy);
      }),
    );
  });

  it('changes in exactly the one value that is written', () => {
    const table: readonly [string, unknown, string, unknown][] = [
      ['enabled', false, 'enabled', false],
      ['monitoring.check_interval_seconds', 1.5, 'monitoring.checkIntervalMs', 1_500],
      ['monitoring.baseline_window_minutes', 0.5, 'monitoring.baselineWindowMs', 30_000],
      ['monitoring.watch_hours', 0.5, 'monitoring.watchMs', 1_800_000],
      ['monitoring.segment_minutes', 30, 'monitoring.segmentMs', 1_800_000],
      ['monitoring.suspect_interval_seconds', 1, 'monitoring.suspectIntervalMs', 1_000],
      ['monitoring.good_after_minutes', 2, 'monitoring.goodAfterMs', 120_000],
      ['monitoring.warm_up_seconds', 0, 'monitoring.warmUpMs', 0],
      ['monitoring.minimum_requests', 7, 'monitoring.minimumRequests', 7],
      ['monitoring.blind_alert_minutes', 1, 'monitoring.blindAlertMs', 60_000],
      ['monitoring.blind_escalate_minutes', 20, 'monitoring.blindEscalateMs', 1_200_000],
      ['triggers.error_rate.enabled', false, 'triggers.errorRate.enabled', false],
      ['triggers.error_rate.multiplier', 3, 'triggers.errorRate.multiplier', 3],
      ['triggers.error_rate.window_minutes', 1, 'triggers.errorRate.windowMs', 60_000],
      ['triggers.latency.enabled', false, 'triggers.latency.enabled', false],
      ['triggers.latency.metric', 'p99', 'triggers.latency.metric', 'p99'],
      ['triggers.latency.multiplier', 3, 'triggers.latency.multiplier', 3],
      ['triggers.latency.window_minutes', 1, 'triggers.latency.windowMs', 60_000],
      ['triggers.memory.enabled', false, 'triggers.memory.enabled', false],
      ['triggers.memory.threshold_percent', 80, 'triggers.memory.thresholdPercent', 80],
      ['triggers.memory.window_minutes', 1, 'triggers.memory.windowMs', 60_000],
      ['triggers.database.enabled', false, 'triggers.database.enabled', false],
      ['triggers.database.connection_errors', 3, 'triggers.database.connectionErrors', 3],
      ['triggers.database.window_minutes', 1, 'triggers.database.windowMs', 60_000],
      ['triggers.health_check.enabled', false, 'triggers.healthCheck.enabled', false],
      ['triggers.health_check.failure_count', 5, 'triggers.healthCheck.failureCount', 5],
      ['triggers.health_check.window_minutes', 1, 'triggers.healthCheck.windowMs', 60_000],
      ['rollback.max_rollback_attempts', 1, 'rollback.maxAttempts', 1],
      ['rollback.health_check_timeout_seconds', 9, 'rollback.healthCheckTimeoutMs', 9_000],
      ['rollback.verify_minutes', 1, 'rollback.verifyMs', 60_000],
      ['rollback.retry_backoff_seconds', 1, 'rollback.retryBackoffMs', 1_000],
      ['rollback.step_timeout_seconds', 60, 'rollback.stepTimeoutMs', 60_000],
      ['rollback.retry_after_seconds', 5, 'rollback.retryAfterSeconds', 5],
      ['rollback.veto_seconds.critical', 60, 'rollback.vetoMs.critical', 60_000],
      ['rollback.veto_seconds.high', 600, 'rollback.vetoMs.high', 600_000],
      [
        'escalation',
        [{ after_minutes: 2, notify: 'console' }],
        'escalation.levels',
        [{ afterMs: 120_000, notify: 'console' }],
      ],
      ['escalation_repeat_minutes', 1, 'escalation.repeatMs', 60_000],
      ['escalation_acknowledge_minutes', 1, 'escalation.acknowledgeMs', 60_000],
      ['statistics.manual_rollback_minutes', 10, 'statistics.manualRollbackMinutes', 10],
      ['statistics.unattended_downtime_minutes', 10, 'statistics.unattendedDowntimeMinutes', 10],
    ];
    for (const [written, value, key, expected] of table) {
      const data = validData(stringify({ rollback_policy: placed(written, value) }));
      expect(policyOf(data), written).toEqual(changed(key, expected));
    }
  });

  it('is overridden by a product, value by value, for that product alone', () => {
    const data = validData(
      `rollback_policy:
  triggers: { latency: { multiplier: 3, window_minutes: 1 } }
  escalation: [{ after_minutes: 1, notify: console }]
${aProduct('policy:\n  enabled: false\n  triggers: { latency: { multiplier: 4 }, memory: }\n  escalation: [{ after_minutes: 0, notify: owner }]')}  other: { services: {} }\n`,
    );
    const latency = { enabled: true, metric: 'p95', windowMs: 60_000 };
    expect(policyOf(data, 'shop')).toMatchObject({
      enabled: false,
      triggers: { latency: { ...latency, multiplier: 4 }, memory: defaultPolicy.triggers.memory },
      escalation: { levels: [{ afterMs: 0, notify: 'owner' }], repeatMs: 900_000 },
    });
    expect(policyOf(data, 'other')).toMatchObject({
      enabled: true,
      triggers: { latency: { ...latency, multiplier: 3 } },
    });
    expect(policyOf(data, 'constructor')).toEqual(policyOf(data));
  });

  it('reads freeze windows of one time and of every week, those of a product in place of the general ones', () => {
    const data = validData(example);
    expect(policyOf(data).freezeWindows).toEqual([
      {
        kind: 'once',
        reason: 'Black Friday',
        fromMs: Date.parse('2026-11-26T17:00:00Z'),
        untilMs: Date.parse('2026-11-30T07:00:00Z'),
      },
      {
        kind: 'weekly',
        reason: 'No deployments at the weekend',
        fromMinute: (4 * 24 + 16) * 60,
        untilMinute: 8 * 60,
        timeZone: 'Europe/Berlin',
      },
    ]);
    const own = '{ reason: mine, from: Mon 00:00, until: Tue 00:00 }';
    const product = validData(aProduct(`policy: { freeze_windows: [${own}] }`));
    expect(policyOf(product, 'shop').freezeWindows).toMatchObject([{ reason: 'mine', timeZone: 'UTC' }]);
  });

  it('may not override notifications for a product', () => {
    expect(problemsIn(aProduct('policy: { notifications: { ceo_alert: false } }'))).toEqual([
      'c.yml:7:15: products.shop.policy.notifications: found the unknown key "notifications"; allowed: enabled, ' +
        'mode, detection, false_rollback_budget, monitoring, triggers, rollback, escalation, escalation_repeat_minutes, escalation_acknowledge_minutes, statistics, freeze_windows',
    ]);
  });
});

function placed(key: string, value: unknown): unknown {
  return key.split('.').reduceRight<unknown>((inside, part) => ({ [part]: inside }), value);
}

function changed(key: string, value: unknown): unknown {
  const policy = structuredClone(defaultPolicy) as unknown as Tree;
  const path = key.split('.');
  const parent = path.slice(0, -1).reduce((inside, part) => inside[part] as Tree, policy);
  parent[path.at(-1) ?? ''] = value;
  return policy;
}
