import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Deployment } from '../../domain/deployment.ts';
import { manualRollbackSignal, newDeploymentSignal, statusQuery } from '../../workflows/messages.ts';
import { createWorld, type Deployed, minuteMs, product, type World } from '../support/harness.ts';

describe('a deployment that is reported', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
    await world.haveGood('v1');
  });
  afterEach(() => world.end());

  const timeline = async () => (await world.timeline()).join('\n');

  it('before the breach of the older one is acted on wins: no rollback, the older one is superseded', async () => {
    world.service.script('v2', (ms) => (ms > 12 * minuteMs ? { errorsPerMinute: 50 } : {}));
    const { handle } = await world.deploy('v2');
    const { record } = world.store.watches;
    let newer: Deployed | null = null;
    world.store.watches.record = async (key, state, ticks) => {
      await record(key, state, ticks);
      if (newer === null && state.conditions.standing.some(({ kind }) => kind === 'breach'))
        newer = await world.deploy('v3');
    };
    expect(await handle.result()).toEqual({ outcome: 'superseded', reason: 'superseded by deploy-v3' });
    expect(await timeline()).toContain(
      'Rollback refused: deploy-v2 is no longer the current deployment, deploy-v3 is',
    );
    expect(world.service.calls).toEqual([]);
    expect(world.service.state).toMatchObject({ running: 'v3', maintenance: false });
    expect(await world.store.incidents.list({ limit: 5 })).toEqual([]);
    expect(await world.store.products.read(product)).toMatchObject({
      currentDeployment: 'deploy-v3',
      rollback: null,
    });
  });

  describe('while a rollback runs', () => {
    it('waits; its release is live when traffic is to be resumed, so it takes over and the rollback ends superseded', async () => {
      const { handle, newer } = await meanwhile('v3');
      expect(await handle.result()).toMatchObject({ outcome: 'superseded', reason: 'deploy-v3 took over' });
      expect(newer()).toMatchObject({ status: 'waiting' });
      expect(world.service.calls).toEqual(['stop traffic', 'restore v1', 'restart v1', 'resume v3']);
      expect(world.service.state).toMatchObject({ running: 'v3', trafficTo: 'v3', maintenance: false });
      await expectCurrent('deploy-v3');
    });

    it('and is sick does not take over: maintenance stays, and a retry puts the last known good release back', async () => {
      world.service.script('v3', () => ({ healthy: false }));
      const { handle } = await meanwhile('v3');
      const rollback = world.rollbackHandle();
      await world.until('refused', async () =>
        (await timeline()).includes('deploy-v3 was deployed but is not healthy'),
      );
      expect((await rollback.query(statusQuery)).phase).toBe('escalated');
      expect(world.service.state).toMatchObject({ running: 'v3', maintenance: true });
      await rollback.signal('retry', { by: 'Ben' });
      expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
      expect(world.service.state).toMatchObject({ running: 'v1', trafficTo: 'v1', maintenance: false });
      expect(await world.store.deployments.read({ ...product, deployment: 'deploy-v3' })).toMatchObject({
        outcome: 'superseded',
      });
      const { currentDeployment } = await world.store.products.read(product);
      expect(
        await world.store.deployments.read({ ...product, deployment: currentDeployment as string }),
      ).toMatchObject({ origin: 'rollback', services: [{ service: 'web', release: 'v1' }] });
      await expectCurrent(currentDeployment as string);
    });
  });

  /** A person rolls v2 back, and a pipeline deploys another release as soon as v1 was restarted. */
  async function meanwhile(release: string) {
    const { handle } = await world.deploy('v2');
    let newer: Deployment | null = null;
    const { restart } = world.service.target;
    world.service.target.restart = async (service, step) => {
      await restart(service, step);
      if (newer !== null) return;
      const { key } = await world.deploy(release);
      newer = await world.store.deployments.read(key);
      const services = [{ service: 'web', release }];
      await world.rollbackHandle().signal(newDeploymentSignal, { deployment: key.deployment, services });
    };
    await world.pass(minuteMs);
    await handle.signal(manualRollbackSignal, { by: 'Ben', reason: 'looks bad' });
    return { handle, newer: () => newer };
  }

  async function expectCurrent(deployment: string): Promise<void> {
    expect(await world.store.products.read(product)).toMatchObject({
      currentDeployment: deployment,
      rollback: null,
    });
    await world.pass(10 * minuteMs);
    expect(await world.store.deployments.read({ ...product, deployment })).toMatchObject({
      status: 'watching',
    });
  }
});
