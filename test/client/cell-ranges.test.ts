import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CellRanges, lineEnd } from '../../client/backtest/cell-ranges.ts';

const numberOf = (cell: string) => {
  const cells = new CellRanges(1);
  cells.find(cell, 0, cell.length);
  return cells.number(cell, 0);
};

describe('the cells of a line', () => {
  it('are found as split finds them, without what ends the line', () => {
    const text = 'a,b\n1,,23\r\n\n4,5,6,7';
    const cells = new CellRanges(3);
    expect(cells.find(text, 4, lineEnd(text, 4))).toBe(3);
    expect([0, 1, 2].map((at) => cells.text(text, at))).toEqual(['1', '', '23']);
    expect([0, 1, 2].map((at) => cells.isEmpty(at))).toEqual([false, true, false]);
    expect(cells.find(text, 11, lineEnd(text, 11))).toBe(0);
    expect(cells.find(text, 12, lineEnd(text, 12))).toBe(4);
  });

  it('are the numbers that Number makes of them, to the last bit', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10 ** 9 }), fc.nat({ max: 12 }), (whole, digits) => {
        const cell = (whole / 7 ** digits).toFixed(digits);
        expect(numberOf(cell)).toBe(Number(cell));
      }),
      { numRuns: 2000 },
    );
    for (const cell of [
      '0',
      '007',
      '.5',
      '5.',
      '0.1',
      '123456789012345',
      '1234567890123456789',
      '1e3',
      '-4',
      ' 7',
    ])
      expect(numberOf(cell)).toBe(Number(cell));
  });

  it('are no numbers where they are blank or words', () => {
    for (const cell of ['x', '1.2.3', '.', '1,', 'NaN', '1 2'])
      expect(numberOf(cell.replace(',', ';'))).toBeNaN();
    const blank = ' ,1';
    const cells = new CellRanges(2);
    cells.find(blank, 0, blank.length);
    expect(cells.number(blank, 0)).toBeNaN();
  });
});
