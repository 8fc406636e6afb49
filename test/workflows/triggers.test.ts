import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manualRollbackSignal } from '../../workflows/messages.ts';
import { createWorld, minuteMs, product, type World } from '../support/harness.ts';
import type { Behaviour } from '../support/scripted-service.ts';

/** What a release does from the twelfth minute on. */
const sick: [trigger: string, behaviour: Partial<Behaviour>, reason: RegExp][] = [
  ['error_rate', { errorsPerMinute: 5.2 }, /error rate .*×/],
  ['error_rate', { errorsPerMinute: 1_800 }, /20 % of .* requests failed|error rate .*×/],
  ['performance', { p95Ms: 900 }, /p95 .* × the .* ms of /],
  ['memory', { memoryPercent: 92 }, /memory 92 % of its limit, threshold 90 %, in 3 checks in a row/],
  [
    'database',
    { dbErrorsPerMinute: 8 },
    /database connection errors in 2 min, allowed 10|database connection errors in 120 s, allowed 10/,
  ],
  ['health_check', { healthy: false }, /health checks failed/],
];

describe('each trigger', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.end());

  it.each(sick)('%s rolls back on %o', async (trigger, behaviour, reason) => {
    await world.haveGood('v1');
    world.service.script('v2', (ms) => (ms > 12 * minuteMs ? behaviour : {}));
    const { handle } = await world.deploy('v2');
    expect((await handle.result()).outcome).toBe('rolled_back');
    const [incident] = await world.store.incidents.list({ limit: 10 });
    expect(incident?.triggers.map((entry) => entry.type)).toContain(trigger);
    expect(incident?.triggers.find((entry) => entry.type === trigger)?.reason).toMatch(reason);
    expect(world.service.state).toMatchObject({ running: 'v1', maintenance: false, trafficTo: 'v1' });
  });

  it('alert: one that began after the deployment rolls back, an older one does not', async () => {
    await world.haveGood('v1');
    const alert = {
      fingerprint: 'a',
      name: 'Checkout',
      service: null,
      summary: 'nobody can pay',
      firing: true,
    };
    const { handle } = await world.deploy('v2');
    const now = await world.now();
    await world.store.alerts.receive(product, [{ ...alert, sinceMs: now - minuteMs }], now);
    await world.pass(10 * minuteMs);
    expect(world.service.calls).toEqual([]);
    const later = await world.now();
    await world.store.alerts.receive(product, [{ ...alert, sinceMs: later }], later);
    expect((await handle.result()).outcome).toBe('rolled_back');
    const [incident] = await world.store.incidents.list({ limit: 10 });
    expect(incident?.reason).toMatch(/^alert Checkout fires for .*: nobody can pay$/);
    expect((incident?.openedAtMs ?? 0) - later).toBeLessThan(1.2 * minuteMs);
  });

  it('manual: a person’s signal rolls back a healthy release at once', async () => {
    await world.haveGood('v1');
    const { handle } = await world.deploy('v2');
    await world.pass(10 * minuteMs);
    await handle.signal(manualRollbackSignal, { by: 'Ana', reason: 'UI breaking' });
    expect((await handle.result()).outcome).toBe('rolled_back');
    const [incident] = await world.store.incidents.list({ limit: 10 });
    expect(incident).toMatchObject({
      origin: 'manual',
      triggers: [{ type: 'manual', reason: 'Ana: UI breaking' }],
    });
  });

  const harmless: [what: string, behaviour: Partial<Behaviour>, from: number, until: number][] = [
    ['a single bad sample', { errorsPerMinute: 900, p95Ms: 4_000 }, 12, 13],
    ['a memory excursion of two checks', { memoryPercent: 96 }, 12, 14],
    ['ten requests a minute with errors', { requestsPerMinute: 10, errorsPerMinute: 4 }, 0, 60],
    ['errors just below the multiplier', { errorsPerMinute: 0.9 }, 12, 120],
    ['latency just below the multiplier', { p95Ms: 330 }, 12, 120],
  ];

  it.each(harmless)('%s does not roll back', async (_what, behaviour, from, until) => {
    await world.haveGood('v1');
    world.service.script('v2', (ms) => (ms >= from * minuteMs && ms < until * minuteMs ? behaviour : {}));
    await world.deploy('v2');
    await world.pass(3 * 60 * minuteMs);
    expect(await world.store.incidents.list({ limit: 10 })).toEqual([]);
    expect(world.service.calls).toEqual([]);
  });

  it('sees a release that is bad from its first minute, against the last known good one', async () => {
    await world.haveGood('v1');
    world.service.script('v2', () => ({ errorsPerMinute: 20 }));
    const { handle } = await world.deploy('v2');
    expect((await handle.result()).outcome).toBe('rolled_back');
    const [incident] = await world.store.incidents.list({ limit: 10 });
    expect((incident?.breachAtMs ?? 0) - (incident?.openedAtMs ?? 0)).toBeLessThan(minuteMs);
    expect(incident?.reason).toContain('of v1');
  });
});
