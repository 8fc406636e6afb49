import { describe, expect, it } from 'vitest';
import { clockTime, timelineLine } from '../../domain/timeline.ts';
import { deployedAt, minute } from './builders.ts';

describe('the timeline', () => {
  it.each([
    [deployedAt, '10:00:00'],
    [deployedAt + 12.5 * minute, '10:12:30'],
    [0, '00:00:00'],
    [86_399_999, '23:59:59'],
    [86_400_000, '00:00:00'],
    [-1_000, '23:59:59'],
  ])('says %d as %s', (atMs, time) => {
    expect(clockTime(atMs)).toBe(time);
  });

  it('has the specification’s form, further lines indented', () => {
    const text = 'Monitoring detects spike\nError rate: 5.2/min (10.4x baseline!)';
    expect(timelineLine({ atMs: deployedAt + 12 * minute, text })).toBe(
      '10:12:00 - Monitoring detects spike\n      Error rate: 5.2/min (10.4x baseline!)',
    );
  });
});
