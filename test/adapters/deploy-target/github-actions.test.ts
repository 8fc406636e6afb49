import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createGitHubActionsTarget,
  type GitHubActionsOptions,
} from '../../../adapters/deploy-target/github-actions.ts';
import { aFaultyServer, type HttpFault, httpFaults } from '../http-faults.ts';
import { cleanUp, eventually } from '../temporary.ts';
import { listenOn } from '../traffic/backends.ts';
import { type ActionsOptions, type Answer, startActions } from './actions-server.ts';
import { describeDeployTarget } from './deploy-target.contract.ts';
import { aStep } from './sample-service.ts';

const signal = AbortSignal.timeout(600_000);
const token = 'ghp_0123456789abcdefSECRET';

const aTarget = ({ baseUrl }: { readonly baseUrl: string }, change: Partial<GitHubActionsOptions> = {}) =>
  createGitHubActionsTarget({
    owner: 'acme',
    repo: 'shop',
    token,
    baseUrl,
    workflow: 'deploy.yml',
    ref: 'main',
    inputs: { release: '{release}', rollback: '{key}' },
    environment: 'production',
    releaseFrom: 'payload',
    pollMs: 20,
    ...change,
  });

/** Two servers that whatever the workflow deploys to keeps running; each tells what it runs. */
async function aPlatform() {
  let made = 0;
  const instances = [0, 1].map(() => ({ version: null as string | null, identity: '' }));
  const renew = (instance: (typeof instances)[number], version = instance.version) => {
    made += 1;
    Object.assign(instance, { version, identity: `process ${made}` });
  };
  const urls = await Promise.all(
    instances.map(async (instance) => {
      const server = createServer((_request, response) =>
        response.writeHead(instance.version === null ? 503 : 200).end(JSON.stringify(instance)),
      );
      return `http://127.0.0.1:${await listenOn(server)}`;
    }),
  );
  return {
    instances,
    urls,
    deploy: (version: string) => {
      for (const instance of instances) renew(instance, version);
    },
    crash: (identity: string) => {
      for (const instance of instances) if (instance.identity === identity) renew(instance);
    },
  };
}

describeDeployTarget('github-actions', async () => {
  const platform = await aPlatform();
  const github = await startActions(token, { deploy: platform.deploy });
  return {
    // Without the environment: GitHub's own client waits a second between two changes.
    target: aTarget(github, { instances: { urls: platform.urls }, environment: undefined }),
    restoreRollsOut: true,
    lay: async (release) => {
      github.state.refs[release] = release.padEnd(40, '0');
    },
    missing: (release) => `${release} or deploy.yml is not in acme/shop`,
    async whoIs({ url }) {
      const answer = await fetch(`${url}/version`);
      const { identity, version } = (await answer.json()) as { identity: string; version: string };
      return { identity, release: version };
    },
    crash: async (identity) => platform.crash(identity),
  };
});

/** GitHub knows v1 and v2; v2 is live, as its deployment says. */
async function aRepository(options: ActionsOptions = {}, change: Partial<GitHubActionsOptions> = {}) {
  const github = await startActions(token, options);
  for (const release of ['v1', 'v2']) github.state.refs[release] = release.padEnd(40, '0');
  for (const release of ['v1', 'v2'])
    github.report(github.add({ ref: release, environment: 'production', payload: { release } }), 'success');
  return { github, target: aTarget(github, change) };
}

type Repository = Awaited<ReturnType<typeof aRepository>>['github'];

const dispatches = ({ requests }: Repository) =>
  requests.filter(({ route }) => route.endsWith('/dispatches')).map(({ body }) => body);
const statuses = ({ state }: Repository) =>
  state.deployments.map(({ id, payload, statuses: found }) => [
    id,
    payload,
    found.map((status) => status.state),
  ]);

describe('a workflow of GitHub Actions', { timeout: 20_000 }, () => {
  afterEach(cleanUp);

  it('is dispatched with the old release, waited for, and both deployments are told', async () => {
    const { github, target } = await aRepository();
    const step = aStep('INC-1/1/1');
    await target.restore('web', 'v1', step);
    expect(dispatches(github)).toEqual([
      { ref: 'main', inputs: { release: 'v1', rollback: 'INC-1/1/1/web' }, return_run_details: true },
    ]);
    expect(step.heard.at(-1)).toBe(
      'GitHub was told: deployment 3 of v1 to production succeeded, deployment 2 failed',
    );
    expect(statuses(github)).toEqual([
      [3, { release: 'v1', rollback: 'INC-1/1/1/web' }, ['success']],
      [2, { release: 'v2' }, ['failure', 'success']],
      [1, { release: 'v1' }, ['success']],
    ]);
    expect(github.state.deployments[1]?.statuses[0]).toEqual({
      state: 'failure',
      description: 'rolled back to v1',
      log_url: github.state.runs[0]?.html_url,
    });
    expect((await target.live('web', signal)).configured).toBe('v1');
  });

  it('may be dispatched on the tag of the old release', async () => {
    const { github } = await aRepository();
    github.state.refs['release/v1'] = 'f'.repeat(40);
    const target = aTarget(github, { ref: 'release/{release}', releaseRef: 'release/{release}' });
    await target.restore('web', 'v1', aStep('k'));
    expect(dispatches(github)[0]).toMatchObject({ ref: 'release/v1' });
    await expect(target.restore('web', 'v0', aStep('k'))).rejects.toThrow(
      'cannot restore v0: release/v0 or deploy.yml is not in acme/shop: GitHub answered 422: No commit found for SHA: release/v0',
    );
  });

  it('makes no deployment of its own where the job names the environment', async () => {
    const { github } = await aRepository({ namesEnvironment: true });
    const target = aTarget(github, { ref: '{release}', releaseFrom: 'ref' });
    await target.restore('web', 'v1', aStep('k'));
    expect(statuses(github)).toEqual([
      [3, {}, ['success']],
      [2, { release: 'v2' }, ['failure', 'success']],
      [1, { release: 'v1' }, ['success']],
    ]);
  });

  it('is dispatched once, also when the worker is killed after it or the answer is lost', async () => {
    const { github, target } = await aRepository();
    github.state.held = 'in_progress';
    await expect(target.restore('web', 'v1', aStep('k', AbortSignal.timeout(300)))).rejects.toThrow(
      /timeout/,
    );
    github.state.held = null;
    const step = aStep('k');
    await target.restore('web', 'v1', step);
    expect(step.heard[0]).toBe(`this step has dispatched ${github.state.runs[0]?.html_url} before`);
    await target.restart('web', aStep('k'));
    expect(dispatches(github)).toHaveLength(1);

    const usual = (answer: () => Answer) => answer();
    const lost = (answer: () => Answer) => {
      answer();
      return { status: 502, body: { message: 'Server Error' } };
    };
    // What is live: deployments and their newest statuses; then runs, and the dispatch.
    const before = github.requests.length;
    await target.live('web', signal);
    const looks = github.requests.length - before;
    github.scripted.push(...Array(looks + 1).fill(usual), lost);
    await target.restart('web', aStep('another'));
    expect(dispatches(github)).toHaveLength(2);
  });

  it('tells the runs of two services and of attempts 1 and 10 apart', async () => {
    const platform = await aPlatform();
    platform.deploy('v2');
    const { github, target } = await aRepository(
      {},
      { instances: { urls: platform.urls }, environment: undefined },
    );
    for (const key of ['INC-1/1/10', 'INC-1/1/1']) await target.restart('web', aStep(key));
    await target.restart('web2', aStep('INC-1/1/1'));
    await target.restart('we', aStep('INC-1/1/1'));
    expect(dispatches(github)).toHaveLength(4);
  });

  it('finds the run by its name on a server that does not tell it', async () => {
    const { github, target } = await aRepository({ tellsRuns: false });
    await target.restore('web', 'v1', aStep('k'));
    expect((await target.live('web', signal)).configured).toBe('v1');
    expect(dispatches(github)).toHaveLength(1);
  });

  it('says where the run has failed', async () => {
    const { github, target } = await aRepository({
      deploy: () => {
        throw new Error('no room');
      },
    });
    await expect(target.restore('web', 'v1', aStep('k'))).rejects.toThrow(
      `${github.state.runs[0]?.html_url ?? 'https://github.example/acme/shop/actions/runs/30433642'} ended with failure: job deploy failure at step "push to the cluster"`,
    );
    await expect(target.restart('web', aStep('k'))).rejects.toThrow(/ended with failure/);
    expect(dispatches(github)).toHaveLength(1);
    expect(statuses(github)[0]).toEqual([2, { release: 'v2' }, ['success']]);
  });

  it('says while it waits that somebody has to approve, and looks on while GitHub is away', async () => {
    const { github, target } = await aRepository();
    github.state.held = 'waiting';
    const step = aStep('k');
    const restored = target.restore('web', 'v1', step);
    await eventually(() => step.heard.some((word) => word.includes('waiting for the protection rules')));
    github.scripted.push(...Array(2).fill(() => ({ status: 503, body: { message: 'Unicorn' } })));
    await eventually(() =>
      step.heard.some((word) => /cannot be seen: GitHub answered 503: Unicorn/.test(word)),
    );
    github.state.held = null;
    await restored;
  });

  it('believes the instances, not what GitHub was told', async () => {
    const platform = await aPlatform();
    platform.deploy('v1');
    const { github, target } = await aRepository({}, { instances: { urls: platform.urls } });
    expect(await target.live('web', signal)).toEqual({
      configured: 'v1',
      instances: platform.urls.map((url) => ({ id: new URL(url).host, release: 'v1', running: true, url })),
    });
    Object.assign(platform.instances[0] as object, { version: null });
    expect((await target.live('web', signal)).instances[0]).toMatchObject({
      running: false,
      trouble: `${platform.urls[0]}/version: HTTP 503 Service Unavailable`,
    });
    Object.assign(platform.instances[0] as object, { version: 'v3' });
    expect(await target.live('web', signal)).toMatchObject({
      configured: 'v2',
      instances: [{ release: 'v3' }, { release: 'v1' }],
    });
    const field = aTarget(github, { instances: { urls: platform.urls, field: 'build' } });
    expect((await field.live('web', signal)).instances[0]?.trouble).toMatch(
      /it does not tell build in JSON$/,
    );
  });

  it('has rolled back also when GitHub cannot be told, unless that is all that tells what is live', async () => {
    const platform = await aPlatform();
    const urls = { instances: { urls: platform.urls } };
    const { github, target } = await aRepository({ deploy: platform.deploy }, urls);
    delete github.state.refs.v1;
    const withoutRef = { releaseRef: 'main' };
    await aTarget(github, { ...urls, ...withoutRef, environment: undefined }).restore(
      'web',
      'v1',
      aStep('a'),
    );
    const step = aStep('b');
    const refusing = (usual: () => Answer) => {
      const last = github.requests.at(-1)?.route ?? '';
      return last.includes('deployments')
        ? { status: 403, body: { message: 'Resource not accessible' } }
        : usual();
    };
    github.scripted.push(...Array(20).fill(refusing));
    await target.restart('web', step);
    expect(step.heard.at(-1)).toBe(
      'GitHub was not told of the rollback: GitHub answered 403: Resource not accessible',
    );
  });

  it('is deployed again as what GitHub was told, or not at all where nobody tells', async () => {
    const { github, target } = await aRepository();
    await target.restart('web', aStep('k'));
    expect(dispatches(github)[0]).toMatchObject({ inputs: { release: 'v2' } });
    github.state.deployments.splice(0);
    await expect(target.restart('web', aStep('other'))).rejects.toThrow(
      'nobody tells which release of web is to be deployed again',
    );
    await target.restart('web', aStep('k'));
  });

  it('may know a release by commit, or by a payload that was handed over as text', async () => {
    const { github } = await aRepository();
    expect((await aTarget(github, { releaseFrom: 'sha' }).live('web', signal)).configured).toBe(
      'v20000000000',
    );
    github.report(
      github.add({ ref: 'main', environment: 'production', payload: '{"release":"v3"}' }),
      'success',
    );
    expect((await aTarget(github).live('web', signal)).configured).toBe('v3');
    github.report(github.add({ ref: 'main', environment: 'production', payload: '' }), 'success');
    expect((await aTarget(github).live('web', signal)).configured).toBeNull();
  });

  it('says before what can be proven, and what cannot', async () => {
    const { github, target } = await aRepository();
    const details = async () =>
      ((await target.checks?.('web', signal)) ?? []).map(({ ok, detail }) => [ok, detail]);
    expect(await details()).toEqual([
      [true, 'deploy.yml is active; not proven: that the token may dispatch it (actions: write)'],
      [true, 'the run-name of deploy.yml shows inputs.rollback'],
      [true, 'production has no required reviewers and no wait timer'],
      [true, expect.stringContaining('what is live is what GitHub was told, not what runs')],
    ]);
    github.state.workflow = { state: 'disabled_inactivity', text: 'name: Deploy\nrun-name: Deploy\n' };
    github.state.protection = [{ type: 'required_reviewers' }];
    expect((await details()).slice(0, 3)).toEqual([
      [false, 'workflow deploy.yml is disabled_inactivity; it must be active: gh workflow enable deploy.yml'],
      [
        false,
        'the run-name of deploy.yml must show inputs.rollback, or a repeated step would deploy twice; found: run-name: Deploy',
      ],
      [false, expect.stringMatching(/^environment production has required_reviewers: a rollback would wait/)],
    ]);
    await expect(target.restore('web', 'v1', aStep('k'))).rejects.toThrow('is disabled_inactivity');
  });

  it('is refused where a repeated step could not find its run, or nobody tells what is live', () => {
    const github = { baseUrl: 'http://127.0.0.1:1' };
    expect(() => aTarget(github, { inputs: { release: '{release}' } })).toThrow(
      'one of inputs must be given {key}, and run-name of the workflow must show it',
    );
    expect(() => aTarget(github, { environment: undefined })).toThrow(
      'either environment or instance_urls must say what is live',
    );
  });
});

describe('a workflow of GitHub Actions, when GitHub does not do it', { timeout: 20_000 }, () => {
  afterEach(cleanUp);

  const refused = (status: number, message: string, headers?: Record<string, string>) => () => ({
    status,
    body: { message },
    headers,
  });

  it.for([
    ['a bad token', refused(401, 'Bad credentials'), /GitHub answered 401: Bad credentials/],
    [
      'a missing right',
      refused(403, 'Resource not accessible by personal access token'),
      /answered 403: Resource not/,
    ],
    [
      'a long rate limit',
      refused(403, 'You have exceeded a secondary rate limit.', { 'retry-after': '600' }),
      /answered 403 \(retry after 600 s\): You have exceeded/,
    ],
    [
      'an exhausted hour',
      refused(403, 'API rate limit exceeded', {
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': String(Math.floor(Date.now() / 1_000) + 3_000),
      }),
      /answered 403: API rate limit exceeded/,
    ],
    [
      'an input that the workflow does not have',
      refused(422, 'Unexpected inputs provided: ["x"]'),
      /answered 422: Unexpected inputs/,
    ],
    [
      'a workflow without that trigger',
      refused(422, "Workflow does not have 'workflow_dispatch' trigger"),
      /answered 422: Workflow does not have/,
    ],
  ] as const)('says so of %s', async ([, answer, words]) => {
    const { github, target } = await aRepository();
    const onDispatch = (usual: () => Answer) =>
      github.requests.at(-1)?.route.endsWith('/dispatches') === true ? answer() : usual();
    github.scripted.push(...Array(20).fill(onDispatch));
    const error: Error = await target.restore('web', 'v1', aStep('k')).then(
      () => new Error('done'),
      (reason) => reason,
    );
    expect(error.message).toMatch(words);
    expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain(token);
    expect(github.state.runs).toEqual([]);
  });

  it('waits for a short rate limit', async () => {
    const { github, target } = await aRepository();
    github.scripted.push(refused(403, 'You have exceeded a secondary rate limit.', { 'retry-after': '1' }));
    expect((await target.live('web', signal)).configured).toBe('v2');
  });

  it('says that a workflow is not there', async () => {
    const { github } = await aRepository();
    expect(await aTarget(github, { workflow: 'release.yml' }).restorable('web', 'v1', signal)).toEqual({
      restorable: false,
      reason: 'v1 or release.yml is not in acme/shop: GitHub answered 404: Not Found',
    });
  });

  const words: Record<HttpFault, RegExp> = {
    'a refused connection': /GitHub could not be used/,
    'no answer': /the deployments to production of acme\/shop did not come within 1500 ms/,
    'HTTP 401': /GitHub answered 401/,
    'HTTP 403': /GitHub answered 403/,
    'HTTP 404': /GitHub answered 404/,
    'HTTP 429': /GitHub answered 429|did not come within 1500 ms/,
    'HTTP 500': /GitHub answered 500|did not come within 1500 ms/,
    'HTTP 503': /GitHub answered 503|did not come within 1500 ms/,
    'a redirect': /GitHub could not be used/,
    'a truncated body':
      /GitHub could not be used: the deployments to production: the answer is no JSON, or was cut short/,
    'a body of 10 MB': /GitHub told no deployments to production/,
    'a wrong content type': /the deployments to production: the answer is no JSON, or was cut short/,
    'a slow drip': /did not come within 1500 ms/,
  };

  it.for(httpFaults)('says what it met: %s', async (fault) => {
    const target = aTarget({ baseUrl: await aFaultyServer(fault) }, { timeoutMs: 1_500 });
    const error: Error = await target.live('web', signal).then(
      () => new Error('believed'),
      (reason) => reason,
    );
    expect(error.message).toMatch(words[fault]);
    expect(error.message).not.toContain(token);
  });
});
