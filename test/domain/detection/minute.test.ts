import { describe, expect, it } from 'vitest';
import { latencyOf, minuteOf, peersOf } from '../../../domain/detection/minute.ts';
import { aFailingProbe, aHistogram, aPolicy, aProbe, aSample } from '../builders.ts';

const policy = aPolicy();

describe('a check as the judge sees it', () => {
  it('has the percentile of its buckets, or the one that the source tells', () => {
    expect(latencyOf(aSample({ latency: aHistogram({ 100: 10 }) }), policy)).toBeGreaterThan(50);
    expect(latencyOf(aSample({ latencyQuantileMs: 42 }), policy)).toBe(42);
    expect(latencyOf(aSample(), policy)).toBeNull();
  });

  it('counts failed health checks as the source counted them, or its own probe', () => {
    const failedOf = (over: Parameters<typeof aSample>[0]) =>
      minuteOf(aSample(over), policy, null).failedHealthChecks;
    expect(failedOf({ healthChecks: { failed: 4, all: 6 } })).toBe(4);
    expect(failedOf({ probes: [aFailingProbe] })).toBe(1);
    expect(failedOf({ probes: [aProbe()] })).toBe(0);
  });

  it('keeps endpoints and instances where there are some', () => {
    const parts = [{ by: 'endpoint', name: '/pay', requests: 3, errors: 1 }] as const;
    expect(minuteOf(aSample({ parts }), policy, null).parts).toBe(parts);
    expect(minuteOf(aSample(), policy, null)).not.toHaveProperty('parts');
  });
});

describe('neighbours', () => {
  it('are added up, and none without a sample', () => {
    const one = aSample({ requests: 100, errors: 2, latency: aHistogram({ 100: 100 }) });
    const other = aSample({ requests: 50, errors: 1, latency: aHistogram({ 400: 50 }) });
    const both = peersOf([one, other], policy);
    expect(both).toMatchObject({ requests: 150, errors: 3 });
    expect(both?.latencyMs).toBeGreaterThan(280);
    expect(peersOf([], policy)).toBeNull();
  });
});
