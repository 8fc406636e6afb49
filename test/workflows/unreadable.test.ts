import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manualRollbackSignal, statusQuery } from '../../workflows/messages.ts';
import { createWorld, hourMs, minuteMs, type World } from '../support/harness.ts';

describe('what cannot be read', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
    await world.haveGood('v1');
  });
  afterEach(async () => {
    for (const letGo of hung.splice(0)) letGo();
    await world.end();
  });

  /** What hangs: a worker that stops would wait for it. */
  const hung: (() => void)[] = [];
  const hang = () => new Promise<never>((_resolve, reject) => hung.push(() => reject(new Error('too late'))));

  const timeline = async () => (await world.timeline()).join('\n');

  it('a scrape that hangs does not hold up a person’s rollback', async () => {
    const { handle } = await world.deploy('v2');
    await world.pass(8 * minuteMs);
    let hanging = false;
    const measure = world.service.metrics.measure;
    world.service.metrics.measure = (request) => {
      if (world.service.state.running !== 'v2') return measure(request);
      hanging = true;
      return hang();
    };
    const hung = world.until('a scrape that hangs', () => hanging, 10 * minuteMs);
    await hung;
    const beforeMs = Date.now();
    await handle.signal(manualRollbackSignal, { by: 'Ben', reason: 'looks bad' });
    while (!world.service.calls.includes('stop traffic'))
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(Date.now() - beforeMs).toBeLessThan(8_000);
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
  });

  it('metrics that are blind before traffic let health alone decide, and the reason says so', async () => {
    world.service.script('v2', (ms) => (ms > 12 * minuteMs ? { errorsPerMinute: 50 } : {}));
    const { handle } = await world.deploy('v2');
    world.service.state.blindWhen = () => world.service.state.running === 'v1';
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(await timeline()).toMatch(/blind before traffic \(.*\), health probes alone decide/);
    expect(world.service.state).toMatchObject({ running: 'v1', maintenance: false });
  });

  it('an error that nobody foresaw is blindness at the third time in a row, and the watch goes on when it is gone', async () => {
    world.service.script('v2', (ms) => (ms > 40 * minuteMs ? { errorsPerMinute: 50 } : {}));
    const { handle } = await world.deploy('v2');
    await world.pass(8 * minuteMs);
    const { policy } = world.setup;
    world.setup.policy = { ...policy, triggers: null as never };
    await world.until(
      'blind',
      async () => (await timeline()).includes('check failed 3 times in a row'),
      hourMs,
    );
    world.setup.policy = policy;
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
  });

  it('a watch that fails for good is a stretch that nobody observed: people are told, and the next one goes on', async () => {
    world.service.script('v2', (ms) => (ms > hourMs ? { errorsPerMinute: 50 } : {}));
    const { handle } = await world.deploy('v2');
    await world.pass(8 * minuteMs);
    const { measure } = world.service.metrics;
    world.service.metrics.measure = hang;
    const blind = () => world.told.filter(({ title }) => title === 'Monitoring is blind');
    for (let failed = 1; failed <= 4; failed += 1) {
      await world.until('a check', () => hung.length === failed);
      await failForGood(handle.workflowId);
      await world.until('unobserved', async () =>
        (await handle.query(statusQuery)).details.includes(': the host is gone'),
      );
    }
    world.service.metrics.measure = measure;
    expect(blind()).toMatchObject([{ severity: 'warning' }, { severity: 'critical' }]);
    expect(blind()[0]?.text).toMatch(
      /^Blind for 3 min: unobserved since \d\d:\d\d:\d\d: the host is gone\. /,
    );
    expect(world.service.calls).toEqual([]);
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(blind()).toHaveLength(2);
  });

  /** What `temporal activity fail` does. */
  async function failForGood(workflowId: string): Promise<void> {
    const { client } = world.environment;
    const { raw } = await client.workflow.getHandle(workflowId).describe();
    const watch = raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'watch');
    await client.workflowService.respondActivityTaskFailedById({
      namespace: 'default',
      workflowId,
      activityId: watch?.activityId as string,
      failure: { message: 'the host is gone', applicationFailureInfo: { type: 'Gone', nonRetryable: true } },
    });
  }
});
