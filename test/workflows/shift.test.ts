import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commandSignals, statusQuery } from '../../workflows/messages.ts';
import { createWorld, hourMs, minuteMs, product, type World } from '../support/harness.ts';

describe('the way called shift', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
    await world.haveGood('v1');
    world.service.state.way = 'shift';
    world.service.script('v2', (ms) => (ms > 12 * minuteMs ? { errorsPerMinute: 50 } : {}));
  });
  afterEach(() => world.end());

  const incident = async () => (await world.store.incidents.list({ limit: 1 }))[0];
  const timeline = async () => (await world.timeline()).join('\n');
  const phaseIs = (wanted: string) => () =>
    world
      .rollbackHandle()
      .query(statusQuery)
      .then(
        ({ phase }) => phase === wanted,
        () => false,
      );

  it('starts the old release beside the bad one, moves traffic when it is healthy, and only then ends the bad one', async () => {
    const { handle } = await world.deploy('v2');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.calls).toEqual(['start v1 beside v2', 'resume v1', 'settle on v1']);
    expect(world.service.state).toMatchObject({
      configured: 'v1',
      running: 'v1',
      trafficTo: 'v1',
      beside: null,
    });
    expect(await incident()).toMatchObject({ outcome: 'rolled_back', attempts: 1, trafficStoppedAtMs: null });
    expect(await timeline()).toMatch(
      /started beside v2, which serves on meanwhile.*Health checks: PASS.*Traffic moved to v1.*v2 was put away/s,
    );
    expect(await world.store.releases.list(product)).toMatchObject([
      { release: 'v2', standing: 'quarantined' },
    ]);
  });

  it('goes on in its place where nothing can be started beside', async () => {
    world.service.fail('beside', 'no memory left for two', 1);
    const { handle } = await world.deploy('v2');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.calls).toEqual([
      'start v1 beside v2',
      'give up v1',
      'stop traffic',
      'restore v1',
      'restart v1',
      'resume v1',
    ]);
    expect(await timeline()).toContain(
      'Nothing could be started beside: start beside of web v1: no memory left',
    );
    expect(await incident()).toMatchObject({ attempts: 2 });
  });

  it('goes on in its place when what was started beside does not get healthy', async () => {
    world.service.script('v1', () => ({ healthy: world.service.state.beside === null }));
    const { handle } = await world.deploy('v2');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.calls.slice(0, 3)).toEqual(['start v1 beside v2', 'give up v1', 'stop traffic']);
  });

  it('sick before any traffic: traffic is not touched, what was started ends, people are asked', async () => {
    world.service.script('v1', () => ({ memoryPercent: 97 }));
    await world.deploy('v2');
    await world.until('escalated', phaseIs('escalated'), 3 * hourMs);
    expect(world.service.calls).toEqual(['start v1 beside v2', 'give up v1']);
    expect(world.service.state).toMatchObject({ running: 'v2', trafficTo: 'v2', maintenance: false });
    expect(world.told.map(({ text }) => text).join('\n')).toContain('traffic was not touched');
  });

  it('keeps what was started while traffic cannot be moved, and goes on when it can', async () => {
    world.service.fail('resume', 'proxy does not answer', 12);
    const { handle } = await world.deploy('v2');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.calls).not.toContain('give up v1');
    expect(world.service.state).toMatchObject({ running: 'v1', trafficTo: 'v1', maintenance: false });
  });

  it('asks people when the bad release cannot be put away; users are served meanwhile', async () => {
    world.service.fail('settle', 'it does not end', 1);
    const { handle } = await world.deploy('v2');
    await world.until('escalated', phaseIs('escalated'), 3 * hourMs);
    expect(world.service.state).toMatchObject({ trafficTo: 'v1', maintenance: false });
    expect(world.told.map(({ title }) => title).join('\n')).toContain(
      'The bad release could not be put away',
    );
    await world.rollbackHandle().signal(commandSignals.retry, { by: 'Ben' });
    expect(await handle.result()).toMatchObject({ outcome: 'rolled_back' });
    expect(world.service.state).toMatchObject({ configured: 'v1', running: 'v1', beside: null });
  });

  it('an abort before traffic has moved leaves everything as it was', async () => {
    world.service.script('v1', () => ({ healthy: false }));
    const { handle } = await world.deploy('v2');
    await world.until('waiting', phaseIs('waiting_healthy'), 3 * hourMs);
    await world.rollbackHandle().signal(commandSignals.abort, { by: 'Ben' });
    expect(await handle.result()).toMatchObject({ outcome: 'needs_attention' });
    expect(world.service.calls).toEqual(['start v1 beside v2', 'give up v1']);
    expect(world.service.state).toMatchObject({ running: 'v2', trafficTo: 'v2', maintenance: false });
  });
});
