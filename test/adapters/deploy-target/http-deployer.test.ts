import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createHttpDeployerTarget,
  type HttpDeployerOptions,
} from '../../../adapters/deploy-target/http-deployer.ts';
import { aFaultyServer, aServer, type HttpFault, httpFaults } from '../http-faults.ts';
import { cleanUp, eventually, freePorts, startNode, temporaryFolder } from '../temporary.ts';
import { describeDeployTarget } from './deploy-target.contract.ts';
import { folderHarness } from './folder-harness.ts';
import { aStep, ask, sampleCommand } from './sample-service.ts';

const signal = AbortSignal.timeout(600_000);
const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const bearerToken = 'token-of-the-deployer';
const exampleServer = join(import.meta.dirname, '../../../examples/deployer/server.js');

/** The example's server as a process of its own, over the example's or another deploy module. */
async function startDeployer(env: NodeJS.ProcessEnv): Promise<string> {
  const settings = { DEPLOYER_SECRET: secret, DEPLOYER_TOKEN: bearerToken, PORT: '0', ...env };
  const child = startNode([exampleServer], { PATH: process.env.PATH, ...settings });
  let said = '';
  child.stdout?.on('data', (text) => {
    said += text;
  });
  return eventually(() => /listening on (http:\S+)/.exec(said)?.[1]);
}

const aTarget = (url: string, change: Partial<HttpDeployerOptions> = {}) =>
  createHttpDeployerTarget({ url, secret, bearerToken, pollMs: 20, timeoutMs: 5_000, ...change });

/** What a team would write in place of the example's deploy.js, here over the folders of the local-process target. */
const deployModule = (root: string, basePort: number) => `
import { createLocalProcessTarget } from ${JSON.stringify(join(import.meta.dirname, '../../../adapters/deploy-target/local-process.ts'))};
const services = { api: { command: ${JSON.stringify(sampleCommand)}, instances: 2, basePort: ${basePort} } };
const target = createLocalProcessTarget({ root: ${JSON.stringify(root)}, services });
const step = (key, heartbeat) => ({ key, heartbeat, signal: AbortSignal.timeout(60_000) });
export const live = (service) => target.live(service, AbortSignal.timeout(60_000));
export const restorable = (service, release) => target.restorable(service, release, AbortSignal.timeout(60_000));
export const restore = (service, release, key, say) => target.restore(service, release, step(key, say));
export const restart = (service, key, say) => target.restart(service, step(key, say));
`;

describeDeployTarget('http', async () => {
  const root = await temporaryFolder();
  const deploy = join(root, 'deploy.mjs');
  await writeFile(deploy, deployModule(root, await freePorts(2)));
  return folderHarness(root, aTarget(await startDeployer({ DEPLOY: deploy })));
});

describe('the deployer of the example', { timeout: 30_000 }, () => {
  afterEach(cleanUp);

  it('puts a release back that it has as a folder, and says when it has not', async () => {
    const root = await temporaryFolder();
    const port = await freePorts(1);
    for (const release of ['v1', 'v2']) {
      await mkdir(join(root, 'web', 'releases', release), { recursive: true });
      const code = `require('http').createServer((q, r) => r.end(JSON.stringify({ release: process.env.RELEASE, pid: process.pid }))).listen(process.env.PORT)`;
      await writeFile(join(root, 'web', 'releases', release, 'server.js'), code);
    }
    const target = aTarget(await startDeployer({ ROOT: root, SERVICE_PORT: String(port) }));
    expect(await target.live('web', signal)).toEqual({ configured: null, instances: [] });
    for (const release of ['v2', 'v1']) {
      await target.restore('web', release, aStep(release));
      await target.restart('web', aStep(release));
      const answer = await eventually(() => ask(`http://127.0.0.1:${port}`).catch(() => null));
      expect(answer.release).toBe(release);
      await target.restart('web', aStep(release));
      expect((await ask(`http://127.0.0.1:${port}`)).pid).toBe(answer.pid);
    }
    expect((await target.live('web', signal)).instances).toMatchObject([{ release: 'v1', running: true }]);
    expect(await target.restorable('web', 'v0', signal)).toEqual({
      restorable: false,
      reason: expect.stringContaining('releases/v0/server.js is missing'),
    });
    await expect(target.restore('web', 'v0', aStep('k'))).rejects.toThrow(
      /deployer http.*\/restore failed: .*v0\/server\.js is missing/,
    );
    expect(await target.checks?.('web', signal)).toEqual([
      {
        name: 'the deployer accepts the signature',
        ok: true,
        detail: expect.stringContaining('accepted it'),
      },
    ]);
  });

  it('refuses a wrong secret and a wrong token, which the checks say beforehand', async () => {
    const url = await startDeployer({ ROOT: await temporaryFolder() });
    const forged = aTarget(url, { secret: `whsec_${Buffer.alloc(32, 6).toString('base64')}` });
    const words =
      /HTTP 401 Unauthorized: wrong signature, .*; bearer_token and secret must be those of the deployer$/;
    await expect(forged.restart('web', aStep('k'))).rejects.toThrow(words);
    expect(await forged.checks?.('web', signal)).toMatchObject([
      { ok: false, detail: expect.stringMatching(words) },
    ]);
    const stranger = aTarget(url, { bearerToken: 'another token' });
    await expect(stranger.live('web', signal)).rejects.toThrow(/HTTP 401 Unauthorized: wrong token/);
  });
});

interface Heard {
  readonly path: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** A deployer that says what the test tells it to, one answer a request, the last one again and again. */
async function aScriptedDeployer(...answers: [status: number, body: unknown][]) {
  const heard: Heard[] = [];
  const url = await aServer((request, response) => {
    let body = '';
    request.on('data', (text) => {
      body += text;
    });
    void once(request, 'end').then(() => {
      heard.push({ path: `${request.method} ${request.url}`, headers: request.headers, body });
      const [status, answer] =
        answers.length > 1 ? (answers.shift() as (typeof answers)[0]) : (answers[0] ?? [500, '']);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  return { url, heard };
}

describe('an HTTP deployer', { timeout: 20_000 }, () => {
  afterEach(cleanUp);

  it('is told what to do by a signed message with a key of its own for each service and step', async () => {
    const { url, heard } = await aScriptedDeployer([200, {}]);
    const target = aTarget(`${url}/v1`);
    await target.restore('web', 'v1', { ...aStep('inc-1/1'), recipe: 'image 7f3a' });
    await target.restart('web', aStep('inc-1/1'));
    await target.restart('web', aStep('inc-1/1'));
    const [restore, restart, again] = heard;
    expect(restore).toMatchObject({
      path: 'POST /v1/restore',
      headers: { authorization: `Bearer ${bearerToken}`, 'idempotency-key': 'inc-1/1/web/restore' },
    });
    expect(JSON.parse(String(restore?.body))).toEqual({
      type: 'rollback.restore',
      service: 'web',
      release: 'v1',
      recipe: 'image 7f3a',
      key: 'inc-1/1',
    });
    expect(restart?.headers['idempotency-key']).toBe('inc-1/1/web/restart');
    expect(restart?.headers['webhook-id']).toBe(again?.headers['webhook-id']);
    expect(restart?.headers['webhook-id']).not.toBe(restore?.headers['webhook-id']);
  });

  it('may tell just a release, or what is wrong with an instance and how it was made', async () => {
    const told = {
      configured: 'v2',
      instances: [{ id: 'web-1', release: 'v2', running: false, url: null, trouble: 'no space left' }],
      recipe: 'image 7f3a',
    };
    const { url, heard } = await aScriptedDeployer(
      [200, 'v1'],
      [200, told],
      [200, { restorable: true, reason: 'there' }],
    );
    const target = aTarget(url);
    expect(await target.live('web', signal)).toEqual({
      configured: 'v1',
      instances: [{ id: 'web', release: 'v1', running: true, url: null }],
    });
    expect(await target.live('web', signal)).toEqual(told);
    await target.restorable('web', 'v1', signal, 'image 7f3a');
    expect(heard.at(-1)?.path).toBe('GET /restorable?service=web&release=v1&recipe=image+7f3a');
  });

  it('is asked for its progress until it has succeeded, also when it cannot be seen for a while', async () => {
    const { url } = await aScriptedDeployer(
      [202, { status_url: '/jobs/7' }],
      [200, { status: 'running', detail: 'draining web-1' }],
      [503, { error: 'deploying myself' }],
      [200, { status: 'succeeded', detail: 'web-1 and web-2 run v1' }],
    );
    const step = aStep('k');
    await aTarget(url).restart('web', step);
    expect(step.heard).toEqual([
      `asking deployer ${url}/restart`,
      `deployer ${url}/restart has begun`,
      'draining web-1',
      `the work cannot be seen: deployer ${url}/jobs/7: HTTP 503 Service Unavailable: deploying myself`,
      'web-1 and web-2 run v1',
    ]);
  });

  it('fails the step with its own words', async () => {
    const { url } = await aScriptedDeployer(
      [202, { status_url: 'jobs/7' }],
      [200, { status: 'failed', detail: `no node has room\nfor ${bearerToken}` }],
    );
    await expect(aTarget(url).restart('web', aStep('k'))).rejects.toThrow(
      `deployer ${url}/restart failed: no node has room for …`,
    );
  });

  it('is told again with the same key while it is away, and then no more', async () => {
    const away = await aScriptedDeployer([502, {}], [429, {}], [200, {}]);
    await aTarget(away.url).restart('web', aStep('k'));
    expect(new Set(away.heard.map(({ headers }) => headers['idempotency-key']))).toEqual(
      new Set(['k/web/restart']),
    );
    const gone = await aScriptedDeployer([503, { error: 'out of order' }]);
    await expect(aTarget(gone.url).restart('web', aStep('k'))).rejects.toThrow(/HTTP 503 .*: out of order/);
    expect(gone.heard).toHaveLength(3);
  });

  it('is not told again what it refused', async () => {
    const { url, heard } = await aScriptedDeployer([409, { error: 'a deployment is on' }]);
    await expect(aTarget(url).restart('web', aStep('k'))).rejects.toThrow(
      `deployer ${url}/restart: HTTP 409 Conflict: a deployment is on`,
    );
    expect(heard).toHaveLength(1);
  });

  it('gives its token to no other host', async () => {
    const elsewhere = await aScriptedDeployer([200, { status: 'succeeded' }]);
    const { url } = await aScriptedDeployer([202, { status_url: `${elsewhere.url}/jobs/7` }]);
    await expect(aTarget(url).restart('web', aStep('k'))).rejects.toThrow(
      `status_url on another host, ${elsewhere.url}: not asked`,
    );
    expect(elsewhere.heard).toEqual([]);
  });

  it.for([
    [[202, {}], /answered 202 without a status_url: nobody knows when it is done/],
    [[202, { status_url: 'http://' }], /answered 202 without a status_url/],
  ] as const)('is not believed that it accepted: %j', async ([answer, words]) => {
    const { url } = await aScriptedDeployer([...answer]);
    await expect(aTarget(url).restart('web', aStep('k'))).rejects.toThrow(words);
  });

  it('is not believed that it is done when its answer says something else', async () => {
    const { url } = await aScriptedDeployer([200, { status: 'failed', detail: 'no room' }]);
    await expect(aTarget(url).restart('web', aStep('k'))).rejects.toThrow(
      `deployer ${url}/restart answered 200 with status "failed": no room`,
    );
  });

  it('names a status that it does not know', async () => {
    const { url } = await aScriptedDeployer([202, { status_url: '/j' }], [200, { status: 'done' }]);
    await expect(aTarget(url).restart('web', aStep('k'))).rejects.toThrow(
      `deployer ${url}/j: status is "done"; allowed: running, succeeded, failed`,
    );
  });

  it('names what is wrong with what is live, and with whether something is restorable', async () => {
    const { url } = await aScriptedDeployer([200, { configured: 'v1' }], [200, { restorable: 'yes' }]);
    await expect(aTarget(url).live('web', signal)).rejects.toThrow(
      /\/live answered JSON that is not a live service: .*instances/s,
    );
    await expect(aTarget(url).restorable('web', 'v1', signal)).rejects.toThrow(
      /\/restorable answered without restorable \(true or false\) and reason \(text\)/,
    );
  });

  it('ends its waiting with the step', async () => {
    const { url } = await aScriptedDeployer([202, { status_url: '/j' }], [200, { status: 'running' }]);
    await expect(aTarget(url).restart('web', aStep('k', AbortSignal.timeout(200)))).rejects.toThrow(
      /timeout/,
    );
  });

  it('may have checks of its own, or no answer to signed questions', async () => {
    const own = { checks: [{ name: 'disk', ok: false, detail: '2 % free' }, { name: 3 }] };
    const { url } = await aScriptedDeployer([200, own], [404, {}]);
    expect(await aTarget(url).checks?.('web', signal)).toMatchObject([
      { ok: true },
      { name: 'deployer: disk', ok: false, detail: '2 % free' },
    ]);
    expect(await aTarget(url).checks?.('web', signal)).toMatchObject([
      { ok: true, detail: `not proven: deployer ${url}/check does not exist` },
    ]);
  });

  it.for(['ftp://deployer', 'deployer', 'http://me:pw@deployer', 'http://deployer/?token=x'])(
    'refuses the address %s, and does not repeat it',
    (url) => {
      expect(() => aTarget(url)).toThrow(
        /^http: url must be an http or https address without name, password, query/,
      );
    },
  );

  it('wants a secret as Standard Webhooks has it', () => {
    expect(() => aTarget('http://deployer', { secret: 'hush' })).toThrow(/must be "whsec_" followed by/);
  });
});

describe('an HTTP deployer that is in trouble', { timeout: 20_000 }, () => {
  afterEach(cleanUp);

  const words: Record<HttpFault, RegExp> = {
    'a refused connection': /connection refused$/,
    'no answer': /no complete answer within 300 ms$/,
    'HTTP 401': /HTTP 401 Unauthorized; bearer_token and secret must be/,
    'HTTP 403': /HTTP 403 Forbidden; bearer_token and secret must be/,
    'HTTP 404': /HTTP 404 Not Found; the deployer must answer there, see docs\/deployers\.md$/,
    'HTTP 429': /HTTP 429 Too Many Requests, asks to wait 7 s$/,
    'HTTP 500': /HTTP 500 Internal Server Error$/,
    'HTTP 503': /HTTP 503 Service Unavailable$/,
    'a redirect': /HTTP 302 Found: a redirect, which is not followed$/,
    'a truncated body': /connection closed before the end$/,
    'a body of 10 MB': /the answer is larger than 1048576 bytes$/,
    'a wrong content type': /answered text\/html, which is not JSON$/,
    'a slow drip': /no complete answer within 300 ms$/,
  };

  it.for(httpFaults)('says what it met: %s', async (fault) => {
    const url = await aFaultyServer(fault);
    const target = aTarget(url, { timeoutMs: 300 });
    const error: Error = await target.live('web', signal).then(
      () => new Error('believed'),
      (reason) => reason,
    );
    expect(error.message).toMatch(new RegExp(`^deployer ${url}/live`));
    expect(error.message).toMatch(words[fault]);
    expect(error.message).not.toContain(bearerToken);
  });

  it.for(httpFaults)('does not take it for done: %s', async (fault) => {
    const url = await aFaultyServer(fault);
    const target = aTarget(url, { timeoutMs: 300 });
    const step = aStep('k', AbortSignal.timeout(3_000));
    await expect(target.restart('web', step)).rejects.toThrow();
  });
});
