import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rollbackWorkflowId } from '../../domain/identity.ts';
import { controlQueue } from '../../domain/queues.ts';
import { manualRollbackSignal, statusQuery } from '../../workflows/messages.ts';
import { createWorld, type Deployed, minuteMs, product, type World } from '../support/harness.ts';

describe('a monitor that has joined a running rollback', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld((policy) => ({ ...policy, rollback: { ...policy.rollback, maxAttempts: 1 } }));
    await world.haveGood('v1');
  });
  afterEach(() => world.end());

  it('learns its end from the store when the word is lost: the workflow was terminated, and somebody rolled back by hand', async () => {
    const deployed = await world.deploy('v2');
    const rollback = await lost(deployed);
    const services = [{ service: 'web', release: 'v1' }];
    const deployedAtMs = await world.now();
    await world.store.deployments.concludeRollback({
      key: deployed.key,
      rollback,
      outcome: 'rolled_back',
      reason: 'rolled back by hand, without Temporal',
      atMs: deployedAtMs,
      restored: { ...product, deployment: 'rollback-direct-1', services, origin: 'rollback', deployedAtMs },
    });
    expect(await deployed.handle.result()).toEqual({
      outcome: 'rolled_back',
      reason: 'rolled back by hand, without Temporal',
    });
    await expectNoWord(deployed);
  });

  it('calls everyone when it was terminated and left no outcome', async () => {
    const deployed = await world.deploy('v2');
    const rollback = await lost(deployed);
    await world.pass(10 * minuteMs);
    expect((await deployed.handle.query(statusQuery)).phase).toBe('rolling_back');
    // What the sweep does with a row whose rollback does not run.
    await world.store.deployments.freeRow(product, rollback, await world.now());
    expect(await deployed.handle.result()).toMatchObject({ outcome: 'needs_attention' });
    await expectNoWord(deployed);
    expect(world.told.map(({ title }) => title)).toContain('Rollback lost: shop');
  });

  /** A rollback that the monitor has joined, terminated while it waits for people. */
  async function lost(deployed: Deployed): Promise<string> {
    world.service.fail('restore', 'disk full', Number.POSITIVE_INFINITY);
    await joined(deployed);
    const rollback = world.rollbackHandle();
    await world.until('escalated', async () => (await rollback.query(statusQuery)).phase === 'escalated');
    await world.pass(minuteMs);
    await rollback.terminate('by mistake');
    return (await world.store.products.read(product)).rollback?.id as string;
  }

  /** Somebody’s rollback has begun; before its monitor hears of that, a person asks the monitor for one, too. */
  async function joined({ key, handle }: Deployed): Promise<void> {
    await world.pass(minuteMs);
    const { change } = world.store.products;
    world.store.products.change = async (...args) => {
      while (!(await handle.query(statusQuery)).details.includes('joined it')) await sleep(20);
      world.store.products.change = change;
      return change(...args);
    };
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
    await world.environment.client.workflow.start('rollback', {
      workflowId: rollbackWorkflowId(product),
      taskQueue: controlQueue,
      args: [{ key, services, request, plan: null, searchAttributes: true }],
    });
    await handle.signal(manualRollbackSignal, { by: 'Ana', reason: 'UI broken' });
  }

  async function expectNoWord({ handle }: Deployed): Promise<void> {
    const { events } = await handle.fetchHistory();
    const signals = events?.map((event) => event.workflowExecutionSignaledEventAttributes?.signalName);
    expect(signals).not.toContain('rollbackEnded');
  }
});
