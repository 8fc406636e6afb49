import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWorld, type World } from '../support/harness.ts';

describe('monitorDeployment', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.end());

  it('watches a healthy deployment for 24 hours and ends healthy, within 250 history events', async () => {
    await world.haveGood('v1');
    const { key, handle } = await world.deploy('v2');
    const result = await handle.result();
    expect(result.outcome).toBe('healthy');
    const { historyLength } = await handle.describe();
    expect(historyLength).toBeLessThanOrEqual(250);
    const ticks = await world.store.watches.samples(key, { sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER });
    const regular = ticks.filter((tick) => tick.sample.regular).length;
    expect(Math.abs(regular - 1_440)).toBeLessThanOrEqual(1);
  });

  it('rolls back a release whose errors spike, and proves that it helped', async () => {
    await world.haveGood('v1');
    world.service.script('v2', (ms) => (ms > 12 * 60_000 ? { errorsPerMinute: 5.2 } : {}));
    const { handle } = await world.deploy('v2');
    const result = await handle.result();
    expect(result.outcome).toBe('rolled_back');
    expect(world.service.state).toMatchObject({ running: 'v1', maintenance: false, trafficTo: 'v1' });
  });
});
