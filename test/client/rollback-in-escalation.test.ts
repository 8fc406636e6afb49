import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRollbackClient, type RollbackClient } from '../../client/rollback-client.ts';
import { monitorWorkflowId } from '../../domain/identity.ts';
import { pauseUpdate } from '../../workflows/messages.ts';
import { eventually } from '../adapters/temporary.ts';
import { createDevWorld, type DevProduct, type DevWorld, quickPolicy } from '../support/dev-world.ts';

let world: DevWorld;
let client: RollbackClient;
beforeAll(async () => {
  world = await createDevWorld();
  client = createRollbackClient({ url: world.api.url, token: world.token });
});
afterAll(() => world?.end());

describe('a rollback command in an escalation', () => {
  it('tries again', async () => {
    const { product, service } = await anEscalation('again');
    expect(service.state).toMatchObject({ running: 'v2', maintenance: true });
    service.fail('restore', 'fine again', 0);
    const answer = await client.rollback({ product }, { by: 'Ben', reason: 'disk cleared' });
    expect(answer).toEqual({ accepted: true, queued: false, reason: 'retry accepted' });
    const incident = await ended(product);
    expect(incident).toMatchObject({ outcome: 'rolled_back', attempts: 2 });
    expect(incident.to).toEqual([{ service: 'web', release: 'v1' }]);
    expect(service.state).toMatchObject({ running: 'v1', maintenance: false });
    expect((await client.incidents({ product })).incidents).toHaveLength(1);
  });

  it('goes to the release that is asked for, other than the one it went to before', async () => {
    const { product, service } = await anEscalation('elsewhere');
    service.fail('restore', 'fine again', 0);
    const answer = await client.rollback({ product }, { by: 'Ben', reason: 'v1 is no better', to: 'v0' });
    expect(answer).toMatchObject({ accepted: true, reason: 'retry accepted' });
    expect(await ended(product)).toMatchObject({
      outcome: 'rolled_back',
      attempts: 2,
      to: [{ service: 'web', release: 'v0' }],
    });
    expect(service.state).toMatchObject({ running: 'v0', maintenance: false });
    const restored = service.calls.filter((call) => call.startsWith('restore'));
    expect(restored).toEqual(['restore v1', 'restore v0']);
  });
});

describe('a pause', () => {
  it('does not stop the rollback that runs, and the monitor’s answer says so', async () => {
    const { product, environment, service } = await aBadDeployment('pausing');
    service.script('v1', (ms) => ({ healthy: ms > 3_000 }));
    await client.rollback({ product }, { by: 'Ana', reason: 'UI breaking' });
    await eventually(() => service.calls.includes('restart v1'));
    expect(await client.pause({ product }, { by: 'Ben' })).toMatchObject({ accepted: true });
    const monitor = world.client.workflow.getHandle(
      monitorWorkflowId({ product, environment, deployment: 'deploy-v2' }),
    );
    expect(await monitor.executeUpdate(pauseUpdate, { args: [{ by: 'Ben' }] })).toEqual({
      accepted: true,
      reason: 'paused until resumed; the rollback under way is not stopped (rollback running)',
    });
    expect(service.state.maintenance).toBe(true);
    expect(await ended(product)).toMatchObject({ outcome: 'rolled_back', attempts: 1 });
    expect(service.state).toMatchObject({ running: 'v1', maintenance: false });
    expect((await client.status({ product })).pause).toMatchObject({ by: 'Ben' });
  });
});

describe('a word from an old message', () => {
  it('does nothing to what was deployed since', async () => {
    const { product, service } = await aBadDeployment('stale');
    const about = { by: 'Ben', reason: 'last week’s warning', deployment: 'deploy-v1' };
    expect(await client.rollback({ product }, about)).toMatchObject({
      accepted: false,
      reason: 'deploy-v1 is not live any more: deploy-v2 is (v2): look again',
    });
    expect(await client.veto({ product }, about)).toMatchObject({ accepted: false });
    service.fail('restore', 'the disk is full', Number.POSITIVE_INFINITY);
    await client.rollback({ product }, { ...about, deployment: 'deploy-v2' });
    await eventually(async () => (await client.status({ product })).rollback?.phase === 'escalated', 20_000);
    expect(
      await client.command({ product }, 'resolve', { by: 'Ben', deployment: 'deploy-v1' }),
    ).toMatchObject({
      accepted: false,
      reason: expect.stringMatching(/^the rollback of deploy-v1 is over; inc-.*, of deploy-v2, runs now/),
    });
    expect(
      await client.command({ product }, 'resolve', { by: 'Ben', deployment: 'deploy-v2' }),
    ).toMatchObject({
      accepted: true,
    });
  });
});

describe('a person’s rollback acts although automatic ones are held back', () => {
  it('while the product is paused', async () => {
    const { product, service } = await aBadDeployment('paused');
    await client.pause({ product }, { by: 'Ana', reason: 'migration' });
    await heldBack(product, service);
    await byHand(product, service);
    expect((await client.status({ product })).pause).toMatchObject({ by: 'Ana' });
  });

  it('while enabled is false', async () => {
    const { product, service } = await aBadDeployment('disabled', false);
    await heldBack(product, service);
    await byHand(product, service);
  });

  it('while somebody has vetoed them', async () => {
    const { product, service } = await aBadDeployment('vetoed');
    const setup = await world.catalog.setup({ product, environment: 'production' });
    const rollback = { ...quickPolicy.rollback, vetoMs: { critical: 600_000, high: 600_000 } };
    Object.assign(setup, { policy: { ...quickPolicy, rollback } });
    const early = await client.veto({ product }, { by: 'Ben', reason: 'load test' });
    expect(early).toMatchObject({ accepted: false, reason: expect.stringContaining('waits for a veto') });
    service.script('v2', () => ({ errorsPerMinute: 4_500 }));
    const waiting = await eventually(async () => {
      const status = await client.status({ product });
      return status.phase === 'veto_window' ? status : undefined;
    }, 30_000);
    expect(waiting.vetoWindow?.untilMs).toBeGreaterThan(Date.now());
    expect(await client.veto({ product }, { by: 'Ben', reason: 'load test' })).toMatchObject({
      accepted: true,
      queued: false,
    });
    const vetoed = await eventually(async () => {
      const status = await client.status({ product });
      return status.veto === null ? undefined : status;
    });
    expect(vetoed).toMatchObject({
      phase: 'breach',
      vetoWindow: null,
      veto: { by: 'Ben', reason: 'load test' },
    });
    expect(service.calls).toEqual([]);
    await byHand(product, service);
  });

  /** The live release turns bad, and nothing is done about it but telling people. */
  async function heldBack(product: string, service: DevProduct['service']): Promise<void> {
    service.script('v2', () => ({ errorsPerMinute: 4_500 }));
    await eventually(
      () =>
        world.told.some(
          (told) => told.product === product && told.title.startsWith('Breach, but no automatic'),
        ),
      30_000,
    );
    expect(service.calls).toEqual([]);
  }

  async function byHand(product: string, service: DevProduct['service']): Promise<void> {
    const answer = await client.rollback({ product }, { by: 'Ben', reason: 'carts are lost' });
    expect(answer).toMatchObject({ accepted: true });
    expect(await ended(product)).toMatchObject({ outcome: 'rolled_back', origin: 'manual' });
    expect(service.state).toMatchObject({ running: 'v1', maintenance: false });
  }
});

/** v0 and v1 are good, v2 is live and under watch. */
async function aBadDeployment(product: string, enabled = true): Promise<DevProduct> {
  const made = world.addProduct(product);
  const setup = await world.catalog.setup(made);
  Object.assign(setup, { policy: { ...quickPolicy, enabled } });
  await made.haveGood('v0');
  await made.haveGood('v1');
  await made.service.deploy('v2');
  await client.reportDeployment({ product, deployment: 'deploy-v2', release: 'v2' });
  return made;
}

/** Its only attempt has failed: it waits for people. */
async function anEscalation(product: string): Promise<DevProduct> {
  const made = await aBadDeployment(product);
  made.service.fail('restore', 'the disk is full', Number.POSITIVE_INFINITY);
  await client.rollback({ product }, { by: 'Ana', reason: 'UI breaking' });
  await eventually(async () => (await client.status({ product })).rollback?.phase === 'escalated', 20_000);
  return made;
}

async function ended(product: string) {
  return eventually(async () => {
    const { incidents } = await client.incidents({ product });
    return incidents.find(({ outcome }) => outcome !== null);
  }, 30_000);
}
