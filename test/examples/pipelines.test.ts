import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { afterwards, cleanUp, kill } from '../adapters/temporary.ts';
import { anIssuer } from '../client/access/an-issuer.ts';
import { aServedApi } from '../client/access/served-api.ts';

afterEach(cleanUp);

const folder = new URL('../../examples/pipelines/', import.meta.url);
const text = (name: string) => readFile(new URL(name, folder), 'utf8');

async function script(args: readonly string[], env: Record<string, string>) {
  const child = spawn('sh', [fileURLToPath(new URL('deployed.sh', folder)), ...args], {
    env: { PATH: process.env.PATH, ...env },
  });
  afterwards(() => kill(child));
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (piece: Buffer) => {
    stdout += piece.toString();
  });
  child.stderr.on('data', (piece: Buffer) => {
    stderr += piece.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}

async function aServer(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterwards(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const key = { product: 'shop', environment: 'production', deployment: 'pipeline-7' };

describe('the shell script', () => {
  it('fails where the deployment is known with another release, for what is live now is not watched', async () => {
    const url = await aServer((_, response) => {
      response
        .writeHead(409, { 'content-type': 'application/json' })
        .end('{"error":"known with v1, not v2"}');
    });
    const ran = await script(['deployed', 'shop', 'v2'], { ORCHESTRATOR_API: url, ORCHESTRATOR_TOKEN: 'x' });
    expect(ran).toMatchObject({ code: 1, stdout: '', stderr: '{"error":"known with v1, not v2"}\n' });
  });

  it('asks the gate and reports, with the identity token that GitLab hands a job', async () => {
    const api = await aServedApi();
    const issuer = await anIssuer();
    // As GitLab fills them: the branch without refs/heads.
    const gitlab = { project_path: 'acme/shop', ref: 'main', ref_type: 'branch', repository: undefined };
    const rule = {
      issuer: issuer.url,
      audience: 'rollback-orchestrator',
      claims: { project_path: 'acme/shop', ref: 'main', ref_type: 'branch' },
      role: 'pipeline' as const,
      product: 'shop',
    };
    api.use({ workloads: [rule] });
    const env = { ORCHESTRATOR_API: api.url, ORCHESTRATOR_TOKEN: await issuer.sign(gitlab) };
    expect(await script(['gate', 'shop', 'v2'], env)).toMatchObject({ code: 0 });
    const services = [{ service: 'web', release: 'v2' }];
    await api.store.deployments.register({ ...key, services, origin: 'reported', deployedAtMs: 1 });
    const more = { DEPLOYMENT: 'pipeline-7', CHANGED_AT: '2026-11-24T10:00:00+00:00' };
    expect(await script(['deployed', 'shop', 'v2'], { ...env, ...more })).toMatchObject({
      code: 0,
      stdout: 'pipeline-7 of shop is watched for 24 hours.\n',
    });
    expect(api.reached).toEqual(['gate shop', 'report']);
    await api.store.deployments.end(key, 'rolled_back', 'errors "9/min"', 2);
    const ended = await script(['deployed', 'shop', 'v2'], { ...env, ...more, WAIT_MINUTES: '1' });
    expect(ended.code).toBe(4);
    expect(ended.stderr).toMatch(/rolled_back\n$/);
    const elsewhere = await script(['gate', 'billing'], env);
    expect(elsewhere).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('this needs one of the roles'),
    });
  });

  it('comes again as late as it is told, and ends with 6 when the gate is shut', async () => {
    const asked: number[] = [];
    const url = await aServer((_request, response) => {
      asked.push(Date.now());
      if (asked.length === 1)
        return void response.writeHead(503, { 'retry-after': '2' }).end('{"error":"wait"}');
      response.writeHead(409).end('{"open":false,"findings":[]}');
    });
    const env = { ORCHESTRATOR_API: url, ORCHESTRATOR_TOKEN: 't' };
    expect(await script(['gate', 'shop'], env)).toMatchObject({
      code: 6,
      stderr: 'The gate of shop is shut.\n',
    });
    expect((asked[1] as number) - (asked[0] as number)).toBeGreaterThanOrEqual(1_900);
  });

  it('says what is missing', async () => {
    expect((await script(['gate', 'shop'], {})).stderr).toContain('ORCHESTRATOR_API');
    const env = { ORCHESTRATOR_API: 'http://127.0.0.1:9', ORCHESTRATOR_TOKEN: 't' };
    expect(await script(['go', 'shop'], env)).toMatchObject({ code: 2 });
    expect((await script(['deployed', 'shop'], env)).stderr).toContain('the release');
  });
});

describe('the recipes', () => {
  it('give the action nothing that it does not know, and the job what it needs', async () => {
    const action = parse(await readFile(new URL('../../action.yml', folder), 'utf8'));
    const workflow = parse(await text('github/deploy.yml'));
    expect(workflow.permissions['id-token']).toBe('write');
    const steps = workflow.jobs.deploy.steps as {
      uses?: string;
      with?: Record<string, unknown>;
      run?: string;
    }[];
    const ours = steps.filter(({ uses }) => uses?.includes('rollback-orchestrator'));
    expect(ours.map((step) => step.with?.command)).toEqual(['gate', 'deployed']);
    for (const { with: given = {} } of ours) {
      expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(given)));
      for (const [name, { required }] of Object.entries<{ required?: boolean }>(action.inputs))
        if (required === true) expect(given[name], name).toBeTruthy();
    }
  });

  it('let GitLab make out a token and hand it to the script under the name it reads', async () => {
    const pipeline = parse(await text('.gitlab-ci.yml'));
    const shell = await text('deployed.sh');
    const [token] = Object.keys(pipeline['.orchestrator'].id_tokens);
    expect(shell).toContain(`$${token}`);
    for (const name of Object.keys(pipeline.watch.variables)) expect(shell).toContain(`\${${name}:`);
    expect(pipeline.gate.script).toEqual(['sh deployed.sh gate shop "$CI_COMMIT_SHORT_SHA"']);
    expect(pipeline.watch.script).toEqual(['sh deployed.sh deployed shop "$CI_COMMIT_SHORT_SHA"']);
  });
});
