import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { monitorWorkflowId } from '../../domain/identity.ts';
import { controlQueue } from '../../domain/queues.ts';
import type { monitorDeployment } from '../../workflows/monitor-deployment.ts';
import { createWorld, hourMs, minuteMs, product, type World } from '../support/harness.ts';
import type { ScriptedService } from '../support/scripted-service.ts';

describe('a product of several services', () => {
  let world: World;
  let worker: ScriptedService;
  let mailer: ScriptedService;
  beforeEach(async () => {
    world = await createWorld();
    worker = world.addService('worker');
    mailer = world.addService('mailer');
    await world.haveGood('v1');
    await standGood('worker', 'w1');
    await standGood('mailer', 'm1');
  });
  afterEach(() => world.end());

  async function standGood(service: string, release: string): Promise<void> {
    const standing = { service, release, standing: 'good' as const, author: 'Ana', reason: 'tested' };
    await world.store.releases.set(product, { ...standing, atMs: 0 });
  }

  async function deployBoth() {
    const key = { ...product, deployment: 'deploy-2' };
    const services = [
      { service: 'web', release: 'v2' },
      { service: 'worker', release: 'w2' },
    ];
    await world.service.deploy('v2');
    await worker.deploy('w2');
    await mailer.deploy('m1');
    const deployedAtMs = await world.now();
    const origin = 'reported' as const;
    await world.store.deployments.register({ ...key, services, origin, deployedAtMs });
    return world.environment.client.workflow.start<typeof monitorDeployment>('monitorDeployment', {
      workflowId: monitorWorkflowId(key),
      taskQueue: controlQueue,
      args: [{ key, services, origin, deployedAtMs, searchAttributes: false }],
    });
  }

  it('rolls back the services of the deployment in reverse order when one of them breaches; others stay', async () => {
    worker.script('w2', (ms) => (ms > 12 * minuteMs ? { healthy: false } : {}));
    const handle = await deployBoth();
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.calls).toEqual([
      'worker: stop traffic',
      'stop traffic',
      'worker: restore w1',
      'restore v1',
      'worker: restart w1',
      'restart v1',
      'worker: resume w1',
      'resume v1',
    ]);
    expect(mailer.state).toMatchObject({ running: 'm1', maintenance: false });
    expect(await world.store.incidents.list({ limit: 5 })).toHaveLength(1);
  });

  it('whose other service somebody changes by hand during the rollback: what is live takes over, nothing stays in maintenance', async () => {
    worker.script('w2', (ms) => (ms > 12 * minuteMs ? { healthy: false } : {}));
    const stop = world.service.traffic.stop;
    world.service.traffic.stop = async (service, options) => {
      await stop(service, options);
      await worker.deploy('w9');
      worker.state.trafficTo = null;
    };
    const handle = await deployBoth();
    expect(await handle.result()).toMatchObject({ outcome: 'superseded' });
    expect(world.service.state.maintenance).toBe(false);
    expect(worker.state).toMatchObject({ running: 'w9', maintenance: false, trafficTo: 'w9' });
    await world.until(
      'the deployment found',
      async () => (await world.store.deployments.list({ ...product, limit: 1 }))[0]?.origin === 'observed',
      hourMs,
    );
  });
});
