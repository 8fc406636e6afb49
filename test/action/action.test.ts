import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { afterwards, cleanUp } from '../adapters/temporary.ts';
import { anIssuer } from '../client/access/an-issuer.ts';
import { aServedApi, type ServedApi } from '../client/access/served-api.ts';
import { aJob } from './a-job.ts';

afterEach(cleanUp);

async function aPipeline(expires = '5m') {
  const api = await aServedApi();
  const issuer = await anIssuer();
  const rule = {
    issuer: issuer.url,
    audience: 'rollback-orchestrator',
    claims: { repository: 'acme/shop', ref: 'refs/heads/main' },
    role: 'pipeline' as const,
    product: 'shop',
  };
  api.use({ workloads: [rule] });
  const inputs = { 'api-url': `${api.url}/`, product: 'shop', release: 'v2' };
  return { api, inputs, job: await aJob(issuer, expires) };
}

const key = { product: 'shop', environment: 'production', deployment: '9000-1' };

async function haveDeployment({ store }: ServedApi) {
  const services = [{ service: 'web', release: 'v2' }];
  await store.deployments.register({ ...key, services, origin: 'reported', deployedAtMs: 1_000 });
  const entry = { ...key, incident: null, kind: 'decision' as const };
  const text = 'errors 9/min\n::error::forged ##[warning]forged';
  await store.timeline.append([{ ...entry, key: 'a', atMs: 2_000, text }]);
}

describe('the action, after a deployment', () => {
  it('reports it with the identity of the job, and shows no token', async () => {
    const { api, inputs, job } = await aPipeline();
    await haveDeployment(api);
    const run = await job.run({ ...inputs, command: 'deployed' });
    expect(run).toMatchObject({ code: 0, outputs: { deployment: '9000-1', outcome: 'watching', link: '' } });
    expect(api.reached).toEqual(['report']);
    const [{ url, headers } = { url: '', headers: {} }] = job.asked;
    expect(url).toBe('/idtoken?api-version=2.0&audience=rollback-orchestrator');
    expect(headers.authorization).toBe('Bearer the-secret-of-the-job');
    const shown = run.log.split('\n').filter((line) => !line.startsWith('::add-mask::'));
    expect(shown.join('\n')).not.toMatch(/eyJ/);
    expect(run.log).toMatch(/^::add-mask::eyJ/m);
    const [entry] = await api.store.audit.list({ limit: 1 });
    expect(entry).toMatchObject({ who: 'acme/shop (deploy) for ada', status: 201 });
  });

  it('lets nothing in a story become a command to the runner, or markup', async () => {
    const { api, inputs, job } = await aPipeline();
    await haveDeployment(api);
    const { log, summary } = await job.run({ ...inputs, command: 'deployed' });
    expect(log).toContain('> 00:00:02 errors 9/min ::error::forged # #[warning]forged\n');
    expect(log).not.toMatch(/^::error/m);
    expect(summary).toContain('| 00:00:02 | errors 9/min ::error::forged # #\\[warning\\]forged |');
  });

  it('waits for the outcome and fails by it, with tokens that are made out anew', async () => {
    const { api, inputs, job } = await aPipeline('61s');
    await haveDeployment(api);
    const running = job.run({ ...inputs, command: 'deployed', 'wait-minutes': '1' });
    setTimeout(
      () => void api.store.deployments.end(key, 'rolled_back', 'errors 9/min, 10 × the baseline', 3_000),
      2_500,
    );
    const run = await running;
    expect(run).toMatchObject({ code: 1, outputs: { outcome: 'rolled_back' } });
    expect(run.log).toContain(
      '::error title=Deployment of shop::rolled_back: errors 9/min, 10 × the baseline\n',
    );
    expect(run.summary).toContain('### shop 9000-1: rolled\\_back');
    expect(job.asked.length).toBeGreaterThan(1);
    const fine = await job.run({ ...inputs, command: 'deployed', 'fail-on': 'needs_attention' });
    expect(fine).toMatchObject({ code: 0, outputs: { outcome: 'rolled_back' } });
  });

  it('says when the change was committed, where git knows it', async () => {
    const { api, inputs, job } = await aPipeline();
    await haveDeployment(api);
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@shop.example', ...args], {
        cwd: job.folder,
        env: { ...process.env, GIT_COMMITTER_DATE: '2026-11-20T10:00:00Z' },
      });
    git('init', '--quiet');
    git('commit', '--quiet', '--allow-empty', '-m', 'Change it');
    const commit = git('rev-parse', 'HEAD').toString().trim();
    const bodies: Record<string, unknown>[] = [];
    const front = createServer((request, response) => {
      let body = '';
      request.on('data', (piece) => {
        body += piece;
      });
      request.on('end', () => {
        if (body !== '') bodies.push(JSON.parse(body));
        const { authorization = '' } = request.headers;
        const method = request.method ?? 'GET';
        const init = {
          method,
          headers: { authorization, 'content-type': 'application/json' },
          ...(body === '' ? {} : { body }),
        };
        void fetch(`${api.url}${request.url}`, init).then(async (found) =>
          // Of the first report the answer is lost.
          bodies.length === 1 && method === 'POST'
            ? request.socket.destroy()
            : response.writeHead(found.status).end(await found.text()),
        );
      });
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    afterwards(() => front.close());
    const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
    const run = await job.run(
      { ...inputs, 'api-url': url, command: 'deployed' },
      { ...job.identity, GITHUB_SHA: commit },
    );
    expect(run.code).toBe(0);
    expect(bodies).toHaveLength(2);
    expect(bodies[1]).toEqual(bodies[0]);
    expect(bodies[0]).toMatchObject({
      deployment: '9000-1',
      release: 'v2',
      changedAt: '2026-11-20T10:00:00.000Z',
    });
    expect(run.log).toMatch(/^> the API at .* does not answer: .*; trying again in 1 s$/m);
  });

  it('takes several services, and an API token where there is no identity', async () => {
    const { api, inputs, job } = await aPipeline();
    await haveDeployment(api);
    const token = await api.tokenFor('pipeline', 'shop');
    const { release: _, ...others } = inputs;
    const services = 'web: v2\njobs=v1.3.0\n';
    const run = await job.run({ ...others, command: 'deployed', services, token }, {});
    expect(run.code).toBe(0);
    expect(run.log).toContain(`::add-mask::${token}\n`);
    const nothing = await job.run({ ...inputs, command: 'deployed' }, {});
    expect(nothing).toMatchObject({ code: 1 });
    expect(nothing.log).toContain('permissions: id-token: write');
  });
});

describe('the action, before a deployment', () => {
  it('goes on when the gate is open', async () => {
    const { api, inputs, job } = await aPipeline();
    const run = await job.run({ ...inputs, command: 'gate' });
    expect(run).toMatchObject({ code: 0, outputs: { open: 'true' } });
    expect(api.reached).toEqual(['gate shop']);
    expect(run.summary).toContain('### Gate of shop: open');
  });

  it('fails with the reasons and the ways past them when it is shut', async () => {
    const { inputs, job } = await aPipeline();
    const refused = {
      kind: 'refused',
      name: 'freeze',
      reason: 'no deployments on Friday',
      wayPast: 'gate --override',
    };
    const gate = createServer((_request, response) =>
      response
        .writeHead(409)
        .end(JSON.stringify({ open: false, overridden: false, findings: [refused], readiness: null })),
    );
    await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));
    afterwards(() => gate.close());
    const url = `http://127.0.0.1:${(gate.address() as AddressInfo).port}`;
    const run = await job.run({ ...inputs, 'api-url': url, command: 'gate' });
    expect(run).toMatchObject({ code: 1, outputs: { open: 'false' } });
    expect(run.log).toContain(
      '::error title=Gate of shop::no deployments on Friday. Way past it: gate --override\n',
    );
    expect(run.summary).toContain('| refused | freeze | no deployments on Friday | gate --override |');
  });

  it('says what is wrong with its inputs and with its rights', async () => {
    const { inputs, job } = await aPipeline();
    const wrong = async (more: Record<string, string>) => (await job.run({ ...inputs, ...more })).log;
    expect(await wrong({ command: 'go' })).toContain('command: found "go"; allowed are gate and deployed');
    expect(await wrong({ command: 'gate', 'api-url': 'shop' })).toContain('api-url: found "shop"');
    expect(await wrong({ command: 'deployed', release: '', services: 'web' })).toContain(
      'lines of service=release',
    );
    expect(await wrong({ command: 'gate', product: 'billing' })).toContain(
      'this needs one of the roles pipeline, operator, owner, admin for billing',
    );
  });
});

describe('action.yml', () => {
  it('has the inputs and outputs that the code reads and writes', async () => {
    const file = (name: string) => readFile(new URL(`../../${name}`, import.meta.url), 'utf8');
    const action = parse(await file('action.yml'));
    const code = `${await file('action/inputs.js')}${await file('action/main.js')}`;
    const read = [...code.matchAll(/(?:input|needed)\('([\w-]+)'/g)].map(([, name]) => name as string);
    expect([...new Set(read)].toSorted()).toEqual(Object.keys(action.inputs).toSorted());
    const written = [...code.matchAll(/setOutput\('([\w-]+)'/g)].map(([, name]) => name as string);
    expect([...new Set(written)].toSorted()).toEqual(Object.keys(action.outputs).toSorted());
    expect(action.runs).toEqual({ using: 'node24', main: 'action/main.js' });
    for (const [name, { description }] of Object.entries<{ description: string }>(action.inputs))
      expect(description, name).toBeTruthy();
  });
});
