import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, type TestContext } from 'vitest';
import type { Policy } from '../../domain/policy.ts';
import {
  commandSignals,
  manualRollbackSignal,
  pauseSignal,
  resumeSignal,
  statusQuery,
} from '../../workflows/messages.ts';
import { answering } from '../support/breakable-store.ts';
import { createWorld, hourMs, minuteMs, product, type World } from '../support/harness.ts';

const sickFrom12 = (ms: number) => (ms > 12 * minuteMs ? { errorsPerMinute: 50 } : {});

/** What is at work holds virtual time, so a limit passes in real time: these tests wait beside one another. */
describe.concurrent('what does not answer', { timeout: 180_000 }, () => {
  it('a restore that hangs ends at its time limit; after the last attempt maintenance stays and people are asked', async (test) => {
    const { world, handle } = await rollingBack(
      test,
      (service) => service.hang('restore', Number.POSITIVE_INFINITY),
      (policy) => ({ ...policy, rollback: { ...policy.rollback, maxAttempts: 2, stepTimeoutMs: 2_000 } }),
    );
    await world.until('escalated', async () => (await rollbackPhase(world)) === 'escalated', hourMs);
    expect(world.service.calls).toEqual(['stop traffic', 'restore v1', 'restore v1']);
    const timeline = await world.timeline();
    for (const attempt of [1, 2])
      expect(timeline.join('\n')).toContain(
        `Attempt ${attempt} of 2 failed: restore of web v1: the target did not answer within`,
      );
    expect(world.service.state).toMatchObject({ maintenance: true, running: 'v2' });
    await world.until('told', () => wasTold(world, 'CRITICAL: rollback failed after 2 attempts'));
    world.service.answer();
    await world.rollbackHandle().signal(commandSignals.retry, { by: 'Ben' });
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.state).toMatchObject({ maintenance: false, running: 'v1' });
  });

  it('stopping traffic that hangs is given up after five tries: the owner is told, and the release is restored anyway', async (test) => {
    const { world, handle } = await rollingBack(test, (service) =>
      service.hang('stop', Number.POSITIVE_INFINITY),
    );
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    const stops = Array.from({ length: 5 }, () => 'stop traffic');
    expect(world.service.calls).toEqual([...stops, 'restore v1', 'restart v1', 'resume v1']);
    expect(wasTold(world, 'Traffic could not be stopped')).toBe(true);
    expect(world.service.state).toMatchObject({ running: 'v1', trafficTo: 'v1' });
  });

  it('resuming traffic that hangs is tried on every 30 seconds while people are asked, and works by itself in the end', async (test) => {
    const { world, handle } = await rollingBack(test, (service) => service.hang('resume', 6));
    const triedAtMs: number[] = [];
    const { resume } = world.service.traffic;
    world.service.traffic.resume = async (service, options) => {
      triedAtMs.push(await world.now());
      await resume(service, options);
    };
    await world.until('escalated', async () => (await rollbackPhase(world)) === 'escalated', hourMs);
    expect(triedAtMs.length).toBeLessThanOrEqual(6);
    expect(world.service.state).toMatchObject({ running: 'v1', maintenance: true });
    await world.until('told', () => wasTold(world, 'CRITICAL: traffic could not be resumed'));
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(triedAtMs).toHaveLength(7);
    const pauseMs = (triedAtMs[6] ?? 0) - (triedAtMs[5] ?? 0);
    // Its own 15 s, and the 30 s of virtual time after them.
    expect(pauseMs).toBeGreaterThan(40_000);
    expect(pauseMs).toBeLessThan(60_000);
    expect(world.service.state).toMatchObject({ maintenance: false, trafficTo: 'v1' });
  });

  it('a store that hangs makes a check blind, and a rollback goes on with what its monitor knows; the row is reconciled afterwards', async (test) => {
    const world = await aWorld(test);
    world.service.script('v2', sickFrom12);
    const { key, handle } = await world.deploy('v2');
    await world.pass(8 * minuteMs);
    const details = async () => (await handle.query(statusQuery)).details;
    world.setup.brokenStore = 'hangs';
    const blind = 'blind: the store does not answer: the store did not answer within 2000 ms';
    await world.until('blind', async () => (await details()).includes(blind));
    world.setup.brokenStore = false;
    await world.until('seeing', async () => (await details()).includes('blind:store has ended'));

    hangAtBreach(world);
    const holders: (string | undefined)[] = [];
    const { resume } = world.service.traffic;
    world.service.traffic.resume = async (service, options) => {
      holders.push((await world.store.products.read(product)).rollback?.id);
      world.setup.brokenStore = false;
      while ((await world.store.products.read(product)).rollback === null) await sleep(20);
      holders.push((await world.store.products.read(product)).rollback?.id);
      await resume(service, options);
    };
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.calls).toEqual(['stop traffic', 'restore v1', 'restart v1', 'resume v1']);
    const [incident, ...others] = await world.store.incidents.list({ limit: 5 });
    expect(others).toEqual([]);
    expect(holders).toEqual([undefined, incident?.id]);
    expect((await world.timeline()).join('\n')).toContain(
      'The store does not answer (the store did not answer within 2000 ms); going on with what the monitor knew',
    );
    expect(await world.store.products.read(product)).toMatchObject({ rollback: null });
    expect(await world.store.deployments.read(key)).toMatchObject({ outcome: 'rolled_back' });
  });

  it('a store that hangs when a breach is found leaves the last known pause in force', async (test) => {
    const world = await aWorld(test);
    world.service.script('v2', sickFrom12);
    const { handle } = await world.deploy('v2');
    await world.pass(8 * minuteMs);
    await handle.signal(pauseSignal, { by: 'Ana', note: 'migration' });
    const hung = hangAtBreach(world);
    await world.until('a breach', async () =>
      (await handle.query(statusQuery)).details.includes('Would have rolled back v2'),
    );
    expect(hung()).toBe(true);
    world.setup.brokenStore = false;
    await world.pass(10 * minuteMs);
    expect(world.service.calls).toEqual([]);
    expect(await world.store.incidents.list({ limit: 5 })).toEqual([]);
    expect((await world.timeline()).join('\n')).toContain('Not done: automatic rollback is paused by Ana');
  });

  it('a source that flaps for a day beside a breach that is paused keeps each history short; the breach is acted on when it is resumed', async (test) => {
    const world = await aWorld(test, (policy) => ({
      ...policy,
      monitoring: {
        ...policy.monitoring,
        // No checks in between: a day has 1,440, and is quick.
        suspectIntervalMs: minuteMs,
        // Not at the moment of a check: the test server stops for ever when a timer is cancelled just as it fires.
        blindAlertMs: 200_000,
      },
    }));
    const pause = { untilMs: null, by: 'Ana', reason: 'migration' };
    await world.store.products.change(product, (row) => ({ ...row, pause }));
    world.service.script('v2', (ms) => ({ healthy: ms < 12 * minuteMs }));
    world.service.state.blindWhen = (atMs) => Math.floor(atMs / minuteMs) % 8 < 2;
    const { handle } = await world.deploy('v2');
    await world.pass(23 * hourMs);
    expect(world.service.calls).toEqual([]);
    const held = (await world.timeline()).filter((text) => text.startsWith('Would have rolled back'));
    expect(held).toHaveLength(1);
    const runs = await runsOf(world, handle.workflowId);
    for (const events of runs) expect(events.length).toBeLessThan(3_100);
    // A return where it begins and one where it ends, every eight minutes; one an hour where a segment ends.
    const watches = runs
      .flat()
      .filter((event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'watch');
    expect(watches.length).toBeGreaterThan(23 * 10);
    expect(watches.length).toBeLessThanOrEqual(23 * 17);
    await handle.signal(resumeSignal, { by: 'Ana' });
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.state).toMatchObject({ running: 'v1', maintenance: false });
  });
});

/** The events of every run of a workflow, the newest run first. */
async function runsOf(world: World, workflowId: string) {
  const runs = [];
  let runId: string | undefined;
  do {
    const { events } = await world.environment.client.workflow.getHandle(workflowId, runId).fetchHistory();
    runs.push(events ?? []);
    runId = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;
  } while (runId !== undefined);
  return runs;
}

async function aWorld(test: TestContext, change?: (policy: Policy) => Policy): Promise<World> {
  const world = await createWorld(change);
  test.onTestFinished(() => world.end());
  await world.haveGood('v1');
  return world;
}

/** A person's rollback from v2 to v1. */
async function rollingBack(
  test: TestContext,
  hang: (service: World['service']) => void,
  change?: (policy: Policy) => Policy,
) {
  const world = await aWorld(test, change);
  const { handle } = await world.deploy('v2');
  await world.pass(minuteMs);
  hang(world.service);
  await handle.signal(manualRollbackSignal, { by: 'Ben', reason: 'looks bad' });
  return { world, handle };
}

/** The store hangs from the write of the first breach on. */
function hangAtBreach(world: World): () => boolean {
  let hung = false;
  const { record } = world.store.watches;
  world.store.watches.record = async (key, state, ticks) => {
    if (!hung && state.conditions.standing.some(({ kind }) => kind === 'breach')) {
      hung = true;
      world.setup.brokenStore = 'hangs';
    }
    await answering(world.setup);
    await record(key, state, ticks);
  };
  return () => hung;
}

async function rollbackPhase(world: World): Promise<string> {
  return world
    .rollbackHandle()
    .query(statusQuery)
    .then(
      ({ phase }) => phase,
      () => 'none',
    );
}

function wasTold(world: World, title: string): boolean {
  return world.told.some((message) => message.title === `${title}: shop`);
}
