import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rollbackWorkflowId } from '../../domain/identity.ts';
import { controlQueue } from '../../domain/queues.ts';
import { commandSignals, newDeploymentSignal, statusQuery } from '../../workflows/messages.ts';
import { createWorld, hourMs, minuteMs, product, type World } from '../support/harness.ts';

describe('a rollback that waits for people', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
    await world.haveGood('v0', 'deploy-v0');
    await world.haveGood('v1');
    world.service.script('v2', (ms) => (ms > 12 * minuteMs ? { errorsPerMinute: 50 } : {}));
  });
  afterEach(() => world.end());

  const titles = () => world.told.map((message) => message.title);
  const timeline = async () => (await world.timeline()).join('\n');
  const phase = async () => (await world.rollbackHandle().query(statusQuery)).phase;
  const inPhase = (wanted: string) =>
    world.until(wanted, async () => (await phase().catch(() => '')) === wanted, 3 * hourMs);
  const report = (deployment: string, release: string, service = 'web') =>
    world.rollbackHandle().signal(newDeploymentSignal, { deployment, services: [{ service, release }] });

  it('and whose traffic cannot be resumed goes on by itself when it can, while people are asked', async () => {
    world.service.fail('resume', 'the proxy is away', 12);
    const { handle } = await world.deploy('v2');
    await inPhase('escalated');
    expect(world.service.state).toMatchObject({ maintenance: true, running: 'v1' });
    await world.until('a notice', () => titles().some((title) => title.includes('could not be resumed')));
    const notice = world.told.find(({ title }) => title.includes('could not be resumed'));
    expect(notice?.commands.map(({ label }) => label)).toContain('Resume traffic as it is');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.state).toMatchObject({ maintenance: false, trafficTo: 'v1' });
    expect(titles()).toContain('Rollback successful');
  });

  it('lets a healthy hotfix take over only once traffic really flows to it', async () => {
    world.service.fail('restore', 'disk full', 3);
    const { handle } = await world.deploy('v2');
    await inPhase('escalated');
    world.service.fail('resume', 'the proxy is away', 8);
    await world.deploy('v3');
    await report('deploy-v3', 'v3');
    expect(await handle.result()).toMatchObject({ outcome: 'superseded', reason: 'deploy-v3 took over' });
    expect(world.service.state).toMatchObject({ maintenance: false, trafficTo: 'v3' });
    expect(titles()).toContain('CRITICAL: traffic could not be resumed: shop');
  });

  it('lets nobody take over who leaves one of its services out; that deployment waits and is let in at the end', async () => {
    world.service.fail('restore', 'disk full', 3);
    const { handle } = await world.deploy('v2');
    await inPhase('escalated');
    await report('deploy-other', 'v3', 'worker');
    await world.pass(5 * minuteMs);
    expect(await phase()).toBe('escalated');
    expect(await timeline()).toContain('deploy-other was deployed without web: it waits');
    await world.rollbackHandle().signal(commandSignals.resolve, { by: 'Ben' });
    expect(await handle.result()).toMatchObject({ outcome: 'needs_attention' });
  });

  it('takes a retry to another release after one was restored, and goes there', async () => {
    world.service.script('v1', () => ({ errorsPerMinute: 60 }));
    const { handle } = await world.deploy('v2');
    await inPhase('escalated');
    expect(world.service.state.running).toBe('v1');
    await world.rollbackHandle().signal(commandSignals.retry, { by: 'Ben', to: 'v0' });
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.state).toMatchObject({ running: 'v0', trafficTo: 'v0', maintenance: false });
  });

  it('takes a retry after a hotfix that was sick, and replaces it', async () => {
    world.service.fail('restore', 'disk full', 3);
    const { handle } = await world.deploy('v2');
    await inPhase('escalated');
    world.service.script('v3', () => ({ healthy: false }));
    await world.deploy('v3');
    await report('deploy-v3', 'v3');
    await world.until('refused', async () =>
      (await timeline()).includes('deploy-v3 was deployed but is not healthy'),
    );
    await world.rollbackHandle().signal(commandSignals.retry, { by: 'Ben' });
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.state).toMatchObject({ running: 'v1', maintenance: false });
  });

  it('leaves no deployment waiting: the newest one is let in when it ends', async () => {
    world.service.fail('restore', 'disk full', 3);
    const { handle } = await world.deploy('v2');
    await inPhase('escalated');
    world.service.script('v3', () => ({ healthy: false }));
    const hotfix = await world.deploy('v3');
    await report('deploy-v3', 'v3');
    await world.until('refused', async () => (await timeline()).includes('is not healthy'));
    await world.rollbackHandle().signal(commandSignals.resolve, { by: 'Ben' });
    await handle.result();
    expect(await world.store.products.read(product)).toMatchObject({
      currentDeployment: 'deploy-v3',
      rollback: null,
    });
    expect(await world.store.deployments.read(hotfix.key)).toMatchObject({ status: 'watching' });
  });

  it('resumes traffic as it is, to whatever runs', async () => {
    world.service.script('v1', () => ({ healthy: false }));
    const { handle } = await world.deploy('v2');
    await inPhase('escalated');
    await world.rollbackHandle().signal(commandSignals.traffic, { by: 'Ben', state: 'resume' });
    await world.until('traffic', () => !world.service.state.maintenance);
    expect(world.service.state.trafficTo).toBe('v1');
    await world.rollbackHandle().signal(commandSignals.resolve, { by: 'Ben' });
    expect(await handle.result()).toMatchObject({ outcome: 'needs_attention' });
  });

  it('ends superseded when somebody rolls back by hand, also in an escalation', async () => {
    world.service.fail('restore', 'disk full', 3);
    const { handle, key } = await world.deploy('v2');
    await inPhase('escalated');
    await world.store.products.change(product, (row) => ({
      ...row,
      rollback: { id: 'direct/1', deployment: key.deployment, sinceMs: 0 },
    }));
    expect(await handle.result()).toMatchObject({
      outcome: 'superseded',
      reason: 'direct/1 rolls back by hand',
    });
    expect((await world.store.products.read(product)).rollback?.id).toBe('direct/1');
  });

  it('finds a hotfix whose signal was lost', async () => {
    world.service.fail('restore', 'disk full', 3);
    const { handle } = await world.deploy('v2');
    await inPhase('escalated');
    await world.deploy('v3');
    expect(await handle.result()).toMatchObject({ outcome: 'superseded', reason: 'deploy-v3 took over' });
  });

  it('continues as new in a long escalation, and then still takes a retry', async () => {
    world.service.fail('restore', 'disk full', 3);
    const { handle } = await world.deploy('v2');
    await inPhase('escalated');
    const first = (await world.rollbackHandle().describe()).runId;
    // Each acknowledgement makes events; the limit is 3,000.
    for (let round = 0; round < 80; round += 1) {
      const words = Array.from({ length: 40 }, () =>
        world.rollbackHandle().signal(commandSignals.acknowledge, { by: 'Ben' }),
      );
      await Promise.all(words);
      await world.pass(minuteMs);
      if ((await world.rollbackHandle().describe()).runId !== first) break;
    }
    expect((await world.rollbackHandle().describe()).runId).not.toBe(first);
    expect(await phase()).toBe('escalated');
    await world.rollbackHandle().signal(commandSignals.retry, { by: 'Ben' });
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(await world.store.incidents.list({ limit: 10 })).toMatchObject([
      { attempts: 4, outcome: 'rolled_back' },
    ]);
  });

  it('a row that names a rollback which does not run is taken, and people are told', async () => {
    const { key } = await world.deploy('v2');
    await world.store.products.change(product, (row) => ({
      ...row,
      rollback: { id: 'inc-lost', deployment: key.deployment, sinceMs: 0 },
    }));
    const request = {
      requestId: 'r1',
      origin: 'manual' as const,
      by: 'Ben',
      reason: 'looks bad',
      triggers: [],
      to: null,
      breachAtMs: await world.now(),
    };
    const services = [{ service: 'web', release: 'v2' }];
    const handle = await world.environment.client.workflow.start('rollback', {
      workflowId: rollbackWorkflowId(product),
      taskQueue: controlQueue,
      args: [{ key, services, request, plan: null, searchAttributes: true }],
    });
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(titles()).toContain('Stale rollback: shop');
  });
});
