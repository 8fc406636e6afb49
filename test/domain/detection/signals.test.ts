import { describe, expect, it } from 'vitest';
import { stillFailing, stillSlow } from '../../../domain/detection/signals.ts';
import type { Recent } from '../../../domain/detection/surroundings.ts';

/** Checks with three errors expected each, by what they had. */
const checks = (...errors: number[]): Recent[] =>
  errors.map((count) => ({
    atMs: 0,
    minutes: 1,
    requests: 600,
    errors: count,
    usualRequests: 600,
    usualErrors: 3,
    slower: count === 0 ? null : count - 3,
    peer: null,
  }));

describe('an excursion', () => {
  it.each([
    ['still fails', checks(30, 30, 30, 30, 30), true],
    ['has just ended: a check that would show thirty errors shows two', checks(30, 30, 30, 30, 2), false],
    ['ended some checks ago', checks(30, 3, 3, 3, 3, 3), false],
    ['has no errors any more', checks(0, 0, 0, 0, 0), false],
    ['is not known', [], false],
  ])('%s', (_, recent, failing) => {
    expect(stillFailing(recent, 10)).toBe(failing);
  });

  it.each([
    ['still slow', checks(9, 9, 9), true],
    ['slow in two of the last three checks', checks(9, 2, 9), true],
    ['fast again', checks(9, 9, 2, 2, 2), false],
    ['not told any more', checks(0, 0, 0), false],
  ])('is %s', (_, recent, slow) => {
    expect(stillSlow(recent)).toBe(slow);
  });
});
