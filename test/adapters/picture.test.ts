import { describe, expect, it } from 'vitest';
import { renderPng } from '../../adapters/picture/render-png.ts';
import { breachChart, chartSize } from '../../domain/breach-chart.ts';

const points = [0.5, 0.5, 0.5, 5].map((value, i) => ({ atMs: i * 60_000, value }));
const series = {
  signal: 'errors per minute',
  unit: '/min',
  service: 'web',
  points,
  baseline: 0.5,
  threshold: 1.5,
  breachSinceMs: 180_000,
};

describe('a picture', () => {
  it('is a PNG of twice the size, with words that do not come from the fonts of this machine', async () => {
    const png = await renderPng(breachChart('Breach', series));
    expect(png?.subarray(1, 4).toString()).toBe('PNG');
    expect([png?.readUInt32BE(16), png?.readUInt32BE(20)]).toEqual([
      2 * chartSize.width,
      2 * chartSize.height,
    ]);
    const wordless = await renderPng(breachChart('Breach', series).replace(/<text.*?<\/text>/g, ''));
    expect((png?.length ?? 0) - (wordless?.length ?? 0)).toBeGreaterThan(5_000);
  });

  it('that cannot be drawn is none', async () => {
    expect(await renderPng('no picture')).toBeNull();
  });
});
