import { describe, expect, it } from 'vitest';
import { aPolicy } from '../builders.ts';
import {
  aService,
  type Change,
  type Court,
  calibrationOf,
  changed,
  firstBreach,
  judged,
  last,
  type Step,
  statesOf,
} from './streams.ts';

const service = aService({ peers: true });
const calibration = calibrationOf(service);
const judge = (change: Change, minutes = 120, court: Court = {}): Step[] =>
  judged(changed(service, change), minutes, { calibration, ...court });
const errors =
  (count: number, from = 0, checks = Number.POSITIVE_INFINITY): Change =>
  (_, at) => ({ dbConnectionErrors: at >= from && at < from + checks ? count : 0 });

describe('database connection errors', () => {
  it.each([
    ['right after the deployment', 2, 5],
    ['an hour later', 60, 65],
  ])('of a pool that is exhausted %s are a breach', (_, from, at) => {
    const steps = judge(errors(30, from), 120);
    expect(statesOf(steps, 'database')).toEqual(['healthy', 'suspect', 'breach']);
    expect(firstBreach(steps)?.at).toBe(at);
    expect(firstBreach(steps)?.verdict.reason).toMatch(
      /^60 database connection errors in 2 min, allowed 10, in [46] checks in a row$/,
    );
  });

  it('of a pool that blinks for two checks are none', () => {
    const steps = judge(errors(30, 60, 2));
    expect(firstBreach(steps)).toBeNull();
    expect(steps[61]?.verdicts.database).toMatchObject({
      state: 'suspect',
      reason: '60 database connection errors in 2 min, allowed 10; in 2 of 6 checks in a row',
    });
  });

  it('of a service that always has them are healthy, until they double', () => {
    const noisy = aService({ dbConnectionErrors: 12 });
    const steps = judged(noisy, 60);
    expect(statesOf(steps, 'database')).toContain('healthy');
    expect(last(steps, 'database')).toMatchObject({
      state: 'healthy',
      reason: '24 database connection errors in 2 min, allowed 10; 24 before this release, too',
    });
    expect(firstBreach(judged(changed(noisy, errors(30)), 60))?.verdict.trigger).toBe('database');
  });

  it('while the neighbours fail, too, are external', () => {
    const steps = judge((row) => ({
      dbConnectionErrors: 30,
      peers: row.peers && { ...row.peers, errors: row.peers.errors * 10 },
    }));
    expect(firstBreach(steps)).toBeNull();
    expect(last(steps, 'database')).toMatchObject({
      state: 'external',
      reason: expect.stringMatching(/; the neighbours fail, too: it does not look like the release$/),
    });
  });

  it('of which nothing is known are judged by their number alone', () => {
    expect(firstBreach(judge(errors(30), 10, { calibration: null }))?.at).toBe(1);
  });

  it('are not judged where they are not told, nor where the trigger is off', () => {
    expect(
      last(
        judge(() => ({ dbConnectionErrors: null }), 3),
        'database',
      ).state,
    ).toBe('off');
    const policy = aPolicy({ triggers: { database: { enabled: false } } });
    expect(last(judge(errors(30), 20, { policy }), 'database').state).toBe('off');
  });
});
