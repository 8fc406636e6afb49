import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { afterEach, expect, it } from 'vitest';
import { createRollbackClient, type RollbackClient } from '../../client/rollback-client.ts';
import { type SlackServer, startSlack } from '../adapters/slack/slack-server.ts';
import { afterwards, cleanUp, eventually, freePorts, temporaryFolder } from '../adapters/temporary.ts';
import { aBrowser } from '../client/access/browser-without-eyes.ts';
import { anIdentityProvider, type IdentityProvider } from '../client/access/identity-provider.ts';

afterEach(cleanUp);

/** One in every place where a secret is configured; none of them may be found anywhere afterwards. */
const canaries = {
  DEPLOY_TOKEN: 'canary-deploy-1f2e3d4c5b',
  SHOP_DATABASE_URL: 'postgres://shop:canary-database-9a8b7c6d@db.internal:5432/shop',
  SLACK_WEBHOOK_URL: 'https://chat.internal/services/T0/B0/canaryslack00aabbccdd',
  HOOK_SECRET: `whsec_${Buffer.from('canary-signature-key-0123').toString('base64')}`,
  ORDINARY_NAME: 'canary-in-a-header-77aa88bb',
  GITHUB_TOKEN: 'canary-github-5566778899',
  SMTP_URL: 'smtp://mailer:canary-smtp-password@127.0.0.1:9',
  // What these are, their names do not say: the places in the configuration do.
  CHAT_BOT: 'xoxb-canary-bot-1a2b3c4d5e',
  CHAT_APP: 'xapp-canary-app-6f7a8b9c0d',
  CHAT_SIGNING: 'canary-chat-signing-2b4d6f8a',
  PAGER: 'canary0pager0000000000000000001f',
  SIGN_IN: 'canary-sign-in-client-3c5e7a9b',
  FROM_GITHUB: 'canary-from-github-4d6f8b0c',
  EVENTS: `whsec_${Buffer.from('canary-events-key-45678901').toString('base64')}`,
} as const;

const words = [
  ...Object.values(canaries),
  'canary-database-9a8b7c6d',
  'canary-smtp-password',
  '/services/T0/B0/canaryslack00aabbccdd',
  'canary-in-the-log-444555',
];

it('finds no planted secret in histories, store, reports, logs, answers, pages and messages', async () => {
  const folder = await temporaryFolder();
  const said: string[] = [];
  const port = await freePorts(1);
  const service = await aTalkativeService();
  const slack = await startSlack({ bot: canaries.CHAT_BOT, app: canaries.CHAT_APP });
  afterwards(() => slack.close());
  const outside: Outside = {
    hook: await aHook((body) => said.push(body)),
    // PagerDuty is told its key, and nobody else.
    pager: await aHook((body) => said.push(body.replace(`"routing_key":"${canaries.PAGER}"`, ''))),
    events: await aHook((body) => said.push(body)),
    slack,
    provider: await anIdentityProvider(`http://127.0.0.1:${port}/sign-in/back`, canaries.SIGN_IN),
  };
  await writeFile(join(folder, 'deploy.sh'), deployScript(service), { mode: 0o755 });
  await chmod(join(folder, 'deploy.sh'), 0o755);
  await writeFile(
    join(folder, 'web.log'),
    `${new Date().toISOString()} ERROR password=canary-in-the-log-444555 ${canaries.DEPLOY_TOKEN}\n`,
  );
  await writeFile(join(folder, 'rollback-config.yml'), configuration(outside));
  const { url, client, temporal, output } = await up(folder, port);
  const made = await client.makeToken({ name: 'ci', role: 'admin' });
  const pipeline = createRollbackClient({ url, token: made.secret });
  const browser = aBrowser();
  await browser.go(`${url}/sign-in/provider`);
  const { url: link } = await client.signInLink({ by: 'Ada' });
  const byLink = aBrowser();
  await byLink.go(link);
  const sessions = [browser, byLink].map(({ cookies }) => cookies(url).get('orchestrator_session') ?? '');
  expect(sessions.map((session) => session.length > 20)).toEqual([true, true]);
  const searched = [...words, made.secret, ...sessions];
  await client.reportDeployment({
    product: 'shop',
    release: 'v1',
    deployment: 'first',
    good: { by: 'Ada', reason: `seen with ${made.secret}` },
  });
  await pipeline.reportDeployment({ product: 'shop', release: 'v2', deployment: 'second' });
  await fromOutside(url, slack);
  await client.rollback(
    { product: 'shop' },
    {
      by: 'Ada',
      reason: `somebody pasted ${canaries.DEPLOY_TOKEN}, ${made.secret} and https://x:${canaries.GITHUB_TOKEN}@host`,
    },
  );
  await eventually(
    async () => (await client.status({ product: 'shop' })).rollback?.phase === 'escalated',
    60_000,
  );
  const found = await eventually(async () => {
    const { incidents } = await client.incidents();
    const incident = incidents[0] === undefined ? null : await client.incident(incidents[0].id);
    return incident?.report == null ? undefined : incident;
  }, 60_000);
  await client.command({ product: 'shop' }, 'resolve', {
    by: 'Ada',
    note: `done, ${canaries.ORDINARY_NAME}`,
  });
  await eventually(async () => said.some((text) => text.includes('Ada')), 20_000).catch(() => undefined);

  const places: Record<string, string> = {
    histories: await historiesOf(temporal),
    incident: JSON.stringify(found),
    status: JSON.stringify(await client.status({ product: 'shop' })),
    gate: JSON.stringify(await client.gate({ product: 'shop' }).catch(String)),
    audit: JSON.stringify(await client.audit()),
    overview: JSON.stringify(await client.overview(60)),
    tokens: JSON.stringify(await client.tokens()),
    readiness: JSON.stringify(await client.readiness({ product: 'shop' }).catch(String)),
    messages: said.join('\n'),
    slack: JSON.stringify([slack.called, slack.answers]) + slack.uploads.join('\n'),
    output: output.join(''),
    ...(await pages(url, browser, found.incident.id)),
    ...(await filesOf(join(folder, 'data'))),
  };
  // The search itself works: what is no secret is found.
  expect(places.histories).toContain('monitorDeployment');
  expect(places.histories).toContain('the deploy tool failed');
  expect(places.incident).toContain('[redacted]');
  expect(places.messages).toContain('shop');
  expect(places.slack).toContain('chat.postMessage');
  expect(places.audit).toContain('GitHub for acme/shop');
  expect(places.audit).toContain('ci');
  expect(places.overview).toContain('shop');
  const leaks = Object.entries(places).flatMap(([place, text]) =>
    searched.filter((word) => text.includes(word)).map((word) => `${word} in ${place}`),
  );
  expect(leaks).toEqual([]);
}, 180_000);

/** Says what it was configured with wherever it can. */
async function aTalkativeService(): Promise<string> {
  const server = await listening((_url) => ({
    status: 500,
    body: `cannot reach ${canaries.SHOP_DATABASE_URL} with ${canaries.ORDINARY_NAME}`,
  }));
  return addressOf(server);
}

async function aHook(hear: (body: string) => void): Promise<string> {
  const server = await listening((_url, body) => {
    hear(body);
    return { status: 200, body: 'ok' };
  });
  return addressOf(server);
}

async function listening(
  answer: (url: string, body: string) => { status: number; body: string },
): Promise<Server> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => {
      body += piece.toString();
    });
    request.on('end', () => {
      const { status, body: text } = answer(request.url ?? '', body);
      response.writeHead(status).end(text);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function deployScript(service: string): string {
  return [
    '#!/bin/sh',
    'case "$1" in',
    `  live) echo '{"configured":"v2","instances":[{"id":"web/0","release":"v2","running":true,"url":"${service}"}]}' ;;`,
    '  has) exit 0 ;;',
    '  *) echo "the deploy tool failed: token $DEPLOY_TOKEN, header $API_TOKEN" >&2; exit 1 ;;',
    'esac',
    '',
  ].join('\n');
}

interface Outside {
  readonly hook: string;
  readonly pager: string;
  readonly events: string;
  readonly slack: SlackServer;
  readonly provider: IdentityProvider;
}

function configuration({ hook, pager, events, slack, provider }: Outside): string {
  return `
rollback_policy:
  monitoring: { check_interval_seconds: 1, suspect_interval_seconds: 1, baseline_window_minutes: 0.05 }
  rollback: { max_rollback_attempts: 1, health_check_timeout_seconds: 2 }
  notifications:
    slack_webhook: "\${SLACK_WEBHOOK_URL}"
    webhooks: [{ name: ops, url: "${hook}", secret: "\${HOOK_SECRET}" }]
    slack_app:
      bot_token: "\${CHAT_BOT}"
      app_token: "\${CHAT_APP}"
      signing_secret: "\${CHAT_SIGNING}"
      channel: C0123456789
      api_url: "${slack.apiUrl}"
      users: { U0000ADA: { name: Ada, role: owner } }
    pagerduty: { routing_key: "\${PAGER}", url: "${pager}" }
    cdevents: { url: "${events}", secret: "\${EVENTS}" }
access:
  sign_in:
    issuer: ${provider.issuer}
    client_id: ${provider.clientId}
    client_secret: "\${SIGN_IN}"
    scopes: openid email groups
    roles: [{ claim: groups, value: sre, role: admin }]
products:
  shop:
    owner: { name: Ada, email: ada@shop.example }
    services:
      web:
        deploy_target:
          kind: command
          live: [./deploy.sh, live]
          restorable: [./deploy.sh, has]
          restore: [./deploy.sh, use]
          restart: [./deploy.sh, restart]
          env: { DEPLOY_TOKEN: "\${DEPLOY_TOKEN}", API_TOKEN: "\${ORDINARY_NAME}" }
        metrics: { kind: scrape }
        logs: { kind: files, paths: [./web.log] }
github:
  owner: acme
  repo: shop
  token: "\${GITHUB_TOKEN}"
  base_url: "http://127.0.0.1:9"
  webhook_secret: "\${FROM_GITHUB}"
  deployments: [{ repository: acme/shop, product: shop, release: ref }]
`;
}

async function up(
  folder: string,
  port: number,
): Promise<{ url: string; client: RollbackClient; temporal: Client; output: string[] }> {
  const data = join(folder, 'data');
  const output: string[] = [];
  const args = ['bin/orchestrator.js', 'up', '--config', join(folder, 'rollback-config.yml'), '--data', data];
  const ports = ['--port', String(port), '--ui-port', '0', '--temporal-port', '0', '--metrics-port', '0'];
  const child = spawn(process.execPath, [...args, ...ports], {
    env: { ...process.env, ...canaries, LOG_LEVEL: 'debug' },
  });
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (piece: Buffer) => output.push(piece.toString()));
  afterwards(async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  });
  const place = await eventually(async () => {
    const text = await readFile(join(data, 'api.json'), 'utf8').catch(() => '');
    return text === '' ? undefined : (JSON.parse(text) as { url: string; temporalAddress: string });
  }, 60_000);
  const token = (await readFile(join(data, 'api-token'), 'utf8')).trim();
  const connection = await NativeConnection.connect({ address: place.temporalAddress });
  afterwards(() => connection.close());
  return {
    url: place.url,
    client: createRollbackClient({ url: place.url, token }),
    temporal: new Client({ connection }),
    output,
  };
}

/** Everything that Temporal keeps, payloads decoded. */
async function historiesOf(temporal: Client): Promise<string> {
  const parts: string[] = [];
  for await (const { workflowId, runId, memo } of temporal.workflow.list()) {
    const handle = temporal.workflow.getHandle(workflowId, runId);
    parts.push(
      workflowId,
      JSON.stringify(memo),
      plainText(await handle.fetchHistory()),
      plainText((await handle.describe()).raw),
    );
  }
  return parts.join('\n');
}

function plainText(value: unknown): string {
  return JSON.stringify(value, (_key, entry: unknown) => {
    if (entry instanceof Uint8Array) return Buffer.from(entry).toString('utf8');
    return typeof entry === 'bigint' ? String(entry) : entry;
  });
}

/** What GitHub and Slack send, signed with what they share with us, and what somebody sends who only has heard of the secrets. */
async function fromOutside(url: string, slack: SlackServer): Promise<void> {
  const status = JSON.stringify({
    action: 'created',
    deployment_status: {
      id: 7,
      state: 'failure',
      description: canaries.DEPLOY_TOKEN,
      environment: 'production',
      created_at: new Date().toISOString(),
    },
    deployment: {
      id: 42,
      sha: 'f95f852bd8fca8fc',
      ref: 'v2',
      task: 'deploy',
      payload: {},
      environment: 'production',
    },
    repository: { id: 1, full_name: 'acme/shop', private: true },
    sender: { login: 'ada' },
  });
  const signature = createHmac('sha256', canaries.FROM_GITHUB).update(status).digest('hex');
  for (const signed of [`sha256=${signature}`, canaries.FROM_GITHUB]) {
    const headers = {
      'content-type': 'application/json',
      'x-github-event': 'deployment_status',
      'x-github-delivery': 'd-1',
      'x-hub-signature-256': signed,
    };
    const { status: code } = await fetch(`${url}/hooks/github`, { method: 'POST', headers, body: status });
    expect(code).toBe(signed === canaries.FROM_GITHUB ? 401 : 202);
  }
  const line = new URLSearchParams({
    command: '/orchestrator',
    text: `acknowledge shop ${canaries.CHAT_BOT}`,
    user_id: 'U0000ADA',
    user_name: 'ada',
    channel_id: 'C0123456789',
    team_id: 'T1',
    trigger_id: '9.8.7',
    response_url: `${slack.origin}/commands/1`,
  }).toString();
  const atSeconds = String(Math.floor(Date.now() / 1_000));
  const signedLine = createHmac('sha256', canaries.CHAT_SIGNING)
    .update(`v0:${atSeconds}:${line}`)
    .digest('hex');
  const said = await fetch(`${url}/hooks/slack/commands`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': atSeconds,
      'x-slack-signature': `v0=${signedLine}`,
    },
    body: line,
  });
  expect(said.status).toBe(200);
  await eventually(() => slack.answers.length > 0);
}

async function pages(
  url: string,
  { go }: ReturnType<typeof aBrowser>,
  incident: string,
): Promise<Record<string, string>> {
  const shown: Record<string, string> = {};
  for (const path of [
    '/',
    '/deployments/shop/second',
    '/incidents',
    `/incidents/${incident}`,
    `/incidents/${incident}.md`,
    '/access',
    '/statistics',
  ]) {
    const { status, text } = await go(`${url}${path}`);
    expect(status, path).toBe(200);
    shown[`page ${path}`] = text;
  }
  return shown;
}

/** Every file of the data folder, as bytes: store, Temporal's own database, reports, logs. */
async function filesOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(
      files.map(async (file) => [`file ${file}`, (await readFile(file)).toString('latin1')] as const),
    ),
  );
}
