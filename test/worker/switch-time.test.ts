import { describe, expect, it } from 'vitest';
import type { TrafficSettings } from '../../config/schema/traffic-controls.ts';
import { switchTimeMs } from '../../domain/rollback.ts';
import { switchMsOf } from '../../worker/adapters/traffic-control.ts';

describe('the time for one switch of traffic', () => {
  const haproxy = { kind: 'haproxy', sockets: ['/run/a.sock'], backend: 'api', map: 'api.map' } as const;

  it.for([
    [{ kind: 'proxy', control_url: 'http://127.0.0.1:1', token_file: 't' }, undefined],
    [haproxy, 50_000],
    [{ ...haproxy, drain_seconds: 0, up_within_seconds: 5 }, 15_000],
    [
      { kind: 'nginx', file: 'f', upstream: 'api', state_url: 'http://127.0.0.1:1', drain_seconds: 5 },
      35_000,
    ],
    [{ kind: 'aws-alb', rule: 'arn', target_groups: ['arn'], in_force_within_seconds: 60 }, 130_000],
    [{ kind: 'kubernetes-service', namespace: 'shop', service: 'web' }, 20_000],
    [{ kind: 'kubernetes-gateway', namespace: 'shop', route: 'web', maintenance: 'm' }, 40_000],
  ] as [TrafficSettings, number | undefined][])('is what its control waits for: %j', ([settings, ms]) => {
    expect(switchMsOf(settings)).toBe(ms);
  });

  it('of several services is that of all of them, and as long as any where nothing is said', () => {
    const service = { service: 'web', release: 'v1', candidates: [], rejected: [], stepTimeoutMs: 1_000 };
    expect(
      switchTimeMs({
        services: [
          { ...service, switchMs: 15_000 },
          { ...service, switchMs: 50_000 },
        ],
      }),
    ).toBe(65_000);
    expect(switchTimeMs({ services: [service] })).toBe(15_000);
  });
});
