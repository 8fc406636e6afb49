import { describe, expect, it } from 'vitest';
import { effectSizes } from '../../../domain/detection/calibration.ts';
import { learnHabits } from '../../../domain/detection/habits/habits.ts';
import { beside, type PeerCheck } from '../../../domain/detection/sick-peers.ts';
import { lookAround, type Recent } from '../../../domain/detection/surroundings.ts';
import { aPolicy, deployedAt, minute } from '../builders.ts';
import { aService, historyOf, minuteOf } from './streams.ts';

const withPeers = learnHabits(historyOf(aService({ peers: true })), effectSizes(aPolicy()), '');
const alone = { ...withPeers, peers: null };

/** A check of 600 requests with 3 errors, as usual; neighbours with 3.2, as usual. */
function aCheck(over: Partial<Recent> = {}): Recent {
  return {
    atMs: deployedAt,
    minutes: 1,
    requests: 600,
    errors: 3,
    usualRequests: 600,
    usualErrors: 3,
    slower: null,
    peer: aPeer(),
    ...over,
  };
}

function aPeer(over: Partial<PeerCheck> = {}): PeerCheck {
  return { errors: 3, usual: 3.2, slower: { by: 0, variance: 0.003 }, ...over };
}

const checks = (count: number, over: Partial<Recent> = {}) =>
  Array.from({ length: count }, () => aCheck(over));
const nothing = { errors: null, latency: null };

describe('the surroundings', () => {
  it('explain nothing where all is as usual', () => {
    expect(lookAround(checks(15), withPeers)).toEqual(nothing);
    expect(lookAround([], withPeers)).toEqual(nothing);
  });

  it.each([
    ['fail', { peer: aPeer({ errors: 32 }) }, 'the neighbours fail, too'],
    [
      'are slower',
      { peer: aPeer({ slower: { by: Math.log(2), variance: 0.003 } }) },
      'the neighbours are slower, too',
    ],
  ])('explain both errors and latency when the neighbours %s', (_, over, why) => {
    const recent = [...checks(10), ...checks(3, over)];
    expect(lookAround(recent, withPeers)).toEqual({ errors: why, latency: why });
    expect(lookAround(recent, alone)).toEqual(nothing);
  });

  it.each([
    ['fail a little more, within their noise', { peer: aPeer({ errors: 5 }) }],
    ['are a fifth slower', { peer: aPeer({ slower: { by: Math.log(1.2), variance: 0.003 } }) }],
    ['are slower by chance', { peer: aPeer({ slower: { by: Math.log(1.5), variance: 0.5 } }) }],
    ['tell no latency', { peer: aPeer({ slower: null }) }],
    ['were not measured', { peer: null }],
  ])('explain nothing when the neighbours %s', (_, over) => {
    expect(lookAround(checks(15, over), withPeers)).toEqual(nothing);
  });

  it('explain errors that came with as many requests on top, not latency: one client misbehaves', () => {
    const recent = [...checks(10), ...checks(5, { requests: 750, errors: 140 })];
    expect(lookAround(recent, alone)).toEqual({
      errors: 'traffic is 25 % above what is usual',
      latency: null,
    });
  });

  it('explain errors and latency of a crowd', () => {
    const recent = [...checks(10), ...checks(5, { requests: 1_800, errors: 40 })];
    const why = 'traffic is 3 × what is usual';
    expect(lookAround(recent, alone)).toEqual({ errors: why, latency: why });
  });

  it.each([
    ['more errors than requests came on top', { requests: 690, errors: 200 }],
    ['the errors are too few to tell', { requests: 660, errors: 40 }],
    ['traffic varies by chance', { requests: 640, errors: 40 }],
    ['traffic falls', { requests: 300, errors: 100 }],
    ['no traffic is usual', { requests: 600, usualRequests: 0, errors: 100 }],
  ])('explain nothing where %s', (_, over) => {
    expect(lookAround(checks(15, over), alone)).toEqual(nothing);
  });

  it('explain latency, not errors, of a crowd in which still more fail than came', () => {
    const recent = checks(15, { requests: 1_000, errors: 700 });
    expect(lookAround(recent, alone)).toEqual({
      errors: null,
      latency: 'traffic is 67 % above what is usual',
    });
  });
});

describe('a bad release with a little more traffic than usual', () => {
  // The price of not rolling back for one client: the worse release is the one that is held, until its traffic is the usual one.
  it.each([
    [40, null],
    [80, 'traffic is 10 % above what is usual'],
    [130, null],
  ])('of 660 requests with %d errors is explained by: %s', (errors, why) => {
    expect(lookAround(checks(15, { requests: 660, errors }), alone).errors).toBe(why);
  });
});

describe('a neighbour’s check', () => {
  const at = 10;
  const row = aService({ peers: true })(at);

  it('is put beside the neighbours’ own habits', () => {
    const seen = beside(minuteOf(row, at), withPeers.peers);
    expect(seen?.errors).toBe(row.peers?.errors);
    expect((seen?.usual ?? 0) / 3.2).toBeCloseTo(1, 0);
    expect(Math.abs(seen?.slower?.by ?? 9)).toBeLessThan(0.3);
  });

  it('without requests, latency or habits says so much less', () => {
    const check = minuteOf({ ...row, peers: { requests: 0, errors: 0, latencyMs: null } }, at);
    expect(beside(check, withPeers.peers)).toEqual({ errors: 0, usual: 0, slower: null });
    expect(beside({ ...check, peers: null }, withPeers.peers)).toBeNull();
    expect(beside(check, null)).toBeNull();
    expect(check.durationMs).toBe(minute);
  });
});
