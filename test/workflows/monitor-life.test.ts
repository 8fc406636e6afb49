import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { learnFromStore } from '../../activities/learn-habits.ts';
import { monitorWorkflowId, standbyWorkflowId } from '../../domain/identity.ts';
import { pauseSignal, resumeSignal, statusQuery, supersededSignal } from '../../workflows/messages.ts';
import { createWorld, hourMs, minuteMs, product, type World } from '../support/harness.ts';

describe('the life of a monitor', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
    await world.haveGood('v1');
  });
  afterEach(() => world.end());

  const titles = () => world.told.map((message) => message.title);

  it('while paused it alerts and records what it would have done; on resume it acts', async () => {
    world.service.script('v2', (ms) => (ms > 12 * minuteMs ? { errorsPerMinute: 50 } : {}));
    const { handle } = await world.deploy('v2');
    await world.pass(6 * minuteMs);
    await handle.signal(pauseSignal, { by: 'Ana', note: 'risky migration' });
    await world.pass(hourMs);
    expect(world.service.calls).toEqual([]);
    expect((await world.timeline()).join('\n')).toContain('Would have rolled back v2');
    expect((await world.timeline()).filter((text) => text.includes('Would have rolled back'))).toHaveLength(
      1,
    );
    expect(titles()).toContain('Breach, but no automatic rollback');
    await handle.signal(resumeSignal, { by: 'Ana' });
    expect((await handle.result()).outcome).toBe('rolled_back');
    expect(world.service.state.running).toBe('v1');
  });

  it('continues as new when its history gets long, and still rolls back what goes bad afterwards', async () => {
    world.service.script('v2', (ms) => (ms > 3 * hourMs ? { errorsPerMinute: 50 } : {}));
    const { key, handle } = await world.deploy('v2');
    const monitor = world.environment.client.workflow.getHandle(monitorWorkflowId(key));
    const { runId } = await monitor.describe();
    await world.pass(10 * minuteMs);
    for (let round = 0; round < 18; round += 1) {
      const words = Array.from({ length: 50 }, () => monitor.signal(resumeSignal, { by: 'Ana' }));
      await Promise.all(words);
      await world.pass(minuteMs);
    }
    await world.until('the next run', async () => (await monitor.describe()).runId !== runId, 2 * hourMs);
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect((await world.timeline()).filter((text) => text.startsWith('Baseline established'))).toHaveLength(
      1,
    );
  });

  it('a new monitor reads a pause that was set before its deployment', async () => {
    const pause = { untilMs: null, by: 'Ana', reason: 'risky migration' };
    await world.store.products.change(product, (row) => ({ ...row, pause }));
    world.service.script('v2', (ms) => (ms > 12 * minuteMs ? { errorsPerMinute: 50 } : {}));
    await world.deploy('v2');
    await world.pass(hourMs);
    expect(world.service.calls).toEqual([]);
    expect((await world.timeline()).join('\n')).toContain('automatic rollback is paused by Ana');
  });

  it('a crash that leaves no instance at all is seen, and rolled back', async () => {
    const { handle } = await world.deploy('v2');
    await world.pass(20 * minuteMs);
    const live = world.service.target.live;
    world.service.target.live = async (service, signal) => {
      const found = await live(service, signal);
      return world.service.state.running === 'v2' ? { ...found, instances: [] } : found;
    };
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect((await world.timeline()).join('\n')).toContain('no instance is running');
  });

  it('tells whoever asked for it how it ended, once, with the incident', async () => {
    world.service.script('v2', (ms) => (ms > 12 * minuteMs ? { errorsPerMinute: 50 } : {}));
    const { handle } = await world.deploy('v2', { callback: 'graph' });
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    const [incident] = await world.store.incidents.list({ ...product, limit: 1 });
    expect(world.told.filter(({ event }) => event === 'ended')).toMatchObject([
      {
        title: 'shop: v2 ended rolled_back',
        about: { deployment: 'deploy-v2', outcome: 'rolled_back', incident: incident?.id },
      },
    ]);
  });

  it('a pause ends by its time', async () => {
    world.service.script('v2', (ms) => (ms > 12 * minuteMs ? { errorsPerMinute: 50 } : {}));
    const { handle } = await world.deploy('v2');
    await handle.signal(pauseSignal, { by: 'Ana', untilMs: (await world.now()) + 40 * minuteMs });
    await world.pass(35 * minuteMs);
    expect(world.service.calls).toEqual([]);
    const before = await world.now();
    expect((await handle.result()).outcome).toBe('rolled_back');
    expect((await world.now()) - before).toBeLessThan(20 * minuteMs);
  });

  it('enabled: false makes it an observer within one interval, enabled: true lets it act on the standing breach', async () => {
    world.service.script('v2', (ms) => (ms > 12 * minuteMs ? { errorsPerMinute: 50 } : {}));
    const { handle } = await world.deploy('v2');
    await world.pass(10 * minuteMs);
    world.setup.policy = { ...world.setup.policy, enabled: false };
    world.setup.policyVersion = 2;
    await world.pass(hourMs);
    expect(world.service.calls).toEqual([]);
    expect((await world.timeline()).join('\n')).toContain('enabled: false, policy version 2');
    world.setup.policy = { ...world.setup.policy, enabled: true };
    expect((await handle.result()).outcome).toBe('rolled_back');
  });

  it('is ended by a newer deployment, by its message', async () => {
    const { handle } = await world.deploy('v2');
    await world.pass(20 * minuteMs);
    await world.deploy('v3');
    await handle.signal(supersededSignal, { by: 'deploy-v3' });
    expect(await handle.result()).toMatchObject({ outcome: 'superseded' });
  });

  it('is ended by a newer deployment whose message was lost', async () => {
    const { handle } = await world.deploy('v2');
    await world.pass(20 * minuteMs);
    await world.deploy('v3');
    expect(await handle.result()).toMatchObject({ outcome: 'superseded', reason: 'superseded by deploy-v3' });
  });

  it('a person changed what is live: no action, one notice, and the stranger is watched', async () => {
    const { handle } = await world.deploy('v2');
    await world.pass(20 * minuteMs);
    await world.service.deploy('v9');
    expect(await handle.result()).toMatchObject({ outcome: 'changed_outside' });
    expect(world.service.calls).toEqual([]);
    expect(titles().filter((title) => title.startsWith('Changed outside'))).toHaveLength(1);
    const [newest] = await world.store.deployments.list({ ...product, limit: 1 });
    expect(newest).toMatchObject({
      origin: 'observed',
      services: [{ service: 'web', release: 'v9' }],
      status: 'watching',
    });
    const observed = world.environment.client.workflow.getHandle(monitorWorkflowId(newest as never));
    expect((await observed.describe()).status.name).toBe('RUNNING');
  });

  it('blind 3 minutes alerts the owner, 15 minutes everyone, and nothing is rolled back', async () => {
    const { handle } = await world.deploy('v2');
    await world.pass(20 * minuteMs);
    world.service.state.blind = 'HTTP 500';
    await world.pass(2 * minuteMs);
    expect(titles()).not.toContain('Monitoring is blind');
    await world.pass(4 * minuteMs);
    expect(titles().filter((title) => title === 'Monitoring is blind')).toHaveLength(1);
    await world.pass(30 * minuteMs);
    expect(titles().filter((title) => title === 'Monitoring is blind')).toHaveLength(2);
    expect(world.service.calls).toEqual([]);
    expect((await handle.query(statusQuery)).phase).toBe('watching');
  });

  it('one blind check, seen well since, wakes nobody', async () => {
    await world.deploy('v2');
    await world.pass(20 * minuteMs);
    const from = await world.now();
    world.service.state.blindWhen = (atMs) => atMs > from && atMs <= from + minuteMs;
    await world.pass(10 * minuteMs);
    expect((await world.timeline()).join('\n')).toContain('Monitoring detects blind');
    expect(titles()).not.toContain('Monitoring is blind');
  });

  it('cancelling it ends it as cancelled', async () => {
    const { key, handle } = await world.deploy('v2');
    await world.pass(20 * minuteMs);
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ outcome: 'cancelled' });
    expect(await world.store.deployments.read(key)).toMatchObject({ outcome: 'cancelled', status: 'ended' });
  });

  it('the store going down and coming back is blindness, not the end', async () => {
    const { handle } = await world.deploy('v2');
    await world.pass(20 * minuteMs);
    world.setup.brokenStore = true;
    await world.pass(20 * minuteMs);
    expect(titles()).toContain('Monitoring is blind');
    world.setup.brokenStore = false;
    await world.pass(20 * minuteMs);
    expect((await world.timeline()).join('\n')).toContain('blind:store has ended');
    expect((await handle.describe()).status.name).toBe('RUNNING');
  });
});

describe('after its watch', () => {
  it('a release is looked at on standby until the next deployment, which then has a yesterday', async () => {
    const world = await createWorld((policy) => ({
      ...policy,
      monitoring: { ...policy.monitoring, watchMs: 2 * hourMs },
    }));
    try {
      await world.haveGood('v1');
      world.service.script('v2', (ms) => (ms > 4 * hourMs && ms < 5 * hourMs ? { healthy: false } : {}));
      const { key, handle } = await world.deploy('v2');
      expect(await handle.result()).toMatchObject({ outcome: 'healthy' });
      const standby = world.environment.client.workflow.getHandle(standbyWorkflowId(key));
      await world.pass(7 * hourMs);
      expect((await standby.describe()).status.name).toBe('RUNNING');
      expect(world.service.calls).toEqual([]);
      expect(world.told.map(({ title }) => title)).toContain('Sick after its watch: shop');
      const service = { product: 'shop', environment: 'production', service: 'web' };
      const untilMs = await world.now();
      const samples = await world.store.watches.history(service, { sinceMs: 0, untilMs });
      expect(samples.length).toBeGreaterThan(8.5 * 60);
      await world.deploy('v3');
      expect(await standby.result()).toContain('superseded by deploy-v3');
      // What the next deployment's first check learns.
      const learning = { ...service, label: 'v2 at this hour', untilMs, neighbours: [] };
      const known = await learnFromStore(world.store, learning, world.setup.policy);
      expect(known?.habits.days).toBeGreaterThan(0.3);
    } finally {
      await world.end();
    }
  });
});

describe('a store that flaps', () => {
  it('fills neither the history nor the inbox', async () => {
    const world = await createWorld((policy) => ({
      ...policy,
      monitoring: { ...policy.monitoring, watchMs: 3 * hourMs },
    }));
    try {
      await world.haveGood('v1');
      const { handle } = await world.deploy('v2');
      await world.pass(20 * minuteMs);
      const before = (await handle.describe()).historyLength;
      for (let minute = 0; minute < 60; minute += 1) {
        world.setup.brokenStore = minute % 2 === 0;
        await world.pass(minuteMs);
      }
      const lines = (await world.timeline()).filter((line) => line.includes('blind:store has ended'));
      expect(lines).toHaveLength(0);
      expect((await handle.describe()).historyLength - before).toBeLessThan(150);
      world.setup.brokenStore = false;
      await world.pass(5 * minuteMs);
      expect((await world.timeline()).join('\n')).toContain('blind:store has ended');
    } finally {
      await world.end();
    }
  });
});

describe('a monitor of three hours', () => {
  it('ends unobserved when too little was seen, and the owner is told', async () => {
    const world = await createWorld((policy) => ({
      ...policy,
      monitoring: { ...policy.monitoring, watchMs: 3 * hourMs },
    }));
    try {
      await world.haveGood('v1');
      const { handle } = await world.deploy('v2');
      await world.pass(20 * minuteMs);
      world.service.state.blind = 'HTTP 500';
      expect(await handle.result()).toMatchObject({ outcome: 'unobserved' });
      expect(world.told.some((message) => message.title.startsWith('Unobserved'))).toBe(true);
      expect(await world.store.deployments.list({ product: 'shop', limit: 1 })).toMatchObject([
        { outcome: 'unobserved' },
      ]);
    } finally {
      await world.end();
    }
  });
});
