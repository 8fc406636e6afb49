import { once } from 'node:events';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { afterEach, describe, expect, it } from 'vitest';
import { botToken, startSlack } from '../../adapters/slack/slack-server.ts';
import { afterwards, cleanUp, temporaryFolder } from '../../adapters/temporary.ts';
import { anIssuer } from '../access/an-issuer.ts';
import { runCli } from '../run-cli.ts';

afterEach(cleanUp);

interface Finding {
  readonly group: string;
  readonly what: string;
  readonly ok: boolean;
  readonly warning: boolean;
  readonly detail: string;
  readonly mend: string | null;
}

/** Runs the doctor over a configuration; Temporal is not there, which is a finding of its own. */
async function examine(
  text: string,
  env: NodeJS.ProcessEnv = {},
  prepare: (data: string) => Promise<void> = async () => undefined,
): Promise<{
  code: number | null;
  find: (what: string) => Finding | undefined;
  all: Finding[];
  folder: string;
}> {
  const folder = await temporaryFolder();
  const file = join(folder, 'rollback-config.yml');
  await writeFile(file, text);
  const data = join(folder, 'data');
  await mkdir(data, { mode: 0o700 });
  await prepare(data);
  const args = ['doctor', '--json', '--config', file, '--data', data];
  const { code, stdout, stderr } = await runCli(args, { TEMPORAL_ADDRESS: '127.0.0.1:9', ...env }, folder);
  expect(stderr).toBe('');
  const all = JSON.parse(stdout) as Finding[];
  return { code, all, folder, find: (what) => all.find((finding) => finding.what === what) };
}

function failure(detail: RegExp, mend: RegExp) {
  return {
    ok: false,
    warning: false,
    detail: expect.stringMatching(detail),
    mend: expect.stringMatching(mend),
  };
}

function warning(detail: RegExp, mend: RegExp) {
  return {
    ok: true,
    warning: true,
    detail: expect.stringMatching(detail),
    mend: expect.stringMatching(mend),
  };
}

describe('the doctor', () => {
  it('says how to mend whatever is not well', async () => {
    const { all, code } = await examine('products:\n', { TEMPORAL_DEBUG: '1' });
    expect(code).toBe(1);
    for (const finding of all) {
      const isWell = finding.ok && !finding.warning;
      expect({ ...finding, isWell }).toMatchObject({ mend: isWell ? null : expect.any(String) });
    }
    expect(all.map(({ group }) => group)).toContain('this machine');
  });

  it('finds rights that are too wide, on the data folder and on the token', async () => {
    const { find } = await examine('', {}, async (data) => {
      await writeFile(join(data, 'api-token'), 'secret-token', { mode: 0o644 });
      await chmod(data, 0o755);
    });
    expect(find('data folder')).toMatchObject(failure(/mode 755/, /^chmod 700 /));
    expect(find('API token')).toMatchObject(failure(/mode 644/, /^chmod 600 /));
  });

  it('has every line that is wrong with the configuration, and looks no further', async () => {
    const { find, all } = await examine('rollback_policy:\n  enabled: perhaps\nproducts: {}\n');
    expect(find('configuration')).toMatchObject(failure(/:2:12: .*perhaps/, /correct these lines/));
    expect(all.filter(({ group }) => group === 'products')).toEqual([]);
  });

  it('says which init writes a configuration where there is none', async () => {
    const folder = await temporaryFolder();
    const run = await runCli(['doctor', '--data', folder], { TEMPORAL_ADDRESS: '127.0.0.1:9' }, folder);
    expect(run.stdout).toMatch(/FAIL configuration: no configuration file.*\n {5}mend: orchestrator init/);
  });

  it('names variables that are referred to and not set, never what is in them', async () => {
    const text = `github: { owner: a, repo: b, token: "\${GITHUB_TOKEN}" }\nsupport_engineer: "\${WHO}"\n`;
    const { find, all } = await examine(text, { WHO: 'top-secret' });
    expect(find('variables')).toMatchObject(warning(/^not set: GITHUB_TOKEN$/, /^set GITHUB_TOKEN/));
    expect(find('github')).toMatchObject(warning(/token is not set/, /set the variable/));
    expect(JSON.stringify(all)).not.toContain('top-secret');
  });

  it('cannot open a store, and says so without its password', async () => {
    const { find, all } = await examine('', {
      ORCHESTRATOR_STORE: 'postgres://ana:hunter2@127.0.0.1:9/shop',
    });
    expect(find('store')).toMatchObject(failure(/ECONNREFUSED/, /PostgreSQL runs at 127\.0\.0\.1:9/));
    expect(JSON.stringify(all)).not.toContain('hunter2');
  });

  it('is told of an API that does not answer, as a warning', async () => {
    const env = { ORCHESTRATOR_API: 'http://127.0.0.1:2', ORCHESTRATOR_TOKEN: 'x' };
    const { find } = await examine('', env);
    expect(find('API')).toMatchObject(warning(/does not answer/, /orchestrator up/));
  });

  it('looks at a target first, and says what to run by hand', async () => {
    const { all, find } = await examine(aProduct(['./missing', 'live', '{service}']));
    expect(find('shop/web target')).toMatchObject(failure(/ENOENT/, /run "\.\/missing live web" by hand/));
    expect(all.filter(({ group }) => group === 'products')).toHaveLength(1);
  });

  it('looks at metrics and health of the instances that the target names', async () => {
    const live = JSON.stringify({
      configured: 'v1',
      instances: [{ id: 'web/0', release: 'v1', running: true, url: 'http://127.0.0.1:2' }],
    });
    const { find } = await examine(aProduct(['echo', live]));
    expect(find('shop/web target')).toMatchObject({ ok: true, mend: null });
    expect(find('shop/web metrics')).toMatchObject(failure(/./, /\/metrics of each instance shows/));
    expect(find('shop/web health')).toMatchObject(failure(/web\/0/, /\/healthz of each instance answers/));
  });
});

describe('the doctor and link-local addresses', () => {
  const said = /169\.254\.1\.1 is a link-local address, where clouds keep their metadata: it is not asked/;

  it('asks none of them for the metrics of a product', async () => {
    const live = JSON.stringify({
      configured: 'v1',
      instances: [{ id: 'web/0', release: 'v1', running: true, url: 'http://127.0.0.1:2' }],
    });
    for (const metrics of [
      '{ kind: prometheus, url: "http://169.254.1.1:9090" }',
      '{ kind: json, url: "http://169.254.1.1/numbers", values: { requests: a, errors: b, latency_percentile: c } }',
    ]) {
      const { find } = await examine(aProduct(['echo', live], metrics));
      expect(find('shop/web metrics'), metrics).toMatchObject(failure(said, /./));
    }
  });

  it('neither tells them a token, nor connects to them', async () => {
    const { find } = await examine(
      `github: { owner: acme, repo: shop, token: "\${GITHUB_TOKEN}", base_url: "http://169.254.1.1/api" }\n` +
        'rollback_policy: { notifications: { webhooks: [{ name: ops, url: "http://169.254.1.1/x" }] } }\n',
      { GITHUB_TOKEN: 'right' },
    );
    expect(find('github')).toMatchObject(failure(said, /./));
    expect(find('rollback_policy.notifications.webhooks[0].url')).toMatchObject(failure(said, /./));
  });
});

describe('the doctor and the ways to people', () => {
  const notifications = (lines: string) => `rollback_policy:\n  notifications:\n${lines}`;

  it('connects to a webhook’s host, and sends nothing', async () => {
    const requests: string[] = [];
    const url = await listening(createServer((request) => void requests.push(request.url ?? '')));
    const text = notifications(
      `    slack_webhook: "\${HOOK}"\n    webhooks: [{ name: dead, url: http://127.0.0.1:2/x }]\n`,
    );
    const { find, all } = await examine(text, { HOOK: `${url}/secret-path` });
    expect(find('rollback_policy.notifications.slack_webhook')).toMatchObject({ ok: true, mend: null });
    expect(find('rollback_policy.notifications.webhooks[0].url')).toMatchObject(
      failure(/127\.0\.0\.1:2 cannot be reached/, /DNS, firewall/),
    );
    expect(requests).toEqual([]);
    expect(JSON.stringify(all)).not.toContain('secret-path');
  });

  it('greets the mail server and logs in, and sends nothing', async () => {
    let mails = 0;
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth: ({ password }, _session, done) =>
        password === 'right' ? done(null, { user: 'ana' }) : done(new Error('who are you')),
      onMailFrom: (_address, _session, done) => {
        mails += 1;
        done();
      },
    });
    server.on('error', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server.server, 'listening');
    afterwards(() => new Promise<void>((resolve) => server.close(resolve)));
    const { port } = server.server.address() as AddressInfo;
    const text = notifications('    email: ana@example.com\n');
    const [well, refused, unset] = await Promise.all([
      examine(text, { SMTP_URL: `smtp://ana:right@127.0.0.1:${port}` }),
      examine(text, { SMTP_URL: `smtp://ana:wr0ng@127.0.0.1:${port}` }),
      examine(text),
    ]);
    expect(well.find('mail server')).toMatchObject({
      ok: true,
      detail: `127.0.0.1:${port} greets and lets us in`,
    });
    expect(refused.find('mail server')).toMatchObject(
      failure(/who are you/, /user and password in SMTP_URL/),
    );
    expect(JSON.stringify(refused.all)).not.toContain('wr0ng');
    expect(unset.find('mail server')).toMatchObject(warning(/SMTP_URL is not set/, /set SMTP_URL=/));
    expect(mails).toBe(0);
  });

  it('asks GitHub for the repository, with the token', async () => {
    const url = await listening(
      createServer((request, response) => {
        const known = request.headers.authorization === 'token right';
        response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' });
        response.end(
          JSON.stringify(
            known ? { has_issues: request.url === '/repos/acme/shop' } : { message: 'Bad credentials' },
          ),
        );
      }),
    );
    const text = (repo: string) =>
      `github: { owner: acme, repo: ${repo}, token: "\${GITHUB_TOKEN}", base_url: "${url}" }\n`;
    const [well, stranger, silent] = await Promise.all([
      examine(text('shop'), { GITHUB_TOKEN: 'right' }),
      examine(text('shop'), { GITHUB_TOKEN: 'wr0ng' }),
      examine(text('quiet'), { GITHUB_TOKEN: 'right' }),
    ]);
    expect(well.find('github')).toMatchObject({ ok: true, mend: null });
    expect(stranger.find('github')).toMatchObject(failure(/401/, /make a new token/));
    expect(JSON.stringify(stranger.all)).not.toContain('wr0ng');
    expect(silent.find('github')).toMatchObject(failure(/has no issues/, /switch issues on/));
  });

  it('asks Slack for the bot and identity providers for their name, and pages nobody', async () => {
    const slack = await startSlack();
    afterwards(() => slack.close());
    const issuer = await anIssuer();
    const text = (issuerUrl: string) => `rollback_policy:
  notifications:
    slack_app: { bot_token: "\${SLACK_BOT_TOKEN}", channel: C0123456789, signing_secret: "\${SLACK_SIGNING}", api_url: "${slack.apiUrl}" }
    pagerduty: { routing_key: "\${PAGER_KEY}" }
access:
  workloads:
    - { issuer: "${issuerUrl}", audience: a, claims: { repository: acme/shop }, role: pipeline }
`;
    const env = { SLACK_SIGNING: 'signing-secret-of-slack', PAGER_KEY: 'R0UT1NGKEY0000000000000000000000' };
    const [well, ill] = await Promise.all([
      examine(text(issuer.url), { ...env, SLACK_BOT_TOKEN: botToken }),
      examine(text(`${issuer.url}/`), { ...env, SLACK_BOT_TOKEN: 'xoxb-0000-another-token' }),
    ]);
    expect(well.find('slack_app')).toMatchObject({ ok: true, detail: 'the bot is orchestrator of Acme' });
    expect(well.find('rollback_policy.notifications.pagerduty')).toMatchObject({
      ok: true,
      detail: expect.stringContaining('not tried'),
    });
    expect(well.find('identity provider')).toMatchObject({ ok: true, mend: null });
    expect(ill.find('slack_app')).toMatchObject(failure(/invalid_auth/, /copy its bot token/));
    expect(ill.find('identity provider')).toMatchObject(
      failure(/says that its issuer is/, /with or without a slash/),
    );
    expect(JSON.stringify([well.all, ill.all])).not.toContain('another-token');
    expect(slack.calls('apps.connections.open')).toEqual([]);
  });

  it('warns where nobody would be told', async () => {
    const { find } = await examine('');
    expect(find('channels')).toMatchObject(warning(/none is configured/, /slack_webhook, email or webhooks/));
  });
});

function aProduct(live: readonly string[], metrics = '{ kind: scrape, memory_limit_mb: 64 }'): string {
  return `products:
  shop:
    services:
      web:
        deploy_target:
          kind: command
          live: ${JSON.stringify(live)}
          restorable: ['true']
          restore: ['true']
          restart: ['true']
        metrics: ${metrics}
`;
}

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterwards(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
