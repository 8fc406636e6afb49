import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { monitorWorkflowId, postMortemWorkflowId, rollbackWorkflowId } from '../../domain/identity.ts';
import { controlQueue } from '../../domain/queues.ts';
import type { RollbackRequest } from '../../domain/rollback.ts';
import {
  commandSignals,
  commandUpdates,
  manualRollbackSignal,
  newDeploymentSignal,
  requestRollbackUpdate,
  reviewUpdate,
  statusQuery,
} from '../../workflows/messages.ts';
import type { rollback } from '../../workflows/rollback.ts';
import { createWorld, hourMs, minuteMs, product, type World } from '../support/harness.ts';

const sickFrom12 = (ms: number) => (ms > 12 * minuteMs ? { errorsPerMinute: 50 } : {});

describe('rollback', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
    await world.haveGood('v1');
    world.service.script('v2', sickFrom12);
  });
  afterEach(() => world.end());

  const titles = () => world.told.map((message) => message.title);
  const incident = async () => (await world.store.incidents.list({ limit: 1 }))[0];
  const phase = async () => (await world.rollbackHandle().query(statusQuery)).phase;
  const escalated = () =>
    world.until(
      'escalated',
      () =>
        phase().then(
          (found) => found === 'escalated',
          () => false,
        ),
      3 * hourMs,
    );
  const request = (more: Partial<RollbackRequest> = {}): RollbackRequest => ({
    requestId: `test-${Math.random()}`,
    origin: 'manual',
    by: 'Ben',
    reason: 'looks bad',
    triggers: [],
    to: null,
    breachAtMs: 0,
    ...more,
  });

  it('acts in order: traffic stops, the old release comes back, traffic resumes; the release is quarantined', async () => {
    const { key, handle } = await world.deploy('v2');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.calls).toEqual(['stop traffic', 'restore v1', 'restart v1', 'resume v1']);
    expect(await world.store.deployments.read(key)).toMatchObject({ outcome: 'rolled_back' });
    expect(await world.store.releases.list(product)).toMatchObject([
      { release: 'v2', standing: 'quarantined' },
    ]);
    expect(await incident()).toMatchObject({
      outcome: 'rolled_back',
      attempts: 1,
      to: [{ service: 'web', release: 'v1' }],
    });
    expect(titles()).toEqual(
      expect.arrayContaining(['CRITICAL: Auto-rollback initiated', 'Rollback successful']),
    );
  });

  it('the restored release becomes the current deployment and is watched, without a rollback of the rollback', async () => {
    const { handle } = await world.deploy('v2');
    await handle.result();
    const { currentDeployment, rollback } = await world.store.products.read(product);
    expect(rollback).toBeNull();
    const restored = await world.store.deployments.read({
      ...product,
      deployment: currentDeployment as string,
    });
    expect(restored).toMatchObject({
      origin: 'rollback',
      status: 'watching',
      services: [{ service: 'web', release: 'v1' }],
    });
    world.service.calls.length = 0;
    world.service.script('v1', () => ({ errorsPerMinute: 80 }));
    await world.pass(2 * hourMs);
    expect(world.service.calls).toEqual([]);
    expect((await world.timeline()).join('\n')).toContain('there is no rollback of a rollback');
    const watching = world.environment.client.workflow.getHandle(monitorWorkflowId(restored as never));
    expect((await watching.describe()).status.name).toBe('RUNNING');
  });

  it('is one story to whoever follows it, apart from that of its monitor', async () => {
    const { handle } = await world.deploy('v2');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    const id = (await incident())?.id ?? 'none';
    const events = (thread: string) =>
      world.told.filter((message) => message.thread === thread).map(({ event }) => event);
    expect(events(id).filter((event) => event !== 'reported' && event !== undefined)).toEqual([
      'rollback_begun',
      'rolled_back',
    ]);
    expect(events('monitor/shop/production/deploy-v2')).toEqual(['deployed']);
    const [begun] = world.told.filter(({ event }) => event === 'rollback_begun');
    expect(begun).toMatchObject({
      doing: 'Rolling back v2 to v1.',
      about: {
        deployment: 'deploy-v2',
        incident: id,
        services: [{ service: 'web', release: 'v2' }],
        to: [{ service: 'web', release: 'v1' }],
        breach: { type: 'error_rate', service: 'web' },
      },
    });
    expect(begun?.series).toMatchObject({ signal: 'errors per minute', service: 'web' });
    expect(begun?.series?.points.length).toBeGreaterThan(5);
  });

  it('a step that fails consumes an attempt, the next one succeeds', async () => {
    world.service.fail('restart', 'port 4100 is in use', 1);
    const { handle } = await world.deploy('v2');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(await incident()).toMatchObject({ attempts: 2 });
    expect((await world.timeline()).join('\n')).toContain(
      'Attempt 1 of 3 failed: restart of web v1: port 4100 is in use',
    );
  });

  it('after the last attempt maintenance stays and people are asked, level by level, until a retry works', async () => {
    world.service.fail('restore', 'disk full', 3);
    const { handle } = await world.deploy('v2');
    await escalated();
    expect(world.service.state).toMatchObject({ maintenance: true });
    const began = await world.now();
    const notices = () =>
      world.told.filter((message) => message.title.includes('rollback failed after 3 attempts'));
    await world.until('the first notice', () => notices().length === 1, minuteMs);
    await world.pass(4 * minuteMs);
    expect(notices()).toHaveLength(1);
    await world.pass(2 * minuteMs);
    expect(notices()).toHaveLength(2);
    await world.pass(15 * minuteMs);
    expect(notices()).toHaveLength(3);
    expect(
      notices()[0]
        ?.commands.map((entry) => entry.command)
        .join('\n'),
    ).toContain(`temporal workflow signal --workflow-id ${rollbackWorkflowId(product)} --name retry`);
    expect(notices()[0]?.commands.find(({ command }) => command.includes('--name retry'))?.command).toMatch(
      / --address temporal\.example:7233 --namespace default$/,
    );
    expect(notices()[0]?.text).toMatch(
      /Done so far: 3 attempts to restore an older release\. Now: web: v2 is live \(\d of \d instances running\), in maintenance\.$/,
    );
    expect(notices().map(({ event }) => event)).toEqual(['escalated', 'reminded', 'reminded']);
    expect(notices()[0]?.actions).toEqual(['acknowledge', 'retry', 'resume_traffic', 'resolve']);
    expect(notices()[0]?.links).toEqual([
      {
        label: 'Timeline',
        url: expect.stringContaining('/namespaces/default/workflows/rollback%2Fshop%2Fproduction/'),
      },
    ]);
    await world.rollbackHandle().signal(commandSignals.acknowledge, { by: 'Ben' });
    const acknowledged = () => world.told.find(({ event }) => event === 'acknowledged');
    await world.until('followers hear of it', () => acknowledged() !== undefined, minuteMs);
    expect(acknowledged()).toMatchObject({
      title: 'Acknowledged by Ben: shop',
      thread: notices()[0]?.thread,
    });
    await world.pass(25 * minuteMs);
    expect(notices()).toHaveLength(3);
    await world.pass(10 * minuteMs);
    expect(notices().length).toBeGreaterThan(3);
    expect((await world.now()) - began).toBeGreaterThan(50 * minuteMs);
    await world.rollbackHandle().signal(commandSignals.retry, { by: 'Ben' });
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(await incident()).toMatchObject({ attempts: 4, outcome: 'rolled_back' });
    expect(world.service.state).toMatchObject({ maintenance: false, running: 'v1' });
  });

  it('without a last known good release traffic is not touched and people are asked', async () => {
    const { handle } = await world.deploy('v2');
    world.service.state.unrestorable.add('v1');
    await escalated();
    expect(world.service.calls).toEqual([]);
    expect(world.service.state.maintenance).toBe(false);
    await world.until(
      'told',
      () => titles().some((title) => title.startsWith('No rollback possible')),
      minuteMs,
    );
    const notice = world.told.find((message) => message.title.startsWith('No rollback possible'));
    expect(notice?.text).toContain('v1: not restorable, its image is gone');
    await world.rollbackHandle().signal(commandSignals.resolve, { by: 'Ben', note: 'scaled the database' });
    expect(await handle.result()).toMatchObject({ outcome: 'needs_attention' });
    expect(await world.store.releases.list(product)).toMatchObject([{ release: 'v2', standing: 'held' }]);
  });

  it('takes the next candidate when the newest good release is not restorable', async () => {
    await world.haveGood('v0', 'deploy-v0');
    await world.haveGood('v1', 'deploy-v1-again');
    world.service.state.unrestorable.add('v1');
    const { handle } = await world.deploy('v2');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.state.running).toBe('v0');
  });

  it('restores anyway when traffic cannot be stopped, and says so', async () => {
    world.service.fail('stop', 'proxy does not answer', 100);
    const { handle } = await world.deploy('v2');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.state.running).toBe('v1');
    expect(titles().some((title) => title.startsWith('Traffic could not be stopped'))).toBe(true);
  });

  it('tries to resume traffic every 30 seconds until it works, and asks people meanwhile', async () => {
    world.service.fail('resume', 'proxy does not answer', 12);
    const { handle } = await world.deploy('v2');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.state.maintenance).toBe(false);
    expect(titles().some((title) => title.includes('traffic could not be resumed'))).toBe(true);
  });

  it('sick before traffic: maintenance stays, systemic escalation', async () => {
    const { handle } = await world.deploy('v2');
    world.service.script('v1', () => ({ memoryPercent: 97 }));
    await escalated();
    expect(world.service.state).toMatchObject({ maintenance: true, running: 'v1' });
    await world.until('told', () => titles().some((title) => title.includes('systemic issue')), minuteMs);
    await world.rollbackHandle().signal(commandSignals.traffic, { by: 'Ben', state: 'resume' });
    await world.pass(minuteMs);
    expect(world.service.state.maintenance).toBe(false);
    await world.rollbackHandle().signal(commandSignals.handOver, { by: 'Ben', note: 'to the database team' });
    expect(await handle.result()).toMatchObject({ outcome: 'needs_attention' });
  });

  it('sick under traffic: no further attempt, traffic stays on the restored release, systemic escalation', async () => {
    const { handle } = await world.deploy('v2');
    world.service.script('v1', () => ({ errorsPerMinute: 3_000 }));
    await escalated();
    expect(world.service.state).toMatchObject({ maintenance: false, running: 'v1', trafficTo: 'v1' });
    expect(await incident()).toMatchObject({ attempts: 1 });
    expect((await world.timeline()).join('\n')).toContain('the release was probably not the cause');
    await world.rollbackHandle().signal(commandSignals.resolve, { by: 'Ben' });
    expect(await handle.result()).toMatchObject({ outcome: 'needs_attention' });
    expect(await world.store.releases.list(product)).toMatchObject([{ release: 'v2', standing: 'held' }]);
  });

  it('health failing under traffic: maintenance is on again', async () => {
    const { handle } = await world.deploy('v2');
    world.service.script('v1', (ms) => (ms > 5_000 ? { healthy: false } : {}));
    await escalated();
    expect(world.service.state).toMatchObject({ maintenance: true, running: 'v1' });
    await world.rollbackHandle().signal(commandSignals.resolve, { by: 'Ben' });
    expect(await handle.result()).toMatchObject({ outcome: 'needs_attention' });
  });

  it('too little traffic ends as success that is not yet confirmed, and the release is held', async () => {
    const { handle } = await world.deploy('v2');
    world.service.script('v1', () => ({ requestsPerMinute: 4, errorsPerMinute: 0 }));
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect((await incident())?.outcomeReason).toMatch(/not yet confirmed: \d+ requests/);
    expect(titles()).toContain('Rollback successful');
    expect(await world.store.releases.list(product)).toMatchObject([{ release: 'v2', standing: 'held' }]);
  });

  it('a second caller joins and is told the target; a different target is refused with the reason', async () => {
    world.service.fail('resume', 'slow', 4);
    const { handle } = await world.deploy('v2');
    await world.until(
      'resuming',
      () =>
        phase().then(
          (found) => found === 'resuming',
          () => false,
        ),
      hourMs,
    );
    const joined = await world.rollbackHandle().executeUpdate(requestRollbackUpdate, { args: [request()] });
    expect(joined).toEqual({ accepted: true, reason: 'joined the running rollback of web to v1' });
    await expect(
      world.rollbackHandle().executeUpdate(requestRollbackUpdate, { args: [request({ to: 'v7' })] }),
    ).rejects.toMatchObject({ cause: { message: expect.stringContaining('it cannot change to v7 now') } });
    await expect(
      world.rollbackHandle().executeUpdate(commandUpdates.retry, { args: [{ by: 'Ben' }] }),
    ).resolves.toMatchObject({
      accepted: false,
    });
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(await world.store.incidents.list({ limit: 10 })).toHaveLength(1);
  });

  it('abort stops after the current step and never leaves maintenance without escalation', async () => {
    world.service.fail('restore', 'disk full', 3);
    const { handle } = await world.deploy('v2');
    await world.until('restoring', () => world.service.calls.includes('restore v1'), hourMs);
    await world.rollbackHandle().signal(commandSignals.abort, { by: 'Ben' });
    await escalated();
    expect(world.service.state.maintenance).toBe(true);
    expect(world.service.state.running).toBe('v2');
    await world.rollbackHandle().signal(commandSignals.traffic, { by: 'Ben', state: 'resume' });
    await world.rollbackHandle().signal(commandSignals.resolve, { by: 'Ben' });
    expect(await handle.result()).toMatchObject({ outcome: 'needs_attention' });
    expect(world.service.state).toMatchObject({ maintenance: false, trafficTo: 'v2' });
  });

  it('a hotfix deployed in an escalation takes over: verified, given the traffic, and its monitor begins', async () => {
    world.service.fail('restore', 'disk full', 3);
    const { handle } = await world.deploy('v2');
    await escalated();
    const hotfix = await world.deploy('v3');
    expect(await world.store.deployments.read(hotfix.key)).toMatchObject({ status: 'waiting' });
    world.service.state.trafficTo = 'v2';
    const newcomer = { deployment: 'deploy-v3', services: [{ service: 'web', release: 'v3' }] };
    await world.rollbackHandle().signal(newDeploymentSignal, newcomer);
    expect(await handle.result()).toMatchObject({ outcome: 'superseded', reason: 'deploy-v3 took over' });
    expect(world.service.state).toMatchObject({ maintenance: false, trafficTo: 'v3' });
    expect(await world.store.products.read(product)).toMatchObject({
      currentDeployment: 'deploy-v3',
      rollback: null,
    });
    await world.pass(10 * minuteMs);
    expect(await world.store.deployments.read(hotfix.key)).toMatchObject({ status: 'watching' });
    expect((await hotfix.handle.query(statusQuery)).phase).toBe('watching');
  });

  it('a sick newcomer does not take over: maintenance stays and the escalation goes on', async () => {
    world.service.fail('restore', 'disk full', 3);
    const { handle } = await world.deploy('v2');
    await escalated();
    world.service.script('v3', () => ({ healthy: false }));
    await world.deploy('v3');
    await world.rollbackHandle().signal(newDeploymentSignal, {
      deployment: 'deploy-v3',
      services: [{ service: 'web', release: 'v3' }],
    });
    await world.pass(10 * minuteMs);
    expect(await phase()).toBe('escalated');
    expect(world.service.state.maintenance).toBe(true);
    expect((await world.timeline()).join('\n')).toContain('deploy-v3 was deployed but is not healthy');
    await world.rollbackHandle().signal(commandSignals.resolve, { by: 'Ben' });
    expect(await handle.result()).toMatchObject({ outcome: 'needs_attention' });
  });

  it('somebody changed what is live before traffic was stopped: nothing is touched', async () => {
    const { handle } = await world.deploy('v2');
    await world.pass(6 * minuteMs);
    await world.service.deploy('v1');
    await handle.signal(manualRollbackSignal, { by: 'Ben', reason: 'looks bad' });
    expect(await handle.result()).toMatchObject({ outcome: 'changed_outside' });
    expect(world.service.calls).toEqual([]);
    const [newest] = await world.store.deployments.list({ ...product, limit: 1 });
    expect(newest).toMatchObject({ origin: 'observed', services: [{ service: 'web', release: 'v1' }] });
  });

  it('cancelling or terminating the monitor never stops a rollback', async () => {
    world.service.fail('resume', 'slow', 6);
    const { key, handle } = await world.deploy('v2');
    await world.until(
      'resuming',
      () =>
        phase().then(
          (found) => found === 'resuming',
          () => false,
        ),
      hourMs,
    );
    await handle.cancel();
    await world.rollbackHandle().cancel();
    const result = await world.rollbackHandle().result();
    expect(result).toMatchObject({ outcome: 'rolled_back' });
    expect(await world.store.deployments.read(key)).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.state).toMatchObject({ running: 'v1', maintenance: false });
  });

  it('the store down from breach to resume stops nothing; everything is recorded afterwards', async () => {
    const { key, handle } = await world.deploy('v2');
    const stop = world.service.traffic.stop;
    world.service.traffic.stop = async (service, options) => {
      world.setup.brokenStore = true;
      await stop(service, options);
    };
    const resume = world.service.traffic.resume;
    world.service.traffic.resume = async (service, options) => {
      await resume(service, options);
      setTimeout(() => {
        world.setup.brokenStore = false;
      }, 1_500);
    };
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.calls).toEqual(['stop traffic', 'restore v1', 'restart v1', 'resume v1']);
    expect(await world.store.deployments.read(key)).toMatchObject({ outcome: 'rolled_back' });
    expect(await world.store.incidents.list({ limit: 10 })).toHaveLength(1);
    const timeline = (await world.timeline()).join('\n');
    for (const line of ['Maintenance mode ON', 'Services restarted', 'Maintenance mode OFF'])
      expect(timeline).toContain(line);
  });

  it('a rollback that meets another one in the row is refused and touches nothing', async () => {
    const { key } = await world.deploy('v2');
    await world.store.products.change(product, (row) => ({
      ...row,
      rollback: { id: 'direct/1', deployment: key.deployment, sinceMs: 0 },
    }));
    const handle = await world.environment.client.workflow.start('rollback', {
      workflowId: rollbackWorkflowId(product),
      taskQueue: controlQueue,
      args: [
        {
          key,
          services: [{ service: 'web', release: 'v2' }],
          request: request(),
          plan: null,
          searchAttributes: true,
        },
      ],
    });
    expect(await handle.result()).toMatchObject({
      outcome: 'refused',
      reason: expect.stringContaining('direct/1'),
    });
    expect(world.service.calls).toEqual([]);
    expect((await world.timeline()).join('\n')).toContain('Rollback refused');
  });

  it('a target below the rollback floor is refused with what can be done instead, and nothing is touched', async () => {
    const { key } = await world.deploy('v2');
    const floor = { release: 'v2', by: 'Ana', reason: 'v2 drops a column', atMs: await world.now() };
    await world.store.products.change(product, (row) => ({ ...row, floors: { web: floor } }));
    const input = { key, services: [{ service: 'web', release: 'v2' }], request: request({ to: 'v1' }) };
    const result = await world.environment.client.workflow.execute<typeof rollback>('rollback', {
      workflowId: rollbackWorkflowId(product),
      taskQueue: controlQueue,
      args: [{ ...input, plan: null, searchAttributes: true }],
    });
    expect(result.outcome).toBe('refused');
    expect(result.reason).toMatch(
      /^v1 of web is no rollback target: below the rollback floor v2 declared by Ana: v2 drops a column\. Instead: stop its traffic/,
    );
    expect(world.service.calls).toEqual([]);
    expect((await world.store.products.read(product)).rollback).toBeNull();
  });

  it('where the floor leaves no release to go back to, people are asked and traffic is not touched', async () => {
    const { key } = await world.deploy('v2');
    const floor = { release: 'v2', by: 'Ana', reason: 'v2 drops a column', atMs: await world.now() };
    await world.store.products.change(product, (row) => ({ ...row, floors: { web: floor } }));
    await escalated();
    expect(world.service.calls).toEqual([]);
    const asked = world.told.find(({ title }) => title.startsWith('No rollback possible'));
    expect(asked?.text).toMatch(/v1: below the rollback floor v2 .* Instead: .*, or hand over/s);
    expect(await world.store.deployments.read(key)).toMatchObject({ outcome: null });
  });

  it('malformed signals from the Temporal UI do no harm', async () => {
    world.service.fail('restore', 'disk full', 3);
    const { handle } = await world.deploy('v2');
    await escalated();
    const rollback = world.rollbackHandle();
    await rollback.signal('acknowledge');
    await rollback.signal('requestRollback', null);
    await rollback.signal('noSuchSignal', { a: 1 });
    await rollback.signal('resolve');
    expect(await handle.result()).toMatchObject({ outcome: 'needs_attention' });
  });
});

describe('the post-mortem', () => {
  it('writes the report, waits for the review and reminds the owner', async () => {
    // Rare checks: the restored release's monitor need not look 1,440 times while the days of waiting pass.
    const world = await createWorld((policy) => ({
      ...policy,
      monitoring: {
        ...policy.monitoring,
        checkIntervalMs: 20 * minuteMs,
        watchMs: 50 * hourMs,
        baselineWindowMs: hourMs,
      },
    }));
    const titles = () => world.told.map((message) => message.title);
    const incident = async () => (await world.store.incidents.list({ limit: 1 }))[0];
    try {
      await world.haveGood('v1');
      const { handle } = await world.deploy('v2');
      await world.pass(minuteMs);
      await handle.signal(manualRollbackSignal, { by: 'Ben', reason: 'looks bad' });
      await handle.result();
      const found = await incident();
      const postMortem = world.environment.client.workflow.getHandle(
        postMortemWorkflowId(found?.id as string),
      );
      await world.until(
        'the report',
        async () => (await world.store.incidents.readReport(found?.id as string)) !== null,
        hourMs,
      );
      const report = (await world.store.incidents.readReport(found?.id as string)) as Record<string, unknown>;
      expect(report).toMatchObject({
        deployment_id: 'deploy-v2',
        impact: { affected_users: 'unknown' },
        triggers: [{ type: 'manual' }],
      });
      // Awaiting the result is what lets days pass; the review comes once the first reminder was sent.
      const ended = postMortem.result();
      const reminded = () => titles().filter((title) => title.startsWith('Review is waiting')).length;
      while (reminded() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await postMortem.executeUpdate(reviewUpdate, { args: [{ by: 'Ana', verdict: 'confirmed' }] });
      expect(reminded()).toBeGreaterThanOrEqual(1);
      expect(await ended).toMatchObject({ review: { by: 'Ana', verdict: 'confirmed' } });
      expect(await incident()).toMatchObject({ status: 'reviewed' });
    } finally {
      await world.end();
    }
  });
});
