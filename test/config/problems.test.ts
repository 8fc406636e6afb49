import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../config/findings.ts';
import { loadConfig } from '../../config/load.ts';
import { cleanUp, temporaryFolder } from '../adapters/temporary.ts';
import { aProduct, parse, problemsIn, warningsIn } from './builders.ts';

afterEach(cleanUp);

const nameRule =
  'a name of lower-case letters, digits, ".", "_" and "-", at most 63, beginning with a letter or digit';
const topLevel = 'rollback_policy, products, access, github, support_engineer, assign, incidents_folder';
const top = (line: string) => `rollback_policy:\n  ${line}\n`;
const service = (line: string) => aProduct('', line);

const frozen = (rest: string) => top(`freeze_windows: [{ reason: x, ${rest} }]`);

const problems: readonly [string, string, ...string[]][] = [
  [
    'a way that moves traffic, without traffic',
    'products: { shop: { services: { api: { deploy_target: { kind: local-process, root: a, command: [b], base_port: 1, way: shift } } } } }',
    'c.yml:1:120: products.shop.services.api.deploy_target.way: found shift without traffic to move; allowed: replace, or shift with traffic',
  ],
  [
    'a pull request to no repository',
    'products: { shop: { services: { api: { deploy_target: { kind: kubernetes, namespace: a, workload: deployment/b, gitops: pull_request } } } } }',
    'c.yml:1:121: products.shop.services.api.deploy_target.gitops: found pull_request without a repository; allowed: with gitops_repository',
  ],
  [
    'a freeze window at no time',
    frozen('from: friday, until: Mon 08:00'),
    'c.yml:2:39: rollback_policy.freeze_windows[0].from: found a text (not shown); allowed: a time like 2026-11-27T00:00:00+01:00, or one of every week like "Fri 16:00" (Mon, Tue, Wed, Thu, Fri, Sat, Sun)',
  ],
  [
    'a freeze window that mixes its times',
    frozen('from: Fri 16:00, until: 2026-11-27T00:00:00Z'),
    'c.yml:2:57: rollback_policy.freeze_windows[0].until: found "2026-11-27T00:00:00Z"; allowed: a time written like from, "Fri 16:00"',
  ],
  [
    'a freeze window that ends before it begins',
    frozen('from: 2026-11-28T00:00:00Z, until: 2026-11-27T00:00:00Z'),
    'c.yml:2:68: rollback_policy.freeze_windows[0].until: found "2026-11-27T00:00:00Z", which is not after from; allowed: a later time',
  ],
  [
    'a freeze window of no length',
    frozen('from: Fri 16:00, until: Fri 16:00'),
    'c.yml:2:57: rollback_policy.freeze_windows[0].until: found "Fri 16:00", which is from, too; allowed: another time',
  ],
  [
    'a freeze window in no time zone',
    frozen('from: Fri 16:00, until: Mon 08:00, time_zone: Berlin'),
    'c.yml:2:79: rollback_policy.freeze_windows[0].time_zone: found a text (not shown); allowed: a time zone like Europe/Berlin',
  ],
  [
    'text where true or false belongs',
    top('enabled: yes'),
    'c.yml:2:12: rollback_policy.enabled: found "yes"; allowed: true or false',
  ],
  [
    'a number in quotes',
    top('triggers: { error_rate: { multiplier: "2.0" } }'),
    'c.yml:2:41: rollback_policy.triggers.error_rate.multiplier: found "2.0"; allowed: a number from 1 to 1,000',
  ],
  [
    'a duration of nothing',
    top('monitoring: { check_interval_seconds: 0 }'),
    'c.yml:2:41: rollback_policy.monitoring.check_interval_seconds: found 0; allowed: a number of seconds, from 1 second to 7 days',
  ],
  [
    'a duration beyond all bounds',
    top('monitoring: { watch_hours: .inf }'),
    'c.yml:2:30: rollback_policy.monitoring.watch_hours: found Infinity; allowed: a number of hours, from 1 second to 7 days',
  ],
  [
    'a fraction of a count',
    top('rollback: { max_rollback_attempts: 1.5 }'),
    'c.yml:2:38: rollback_policy.rollback.max_rollback_attempts: found 1.5; allowed: a whole number from 1 to 10',
  ],
  [
    'an unknown choice',
    top('triggers: { latency: { metric: p90 } }'),
    'c.yml:2:34: rollback_policy.triggers.latency.metric: found "p90"; allowed: p50, p95, p99',
  ],
  [
    'an unknown key, with the one that was meant',
    top('triggers: { latency: { multplier: 2 } }'),
    'c.yml:2:26: rollback_policy.triggers.latency.multplier: found the unknown key "multplier" (did you mean "multiplier"?); allowed: enabled, dry_run, metric, multiplier, window_minutes',
  ],
  [
    'an unknown key that is like no other',
    'colour: red\n',
    `c.yml:1:1: colour: found the unknown key "colour"; allowed: ${topLevel}`,
  ],
  [
    'a value where a section belongs',
    top('triggers: 3'),
    'c.yml:2:13: rollback_policy.triggers: found 3; allowed: a mapping with error_rate, latency, memory, database, health_check, alert',
  ],
  ['a list as the file', '- a\n', `c.yml:1:1: found a list; allowed: a mapping with ${topLevel}`],
  [
    'a key without its value',
    top('enabled:'),
    'c.yml:2:11: rollback_policy.enabled: found nothing; allowed: true or false',
  ],
  [
    'a key that is given twice',
    `${top('enabled: true')}  enabled: false\n`,
    'c.yml:3:3: rollback_policy.enabled: found a second time, first on line 2; allowed: once',
  ],
  [
    'a level of escalation without its parts',
    top('escalation:\n    - after_minutes: 0\n      notify: owner\n    - after: 5'),
    'c.yml:5:7: rollback_policy.escalation[1].after_minutes: found nothing; allowed: a number of minutes, from 0 to 7 days',
    'c.yml:5:7: rollback_policy.escalation[1].notify: found nothing; allowed: owner, everyone or the name of a channel',
    'c.yml:5:7: rollback_policy.escalation[1].after: found the unknown key "after"; allowed: after_minutes, notify',
  ],
  [
    'a channel that is not set up',
    top(
      'escalation: [{ after_minutes: 0, notify: slack }]\n  notifications: { webhooks: [{ name: pager, url: "https://p.example" }] }',
    ),
    'c.yml:2:44: rollback_policy.escalation[0].notify: found "slack", which is no channel in use; allowed: owner, everyone, console, webhook:pager',
  ],
  [
    'two webhooks of one name',
    top('notifications: { webhooks: [{ name: a, url: "https://a" }, { name: a, url: "https://b" }] }'),
    'c.yml:2:70: rollback_policy.notifications.webhooks[1].name: found "a" a second time; allowed: a name of its own',
  ],
  [
    'a baseline as long as the watch',
    top('monitoring: { watch_hours: 1, baseline_window_minutes: 60 }'),
    'c.yml:2:58: rollback_policy.monitoring.baseline_window_minutes: found a baseline window as long as the watch; allowed: less than watch_hours',
  ],
  [
    'calling people before alerting them, by the override of a product',
    aProduct('policy: { monitoring: { blind_escalate_minutes: 1 } }'),
    'c.yml:7:53: products.shop.policy.monitoring.blind_escalate_minutes: found less than blind_alert_minutes; allowed: that or more',
  ],
  [
    'an unknown kind, with those there are',
    'products:\n  shop:\n    services:\n      api:\n        deploy_target: { kind: docker }\n',
    'c.yml:5:32: products.shop.services.api.deploy_target.kind: found "docker"; allowed: local-process, command, kubernetes, http, aws-ecs, github-actions',
  ],
  [
    'a workflow whose runs could not be told apart',
    `products:\n  shop:\n    services:\n      api:\n        deploy_target: { kind: github-actions, owner: a, repo: b, token: "\${TOKEN}", workflow: d.yml, ref: main, inputs: { release: "{release}" } }\n`,
    'c.yml:5:122: products.shop.services.api.deploy_target.inputs: found a mapping; allowed: at least one text with {key}, which the run-name of the workflow shows',
  ],
  [
    'a workload that is none of the three',
    'products:\n  shop:\n    services:\n      api:\n        deploy_target: { kind: kubernetes, namespace: a, workload: pod/web }\n',
    'c.yml:5:68: products.shop.services.api.deploy_target.workload: found a text (not shown); allowed: deployment/NAME, statefulset/NAME or daemonset/NAME',
  ],
  [
    'a release that is named in two ways',
    'products:\n  shop:\n    services:\n      api:\n        deploy_target: { kind: kubernetes, namespace: a, workload: deployment/web, release_from: { label: a, image: tag } }\n',
    'c.yml:5:98: products.shop.services.api.deploy_target.release_from: found a mapping; allowed: one of label, annotation, image',
  ],
  [
    'a missing kind',
    service('traffic: { control_url: "http://a" }'),
    'c.yml:7:9: products.shop.services.api.traffic.kind: found nothing; allowed: proxy, haproxy, nginx, aws-alb, kubernetes-service, kubernetes-gateway',
  ],
  [
    'a text where a kind belongs',
    service('logs: files'),
    'c.yml:7:15: products.shop.services.api.logs: found a text (not shown); allowed: a mapping with kind: files',
  ],
  [
    'a key of another kind',
    service('changes: { kind: git, repository: r, path: x }'),
    'c.yml:7:46: products.shop.services.api.changes.path: found the unknown key "path"; allowed: kind, repository, ref',
  ],
  [
    'a product without services',
    'products:\n  shop: {}\n',
    'c.yml:2:3: products.shop.services: found nothing; allowed: a mapping from names to services',
  ],
  [
    'a name that cannot be part of an identity',
    'products:\n  Shop: { environment: Prod, services: {} }\n',
    `c.yml:2:3: products.Shop: found "Shop"; allowed: ${nameRule}`,
  ],
  [
    'an environment that cannot be part of an identity',
    aProduct('environment: Prod'),
    `c.yml:7:18: products.shop.environment: found "Prod"; allowed: ${nameRule}`,
  ],
  [
    'a number as a variable of a process',
    'products:\n  shop:\n    services:\n      api:\n        deploy_target: { kind: local-process, root: a, command: [a], base_port: 1, env: { PORT: 1 } }\n',
    'c.yml:5:97: products.shop.services.api.deploy_target.env.PORT: found 1; allowed: text (numbers in quotes)',
  ],
  [
    'an unknown trigger or cause',
    'assign:\n  memry: { github: ada }\n',
    'c.yml:2:3: assign.memry: found the unknown key "memry" (did you mean "memory"?); allowed: error_rate, performance, memory, database, health_check, alert, manual, n_plus_one_query, listener_leak, unbounded_growth, database_connections, dependency_failure, code_error, process_crash, unknown',
  ],
  [
    'half of what opens an issue',
    'github: { owner: a, repo: b }\n',
    'c.yml:1:9: github: found only some of owner, repo and token; allowed: all three, or none',
  ],
  [
    'deployments of GitHub that nobody can prove, of a product that is not there',
    `github: { owner: a, repo: b, token: "\${TOKEN}", deployments: [{ repository: a/b, product: bank, release: sha }] }\n`,
    'c.yml:1:62: github.deployments: found no webhook_secret; allowed: with github.webhook_secret',
    'c.yml:1:91: github.deployments[0].product: found "bank"; allowed: a product of this file (there is none)',
  ],
  [
    'a support engineer of the wrong type',
    'support_engineer: 3\n',
    'c.yml:1:19: support_engineer: found 3; allowed: a name, or a mapping with github and name',
  ],
  [
    'a support engineer with a wrong key',
    'support_engineer: { githb: ada }\n',
    'c.yml:1:1: support_engineer.github: found nothing; allowed: a GitHub login',
    'c.yml:1:21: support_engineer.githb: found the unknown key "githb" (did you mean "github"?); allowed: github, name',
  ],
  [
    'a bracket that is not closed',
    'rollback_policy: { enabled: true\n',
    'c.yml:2:1: not valid YAML: Flow map in block collection must be sufficiently indented and end with a }',
  ],
  ['a tab as indentation', 'a:\n\tb: 1\n', 'c.yml:2:1: not valid YAML: Tabs are not allowed as indentation'],
  ['an unknown tag', 'a: !secret x\n', 'c.yml:1:4: not valid YAML: Unresolved tag: !secret'],
  [
    'two documents',
    '---\n{}\n---\n{}\n',
    'c.yml:3:1: not valid YAML: Source contains multiple documents; please use YAML.parseAllDocuments()',
  ],
  [
    'an alias of nothing',
    'rollback_policy: *defaults\n',
    'c.yml:1:18: found the alias *defaults; allowed: an alias whose anchor &defaults stands before it',
  ],
  [
    'a billion laughs',
    [
      'a: &a [x, x, x, x, x, x, x, x, x]',
      ...[...'bcdefghi'].map((name, at) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[at]}`)}]`),
    ].join('\n'),
    'c.yml:1:1: found aliases that repeat too much; allowed: up to 100 repeated values',
  ],
];

describe('a Slack app', () => {
  const withApp = (more: string) =>
    `rollback_policy: { notifications: { slack_app: { bot_token: "\${BOT}", channel: C0123456789, ${more} } } }\n${aProduct()}`;
  const heard = `app_token: "\${APP}"`;
  const users = 'users: { U0123456789: { name: Ada, role: owner } }';

  it('has nothing wrong with it when somebody hears it and somebody may act', () => {
    const source = withApp(`${heard}, ${users}`);
    expect([...problemsIn(source), ...warningsIn(source)]).toEqual([]);
  });

  it.each([
    [
      'a bot token in the place of the app token',
      'app_token: xoxb-2',
      'app_token: found a text (not shown); allowed: a text that begins with xapp-, or a reference like $',
    ],
    [
      'a role that is none',
      `${heard}, users: { U0123456789: { name: Ada, role: boss } }`,
      'users.U0123456789.role: found "boss"; allowed: viewer, pipeline, operator, owner, admin',
    ],
    [
      'a member by name',
      `${heard}, users: { ada: { name: Ada, role: owner } }`,
      'the ID of a member, like U0123456789',
    ],
    [
      'a role for a product that is not there',
      `${heard}, users: { U0123456789: { name: Ada, role: owner, product: shpo } }`,
      'users.U0123456789.product: found "shpo"; allowed: a product of this file (shop)',
    ],
  ])('is not right with %s', (_name, more, words) => {
    expect(problemsIn(withApp(more)).join('\n')).toContain(words);
  });

  it('is not posted to a channel by its name', () => {
    const source = withApp(heard).replace('C0123456789', '"#alerts"');
    expect(problemsIn(source).join()).toContain('allowed: the ID of a channel, like C0123456789');
  });

  it('is warned of where nobody hears it, or nobody may act', () => {
    expect(warningsIn(withApp('default_role: operator')).join()).toContain(
      'buttons and commands reach nobody',
    );
    expect(warningsIn(withApp(heard)).join()).toContain('nobody may act from Slack');
  });

  it('is a channel that can be escalated to', () => {
    const source = withApp(`${heard}, ${users}`).replace(
      'rollback_policy: {',
      'rollback_policy: { escalation: [{ after_minutes: 0, notify: slack_app }],',
    );
    expect(problemsIn(source)).toEqual([]);
  });
});

describe('queries for Prometheus', () => {
  const withQuery = (query: string) =>
    aProduct().replace(
      'kind: scrape, memory_limit_mb: 512',
      `kind: prometheus, url: "http://prometheus:9090", queries: { requests: '${query}' }, memory_limit_mb: 1`,
    );

  it('know what stands in braces', () => {
    expect(problemsIn(withQuery('hits{app="{{product}}"}'))).toEqual([]);
    expect(problemsIn(withQuery('hits{app="{{team}}"}'))).toEqual([
      'c.yml:6:90: products.shop.services.api.metrics.queries.requests: found a query in which {{team}} is not known; allowed: {{product}}, {{environment}}, {{service}}, {{release}}, {{selector}}, {{instance}}',
    ]);
  });

  it('match a release as a pattern', () => {
    expect(problemsIn(withQuery('hits{version="{{release}}"}'))).toEqual([
      expect.stringContaining('a release is matched as a pattern; allowed: label=~"{{release}}"'),
    ]);
  });
});

describe('pages in JSON', () => {
  const withJson = (more: string) =>
    problemsIn(
      aProduct().replace(
        'kind: scrape, memory_limit_mb: 512',
        `kind: json, values: { requests: a, errors: b }, memory_limit_mb: 1, ${more}`,
      ),
    );

  it('stand at one place, with placeholders that are known', () => {
    expect(withJson('url: "https://a/{{service}}/{{instance}}"')).toEqual([]);
    expect(withJson('url: "https://a/{{pod}}"')).toEqual([
      expect.stringContaining(
        '{{pod}} is not known; allowed: {{product}}, {{environment}}, {{service}}, {{instance}}',
      ),
    ]);
    expect(withJson('url: "https://a/", path: /b')).toEqual([
      expect.stringContaining('metrics.path: found a path beside url; allowed: one of them'),
    ]);
  });
});

describe('queries for Datadog', () => {
  const withDatadog = (more: string) =>
    aProduct().replace(
      'kind: scrape, memory_limit_mb: 512',
      `kind: datadog, api_key: "\${KEY}", application_key: "\${KEY}", ${more}`,
    );

  it('are of an operation, or of one’s own', () => {
    expect(problemsIn(withDatadog('operation: express.request'))).toEqual([]);
    expect(problemsIn(withDatadog('site: datadoghq.eu'))).toEqual([
      expect.stringContaining('allowed: operation, or queries for requests and errors'),
    ]);
  });

  it('ask for counts, and for the percentile that is judged', () => {
    expect(problemsIn(withDatadog('operation: a, queries: { errors: "sum:a{*}" }'))).toEqual([
      expect.stringContaining('metrics.queries.errors: found a query in which a count may be told as a rate'),
    ]);
    const memory = 'queries: { memory_percent: "max:a{*}" }';
    expect(warningsIn(withDatadog(`operation: a, percentile: p99, ${memory}`))).toEqual([
      expect.stringContaining('the trigger judges p95, and p99 is asked for; allowed: percentile: p95'),
    ]);
  });
});

describe('metrics of CloudWatch', () => {
  const withCloudWatch = (more: string) =>
    problemsIn(
      aProduct().replace(
        'kind: scrape, memory_limit_mb: 512',
        `kind: cloudwatch, region: eu-central-1, ${more}`,
      ),
    );
  const alb = 'alb: { load_balancer: app/a, target_groups: [targetgroup/a] }';

  it('are those of a load balancer, or of one’s own', () => {
    expect(withCloudWatch(alb)).toEqual([]);
    expect(withCloudWatch('ecs: { cluster: a, service: b }')).toEqual([
      expect.stringContaining('allowed: alb, or queries for requests and errors'),
    ]);
  });

  it('are named in whole, or by an expression', () => {
    const own = (query: string) => withCloudWatch(`${alb}, queries: { errors: [{ ${query} }] }`);
    expect(own('expression: "SELECT a"')).toEqual([]);
    expect(own('namespace: A, metric: b, stat: Sum, dimensions: { S: "{{service}}" }')).toEqual([]);
    expect(own('namespace: A, metric: b')).toEqual([
      expect.stringContaining(
        'queries.errors[0]: found a mapping; allowed: namespace, metric, stat and dimensions, or expression alone',
      ),
    ]);
    expect(own('expression: "SELECT {{release}}"')).toEqual([
      expect.stringContaining('{{release}} is not known'),
    ]);
  });
});

describe('a mistake in the file', () => {
  it.each(problems)('is told with its place and what is allowed: %s', (_name, source, ...expected) => {
    expect(problemsIn(source)).toEqual(expected);
    expect(parse(source).config).toBeNull();
  });

  it('does not hide the others', () => {
    const source = top('enabled: 1\n  enabled: 2\n  trigers: {}\n  notifications: { email: 3 }');
    expect(problemsIn(source)).toEqual([
      'c.yml:3:3: rollback_policy.enabled: found a second time, first on line 2; allowed: once',
      'c.yml:3:12: rollback_policy.enabled: found 2; allowed: true or false',
      'c.yml:4:3: rollback_policy.trigers: found the unknown key "trigers" (did you mean "triggers"?); allowed: enabled, mode, detection, false_rollback_budget, monitoring, triggers, rollback, escalation, escalation_repeat_minutes, escalation_acknowledge_minutes, statistics, freeze_windows, notifications',
      `c.yml:5:27: rollback_policy.notifications.email: found 3; allowed: e-mail addresses separated by commas, or a reference like \${NAME}`,
    ]);
  });

  it.each([
    ['at a wrong place', 'github: S3CRET\n'],
    ['as a URL without its beginning', top('notifications: { slack_webhook: S3CRET }')],
    ['in a list', 'products: [S3CRET]\n'],
    ['as a support engineer', 'support_engineer: { github: [S3CRET] }\n'],
    ['behind a text', 'github:\n  token: "x" S3CRET\n'],
    ['after a stray bracket', 'github:\n  token: } S3CRET\n'],
    ['as an anchor of a reference', `incidents_folder: "\${S3CRET:-x"\n`],
  ])('never shows a secret %s', (_name, source) => {
    expect(problemsIn(source).length).toBeGreaterThan(0);
    expect(problemsIn(source, { env: {} }).join('\n')).not.toContain('S3CRET');
  });

  it('of loading is one error with all problems', async () => {
    const file = join(await temporaryFolder(), 'c.yml');
    await writeFile(file, 'a: 1\nb: 2\n');
    const error = await loadConfig({ file }).catch((thrown: unknown) => thrown as ConfigError);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).problems).toHaveLength(2);
    expect((error as ConfigError).message).toBe(
      `${file}:1:1: a: found the unknown key "a"; allowed: ${topLevel}\n${file}:2:1: b: found the unknown key "b"; allowed: ${topLevel}`,
    );
    await expect(loadConfig({ file: `${file}.gone` })).rejects.toThrow(
      `the configuration ${file}.gone cannot be read: ENOENT`,
    );
  });
});

describe('an alias', () => {
  it('stands for what its anchor holds', () => {
    const source =
      'rollback_policy:\n  triggers:\n    error_rate: &five { window_minutes: 3 }\n    health_check: *five\n';
    expect(parse(source).config?.data.rollback_policy?.triggers?.health_check).toEqual({ window_minutes: 3 });
  });

  it('of itself is a problem, not a loop', () => {
    expect(problemsIn('products: &a { shop: *a }\n')).toHaveLength(2);
  });
});

describe('a worker group', () => {
  const source = aProduct('worker_group: eu');

  it('is refused with a SQLite store', () => {
    expect(problemsIn(source, { store: '.orchestrator/store.db' })).toEqual([
      'c.yml:7:19: products.shop.worker_group: found the worker group "eu" with a SQLite store, which workers on other hosts cannot reach; allowed: a worker group with a PostgreSQL store',
    ]);
  });

  it.each([['postgres://db/x'], ['postgresql://db/x'], [undefined]])('is fine with the store %s', (store) => {
    expect(problemsIn(source, { store })).toEqual([]);
  });
});

describe('a warning', () => {
  it('says that e-mail needs a mail server', () => {
    const source = `rollback_policy: { notifications: { email: a@b.example } }\n${aProduct('owner: { name: Ada, email: a@b.example }')}`;
    const message = 'e-mail needs SMTP_URL, which is not set: other channels carry the messages';
    expect(warningsIn(source, { env: {} })).toEqual([
      `c.yml:1:44: rollback_policy.notifications.email: ${message}`,
      `c.yml:8:32: products.shop.owner.email: ${message}`,
    ]);
    expect(warningsIn(source, { env: { SMTP_URL: 'smtp://mail' } })).toEqual([]);
  });

  it('says that memory is not judged where Prometheus is not asked for it', () => {
    const prometheus = (more: string) =>
      warningsIn(
        aProduct().replace(
          'kind: scrape, memory_limit_mb: 512',
          `kind: prometheus, url: "http://prometheus:9090"${more}`,
        ),
      );
    const where = 'c.yml:6:9: products.shop.services.api.metrics: the memory trigger is off for shop/api:';
    expect(prometheus('')).toEqual([`${where} memory_limit_mb is missing, and without it bytes say nothing`]);
    expect(prometheus(', set: haproxy')).toEqual([
      `${where} nothing is asked about memory: allowed is a query memory_percent`,
    ]);
    for (const enough of [
      ', memory_limit_mb: 512',
      ', set: spring-boot',
      ', queries: { requests: hits, memory_percent: mem }',
    ])
      expect(prometheus(enough)).toEqual([]);
  });

  it('says that memory is not judged without a limit', () => {
    const source = aProduct().replace(', memory_limit_mb: 512', '');
    expect(warningsIn(source)).toEqual([
      'c.yml:6:9: products.shop.services.api.metrics: the memory trigger is off for shop/api: memory_limit_mb is missing, and without it only a metrics page that shows memory_usage_percent is judged',
    ]);
    expect(warningsIn(`rollback_policy: { triggers: { memory: { enabled: false } } }\n${source}`)).toEqual(
      [],
    );
  });

  it('says that a product’s own switch does not switch it on again', () => {
    const source = `rollback_policy: { enabled: false }\n${aProduct('policy: { enabled: true }')}`;
    expect(warningsIn(source)).toEqual([
      'c.yml:8:24: products.shop.policy.enabled: shop is only observed: rollback_policy.enabled is false, and that switches off every product',
    ]);
  });

  it('says that a window holds too few checks to ever breach', () => {
    const source =
      'rollback_policy: { triggers: { error_rate: { window_minutes: 2 }, database: { window_minutes: 1 } } }';
    expect(warningsIn(source)).toEqual([
      'c.yml:1:62: rollback_policy.triggers.error_rate.window_minutes: the window of error_rate holds 2 checks and can never breach: 3 are needed',
      'c.yml:1:95: rollback_policy.triggers.database.window_minutes: the window of database holds 1 checks and can never breach: 2 are needed',
    ]);
  });
});
