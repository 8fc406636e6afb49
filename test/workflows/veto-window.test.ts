import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { monitorWorkflowId } from '../../domain/identity.ts';
import type { Policy } from '../../domain/policy.ts';
import {
  manualRollbackUpdate,
  pauseSignal,
  resumeSignal,
  statusQuery,
  supersededSignal,
  vetoSignal,
  vetoUpdate,
} from '../../workflows/messages.ts';
import { createWorld, hourMs, minuteMs, product, type World } from '../support/harness.ts';

const waiting = (policy: Policy): Policy => ({
  ...policy,
  rollback: { ...policy.rollback, vetoMs: { critical: 5 * minuteMs, high: 5 * minuteMs } },
});

const sickAt = 12 * minuteMs;

describe('a rollback that waits for a veto', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld(waiting);
    await world.haveGood('v1');
  });
  afterEach(() => world.end());

  const titles = () => world.told.map((message) => message.title);
  const row = () => world.store.products.read(product);

  async function sick(errorsPerMinute: (ms: number) => number = () => 50) {
    world.service.script('v2', (ms) => (ms > sickAt ? { errorsPerMinute: errorsPerMinute(ms) } : {}));
    return world.deploy('v2');
  }

  const opened = () => world.until('the window', async () => (await row()).vetoWindow != null, 2 * hourMs);

  it('begins when the time is over: it needs no answer', async () => {
    const { handle } = await sick();
    await opened();
    const openedMs = await world.now();
    expect((await row()).vetoWindow).toMatchObject({
      deployment: 'deploy-v2',
      reason: expect.stringContaining('error rate'),
    });
    expect((await handle.query(statusQuery)).phase).toBe('veto_window');
    await world.pass(4 * minuteMs);
    expect(world.service.calls).toEqual([]);
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    const [message] = world.told.filter(({ event }) => event === 'veto_open');
    expect(message).toMatchObject({
      title: 'Rolling back in 5 min unless vetoed: shop',
      actions: ['veto', 'rollback', 'pause'],
      about: { breach: { type: 'error_rate', service: 'web' } },
    });
    expect(message?.commands[0]).toEqual({
      label: 'Do not roll back',
      command: 'orchestrator veto shop "why"',
    });
    const story = (await world.timeline()).join('\n');
    expect(story).toMatch(/Rolling back in 5 min, at \d\d:\d\d:\d\d, unless vetoed: error rate/);
    expect(story).toContain('Nobody vetoed within 5 min');
    expect((await row()).vetoWindow ?? null).toBeNull();
    const incident = await world.store.incidents.list({ ...product, limit: 1 });
    expect((incident[0]?.openedAtMs ?? 0) - openedMs).toBeGreaterThan(4.5 * minuteMs);
  });

  it('a veto keeps the release, which is only observed until somebody resumes', async () => {
    const { handle } = await sick();
    await opened();
    const answer = await handle.executeUpdate(vetoUpdate, { args: [{ by: 'Ana', reason: 'load test' }] });
    expect(answer).toEqual({ accepted: true, reason: 'vetoed by Ana: v2 stays, and is only observed' });
    await world.pass(2 * hourMs);
    expect(world.service.calls).toEqual([]);
    expect(await world.store.incidents.list({ ...product, limit: 1 })).toEqual([]);
    expect((await row()).veto).toMatchObject({ deployment: 'deploy-v2', by: 'Ana', reason: 'load test' });
    expect((await row()).vetoWindow).toBeNull();
    const story = await world.timeline();
    expect(story).toContain('Rollback of v2 vetoed by Ana: load test');
    expect(story.filter((text) => text.startsWith('Rolling back in'))).toHaveLength(1);
    expect(titles()).toContain('Vetoed by Ana: shop');
    await handle.signal(resumeSignal, { by: 'Ana' });
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
  });

  it('a veto outlives the run it was said to', async () => {
    const { key, handle } = await sick();
    await opened();
    await handle.signal(vetoSignal, { by: 'Ana', reason: 'load test' });
    const monitor = world.environment.client.workflow.getHandle(monitorWorkflowId(key));
    const { runId } = await monitor.describe();
    for (let round = 0; round < 18; round += 1) {
      await Promise.all(
        Array.from({ length: 50 }, () => monitor.signal(pauseSignal, { by: 'Ben', untilMs: 1 })),
      );
      await world.pass(minuteMs);
    }
    await world.until('the next run', async () => (await monitor.describe()).runId !== runId, 3 * hourMs);
    await world.pass(hourMs);
    expect(world.service.calls).toEqual([]);
    expect((await row()).veto).toMatchObject({ by: 'Ana' });
  });

  it('is refused where no rollback waits', async () => {
    const { handle } = await world.deploy('v2');
    await world.pass(10 * minuteMs);
    expect(await handle.executeUpdate(vetoUpdate, { args: [{ by: 'Ana' }] })).toEqual({
      accepted: false,
      reason: 'no rollback of shop waits for a veto; orchestrator pause shop holds automatic rollbacks back',
    });
  });

  it('worse evidence ends the wait, with the reason', async () => {
    let worse = false;
    const { handle } = await sick(() => (worse ? 4_000 : 400));
    await opened();
    worse = true;
    const openedMs = await world.now();
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    const story = (await world.timeline()).join('\n');
    expect(story).toMatch(/Waits no longer for a veto, it got worse: .* failed in the newest check/);
    expect(story).not.toContain('Nobody vetoed');
    const [incident] = await world.store.incidents.list({ ...product, limit: 1 });
    expect((incident?.openedAtMs ?? 0) - openedMs).toBeLessThan(4.5 * minuteMs);
  });

  it("a person's rollback does not wait", async () => {
    const { handle } = await sick();
    await opened();
    await handle.executeUpdate(manualRollbackUpdate, { args: [{ by: 'Ana', reason: 'enough' }] });
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect((await world.timeline()).join('\n')).toContain('Manual rollback by Ana: enough');
  });

  it('a pause holds it back, the last moment included', async () => {
    const { handle } = await sick();
    await opened();
    const untilMs = (await row()).vetoWindow?.untilMs ?? 0;
    await world.pass(untilMs - (await world.now()) - 1_000);
    await world.store.products.change(product, (found) => ({
      ...found,
      pause: { untilMs: null, by: 'Ana', reason: 'wait' },
    }));
    await world.pass(hourMs);
    expect(world.service.calls).toEqual([]);
    expect((await world.timeline()).join('\n')).toContain('Not done: automatic rollback is paused by Ana');
    await handle.signal(resumeSignal, { by: 'Ana' });
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
  });

  it('a pause that the next check meets ends it at once', async () => {
    const { handle } = await sick();
    await opened();
    await handle.signal(pauseSignal, { by: 'Ana', note: 'wait' });
    await world.pass(2 * minuteMs);
    expect((await row()).vetoWindow).toBeNull();
    expect(titles()).toContain('Breach, but no automatic rollback');
  });

  it('a breach that is over meanwhile rolls nothing back', async () => {
    world.setup.policy = {
      ...world.setup.policy,
      rollback: { ...world.setup.policy.rollback, vetoMs: { critical: 10 * minuteMs, high: 0 } },
    };
    let over = Number.POSITIVE_INFINITY;
    const { handle } = await sick((ms) => (ms > over ? 0.5 : 4_000));
    await opened();
    over = 0;
    await world.pass(20 * minuteMs);
    expect(world.service.calls).toEqual([]);
    expect((await world.timeline()).join('\n')).toContain('Not rolled back: the breach was over');
    expect((await handle.query(statusQuery)).phase).toBe('watching');
  });

  it('a newer deployment ends it', async () => {
    const { handle } = await sick();
    await opened();
    await world.deploy('v3');
    await handle.signal(supersededSignal, { by: 'deploy-v3' });
    expect(await handle.result()).toMatchObject({ outcome: 'superseded' });
    expect(world.service.calls).toEqual([]);
  });

  it('nobody waits for a service whose health checks fail', async () => {
    world.service.script('v2', (ms) => (ms > sickAt ? { healthy: false } : {}));
    const { handle } = await world.deploy('v2');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect((await world.timeline()).join('\n')).not.toContain('unless vetoed');
  });

  it('blindness does not lengthen it', async () => {
    const { handle } = await sick();
    await opened();
    world.service.state.blindWhen = (atMs) => atMs > 0 && world.service.state.running === 'v2';
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
  });
});
