import { join } from 'node:path';
import { NativeConnection } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../adapters/store/store.ts';
import { serveApi } from '../../client/api/serve.ts';
import { createRollbackClient, type RollbackClient } from '../../client/rollback-client.ts';
import { monitorWorkflowId, postMortemWorkflowId } from '../../domain/identity.ts';
import { statusQuery } from '../../workflows/messages.ts';
import type { monitorDeployment } from '../../workflows/monitor-deployment.ts';
import { afterwards, cleanUp, eventually, temporaryFolder } from '../adapters/temporary.ts';
import { createDevWorld, type DevProduct, type DevWorld, startDevServer } from '../support/dev-world.ts';
import { expectValidOpenApi } from './openapi.ts';

let world: DevWorld;
let client: RollbackClient;
beforeAll(async () => {
  world = await createDevWorld();
  client = createRollbackClient({ url: world.api.url, token: world.token });
});
afterAll(() => world?.end());
afterEach(cleanUp);

/** What the API answered, as a program that is not ours sees it. */
interface Answered {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly error?: string; readonly reason?: string };
}

async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answered> {
  const response = await fetch(`${world.api.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.token}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Answered['body'] };
}

async function get(path: string, headers: Record<string, string> = {}): Promise<Answered> {
  const response = await fetch(`${world.api.url}${path}`, {
    headers: { authorization: `Bearer ${world.token}`, ...headers },
  });
  return { status: response.status, body: (await response.json()) as Answered['body'] };
}

/** v1 is good, v2 is live and under watch. */
async function aBadDeployment(product: string): Promise<DevProduct> {
  const made = world.addProduct(product);
  await made.haveGood('v1');
  await made.service.deploy('v2');
  const report = { product, deployment: 'deploy-v2', release: 'v2' };
  expect((await post('/v1/deployments', report)).status).toBe(201);
  return made;
}

/** A rollback that waits for people, because nothing can be restored. */
async function anEscalation(product: string): Promise<DevProduct> {
  const made = await aBadDeployment(product);
  made.service.fail('restore', 'the disk is full', Number.POSITIVE_INFINITY);
  await client.rollback({ product }, { by: 'Ana', reason: 'UI breaking' });
  await eventually(async () => (await client.status({ product })).rollback?.phase === 'escalated', 20_000);
  return made;
}

async function rolledBack(product: string) {
  return eventually(async () => {
    const { incidents } = await client.incidents({ product });
    return incidents.find(({ outcome }) => outcome !== null);
  }, 30_000);
}

describe('alerts of an alert manager', () => {
  const anAlert = (labels: Record<string, string>, status = 'firing') => ({
    status,
    labels: { alertname: 'Slow', ...labels },
    annotations: { summary: 'p95 is 3 s' },
    startsAt: '2026-11-24T10:00:00.123Z',
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'http://prometheus.example/graph',
    fingerprint: 'c1d2',
  });
  const message = (...alerts: object[]) => ({ version: '4', status: 'firing', receiver: 'rollback', alerts });

  it('are taken with their product and service, and end when they are resolved', async () => {
    world.addProduct('alerted');
    const labels = { product: 'alerted', service: 'web' };
    const taken = await post('/v1/alerts/alertmanager', message(anAlert(labels)));
    expect(taken).toEqual({ status: 200, body: { received: 1, ignored: [] } });
    const key = { product: 'alerted', environment: 'production' };
    expect(await world.store.alerts.firing(key, 0)).toEqual([
      {
        name: 'Slow',
        service: 'web',
        summary: 'p95 is 3 s',
        sinceMs: Date.parse('2026-11-24T10:00:00.123Z'),
      },
    ]);
    await post('/v1/alerts/alertmanager', message(anAlert(labels, 'resolved')));
    expect(await world.store.alerts.firing(key, 0)).toEqual([]);
  });

  it('that say nothing of a product of ours are named, and the others taken', async () => {
    world.addProduct('named');
    const { body } = await post(
      '/v1/alerts/alertmanager',
      message(
        anAlert({}),
        anAlert({ product: 'nobody' }),
        anAlert({ product: 'named', service: 'jobs' }),
        anAlert({ product: 'named' }),
      ),
    );
    expect(body).toEqual({
      received: 1,
      ignored: [
        'Slow: it has no label product',
        'Slow: there is no product nobody',
        'Slow: product named has no service jobs; configured: web',
      ],
    });
  });

  it('answer 400 to what is none, and 401 without the token', async () => {
    expect((await post('/v1/alerts/alertmanager', { alerts: [{ status: 'on' }] })).status).toBe(400);
    expect((await post('/v1/alerts/alertmanager', message(), { authorization: 'Bearer x' })).status).toBe(
      401,
    );
  });
});

describe('reporting a deployment', () => {
  it('answers 201 with its monitor, and 200 when it is reported again', async () => {
    const { product, service } = world.addProduct('reports');
    await service.deploy('v1');
    const report = { product, deployment: 'build-1', release: 'v1', deployedAt: new Date().toISOString() };
    const first = await post('/v1/deployments', report);
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({
      isNew: true,
      notes: [],
      deployment: { status: 'watching', origin: 'reported', services: [{ service: 'web', release: 'v1' }] },
      workflowId: 'monitor/reports/production/build-1',
      link: `${world.server.uiUrl}/namespaces/default/workflows/monitor%2Freports%2Fproduction%2Fbuild-1`,
    });
    const again = await post('/v1/deployments', report);
    expect(again).toMatchObject({ status: 200, body: { isNew: false } });
    await eventually(async () => (await client.status({ product })).lastCheck, 15_000);
    const one = await get(`/v1/deployments/${product}/build-1`);
    expect(one).toMatchObject({ status: 200, body: { deployment: { deployment: 'build-1' } } });
    expect(JSON.stringify(one.body.timeline)).toContain('Deploy v1 to production');
    expect((await get(`/v1/deployments/${product}/build-9`)).status).toBe(404);
  });

  it('takes the same id with another release for a mistake, and two releases of one second for two deployments', async () => {
    const { product } = world.addProduct('twice');
    const report = { product, deployment: 'build-1', release: 'v1' };
    await post('/v1/deployments', report);
    expect(await post('/v1/deployments', { ...report, release: 'v2' })).toMatchObject({
      status: 409,
      body: {
        error: 'deployment build-1 of twice is known already, with v1 and not v2: give another id',
      },
    });
    const deployedAt = '2026-11-24T10:00:00Z';
    const ids = [];
    for (const release of ['v3', 'v4', 'v4', 'v3']) {
      const { body } = await post('/v1/deployments', { product, release, deployedAt });
      ids.push(`${release} ${(body.deployment as { deployment: string }).deployment} ${body.isNew}`);
    }
    expect(ids).toEqual([
      'v3 deploy-20261124t100000 true',
      'v4 deploy-20261124t100000-2 true',
      'v4 deploy-20261124t100000-2 false',
      'v3 deploy-20261124t100000 false',
    ]);
  });

  it('names the place of what is malformed', async () => {
    const malformed: [body: unknown, place: RegExp][] = [
      [{ product: 'Shop', release: 'v1' }, /^product: product "Shop" must start with a lower-case letter/],
      [{ product: 'shop', release: 'v1', deployedAt: 'yesterday' }, /^deployedAt: /],
      [{ product: 'shop', release: 'v1', color: 'red' }, /color/],
      [{ product: 'shop' }, /give either release .* or services/],
      [{ product: 'shop', release: 'v1', services: { web: 'v1' } }, /give either release .* or services/],
      [{ product: 'shop', services: { web: 'V 1' } }, /^services\.web: /],
      ['{"product": ', /JSON/],
      ['', /JSON|product/],
    ];
    for (const [body, place] of malformed) {
      const answer = await post('/v1/deployments', body);
      expect({ body, status: answer.status }).toEqual({ body, status: 400 });
      expect(answer.body.error).toMatch(place);
    }
  });

  it('lists the known products where one is unknown', async () => {
    world.addProduct('known');
    const answer = await post('/v1/deployments', { product: 'nobody', release: 'v1' });
    expect(answer.status).toBe(404);
    expect(answer.body.error).toMatch(/unknown product nobody; known: .*known/);
    expect((await get('/v1/products/nobody')).status).toBe(404);
  });

  it('takes several services, and says which where one release is not enough', async () => {
    const { product, service } = world.addProduct('several', ['web', 'jobs']);
    await service.deploy('v1');
    const single = await post('/v1/deployments', { product, release: 'v1' });
    expect(single.status).toBe(400);
    expect(single.body.error).toContain('several services (web, jobs)');
    const stranger = await post('/v1/deployments', { product, services: { api: 'v1' } });
    expect(stranger.status).toBe(400);
    expect(stranger.body.error).toContain('no service api; configured: web, jobs');
    const both = await post('/v1/deployments', { product, services: { web: 'v1', jobs: 'v2' } });
    expect(both.status).toBe(201);
    expect(both.body).toMatchObject({
      deployment: {
        services: [
          { service: 'web', release: 'v1' },
          { service: 'jobs', release: 'v2' },
        ],
      },
    });
  });

  it('twenty times at once is one monitor', async () => {
    const { product, service } = world.addProduct('parallel');
    await service.deploy('v1');
    const report = { product, deployment: 'build-1', release: 'v1' };
    const answers = await Promise.all(Array.from({ length: 20 }, () => post('/v1/deployments', report)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(19);
    const id = monitorWorkflowId({ product, environment: 'production', deployment: 'build-1' });
    await eventually(async () => (await runsOf(id)) > 0);
    expect(await runsOf(id)).toBe(1);
    const { deployments } = await client.deployments({ product });
    expect(deployments).toHaveLength(1);
  });

  it('may declare a rollback floor: no older release comes back until it is lifted', async () => {
    const { service } = await aBadDeployment('floored');
    await service.deploy('v3');
    const report = {
      product: 'floored',
      deployment: 'deploy-v3',
      release: 'v3',
      rollbackFloor: { release: 'v3', reason: 'drops the column price', by: 'Ana' },
    };
    expect((await post('/v1/deployments', report)).status).toBe(201);
    const barred = {
      release: 'v1',
      reason: expect.stringMatching(/^below the rollback floor v3 declared by Ana/),
    };
    expect((await client.planRollback({ product: 'floored' })).services[0]).toMatchObject({
      candidates: [],
      rejected: expect.arrayContaining([barred]),
    });
    const unknown = await post('/v1/products/floored/floor', { release: 'v9', by: 'Ben', reason: 'typo' });
    expect(unknown.body.reason).toContain('v9 of web was never deployed here');
    expect((await client.status({ product: 'floored' })).floors).toMatchObject({ web: { release: 'v9' } });
    const lifted = await post('/v1/products/floored/floor', {
      release: null,
      by: 'Ben',
      reason: 'migrated back',
    });
    expect(lifted).toMatchObject({ status: 200, body: { accepted: true } });
    expect((await client.planRollback({ product: 'floored' })).services[0]?.candidates).toMatchObject([
      { release: 'v1' },
    ]);
    const both = { ...report, rollbackFloor: { release: 'v3', services: { web: 'v3' }, reason: 'x' } };
    expect((await post('/v1/deployments', both)).status).toBe(400);
  });

  it('tells the owner of a quarantined release, and watches it all the same', async () => {
    const { product, service } = world.addProduct('quarantine');
    await client.setStanding({ product }, 'v3', { standing: 'bad', by: 'Ana', reason: 'loses carts' });
    await service.deploy('v3');
    const { body } = await post('/v1/deployments', { product, release: 'v3' });
    const note = 'v3 of web is quarantined (loses carts); it is watched all the same';
    expect(body.notes).toEqual([note]);
    await eventually(() =>
      world.told.some((message) => message.product === product && message.text === note),
    );
  });
});

describe('the door', () => {
  it('answers 401 without the token, with another one, and for every path below /v1', async () => {
    for (const authorization of [
      '',
      'Bearer ',
      'Bearer wrong',
      `Basic ${world.token}`,
      `Bearer ${world.token}x`,
    ]) {
      for (const path of ['/v1/products', '/v1/nothing'])
        expect((await get(path, { authorization })).status).toBe(401);
      expect((await post('/v1/deployments', {}, { authorization })).status).toBe(401);
    }
    expect((await get('/v1/nothing')).status).toBe(404);
  });

  it('answers 413 to a body over 1 MiB, told ahead or not', async () => {
    const big = JSON.stringify({ product: 'x'.repeat(1024 * 1024) });
    expect(await post('/v1/deployments', big)).toMatchObject({
      status: 413,
      body: { error: 'the body is larger than 1 MiB' },
    });
    const pieces = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 20; i += 1) controller.enqueue(Buffer.alloc(64 * 1024, 'x'));
        controller.close();
      },
    });
    const chunked = await fetch(`${world.api.url}/v1/deployments`, {
      method: 'POST',
      headers: { authorization: `Bearer ${world.token}`, 'content-type': 'application/json' },
      body: pieces,
      duplex: 'half',
    } as RequestInit);
    expect(chunked.status).toBe(413);
  });

  it('describes itself as a valid OpenAPI document', async () => {
    const document = await get('/openapi.json', { authorization: '' });
    expect(document.status).toBe(200);
    expectValidOpenApi(document.body);
    expect(Object.keys(document.body.paths as object)).toEqual(
      expect.arrayContaining([
        '/v1/deployments',
        '/v1/products/{product}/rollback',
        '/v1/incidents/{incident}',
      ]),
    );
  });
});

describe('a callback', () => {
  it('is the name of a configured webhook, which is told the outcome', async () => {
    const { product, service } = world.addProduct('called-back');
    await service.deploy('v1');
    const report = { product, deployment: 'build-1', release: 'v1' };
    const refused = await post('/v1/deployments', { ...report, callback: 'nobody' });
    expect({ status: refused.status, error: refused.body.error }).toEqual({
      status: 400,
      error: 'callback: found "nobody"; allowed is the name of one of rollback_policy.notifications.webhooks',
    });
    expect((await post('/v1/deployments', { ...report, callback: 'graph' })).status).toBe(201);
    await service.deploy('v2');
    await post('/v1/deployments', { product, deployment: 'build-2', release: 'v2' });
    const ended = await eventually(() =>
      world.told.find((message) => message.product === product && message.event === 'ended'),
    );
    expect(ended?.about).toMatchObject({ deployment: 'build-1', outcome: 'superseded', incident: null });
  });
});

describe('pause and resume', () => {
  it('hold back automatic rollbacks until a time, or until resumed', async () => {
    const { product } = world.addProduct('pausing');
    const minutes = await post(`/v1/products/${product}/pause`, {
      by: 'Ana',
      reason: 'migration',
      minutes: 90,
    });
    expect(minutes).toMatchObject({ status: 200, body: { accepted: true } });
    const { pause } = await client.status({ product });
    expect(pause).toMatchObject({ by: 'Ana', reason: 'migration' });
    expect((pause?.untilMs ?? 0) - Date.now()).toBeGreaterThan(89 * 60_000);
    await client.pause({ product }, { by: 'Ben' });
    expect((await client.status({ product })).pause).toMatchObject({ by: 'Ben', untilMs: null });
    await client.resume({ product }, 'Ana');
    const after = await client.status({ product });
    expect(after.pause).toBeNull();
    expect(after.timeline.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^Automatic rollback paused by Ana until \d{4}-.*: migration$/),
      'Automatic rollback paused by Ben until resumed: no reason given',
      'Automatic rollback resumed by Ana',
    ]);
  });

  it('refuse a time that has passed', async () => {
    const { product } = world.addProduct('past-pause');
    const { status, body } = await post(`/v1/products/${product}/pause`, { until: '2020-01-01T00:00:00Z' });
    expect({ status, error: body.error }).toEqual({
      status: 400,
      error: 'until: 2020-01-01T00:00:00Z has passed; allowed is a time to come',
    });
  });

  it('refuse two ends, and a product that nobody knows', async () => {
    const both = { minutes: 5, until: new Date().toISOString() };
    expect((await post('/v1/products/pausing/pause', both)).body.error).toContain(
      'minutes or until, not both',
    );
    expect((await post('/v1/products/nobody/pause', {})).status).toBe(404);
  });
});

describe('a rollback command', () => {
  it('rolls back, writes an incident with its report, and takes the review once', async () => {
    const { product, service } = await aBadDeployment('manual');
    const answer = await post(`/v1/products/${product}/rollback`, { by: 'Ana', reason: 'UI breaking' });
    expect(answer).toMatchObject({ status: 200, body: { accepted: true, queued: false } });
    const incident = await rolledBack(product);
    expect(incident).toMatchObject({
      outcome: 'rolled_back',
      origin: 'manual',
      reason: 'UI breaking',
      from: [{ service: 'web', release: 'v2' }],
      to: [{ service: 'web', release: 'v1' }],
    });
    expect(service.state).toMatchObject({ running: 'v1', maintenance: false, trafficTo: 'v1' });
    const written = await eventually(async () => {
      const found = await client.incident(incident.id);
      return found.report === null || found.incident.issue === null ? null : found;
    }, 15_000);
    expect(written.timeline.map(({ text }) => text).join('\n')).toContain('Maintenance mode');
    const review = { by: 'Ana', verdict: 'confirmed', note: 'batch the query' };
    expect((await post(`/v1/incidents/${incident.id}/review`, review)).status).toBe(200);
    const second = await post(`/v1/incidents/${incident.id}/review`, review);
    expect(second).toMatchObject({ status: 409, body: { reason: 'reviewed already by Ana' } });
    await eventually(async () => (await client.incident(incident.id)).incident.status === 'reviewed');
    const workflow = world.client.workflow.getHandle(postMortemWorkflowId(incident.id));
    await eventually(async () => (await workflow.describe()).status.name === 'COMPLETED');
    const third = await post(`/v1/incidents/${incident.id}/review`, { ...review, by: 'Ben' });
    expect(third).toMatchObject({ status: 409, body: { reason: 'reviewed already by Ana' } });
    const { current } = await client.status({ product });
    expect(current).toMatchObject({ origin: 'rollback', status: 'watching' });
    expect((await post('/v1/incidents/inc-9/review', review)).status).toBe(404);
    expect((await get('/v1/incidents/inc-9')).status).toBe(404);
  });

  it('records a review also when the post-mortem workflow is gone', async () => {
    const { product } = await aBadDeployment('late-review');
    await client.rollback({ product }, { by: 'Ana' });
    const { id } = await rolledBack(product);
    await eventually(async () => (await client.incident(id)).incident.issue, 15_000);
    await world.client.workflow
      .getHandle(postMortemWorkflowId(id))
      .terminate('as if its retention were over');
    expect(await client.review(id, { by: 'Ben' })).toMatchObject({ accepted: true });
    expect((await client.incident(id)).incident).toMatchObject({ status: 'reviewed', review: { by: 'Ben' } });
  });

  it('lets a second caller join, and refuses another target with the reason', async () => {
    const { product, service } = await aBadDeployment('joining');
    service.script('v1', (ms) => ({ healthy: ms > 3_000 }));
    const rollback = `/v1/products/${product}/rollback`;
    expect((await post(rollback, { by: 'Ana', reason: 'UI breaking' })).status).toBe(200);
    await eventually(() => service.calls.includes('restart v1'));
    const joined = await post(rollback, { by: 'Ben', reason: 'me too' });
    expect(joined.status).toBe(200);
    expect(joined.body.reason).toBe('joined the running rollback of web to v1');
    const other = await post(rollback, { by: 'Ben', reason: 'older', to: 'v0' });
    expect(other.status).toBe(409);
    expect(other.body).toMatchObject({
      accepted: false,
      reason: 'a rollback of web to v1 is running; it cannot change to v0 now',
    });
    const early = await post(`/v1/products/${product}/retry`, { by: 'Ben' });
    expect(early.status).toBe(409);
    expect(early.body.reason).toMatch(/^rollback running \(.*\); retry is for an escalation$/);
    await rolledBack(product);
    expect(service.calls.filter((call) => call === 'restore v1')).toHaveLength(1);
  });

  it('counts one request once, however often it is sent', async () => {
    const { product } = await aBadDeployment('twice');
    const body = { by: 'Ana', reason: 'UI breaking', requestId: 'request-1' };
    const answers = await Promise.all([1, 2, 3].map(() => post(`/v1/products/${product}/rollback`, body)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    await rolledBack(product);
    expect((await client.incidents({ product })).incidents).toHaveLength(1);
  });

  it('answers 409 when nothing was ever deployed', async () => {
    world.addProduct('empty');
    const answer = await post('/v1/products/empty/rollback', { by: 'Ana' });
    expect(answer.status).toBe(409);
    expect(answer.body).toMatchObject({
      accepted: false,
      reason: expect.stringContaining('nothing to roll back'),
    });
    const plan = await get('/v1/products/empty/rollback');
    expect(plan).toMatchObject({ status: 409, body: { error: answer.body.reason } });
  });

  it('only says what it would do when asked with GET', async () => {
    const { product, service } = await aBadDeployment('dry-run');
    await client.setStanding({ product }, 'v0', { standing: 'bad', by: 'Ana', reason: 'loses carts' });
    const plan = await get(`/v1/products/${product}/rollback`);
    expect(plan).toMatchObject({
      status: 200,
      body: {
        deployment: { deployment: 'deploy-v2' },
        services: [
          {
            service: 'web',
            release: 'v2',
            candidates: [{ release: 'v1', restorable: 'yes' }],
            rejected: [{ release: 'v0', reason: 'quarantined by Ana: loses carts' }],
          },
        ],
      },
    });
    service.state.unrestorable.add('v1');
    const without = await client.planRollback({ product });
    expect(without.services[0]?.candidates[0]?.restorable).toBe('no: its image is gone');
    expect(service.calls).toEqual([]);
    expect((await client.status({ product })).rollback).toBeNull();
  });
});

describe('words to a rollback', () => {
  it('resolve gives up a rollback by hand that nobody finishes, and lets in who waited', async () => {
    const { product, service } = await aBadDeployment('by-hand');
    const key = { product, environment: 'production' };
    const rollback = { id: 'direct/1', deployment: 'deploy-v2', sinceMs: Date.now() };
    await world.store.products.change(key, (row) => ({ ...row, rollback }));
    await service.deploy('v3');
    await client.reportDeployment({ product, deployment: 'deploy-v3', release: 'v3' });
    expect(await client.command({ product }, 'resolve', { by: 'Ana' })).toMatchObject({ accepted: true });
    expect(await world.store.products.read(key)).toMatchObject({
      currentDeployment: 'deploy-v3',
      rollback: null,
    });
    expect(await client.command({ product }, 'resolve', {}).catch((error) => error)).toMatchObject({
      status: 404,
    });
  });

  it('answer 404 when no rollback is running', async () => {
    world.addProduct('calm');
    for (const name of ['acknowledge', 'retry', 'resolve', 'abort', 'handover', 'traffic']) {
      const answer = await post(`/v1/products/calm/${name}`, { by: 'Ana' });
      expect({ name, status: answer.status }).toEqual({ name, status: 404 });
      expect(answer.body.error).toBe('no rollback of calm is running');
    }
  });

  it('acknowledge, steer traffic, and retry an escalation until it works', async () => {
    const { product, service } = await anEscalation('escalated');
    expect(service.state.maintenance).toBe(true);
    expect(await client.command({ product }, 'acknowledge', { by: 'Ben' })).toMatchObject({ accepted: true });
    await client.command({ product }, 'traffic', { by: 'Ben', state: 'resume' });
    await eventually(() => !service.state.maintenance);
    service.fail('restore', 'fine again', 0);
    expect(await client.command({ product }, 'retry', { by: 'Ben' })).toMatchObject({ accepted: true });
    expect(await rolledBack(product)).toMatchObject({ outcome: 'rolled_back', attempts: 2 });
    await eventually(async () => (await post(`/v1/products/${product}/retry`, {})).status === 404);
  });

  it('resolve ends an escalation with traffic as it is', async () => {
    const { product, service } = await anEscalation('resolved');
    const answer = await post(`/v1/products/${product}/resolve`, { by: 'Ben', note: 'mended by hand' });
    expect(answer).toMatchObject({ status: 200, body: { accepted: true, reason: 'resolve accepted' } });
    const incident = await rolledBack(product);
    expect(incident.outcome).toBe('needs_attention');
    expect(incident.outcomeReason).toContain('resolved by Ben: mended by hand');
    expect(service.state.maintenance).toBe(true);
  });

  it('a deployment reported while the steps run waits, and takes over at the next one', async () => {
    const { product, service } = await aBadDeployment('overtaken');
    const report = { product, deployment: 'deploy-v3', release: 'v3' };
    const { restart } = service.target;
    const reported: Answered[] = [];
    service.target.restart = async (name, step) => {
      await restart(name, step);
      await service.deploy('v3');
      reported.push(await post('/v1/deployments', report));
    };
    await client.rollback({ product }, { by: 'Ana', reason: 'UI breaking' });
    expect(await rolledBack(product)).toMatchObject({
      outcome: 'superseded',
      outcomeReason: 'deploy-v3 took over',
      attempts: 1,
    });
    expect(reported).toMatchObject([{ status: 201, body: { deployment: { status: 'waiting' } } }]);
    expect((await client.status({ product })).current).toMatchObject({
      deployment: 'deploy-v3',
      status: 'watching',
    });
    expect(service.state).toMatchObject({ running: 'v3', maintenance: false, trafficTo: 'v3' });
  });

  it('a deployment reported meanwhile waits, and ends the incident when it is healthy', async () => {
    const { product, service } = await anEscalation('hotfix');
    await service.deploy('v3');
    const { status, body } = await post('/v1/deployments', {
      product,
      deployment: 'hotfix-1',
      release: 'v3',
    });
    expect({ status, notes: body.notes }).toEqual({
      status: 201,
      notes: [
        'a rollback is under way: this deployment waits, the rollback verifies it and lets it take over',
      ],
    });
    expect(body.deployment).toMatchObject({ status: 'waiting' });
    expect((await rolledBack(product)).outcome).toBe('superseded');
    const found = await client.status({ product });
    expect(found.current).toMatchObject({ deployment: 'hotfix-1', status: 'watching' });
    expect(service.state.maintenance).toBe(false);
  });
});

describe('without a worker', () => {
  it('a rollback is queued, with when a worker was last seen, and is made once when one comes', async () => {
    const { product, service } = await aBadDeployment('queued');
    await world.stopWorkers();
    try {
      const body = { by: 'Ana', reason: 'UI breaking', requestId: 'queued-1' };
      const answer = await post(`/v1/products/${product}/rollback`, body);
      expect(answer.status).toBe(202);
      expect(answer.body).toMatchObject({ accepted: true, queued: true });
      expect(answer.body.reason).toMatch(/^queued: no worker is polling control, last seen \d\d:\d\d$/);
      expect(service.calls).toEqual([]);
    } finally {
      await world.startWorkers();
    }
    expect(await rolledBack(product)).toMatchObject({ outcome: 'rolled_back', attempts: 1 });
    expect(service.calls.filter((call) => call === 'restore v1')).toHaveLength(1);
    expect((await client.incidents({ product })).incidents).toHaveLength(1);
    const { timeline } = await client.status({ product });
    expect(timeline.filter(({ text }) => text.startsWith('Ana asked for a rollback'))).toHaveLength(1);
  });
});

describe('what the API knows', () => {
  it('takes a person’s word about a release', async () => {
    const { product } = world.addProduct('standing', ['web', 'jobs']);
    const good = await post(`/v1/products/${product}/releases/v5`, {
      standing: 'good',
      by: 'Ana',
      reason: 'tested',
    });
    expect(good).toMatchObject({ status: 200, body: { reason: 'v5 of standing is good now' } });
    const bad = { standing: 'bad', by: 'Ana', reason: 'leaks', service: 'jobs' };
    expect((await post(`/v1/products/${product}/releases/v5`, bad)).body.reason).toContain('quarantined now');
    const standings = await world.store.releases.list({ product, environment: 'production' });
    expect(standings.map(({ service, standing }) => `${service} ${standing}`).toSorted()).toEqual([
      'jobs quarantined',
      'web good',
    ]);
    const nobody = await post(`/v1/products/${product}/releases/v5`, { standing: 'good', reason: 'tested' });
    expect(nobody.status).toBe(400);
    expect(nobody.body.error).toMatch(/^by: /);
  });

  it('counts deployments and rollbacks in its statistics', async () => {
    const statistics = await client.statistics(30);
    expect(statistics.days).toBe(30);
    expect(statistics.deployments).toBeGreaterThan(5);
    expect(statistics.manualRollbacks).toBeGreaterThan(0);
    expect(statistics.assumptions.length).toBeGreaterThan(0);
    expect((await get('/v1/statistics?days=0')).status).toBe(400);
  });

  it('is in the Temporal UI: search attributes, static summary and memo', async () => {
    const { product, service } = world.addProduct('visible');
    await service.deploy('v1');
    await client.reportDeployment({ product, deployment: 'build-1', release: 'v1' });
    const found = await eventually(async () => {
      for await (const workflow of world.client.workflow.list({ query: `RollbackProduct = '${product}'` }))
        return workflow;
      return null;
    });
    expect(found.workflowId).toBe('monitor/visible/production/build-1');
    expect(found.memo).toEqual({
      product,
      environment: 'production',
      deployment: 'build-1',
      release: 'v1',
    });
    const attributes = found.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]);
    expect(Object.fromEntries(attributes)).toMatchObject({ RollbackProduct: product, RollbackRelease: 'v1' });
    const description = await world.client.workflow.getHandle(found.workflowId).describe();
    expect(await description.staticSummary()).toBe('Watching visible v1');
  });
});

describe('health', () => {
  it('is fine while every watch works, and 503 with a sentence when nobody looks at a deployment', async () => {
    const { product } = world.addProduct('unwatched');
    await eventually(async () => (await get('/healthz')).status === 200, 40_000);
    const key = { product, environment: 'production', deployment: 'build-1' };
    const services = [{ service: 'web', release: 'v1' }];
    const deployedAtMs = Date.now() - 60_000;
    await world.store.deployments.register({ ...key, services, origin: 'reported', deployedAtMs });
    const sick = await get('/healthz', { authorization: '' });
    expect(sick).toMatchObject({
      status: 503,
      body: { healthy: false, problems: ['nobody looks at build-1'] },
    });
    await world.store.deployments.end(key, 'cancelled', 'the test is over', Date.now());
    expect((await get('/healthz')).body).toEqual({ healthy: true, problems: [] });
  });

  it('is ready while store and Temporal answer, and 503 when the store does not', async () => {
    expect(await get('/readyz', { authorization: '' })).toEqual({
      status: 200,
      body: { store: true, temporal: true },
    });
    const store = await openStore(join(await temporaryFolder(), 'store.db'));
    const api = await serveApi({
      ...world,
      store,
      namespace: 'default',
      searchAttributes: true,
      temporalUi: null,
      host: '127.0.0.1',
      port: 0,
      problems: async () => [],
    });
    await store.close();
    const answer = await fetch(`${api.url}/readyz`);
    expect({ status: answer.status, body: await answer.json() }).toEqual({
      status: 503,
      body: { store: false, temporal: true },
    });
    await api.close();
  });
});

describe('while the store is down', { timeout: 60_000 }, () => {
  afterEach(() => {
    world.setup.brokenStore = false;
  });

  it('a deployment is not taken, whether the store fails or hangs: 503, try again; afterwards it is', async () => {
    const { product, service } = world.addProduct('storeless-report');
    await service.deploy('v1');
    const report = { product, deployment: 'build-1', release: 'v1' };
    for (const how of [true, 'hangs'] as const) {
      world.setup.brokenStore = how;
      const { status, body } = await post('/v1/deployments', report);
      expect({ how, status }).toEqual({ how, status: 503 });
      expect(body.error).toMatch(/^unavailable, try again: /);
    }
    await expect(client.status({ product })).rejects.toThrow('unavailable, try again');
    world.setup.brokenStore = false;
    expect((await post('/v1/deployments', report)).body).toMatchObject({
      deployment: { deployment: 'build-1', status: 'watching' },
    });
    const id = monitorWorkflowId({ product, environment: 'production', deployment: 'build-1' });
    await eventually(async () => (await runsOf(id)) === 1);
  });

  it('a person’s rollback goes through the monitor, which knows the way back', async () => {
    const { product, service } = await aBadDeployment('storeless');
    const key = { product, environment: 'production', deployment: 'deploy-v2' };
    const monitor = world.client.workflow.getHandle<typeof monitorDeployment>(monitorWorkflowId(key));
    await eventually(async () => (await monitor.query(statusQuery)).phase !== 'starting');
    world.setup.brokenStore = true;
    expect(await client.rollback({ product }, { by: 'Ana', reason: 'UI broken' })).toMatchObject({
      accepted: true,
      queued: false,
    });
    await eventually(() => service.state.running === 'v1' && !service.state.maintenance, 30_000);
    world.setup.brokenStore = false;
    await eventually(
      async () => (await client.incidents({ product })).incidents[0]?.outcome === 'rolled_back',
      40_000,
    );
    expect((await client.incidents({ product })).incidents).toMatchObject([{ origin: 'manual' }]);
  });

  it('and where no monitor runs, the answer is 503: try again', async () => {
    const { product } = world.addProduct('storeless-and-unwatched');
    world.setup.brokenStore = true;
    const error = await client.rollback({ product }, { by: 'Ana' }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ status: 503, message: expect.stringContaining('no monitor of') });
  });
});

describe('while Temporal is down', { timeout: 90_000 }, () => {
  it('keeps what was reported, and asks to try again', async () => {
    const folder = await temporaryFolder();
    const server = await startDevServer(folder);
    afterwards(() => server.stop());
    const connection = await NativeConnection.connect({ address: server.address });
    afterwards(() => connection.close());
    const api = await serveApi({
      ...world,
      connection,
      namespace: 'default',
      searchAttributes: true,
      temporalUi: null,
      host: '127.0.0.1',
      port: 0,
      problems: async () => [],
    });
    afterwards(() => api.close());
    const { product } = world.addProduct('blinking');
    await server.stop();
    const elsewhere = createRollbackClient({ url: api.url, token: world.token, timeoutMs: 14_000 });
    const report = { product, deployment: 'build-1', release: 'v1' };
    const [ready, reported, paused, rolledBack] = await Promise.allSettled([
      elsewhere.ready(),
      elsewhere.reportDeployment(report),
      elsewhere.pause({ product }, { by: 'Ana' }),
      eventually(async () => (await client.status({ product })).current).then(() =>
        elsewhere.rollback({ product }, { by: 'Ana' }),
      ),
    ]);
    expect(ready).toMatchObject({ value: { store: true, temporal: false } });
    expect(reported).toMatchObject({ status: 'rejected', reason: { status: 503 } });
    expect(paused.status).toBe('fulfilled');
    expect(rolledBack).toMatchObject({
      status: 'rejected',
      reason: { status: 503, message: expect.stringContaining('try again') },
    });
    // The pipeline tries again when Temporal is back: the same deployment, now with its monitor.
    expect(await client.reportDeployment(report)).toMatchObject({ isNew: false });
    const id = monitorWorkflowId({ product, environment: 'production', deployment: 'build-1' });
    expect((await world.client.workflow.getHandle(id).describe()).status.name).toBe('RUNNING');
  });
});

async function runsOf(workflowId: string): Promise<number> {
  let runs = 0;
  for await (const _run of world.client.workflow.list({ query: `WorkflowId = '${workflowId}'` })) runs += 1;
  return runs;
}
