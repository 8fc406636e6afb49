import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ChartInput,
  chart,
  chartWords,
  niceCeiling,
  sparkline,
} from '../../../client/dashboard/parts/charts.ts';

const aChart = (more: Partial<ChartInput> = {}): ChartInput => ({
  title: 'Errors',
  unit: '/min',
  points: [
    { atMs: 0, value: 1 },
    { atMs: 60_000, value: null },
    { atMs: 120_000, value: 3 },
  ],
  baseline: 0.5,
  threshold: 2,
  spans: [{ kind: 'breach', fromMs: 60_000, toMs: 120_000, label: 'breach: "<b>"' }],
  marks: [{ kind: 'deployed', atMs: 0, label: 'deployed' }],
  fromMs: 0,
  toMs: 120_000,
  ...more,
});

describe('a chart', () => {
  it('draws line, baseline, threshold, breach and marks, and leaves a gap where nothing was measured', () => {
    const drawn = chart(aChart());
    expect(drawn).toMatch(/<path class="line" d="M\d+ [\d.]+h0M\d+ [\d.]+h0"\/>/);
    for (const part of [
      'class="baseline"',
      'class="threshold"',
      'class="span breach"',
      'class="mark deployed"',
    ])
      expect(drawn).toContain(part);
  });

  it('says what it shows to whoever does not see it', () => {
    expect(chartWords(aChart())).toBe(
      'Errors: now 3 /min, highest 3 /min, baseline 0.5 /min, threshold 2 /min, breach: "<b>", from 00:01:00 to 00:02:00, deployed at 00:00:00',
    );
    expect(chartWords(aChart({ points: [], baseline: null, threshold: null }))).toBe(
      'Errors: nothing measured, breach: "<b>", from 00:01:00 to 00:02:00, deployed at 00:00:00',
    );
  });

  it('lets no text out of its place, and has no style of its own: the page allows none', () => {
    const drawn = chart(aChart());
    expect(drawn).not.toContain('<b>');
    expect(drawn).not.toContain('style=');
    expect(drawn.match(/<title>/g)).toHaveLength(2);
  });

  it('stays within its frame, whatever was measured', () => {
    const point = fc.record({
      atMs: fc.nat(1_000_000),
      value: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true })),
    });
    fc.assert(
      fc.property(
        fc.array(point),
        fc.option(fc.double({ min: 0, max: 1e9, noNaN: true })),
        (points, threshold) => {
          const sorted = points.toSorted((a, b) => a.atMs - b.atMs);
          for (const drawn of [
            chart(aChart({ points: sorted, threshold, fromMs: 0, toMs: 1_000_000 })),
            sparkline(sorted, { baseline: null, threshold }, 'x'),
          ]) {
            expect(drawn).not.toMatch(/NaN|Infinity/);
            const heights = [...drawn.matchAll(/[ML]([\d.-]+) ([\d.-]+)/g)].map(([, , y]) => Number(y));
            for (const y of heights) expect(y).toBeGreaterThanOrEqual(0);
          }
        },
      ),
    );
  });

  it.each([
    [0.79, 1],
    [1, 2],
    [3.2, 5],
    [97, 100],
    [99, 200],
    [120, 200],
    [2_400, 2_500],
  ])('of at most %d ends at %d', (value, end) => expect(niceCeiling(value)).toBe(end));
});
