import { describe, expect, it } from 'vitest';
import { addCounts, noCounts } from '../../domain/sample.ts';
import { aHistogram } from './builders.ts';

describe('adding counts', () => {
  it('sums events, keeps the newer gauge and the larger number of users', () => {
    const older = {
      ...noCounts,
      requests: 10,
      errors: 1,
      dbConnectionErrors: 2,
      memoryPercent: 40,
      cpuPercent: 9,
      affectedUsers: 5,
      latency: aHistogram({ 100: 10 }),
    };
    const newer = {
      ...noCounts,
      requests: 20,
      errors: 3,
      dbConnectionErrors: 4,
      memoryPercent: 50,
      cpuPercent: 8,
      affectedUsers: 3,
      latency: aHistogram({ 200: 20 }),
    };
    expect(addCounts(older, newer)).toEqual({
      requests: 30,
      errors: 4,
      dbConnectionErrors: 6,
      memoryPercent: 50,
      cpuPercent: 8,
      affectedUsers: 5,
      latency: aHistogram({ 100: 10, 200: 20 }),
    });
  });

  it('does not take unknown for zero', () => {
    expect(addCounts(noCounts, noCounts)).toEqual(noCounts);
    const known = { ...noCounts, dbConnectionErrors: 2, memoryPercent: 40, cpuPercent: 9, affectedUsers: 5 };
    expect(addCounts(known, noCounts)).toEqual(known);
    expect(addCounts(noCounts, known)).toEqual(known);
  });
});
