import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manualRollbackSignal } from '../../workflows/messages.ts';
import { createWorld, hourMs, minuteMs, type World } from '../support/harness.ts';

describe('what cannot be read', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
    await world.haveGood('v1');
  });
  afterEach(() => world.end());

  const timeline = async () => (await world.timeline()).join('\n');

  it('a scrape that hangs does not hold up a person’s rollback', async () => {
    const { handle } = await world.deploy('v2');
    await world.pass(8 * minuteMs);
    let hanging = false;
    const measure = world.service.metrics.measure;
    world.service.metrics.measure = (request) => {
      if (world.service.state.running !== 'v2') return measure(request);
      hanging = true;
      return new Promise(() => undefined);
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
});
