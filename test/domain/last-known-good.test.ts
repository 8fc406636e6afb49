import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../domain/deployment.ts';
import {
  type ReleaseStanding,
  rollbackCandidates,
  type Standing,
  standingWarnings,
} from '../../domain/last-known-good.ts';
import { aDeployment, deployedAt, hour, minute } from './builders.ts';

function aStanding(
  release: string,
  standing: Standing,
  over: Partial<ReleaseStanding> = {},
): ReleaseStanding {
  return {
    service: 'web',
    release,
    standing,
    author: 'ana',
    reason: 'seen in staging',
    atMs: deployedAt,
    ...over,
  };
}

function candidatesOf(
  current: string,
  deployments: readonly Deployment[],
  standings: readonly ReleaseStanding[] = [],
  service = 'web',
) {
  return rollbackCandidates({ service, current, deployments, standings, goodAfterMs: 30 * minute });
}

const releases = (list: readonly { release: string }[]) => list.map(({ release }) => release);

describe('the last known good release', () => {
  it('of ten forty minutes apart, the tenth being bad, is the ninth', () => {
    const history = Array.from({ length: 10 }, (_, i) =>
      aDeployment({
        release: `v${i + 1}`,
        outcome: 'superseded',
        deployedAtMs: deployedAt + i * 40 * minute,
        goodMs: i === 9 ? 0 : 40 * minute,
      }),
    ).reverse();
    const { candidates } = candidatesOf('v10', history);
    expect(releases(candidates)).toEqual(['v9', 'v8', 'v7', 'v6', 'v5', 'v4', 'v3', 'v2', 'v1']);
    expect(candidates[0]?.reason).toBe('served 40 min of breach-free traffic');
  });

  it('served at least the configured time', () => {
    const history = [
      aDeployment({ release: 'v3', goodMs: 30 * minute - 1 }),
      aDeployment({ release: 'v2', goodMs: 30 * minute }),
    ];
    const { candidates, rejected } = candidatesOf('v4', history);
    expect(releases(candidates)).toEqual(['v2']);
    expect(rejected).toEqual([
      { release: 'v3', reason: 'served only 30 min of observed, breach-free traffic, 30 min needed' },
    ]);
  });

  it('may have served in several deployments together, and counts as its newest', () => {
    const history = [
      aDeployment({ release: 'v2', deployment: 'again', goodMs: 10 * minute }),
      aDeployment({ release: 'v3', goodMs: hour }),
      aDeployment({ release: 'v2', goodMs: 20 * minute }),
    ];
    expect(releases(candidatesOf('v4', history).candidates)).toEqual(['v2', 'v3']);
  });

  it('is never the current one, however good', () => {
    expect(candidatesOf('v1', [aDeployment({ release: 'v1' })])).toEqual({ candidates: [], rejected: [] });
    expect(candidatesOf('v1', [], [aStanding('v1', 'good')]).candidates).toEqual([]);
  });

  it.each(['quarantined', 'held'] as const)('is not %s, although it served long', (standing) => {
    const history = [aDeployment({ release: 'v3' }), aDeployment({ release: 'v2' })];
    const { candidates, rejected } = candidatesOf('v4', history, [aStanding('v3', standing)]);
    expect(releases(candidates)).toEqual(['v2']);
    expect(rejected).toEqual([
      { release: 'v3', reason: `${standing} by ana: seen in staging`, barred: true },
    ]);
  });

  it('may be declared good by a person, without any traffic and without a deployment', () => {
    const history = [aDeployment({ release: 'v3', goodMs: 0 })];
    const standings = [aStanding('v3', 'good'), aStanding('v2', 'good', { reason: 'tested' })];
    expect(candidatesOf('v4', history, standings).candidates).toEqual([
      { release: 'v3', reason: 'declared good by ana: seen in staging' },
      { release: 'v2', reason: 'declared good by ana: tested' },
    ]);
  });

  it('is kept per service', () => {
    const history = [
      aDeployment({ deployment: 'd3', services: [{ service: 'web', release: 'v3' }] }),
      aDeployment({
        deployment: 'd2',
        services: [
          { service: 'web', release: 'v2' },
          { service: 'worker', release: 'w2' },
        ],
      }),
    ];
    const standings = [
      aStanding('w1', 'good', { service: 'worker' }),
      aStanding('v2', 'quarantined', { service: 'worker' }),
    ];
    expect(releases(candidatesOf('v4', history, standings).candidates)).toEqual(['v3', 'v2']);
    const worker = candidatesOf('w3', history, standings, 'worker');
    expect(releases(worker.candidates)).toEqual(['w2', 'w1']);
    expect(releases(worker.rejected)).toEqual(['v2']);
  });
});

describe('a deployment that was not observed well enough', () => {
  it('does not make its release good, another one of the same release does', () => {
    const unobserved = aDeployment({ release: 'v1', outcome: 'unobserved', goodMs: 20 * hour });
    const { candidates, rejected } = candidatesOf('v2', [unobserved]);
    expect(candidates).toEqual([]);
    expect(rejected[0]?.reason).toMatch(/^served only 0 \S+ of observed, breach-free traffic/);
    const healthy = aDeployment({ release: 'v1', outcome: 'healthy', goodMs: 20 * hour });
    expect(releases(candidatesOf('v2', [unobserved, healthy]).candidates)).toEqual(['v1']);
  });
});

describe('warnings about releases that were judged before', () => {
  const services = [
    { service: 'web', release: 'v1' },
    { service: 'worker', release: 'v1' },
  ];

  it.each(['quarantined', 'held'] as const)('name one that is %s, of its service only', (standing) => {
    expect(standingWarnings(services, [aStanding('v1', standing)])).toEqual([
      `v1 of web is ${standing} (seen in staging); it is watched all the same`,
    ]);
  });

  it('say nothing of one that is good or unknown', () => {
    expect(standingWarnings(services, [aStanding('v1', 'good'), aStanding('v2', 'held')])).toEqual([]);
  });
});
