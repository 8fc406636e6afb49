import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../domain/deployment.ts';
import { doraKeys } from '../../domain/dora.ts';
import { anIncident } from '../adapters/store/builders.ts';

const minuteMs = 60_000;

function aDeployment(more: Partial<Deployment> = {}): Deployment {
  return {
    product: 'shop',
    environment: 'production',
    deployment: 'd',
    services: [],
    origin: 'reported',
    status: 'ended',
    outcome: 'healthy',
    outcomeReason: null,
    deployedAtMs: 100 * minuteMs,
    endedAtMs: null,
    goodMs: 0,
    ...more,
  };
}

describe("DORA's four keys", () => {
  it('of a month', () => {
    const deployments = [
      aDeployment({ changedAtMs: 40 * minuteMs }),
      aDeployment({ changedAtMs: 0, outcome: 'rolled_back' }),
      aDeployment({ changedAtMs: 90 * minuteMs }),
      aDeployment({ outcome: 'needs_attention' }),
      aDeployment({ origin: 'rollback', outcome: null }),
    ];
    const incidents = [
      anIncident('a', { breachAtMs: 0, trafficResumedAtMs: 4 * minuteMs, outcome: 'rolled_back' }),
      anIncident('b', { breachAtMs: 0, trafficResumedAtMs: 8 * minuteMs, outcome: 'needs_attention' }),
    ];
    expect(doraKeys(deployments, incidents, 30)).toEqual({
      deploymentsPerDay: 0.13,
      leadTimeMinutes: 60,
      leadTimeKnown: 3,
      changeFailurePercent: 50,
      recoveryMinutes: 6,
    });
  });

  it('are unknown where nothing is known, never zero', () => {
    expect(doraKeys([], [], 30)).toEqual({
      deploymentsPerDay: 0,
      leadTimeMinutes: null,
      leadTimeKnown: 0,
      changeFailurePercent: null,
      recoveryMinutes: null,
    });
    const open = anIncident('a', { breachAtMs: 0, outcome: null, endedAtMs: null });
    expect(doraKeys([aDeployment()], [open], 1).recoveryMinutes).toBeNull();
    // Where traffic was never stopped, the end of the rollback is the recovery.
    const unstopped = anIncident('b', { breachAtMs: 0, outcome: 'rolled_back', endedAtMs: 3 * minuteMs });
    expect(doraKeys([aDeployment()], [unstopped], 1).recoveryMinutes).toBe(3);
  });
});
