import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IncidentReport } from '../../domain/post-mortem.ts';
import { manualRollbackSignal, statusQuery } from '../../workflows/messages.ts';
import { createWorld, hourMs, minuteMs, product, type World } from '../support/harness.ts';

describe('a product whose hosts only a worker group reaches', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld((policy) => policy, 'edge');
    await world.haveGood('v1');
    world.service.script('v2', (ms) => (ms > 12 * minuteMs ? { errorsPerMinute: 50 } : {}));
  });
  afterEach(() => world.end());

  const titles = () => world.told.map((message) => message.title);

  it('is watched, rolled back and written up by the group; workflows, store and messages stay central', async () => {
    await world.startGroup();
    const { handle } = await world.deploy('v2');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.state).toMatchObject({ running: 'v1', maintenance: false });
    expect(titles()).toContain('Rollback successful');
    const [incident] = await world.store.incidents.list({ limit: 1 });
    await world.until('the report', async () => (await reportOf(incident?.id)) !== null, hourMs);
    expect((await reportOf(incident?.id))?.logs_excerpt).toEqual(['v2: connection pool exhausted']);
  });

  it('waits for a worker of its group: after 30 s people are told, and the rollback goes on by itself when one answers', async () => {
    const { handle } = await world.deploy('v2');
    await handle.signal(manualRollbackSignal, { by: 'Ana', reason: 'looks bad' });
    await world.until(
      'the alert',
      () => titles().includes('Rollback waits for its target: shop'),
      10 * minuteMs,
    );
    expect((await world.rollbackHandle().query(statusQuery)).phase).toBe('escalated');
    expect(world.service.calls).toEqual([]);
    await world.startGroup();
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.state).toMatchObject({ running: 'v1', maintenance: false });
  });

  it('notices a release that somebody put live by hand, and watches it', async () => {
    await world.startGroup();
    const { handle } = await world.deploy('v2');
    await world.pass(8 * minuteMs);
    await world.service.deploy('v9');
    expect(await handle.result()).toMatchObject({ outcome: 'changed_outside' });
    const { currentDeployment } = await world.store.products.read(product);
    const observed = await world.store.deployments.read({
      ...product,
      deployment: currentDeployment as string,
    });
    expect(observed).toMatchObject({ origin: 'observed', services: [{ service: 'web', release: 'v9' }] });
  });

  async function reportOf(id: string | undefined): Promise<IncidentReport | null> {
    return id === undefined ? null : ((await world.store.incidents.readReport(id)) as IncidentReport | null);
  }
});
