import { describe, expect, it } from 'vitest';
import {
  aContext,
  aPolicy,
  aSample,
  deployedAt,
  hour,
  samples,
  second,
  states,
  verdictOf,
} from '../../builders.ts';

const at = (percents: readonly (number | null)[]) =>
  samples(percents.map((memoryPercent) => ({ memoryPercent })));

describe('memory', () => {
  it.each([
    ['three checks in a row above 90 % breach', [45, 91, 92, 93], 'breach'],
    ['two do not', [45, 45, 91, 99], 'suspect'],
    ['one does not', [45, 45, 45, 100], 'suspect'],
    ['a shorter excursion starts the count anew', [95, 95, 89, 95, 95], 'suspect'],
    ['exactly 90 % is not above', [95, 95, 90], 'healthy'],
    ['three checks at exactly 90 % are healthy', [90, 90, 90], 'healthy'],
    ['exactly 90 % is not one of three', [90, 91, 91], 'suspect'],
    ['below is healthy, whatever was before', [99, 99, 99, 45], 'healthy'],
    ['unknown in between is not above', [95, null, 95], 'suspect'],
    ['unknown at the end leaves the last known, unbroken by nothing', [95, 95, null], 'suspect'],
    ['three in the first three checks breach', [91, 91, 91], 'breach'],
  ] as const)('%s', (_, percents, state) => {
    expect(states('memory', at(percents)).at(-1)).toBe(state);
  });

  it('never breaches by excursions of at most two checks, in a day of them', () => {
    const percents = Array.from({ length: 480 }, () => [99, 99, 50]).flat();
    expect(states('memory', at(percents))).not.toContain('breach');
  });

  it('tells how it grew', () => {
    expect(verdictOf('memory', at([75, 91, 92.4, 93]))).toEqual({
      trigger: 'memory',
      state: 'breach',
      baseline: null,
      current: 93,
      threshold: 90,
      reason: 'memory 93 % of its limit, threshold 90 %, in 3 checks in a row (91 %, 92.4 %, 93 %)',
    });
    expect(verdictOf('memory', at([45, 91])).reason).toMatch(/, 1 of 3 checks in a row$/);
  });

  it('is off without a limit, with a warning, and when it is disabled', () => {
    expect(verdictOf('memory', at([null, null]))).toMatchObject({
      state: 'off',
      reason: 'no memory limit is configured, memory is not judged',
    });
    const context = aContext({ policy: aPolicy({ triggers: { memory: { enabled: false } } }) });
    expect(states('memory', at([99, 99, 99]), context)).toEqual(['off', 'off', 'off']);
  });

  it('follows the configured threshold', () => {
    const context = aContext({ policy: aPolicy({ triggers: { memory: { thresholdPercent: 40 } } }) });
    expect(states('memory', at([41, 41, 41]), context).at(-1)).toBe('breach');
  });

  it('does not count extra ticks', () => {
    const stream = Array.from({ length: 5 }, (_, i) =>
      aSample({ regular: false, atMs: deployedAt + hour + i * 10 * second, memoryPercent: 99 }),
    );
    expect(states('memory', [...at([99]), ...stream]).at(-1)).toBe('suspect');
  });

  it('remembers three checks even where the windows are shorter', () => {
    const short = { windowMs: 60_000 };
    const triggers = { errorRate: short, latency: short, memory: short, database: short };
    const context = aContext({ policy: aPolicy({ triggers }) });
    expect(states('memory', at([91, 91, 91]), context).at(-1)).toBe('breach');
  });
});
