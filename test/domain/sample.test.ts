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

  it('adds up endpoints and instances, each by its name', () => {
    const part = (by: 'endpoint' | 'instance', name: string, requests: number, errors: number) => ({
      by,
      name,
      requests,
      errors,
    });
    const older = { ...noCounts, parts: [part('endpoint', '/', 10, 1), part('instance', '/', 10, 1)] };
    const newer = { ...noCounts, parts: [part('endpoint', '/', 5, 2), part('endpoint', '/pay', 1, 0)] };
    expect(addCounts(older, newer).parts).toEqual([
      part('endpoint', '/', 15, 3),
      part('instance', '/', 10, 1),
      part('endpoint', '/pay', 1, 0),
    ]);
    expect(addCounts(noCounts, newer).parts).toEqual(newer.parts);
    expect(addCounts(older, noCounts).parts).toEqual(older.parts);
    expect(addCounts(noCounts, noCounts)).not.toHaveProperty('parts');
  });

  it('does not take unknown for zero', () => {
    expect(addCounts(noCounts, noCounts)).toEqual(noCounts);
    const known = { ...noCounts, dbConnectionErrors: 2, memoryPercent: 40, cpuPercent: 9, affectedUsers: 5 };
    expect(addCounts(known, noCounts)).toEqual(known);
    expect(addCounts(noCounts, known)).toEqual(known);
  });
});
