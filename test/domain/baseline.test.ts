import { describe, expect, it } from 'vitest';
import { addToTotals, asReference, baselineMetrics, noTotals } from '../../domain/baseline.ts';
import { aHistogram, aSample, minute, samples } from './builders.ts';

const measured = samples(
  [0, 1, 0, 1, 0.5].map((errors, i) => ({
    errors,
    memoryPercent: 43 + i,
    cpuPercent: 30,
    latency: aHistogram({ 100: 4_500, 280: 4_050, 400: 450 }),
  })),
);

describe('the baseline', () => {
  it('is the specification’s: errors a minute, requests a second, latencies, memory and CPU', () => {
    const { p50_latency_ms, p99_latency_ms, ...metrics } = baselineMetrics(
      measured.reduce(addToTotals, noTotals),
    );
    expect(metrics).toEqual({
      error_rate: 0.5,
      p95_latency_ms: 280,
      memory_usage_percent: 45,
      cpu_usage_percent: 30,
      request_rate: 150,
    });
    expect(p50_latency_ms).toBe(100);
    expect(p99_latency_ms).toBe(376);
  });

  it('does not invent what was not measured', () => {
    const unknown = addToTotals(noTotals, aSample({ errors: 2, requests: 60 }));
    expect(baselineMetrics(unknown)).toEqual({
      error_rate: 2,
      p50_latency_ms: null,
      p95_latency_ms: null,
      p99_latency_ms: null,
      memory_usage_percent: null,
      cpu_usage_percent: null,
      request_rate: 1,
    });
  });

  it('of no time at all has no rates', () => {
    expect(baselineMetrics(noTotals)).toMatchObject({ error_rate: 0, request_rate: 0 });
  });

  it('keeps the mean of a gauge while it is unknown', () => {
    const known = [40, 50].reduce(
      (sum, memoryPercent) => addToTotals(sum, aSample({ memoryPercent })),
      noTotals,
    );
    expect(addToTotals(known, aSample({ memoryPercent: null })).memoryPercent).toBe(45);
  });

  it('is a reference with its counts', () => {
    const totals = measured.reduce(addToTotals, noTotals);
    expect(asReference(totals, 'own_baseline', 'its own first 5 min')).toEqual({
      kind: 'own_baseline',
      label: 'its own first 5 min',
      requests: 45_000,
      errors: 2.5,
      durationMs: 5 * minute,
      latency: aHistogram({ 100: 22_500, 280: 20_250, 400: 2_250 }),
    });
    expect(totals.samples).toBe(5);
  });
});
