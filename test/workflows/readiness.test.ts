import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWorld, hourMs, minuteMs, product, type World } from '../support/harness.ts';

describe('the way back, before it is needed', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
    await world.haveGood('v1');
  });
  afterEach(() => world.end());

  const notReady = () => world.told.filter(({ title }) => title.startsWith('The way back is not ready'));
  const readiness = () => world.store.wayBack.readiness(product);

  it('is looked at on deployment, and what is found is kept for whoever asks', async () => {
    await world.deploy('v2');
    await world.until('a first look', async () => (await readiness())?.deployment === 'deploy-v2');
    const found = await readiness();
    expect(found?.services).toMatchObject([{ service: 'web', target: 'v1' }]);
    expect(found?.services[0]?.checks.map(({ name, ok }) => [name, ok])).toEqual([
      ['last known good', true],
      ['deploy target', true],
      ['traffic control', true],
      ['health check', true],
      ['metrics', true],
    ]);
    await world.pass(2 * hourMs);
    expect((await readiness())?.atMs).toBeGreaterThan((found?.atMs ?? 0) + 0.9 * hourMs);
    expect(notReady()).toEqual([]);
  });

  it('that is lost is told to the owner within the hour, once, and its return is in the timeline', async () => {
    await world.deploy('v2');
    await world.pass(30 * minuteMs);
    world.service.state.unrestorable.add('v1');
    await world.until('the owner is told', () => notReady().length > 0, 1.1 * hourMs);
    expect(notReady()[0]?.text).toMatch(
      /^If v2 went bad now, a rollback would not work \(readiness 80 %\): web, last known good: there is none \(v1: not restorable, its image is gone\)/,
    );
    await world.pass(2 * hourMs);
    expect(notReady()).toHaveLength(1);
    world.service.state.unrestorable.clear();
    const timeline = async () => (await world.timeline()).join('\n');
    await world.until('it is back', async () => (await timeline()).includes('The way back is ready again'));
    world.service.state.unrestorable.add('v1');
    await world.until('the owner is told again', () => notReady().length > 1, 1.1 * hourMs);
  });

  it('keeps how a release is put there, and gives it to the restore that needs it', async () => {
    const first = await world.deploy('v2');
    await world.until(
      'its recipe',
      async () => (await world.store.wayBack.recipe(product, 'web', 'v2')) !== null,
    );
    expect(await world.store.wayBack.recipe(product, 'web', 'v2')).toBe('image of v2');
    await world.store.wayBack.keepRecipe(product, {
      service: 'web',
      release: 'v1',
      recipe: 'image of v1, as it was',
      atMs: 1,
    });
    world.service.script('v2', () => ({ healthy: false }));
    expect(await first.handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.state.restoredFrom).toBe('image of v1, as it was');
  });
});
