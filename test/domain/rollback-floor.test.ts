import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../domain/deployment.ts';
import { rollbackCandidates } from '../../domain/last-known-good.ts';
import { alternatives, refusedTarget, type ServicePlan } from '../../domain/rollback.ts';
import {
  belowFloor,
  floorWarning,
  type RollbackFloor,
  type RollbackFloors,
  withFloor,
} from '../../domain/rollback-floor.ts';
import { aDeployment, deployedAt, hour } from './builders.ts';

/** v1 to v4, newest first, an hour apart. */
const history: readonly Deployment[] = ['v4', 'v3', 'v2', 'v1'].map((release, index) =>
  aDeployment({ release, deployedAtMs: deployedAt - index * hour, goodMs: hour }),
);

const aFloor = (release: string, over: Partial<RollbackFloor> = {}): RollbackFloor => ({
  release,
  by: 'ana',
  reason: 'v3 drops the column price',
  atMs: deployedAt,
  ...over,
});

describe('a rollback floor', () => {
  it.for([
    { floor: 'v3', below: ['v1', 'v2'] },
    { floor: 'v1', below: [] },
    // Declared with its own deployment, which is not in the history yet.
    { floor: 'v5', below: ['v1', 'v2', 'v3'] },
  ])('of $floor bars what was first deployed before it: $below', ({ floor, below }) => {
    const barred = history.filter(
      ({ services }) => belowFloor(services[0]?.release ?? '', aFloor(floor), 'web', history) !== null,
    );
    expect(barred.map(({ services }) => services[0]?.release).toReversed()).toEqual(below);
  });

  it('bars a release that was restored since: it is as old as it was', () => {
    const restored = aDeployment({ release: 'v1', deployedAtMs: deployedAt + hour, origin: 'rollback' });
    expect(belowFloor('v1', aFloor('v3'), 'web', [restored, ...history])).toBe(
      'below the rollback floor v3 declared by ana: v3 drops the column price',
    );
  });

  it('says nothing of a release that was never deployed, or where there is no floor', () => {
    expect(belowFloor('hotfix', aFloor('v3'), 'web', history)).toBeNull();
    expect(belowFloor('v1', undefined, 'web', history)).toBeNull();
  });

  it('takes older releases out of the candidates, and says why', () => {
    const { candidates, rejected } = rollbackCandidates({
      service: 'web',
      current: 'v4',
      deployments: history,
      standings: [],
      goodAfterMs: hour / 2,
      floor: aFloor('v3'),
    });
    expect(candidates.map(({ release }) => release)).toEqual(['v3']);
    expect(rejected).toEqual(
      ['v2', 'v1'].map((release) => ({
        release,
        reason: 'below the rollback floor v3 declared by ana: v3 drops the column price',
        barred: true,
      })),
    );
  });

  it('is the newest word of whoever declared one, and stays when an old report is repeated', () => {
    const older: RollbackFloors = withFloor(undefined, 'web', aFloor('v2', { atMs: 1 }));
    const newer = withFloor(older, 'web', aFloor('v3', { atMs: 2 }));
    expect(newer).toEqual({ web: aFloor('v3', { atMs: 2 }) });
    expect(withFloor(newer, 'web', aFloor('v2', { atMs: 1 }))).toEqual(newer);
    expect(withFloor(newer, 'jobs', aFloor('v9'))).toEqual({ ...newer, jobs: aFloor('v9') });
    expect(withFloor(newer, 'web', null)).toEqual({});
  });

  it('warns when it names a release that was never deployed', () => {
    expect(floorWarning('web', 'v3', ['v3', null])).toBeNull();
    expect(floorWarning('web', 'v33', ['v3', null])).toMatch(/^v33 of web was never deployed here/);
  });
});

const aPlan = (over: Partial<ServicePlan> = {}): ServicePlan => ({
  service: 'web',
  release: 'v4',
  candidates: [],
  rejected: [],
  barred: [],
  stepTimeoutMs: 1_000,
  ...over,
});

describe('a target that may not come back', () => {
  const rejected = [{ release: 'v1', reason: 'below the rollback floor v3' }];

  it('is refused with what can be done instead', () => {
    const plan = aPlan({
      candidates: [{ release: 'v3', reason: 'served 1 h of breach-free traffic' }],
      rejected,
      barred: ['v1'],
    });
    expect(refusedTarget({ services: [plan] }, 'v1')).toBe(
      'v1 of web is no rollback target: below the rollback floor v3. Instead: roll back to v3 (served 1 h of breach-free traffic), stop its traffic until a fix is deployed, or hand over',
    );
    expect(refusedTarget({ services: [plan] }, 'v3')).toBeNull();
    expect(refusedTarget({ services: [plan] }, null)).toBeNull();
  });

  it('is refused without a reason where the reasons are too many to keep', () => {
    expect(refusedTarget({ services: [aPlan({ barred: ['v0'] })] }, 'v0')).toMatch(
      /^v0 of web is no rollback target: quarantined, held or too old\. Instead: stop its traffic/,
    );
  });

  it('names the newest other release where none is known to be good', () => {
    const short = { release: 'v3', reason: 'served only 3 min' };
    expect(alternatives(aPlan({ rejected: [short, ...rejected], barred: ['v1'] }))).toBe(
      'Instead: roll back to v3 all the same, with --to (served only 3 min), stop its traffic until a fix is deployed, or hand over',
    );
  });
});
