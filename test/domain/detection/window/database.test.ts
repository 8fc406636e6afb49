import { describe, expect, it } from 'vitest';
import {
  aContext,
  aPolicy,
  aSample,
  deployedAt,
  hour,
  minute,
  samples,
  states,
  verdictOf,
} from '../../builders.ts';

const errors = (counts: readonly (number | null)[]) =>
  samples(counts.map((dbConnectionErrors) => ({ dbConnectionErrors })));

describe('database connection errors', () => {
  it.each([
    ['eleven in two checks breach', [5, 6], 'breach'],
    ['exactly ten are allowed', [5, 5], 'healthy'],
    ['all in one check never breach', [0, 500], 'suspect'],
    ['all in one check never breach, the next one being clean', [500, 0], 'suspect'],
    ['all in one check never breach, its neighbour being unknown', [500, null], 'suspect'],
    ['older than two minutes do not count', [20, 20, 0, 0], 'healthy'],
    ['eleven over three checks are within the limit', [4, 4, 4], 'healthy'],
    ['none are healthy', [0, 0], 'healthy'],
  ] as const)('%s', (_, counts, state) => {
    expect(states('database', errors(counts)).at(-1)).toBe(state);
  });

  it('tell how many there were', () => {
    expect(verdictOf('database', errors([5, 6]))).toEqual({
      trigger: 'database',
      state: 'breach',
      baseline: null,
      current: 11,
      threshold: 10,
      reason: '11 database connection errors in 2 min, allowed 10',
    });
    expect(verdictOf('database', errors([0, 11])).reason).toMatch(/; all in one check$/);
  });

  it('are not judged where the service does not tell them, nor when the trigger is disabled', () => {
    expect(verdictOf('database', errors([null]))).toMatchObject({ state: 'off', threshold: 10 });
    const context = aContext({ policy: aPolicy({ triggers: { database: { enabled: false } } }) });
    expect(states('database', errors([50, 50]), context).at(-1)).toBe('off');
  });

  it('follow the configured limit and window', () => {
    const context = aContext({
      policy: aPolicy({ triggers: { database: { connectionErrors: 3, windowMs: 4 * minute } } }),
    });
    expect(states('database', errors([1, 1, 1, 1]), context)).toEqual([
      'healthy',
      'healthy',
      'healthy',
      'breach',
    ]);
  });

  it('of extra ticks count with the next regular one, as one check', () => {
    const extra = aSample({
      regular: false,
      atMs: deployedAt + hour + 10_000,
      durationMs: 10_000,
      dbConnectionErrors: 30,
    });
    const next = aSample({ atMs: deployedAt + hour + minute, durationMs: 50_000, dbConnectionErrors: 0 });
    expect(states('database', [...errors([0]), extra, next])).toEqual(['healthy', 'healthy', 'suspect']);
  });
});
