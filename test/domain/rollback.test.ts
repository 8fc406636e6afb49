import { describe, expect, it } from 'vitest';
import { joinRollback, switchTimeMs, usualSwitchMs } from '../../domain/rollback.ts';

const move = { service: 'web', from: 'v2.5.0', to: 'v2.4.0', reason: 'served 24 h', replaceable: [] };

describe('a request that meets a running rollback', () => {
  it.each([
    ['joins it', [move], null, true, 'joined the running rollback of web to v2.4.0'],
    [
      'joins it when it wants the same release',
      [move],
      'v2.4.0',
      true,
      'joined the running rollback of web to v2.4.0',
    ],
    [
      'is refused when it wants another release',
      [move],
      'v2.3.0',
      false,
      'a rollback of web to v2.4.0 is running; it cannot change to v2.3.0 now',
    ],
    [
      'is refused when one of several services goes elsewhere',
      [move, { ...move, service: 'worker', to: 'v1.0.0' }],
      'v2.4.0',
      false,
      'a rollback of web to v2.4.0, worker to v1.0.0 is running; it cannot change to v2.4.0 now',
    ],
    ['joins it before the target is known', null, null, true, 'joined the running rollback'],
    [
      'is refused before the target is known when it names one',
      null,
      'v2.3.0',
      false,
      'a rollback to the last known good release is beginning; it cannot change to v2.3.0 now',
    ],
    ['joins it where nothing moves', [], null, true, 'joined the running rollback'],
  ])('%s', (_, moves, to, accepted, reason) => {
    expect(joinRollback(moves, to)).toEqual({ accepted, reason });
  });
});

describe('the time for a switch of traffic', () => {
  const service = { service: 'web', release: 'v1', candidates: [], rejected: [], stepTimeoutMs: 1_000 };

  it('is that of all services, one after the other, and as long as any where nothing is said', () => {
    expect(switchTimeMs({ services: [service] })).toBe(usualSwitchMs);
    expect(switchTimeMs({ services: [{ ...service, switchMs: 20_000 }, service] })).toBe(20_000);
  });
});
