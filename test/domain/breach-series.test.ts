import { describe, expect, it } from 'vitest';
import { breachChart } from '../../domain/breach-chart.ts';
import { type Breach, type BreachSeries, breachSeries } from '../../domain/breach-series.ts';
import type { TriggerType } from '../../domain/detection/verdict.ts';
import type { Sample } from '../../domain/sample.ts';
import { sparkline } from '../../domain/sparkline.ts';
import { aSample } from './builders.ts';

const minuteMs = 60_000;

function samples(over: (minute: number) => Partial<Sample>, service = 'web') {
  return Array.from({ length: 10 }, (_, i) => ({
    ...aSample({ tick: i, atMs: i * minuteMs, durationMs: minuteMs, ...over(i) }),
    service,
  }));
}

const aBreach = (type: TriggerType, over: Partial<Breach> = {}): Breach => ({
  type,
  service: 'web',
  baseline: 0.5,
  threshold: 1.5,
  sinceMs: 7 * minuteMs,
  ...over,
});

const lastOf = (series: BreachSeries | null) => series?.points.at(-1)?.value;

describe('the signal around a breach', () => {
  it('is errors per minute by the real time between two measurements', () => {
    const series = breachSeries(
      aBreach('error_rate'),
      samples(() => ({ errors: 3, durationMs: 30_000 })),
    );
    expect(series).toMatchObject({ unit: '/min', baseline: 0.5, threshold: 1.5, breachSinceMs: 420_000 });
    expect(lastOf(series)).toBe(6);
  });

  it('is the percentile of latency, of a histogram or as the source tells it', () => {
    const latency = { boundsMs: [100, 200], counts: [0, 100, 0] };
    expect(
      lastOf(
        breachSeries(
          aBreach('performance'),
          samples(() => ({ latency })),
        ),
      ),
    ).toBe(195);
    const told = samples(() => ({ latency: null, latencyQuantileMs: 320 }));
    expect(lastOf(breachSeries(aBreach('performance'), told))).toBe(320);
    expect(
      breachSeries(
        aBreach('performance'),
        samples(() => ({ latency: null })),
      ),
    ).toBeNull();
  });

  it('is memory, connection errors, or whether the check failed', () => {
    const memory = samples(() => ({ memoryPercent: 93 }));
    expect(lastOf(breachSeries(aBreach('memory'), memory))).toBe(93);
    const database = samples(() => ({ dbConnectionErrors: 12 }));
    expect(lastOf(breachSeries(aBreach('database'), database))).toBe(12);
    const probes = (healthy: boolean) => [{ instance: 'a', healthy, detail: '' }];
    const health = samples((minute) => ({ probes: minute === 0 ? [] : probes(minute < 5) }));
    expect(breachSeries(aBreach('health_check'), health)?.points.map(({ value }) => value)).toEqual([
      null,
      0,
      0,
      0,
      0,
      1,
      1,
      1,
      1,
      1,
    ]);
  });

  it('is errors, without limits, where an alert of somebody else or nobody names one', () => {
    const series = breachSeries(
      aBreach('alert', { service: null }),
      samples(() => ({ errors: 2 })),
    );
    expect(series).toMatchObject({ service: 'web', baseline: null, threshold: null });
    expect(lastOf(series)).toBe(2);
  });

  it('is none where less than two measurements are known, or the service is not', () => {
    expect(breachSeries(aBreach('error_rate'), [])).toBeNull();
    expect(breachSeries(aBreach('alert', { service: null }), [])).toBeNull();
    expect(
      breachSeries(
        aBreach('error_rate', { service: 'api' }),
        samples(() => ({})),
      ),
    ).toBeNull();
    expect(
      breachSeries(
        aBreach('error_rate'),
        samples(() => ({ durationMs: 0 })),
      ),
    ).toBeNull();
  });
});

const aSeries = (over: Partial<BreachSeries> = {}): BreachSeries => ({
  signal: 'errors per minute',
  unit: '/min',
  service: 'web',
  points: [0.5, 0.5, null, 0.5, 3, 6].map((value, i) => ({ atMs: i * minuteMs, value })),
  baseline: 0.5,
  threshold: 1.5,
  breachSinceMs: 4 * minuteMs,
  ...over,
});

describe('a sparkline', () => {
  it('says in words what its line cannot', () => {
    expect(sparkline(aSeries())).toBe('errors per minute ▁▁ ▁▅█ now 6/min, allowed 1.5/min, usual 0.5/min');
  });

  it('is as long as there are measurements, and at most 32 columns', () => {
    const points = Array.from({ length: 100 }, (_, i) => ({ atMs: i * minuteMs, value: i }));
    const line = sparkline(aSeries({ points, baseline: null, threshold: null }), '\n');
    expect(line).toMatch(/^errors per minute [▁-█]{32}\nnow 99\/min$/u);
  });

  it('is flat and says nothing of now where nothing happened or nothing was measured', () => {
    const flat = [0, 0].map((value, i) => ({ atMs: i, value }));
    expect(sparkline(aSeries({ points: flat, baseline: null, threshold: null }))).toContain('▁▁ now 0/min');
    const blind = [null, null].map((value, i) => ({ atMs: i, value }));
    expect(sparkline(aSeries({ points: blind, baseline: null, threshold: null }))).toBe('errors per minute');
  });
});

describe('the picture of a breach', () => {
  const textsOf = (svg: string) => [...svg.matchAll(/>([^<>]+)<\/text>/g)].map(([, text]) => text);

  it('names the signal, its limits, since when it is bad, and the newest value', () => {
    const svg = breachChart('Breach <1>', aSeries());
    expect(textsOf(svg)).toEqual(
      expect.arrayContaining([
        'Breach &#60;1&#62;',
        'errors per minute of web; times in UTC',
        'bad since 00:04',
        'allowed 1.5/min',
        'usual 0.5/min',
        '6/min',
      ]),
    );
    expect(svg.match(/class="seen" d="(M[^M]+)(M[^M]+)"/)).not.toBeNull();
  });

  it('leaves out what is not known', () => {
    const points = [null, null].map((value, i) => ({ atMs: i * minuteMs, value }));
    const svg = breachChart(
      'x'.repeat(100),
      aSeries({ points, baseline: null, threshold: null, unit: ' %' }),
    );
    expect(textsOf(svg)[0]).toMatch(/^x{71}…$/);
    expect(textsOf(svg)).toContain('errors per minute of web, %; times in UTC');
    expect(svg).not.toMatch(/class="(allowed|usual)"|<circle/);
    expect(breachChart('', aSeries({ points: [], breachSinceMs: 0 }))).toContain('bad since 00:00');
  });

  it('shows no span of a breach that comes later, and the words of far limits each at their line', () => {
    const late = breachChart('', aSeries({ breachSinceMs: 60 * minuteMs, threshold: 5 }));
    expect(late).not.toContain('bad since');
    const heights = [...late.matchAll(/-word halo" x="[\d.]+" y="([\d.]+)"/g)].map(([, y]) => y);
    expect(new Set(heights).size).toBe(2);
  });
});
