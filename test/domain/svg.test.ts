import { describe, expect, it } from 'vitest';
import { escaped, linesOf, niceTicks } from '../../domain/svg.ts';

describe('hand-made pictures', () => {
  it('break a long reason into lines, and cut what is longer', () => {
    expect(linesOf('one two three four', 9, 3)).toEqual(['one two', 'three', 'four']);
    expect(linesOf('one two three four', 9, 2)).toEqual(['one two', 'three …']);
    expect(linesOf('unbreakable', 5, 2)).toEqual(['unbr…']);
  });

  it('have round numbers on their axes', () => {
    expect(niceTicks(0, 770, 5)).toEqual([0, 200, 400, 600]);
    expect(niceTicks(0, 0.31, 5)).toEqual([0, 0.1, 0.2, 0.3]);
    expect(niceTicks(90, 390, 8, [30, 60])).toEqual([120, 180, 240, 300, 360]);
    expect(niceTicks(0, 0, 5)).toEqual([0]);
  });

  it('have more room than steps between far ends', () => {
    expect(niceTicks(0, 3_000, 2, [30, 60])).toHaveLength(51);
    expect(niceTicks(1, 1, 5)).toEqual([]);
  });

  it('hold no markup of others', () => {
    expect(escaped('<a href="x">&')).toBe('&#60;a href=&#34;x&#34;&#62;&#38;');
  });
});
