import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import type { Env } from '../../config/references.ts';
import { createCatalog } from '../../worker/catalog.ts';
import { startPrometheusServer } from '../adapters/metrics/prometheus-server.ts';
import { aMessage } from '../adapters/notify/notifier.contract.ts';
import { afterwards, cleanUp, temporaryFolder } from '../adapters/temporary.ts';
import { aProduct } from './builders.ts';

afterEach(cleanUp);

const shop = { product: 'shop', environment: 'production' };
const signal = AbortSignal.timeout(60_000);
const queues = { control: 'control', watch: 'watch' };

interface Given {
  readonly source?: string;
  readonly env?: Env;
  readonly folder?: string;
}

function aCatalog({ source = aProduct(), env = {}, folder = '/nowhere' }: Given = {}) {
  const stdout = new PassThrough();
  const stored = { version: 1, source, file: join(folder, 'c.yml') };
  const state = { stored: stored as typeof stored | null, down: false, reads: 0 };
  const read = async () => {
    state.reads += 1;
    if (state.down) throw new Error('the store is down');
    return state.stored;
  };
  const catalog = createCatalog({ read, env, incidentsFolder: join(folder, 'incidents'), queues, stdout });
  const store = (version: number, text: string) => {
    state.stored = { ...stored, version, source: text };
  };
  return { catalog, state, store, said: () => String(stdout.read() ?? '') };
}

const setupOf = (given: Given) => aCatalog(given).catalog.setup(shop);

describe('the catalog', () => {
  it('lists the products, and names them to whoever asks for another', async () => {
    const source = `${aProduct()}  till: { environment: staging, services: {} }\n`;
    const { catalog } = aCatalog({ source });
    expect(await catalog.products()).toEqual([shop, { product: 'till', environment: 'staging' }]);
    const message = 'unknown product shop (staging); known: shop, till (staging)';
    await expect(catalog.setup({ product: 'shop', environment: 'staging' })).rejects.toThrow(message);
    const empty = aCatalog({ source: '' }).catalog;
    await expect(empty.setup(shop)).rejects.toThrow('unknown product shop; known: none');
  });

  it('gives a product its policy, its owner and the common queues', async () => {
    const setup = await setupOf({ source: aProduct('owner: { name: Ada }\npolicy: { enabled: false }') });
    expect(setup).toMatchObject({
      ...shop,
      policy: { enabled: false },
      policyVersion: 1,
      owner: 'Ada',
      targetQueue: 'control',
      watchQueue: 'watch',
      issues: null,
      incidentsFolder: { name: 'folder' },
    });
  });

  it('gives a worker group queues of its own', async () => {
    const setup = await setupOf({ source: aProduct('worker_group: eu-1') });
    expect(setup).toMatchObject({ targetQueue: 'control/eu-1', watchQueue: 'watch/eu-1' });
  });

  it('leaves out what a service does not have, and services that are disabled', async () => {
    const off =
      '    off: { enabled: false, deploy_target: { kind: command, live: [a], restorable: [a], restore: [a], restart: [a] } }';
    const { services } = await setupOf({ source: aProduct(`  ${off.trim()}`) });
    expect(services).toMatchObject([{ service: 'api', traffic: null, logs: null, changes: null }]);
    const more =
      'traffic: { kind: proxy, control_url: "http://127.0.0.1:1", token_file: t }\nlogs: { kind: files, paths: [l] }\nchanges: { kind: git, repository: r }';
    const full = await setupOf({ source: aProduct('', more) });
    expect(full.services[0]?.traffic).not.toBeNull();
    expect(full.services[0]?.logs).not.toBeNull();
    expect(full.services[0]?.changes).not.toBeNull();
  });

  it.each([
    ['haproxy', 'sockets: [./h.sock], backend: api, map: /m', /HAProxy at \/nowhere\/h.sock is not there/],
    [
      'haproxy',
      'sockets: ["127.0.0.1:1"], backend: api, map: /m',
      /HAProxy at 127.0.0.1:1 refuses connections/,
    ],
    ['haproxy', 'sockets: [a, b], backend: api, map: /m, map_file: m', /files of one HAProxy/],
    [
      'nginx',
      `file: f, upstream: api, state_url: "\${STATE}"`,
      /nginx at http:\/\/127.0.0.1:1\/api: .*ECONNREFUSED/,
    ],
    ['nginx', `file: f, upstream: my-api, state_url: "\${STATE}"`, /upstream is "my-api"/],
    ['aws-alb', 'rule: shop, target_groups: [t]', /rule is "shop"/],
  ])('chooses the traffic control by its kind: %s with %s', async (kind, keys, words) => {
    const source = aProduct('', `traffic: { kind: ${kind}, ${keys} }`);
    const { services } = await setupOf({ source, env: { STATE: 'http://127.0.0.1:1/api' } });
    await expect(services[0]?.traffic?.state('api', signal)).rejects.toThrow(words);
  });

  it('chooses the target by its kind, paths relative to the file and variables put in', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'apps/api/releases/v1'), { recursive: true });
    await symlink('releases/v1', join(folder, 'apps/api/current'));
    const local = await setupOf({ folder });
    expect((await local.services[0]?.target.live('api', signal))?.configured).toBe('v1');

    const command = `products:\n  shop:\n    services:\n      api:\n        deploy_target:\n          kind: command\n          live: [sh, -c, 'echo "$RELEASE@$(pwd)"']\n          restorable: ["true"]\n          restore: ["true"]\n          restart: ["true"]\n          env: { RELEASE: "\${RELEASE}" }\n`;
    const script = await setupOf({ folder, source: command, env: { RELEASE: 'v2' } });
    expect((await script.services[0]?.target.live('api', signal))?.configured).toBe(`v2@${folder}`);
  });

  it('asks Prometheus with its token and the queries of the file', async () => {
    const server = await startPrometheusServer();
    afterwards(() => server.close());
    const metrics = [
      `kind: prometheus, url: "${server.url}", bearer_token: "\${PROMETHEUS_TOKEN}"`,
      `queries: { requests: 'sum by (instance, code) (hits{app="{{product}}-{{service}}"})', errors: 'sum by (instance) (oops{})' }`,
    ].join(', ');
    const source = aProduct().replace('kind: scrape, memory_limit_mb: 512', metrics);
    const { services } = await setupOf({ source, env: { PROMETHEUS_TOKEN: 'secret' } });
    const measured = await services[0]?.metrics.measure({
      ...shop,
      service: 'api',
      instances: [],
      cursor: null,
      signal,
    });
    expect(measured).toMatchObject({ kind: 'no_data' });
    expect(server.headers[0]?.authorization).toBe('Bearer secret');
    expect(server.asked.map((form) => form.get('query'))).toEqual([
      'sum by (instance, code) (hits{app="shop-api"})',
      'sum by (instance) (oops{})',
    ]);
  });

  it('keeps a service whose variable is missing apart: it fails by itself, with the reason', async () => {
    const source = aProduct().replace('root: apps', `root: "\${ROOT}"`);
    const { services, owner } = await setupOf({ source });
    const reason =
      'service api cannot be reached from this worker: the environment variable ROOT is not set; c.yml:5 refers to it';
    await expect(services[0]?.target.live('api', signal)).rejects.toThrow(reason);
    expect(
      await services[0]?.metrics.measure({ ...shop, service: 'api', instances: [], cursor: null, signal }),
    ).toEqual({
      kind: 'error',
      reason,
    });
    expect(owner).toBe('the owner');
  });
});

describe('a new version', () => {
  it('takes effect, and an old one is parsed no second time', async () => {
    const { catalog, store } = aCatalog();
    const first = await catalog.setup(shop);
    expect(await catalog.setup(shop)).toBe(first);
    store(2, aProduct('policy: { enabled: false }'));
    expect(await catalog.setup(shop)).toMatchObject({ policyVersion: 2, policy: { enabled: false } });
  });

  it('that is not valid keeps the last good one, and says so once', async () => {
    const { catalog, store, said } = aCatalog();
    const first = await catalog.setup(shop);
    store(2, 'products: 3\n');
    expect(await catalog.setup(shop)).toBe(first);
    expect(await catalog.setup(shop)).toBe(first);
    expect(said()).toBe(
      'version 2 of the configuration is not valid; the version before it stays in force:\n' +
        '/nowhere/c.yml:1:11: products: found 3; allowed: a mapping from names to products\n',
    );
    store(3, aProduct());
    expect((await catalog.setup(shop)).policyVersion).toBe(3);
  });

  it('that is not valid and the first is an error with its problems', async () => {
    const { catalog } = aCatalog({ source: 'products: 3\n' });
    await expect(catalog.setup(shop)).rejects.toThrow('c.yml:1:11: products: found 3');
  });

  it('that cannot be read because the store is down leaves the last one in force', async () => {
    const { catalog, state } = aCatalog();
    state.down = true;
    await expect(catalog.setup(shop)).rejects.toThrow('the store is down');
    state.down = false;
    const first = await catalog.setup(shop);
    state.down = true;
    expect(await catalog.setup(shop)).toBe(first);
  });

  it('is read once for all who ask at the same time', async () => {
    const { catalog, state } = aCatalog();
    await Promise.all(Array.from({ length: 50 }, () => catalog.setup(shop)));
    expect(state.reads).toBe(1);
  });

  it('that never came is told', async () => {
    const { catalog, state } = aCatalog();
    state.stored = null;
    await expect(catalog.setup(shop)).rejects.toThrow('no configuration has been stored yet');
  });
});

describe('who is told', () => {
  const env = {
    SMTP_URL: 'smtp://mail.example',
    SLACK: 'https://slack.example/1',
    BOT: 'xoxb-1',
    APP: 'xapp-1',
    KEY_1: 'k1',
    KEY_2: 'k2',
  };
  const ceo = `slack_webhook: "\${SLACK}", email: "ceo@x.example"`;
  const hooks = 'webhooks: [{ name: pager, url: "https://pager.example" }]';
  const machines = 'cdevents: { url: "https://events.example" }';
  const app = `slack_app: { bot_token: "\${BOT}", channel: C0123456789, app_token: "\${APP}" }`;
  const team = `${ceo}, ${app}, pagerduty: { routing_key: "\${KEY_1}" }, ${machines}`;
  const own = 'owner: { name: Ada, email: ada@x.example, slack_webhook: "https://slack.example/2" }';
  const same = 'owner: { name: Ada, email: ceo@x.example, slack_webhook: "https://slack.example/1" }';

  const table: readonly [string, string, string, Env, string, readonly string[]][] = [
    [
      'the owner by every channel of theirs',
      `${ceo}, ${hooks}`,
      own,
      env,
      'owner',
      ['slack', 'email', 'owner-slack', 'owner-email'],
    ],
    [
      'everyone by webhooks too',
      `${ceo}, ${hooks}`,
      own,
      env,
      'everyone',
      ['slack', 'email', 'owner-slack', 'owner-email', 'webhook:pager'],
    ],
    ['nobody twice', ceo, same, env, 'everyone', ['slack', 'email']],
    [
      'the owner by the Slack app and the pager as well, and machines whoever is told',
      team,
      `owner: { name: Ada, pagerduty: { routing_key: "\${KEY_2}" } }`,
      env,
      'owner',
      ['slack', 'email', 'owner-pagerduty', 'slack_app', 'pagerduty', 'cdevents'],
    ],
    ['those who follow', team, '', env, 'followers', ['slack_app', 'pagerduty', 'cdevents']],
    ['nobody who follows, where nobody can', ceo, '', env, 'followers', []],
    ['the console beside machines, which are nobody', machines, '', env, 'owner', ['console', 'cdevents']],
    ['one channel by its name', `${ceo}, ${hooks}`, own, env, 'webhook:pager', ['webhook:pager']],
    [
      'only the webhook that is called back',
      `${ceo}, ${hooks}`,
      own,
      env,
      'callback:pager',
      ['webhook:pager'],
    ],
    ['nobody instead of one that is gone', `${ceo}, ${hooks}`, own, env, 'callback:old', []],
    ['the console by its name', ceo, own, env, 'console', ['console']],
    [
      'everyone when the named channel is gone',
      `${ceo}, ${hooks}`,
      '',
      env,
      'webhook:old',
      ['slack', 'email', 'webhook:pager'],
    ],
    [
      'the owner alone when ceo_alert is false',
      `${ceo}, ceo_alert: false`,
      own,
      env,
      'owner',
      ['owner-slack', 'owner-email'],
    ],
    ['the webhooks when the owner has no channel', hooks, '', env, 'owner', ['webhook:pager']],
    ['the console when nothing is configured', '', '', env, 'owner', ['console']],
    [
      'the console when only e-mail is, without a mail server',
      'email: a@b.example',
      '',
      {},
      'everyone',
      ['console'],
    ],
    [
      'the console as well when no channel can be used',
      ceo.split(',')[0] ?? '',
      '',
      {},
      'owner',
      ['slack', 'console'],
    ],
  ];

  it.each(table)('%s', async (_name, notifications, product, environment, whom, expected) => {
    const source = `rollback_policy: { notifications: { ${notifications} } }\n${aProduct(product)}`;
    const setup = await setupOf({ source, env: environment });
    expect(setup.notifiers(whom).map(({ name }) => name)).toEqual(expected);
  });

  it.each([
    [
      'whose variable is missing',
      {},
      'slack cannot be used: the environment variable SLACK is not set; c.yml:1 refers to it',
    ],
    [
      'whose URL is none',
      { SLACK: 'S3CRET' },
      "slack cannot be used: the Slack webhook's URL is not a valid http or https URL",
    ],
  ])('by a channel %s: it fails when it is used, without a secret', async (_name, environment, message) => {
    const source = `rollback_policy: { notifications: { slack_webhook: "\${SLACK}" } }\n${aProduct()}`;
    const setup = await setupOf({ source, env: environment });
    await expect(setup.notifiers('slack')[0]?.send(aMessage(), signal)).rejects.toThrow(message);
  });
});

describe('who is assigned', () => {
  const assign =
    'assign: { memory: { github: linus, label: backend, role: Backend Engineer }, code_error: { label: app } }\n';
  const nobody = { assignees: [], labels: [] };

  it.each([
    ['nobody', '', '', 'memory', { ...nobody, role: 'Support Engineer' }],
    [
      'the owner, where there is no support engineer',
      '',
      'owner: { name: Ada, github: ada }',
      'memory',
      { ...nobody, assignees: ['ada'], role: 'Support Engineer' },
    ],
    ['a support engineer by name', 'support_engineer: Grace\n', '', 'memory', { ...nobody, role: 'Grace' }],
    [
      'a support engineer by login',
      'support_engineer: { github: grace, name: Grace }\n',
      '',
      'memory',
      { ...nobody, assignees: ['grace'], role: 'Grace' },
    ],
    [
      'whoever the trigger is given to',
      assign,
      '',
      'memory',
      { assignees: ['linus'], labels: ['backend'], role: 'Backend Engineer' },
    ],
    ['a label', assign, '', 'code_error', { ...nobody, labels: ['app'], role: 'app' }],
    [
      'the support engineer for everything else',
      `${assign}support_engineer: Grace\n`,
      '',
      'database',
      { ...nobody, role: 'Grace' },
    ],
  ])('%s', async (_name, top, product, cause, expected) => {
    const setup = await setupOf({ source: top + aProduct(product) });
    expect(setup.assigneesFor(cause)).toEqual(expected);
  });

  it('an issue on GitHub where its token is set', async () => {
    const source = `github: { owner: a, repo: b, token: "\${GITHUB_TOKEN}" }\n${aProduct()}`;
    expect((await setupOf({ source })).issues).toBeNull();
    expect((await setupOf({ source, env: { GITHUB_TOKEN: 't' } })).issues?.name).toBe('github');
  });
});
