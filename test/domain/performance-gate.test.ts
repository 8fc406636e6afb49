import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reference } from '../../domain/detection/reference.ts';
import { type PerformanceSample, performanceGate } from '../../domain/performance-gate.ts';
import { defaultPolicy } from '../../domain/policy.ts';
import { histogram } from '../support/scripted-service.ts';
import { hour, minute } from './builders.ts';

/** A day of v4 in production: 150 requests a second, one error in 18,000, p95 280 ms. */
const v4: Reference = {
  kind: 'last_known_good',
  label: 'v4',
  requests: 12_960_000,
  errors: 720,
  durationMs: 24 * hour,
  latency: histogram(280, 12_960_000),
};

const aSample = (over: Partial<PerformanceSample> = {}): PerformanceSample => ({
  durationMs: minute,
  requests: 1_000,
  errors: 0,
  latency: histogram(280, 1_000),
  latencyQuantileMs: null,
  memoryPercent: 45,
  dbConnectionErrors: 0,
  ...over,
});

const minutes = (count: number, over: Partial<PerformanceSample> = {}) =>
  Array.from({ length: count }, () => aSample(over));

function findings(samples: readonly PerformanceSample[], reference: Reference | null = v4) {
  return Object.fromEntries(
    performanceGate('web', samples, reference, defaultPolicy).map(({ name, kind, reason, wayPast }) => [
      name.replace('performance, web: ', ''),
      { kind, reason, wayPast },
    ]),
  );
}

const kinds = (found: ReturnType<typeof findings>) =>
  Object.fromEntries(Object.entries(found).map(([name, { kind }]) => [name, kind]));

describe('the performance gate', () => {
  it('lets samples through that are like last known good, at a tenth of its traffic', () => {
    expect(kinds(findings(minutes(10)))).toEqual({
      error_rate: 'passed',
      performance: 'passed',
      memory: 'passed',
      database: 'passed',
    });
  });

  it.for([
    ['error_rate', { errors: 20 }],
    ['performance', { latency: histogram(900, 1_000) }],
    ['memory', { memoryPercent: 95 }],
    ['database', { dbConnectionErrors: 8 }],
  ] as const)('is shut by the %s of a bad release, and says what to do', ([trigger, sick]) => {
    const found = findings(minutes(10, sick));
    expect(found[trigger]).toMatchObject({ kind: 'refused', wayPast: expect.stringContaining('--override') });
    const others = Object.entries(kinds(found)).filter(([name]) => name !== trigger);
    expect(others.every(([, kind]) => kind === 'passed')).toBe(true);
  });

  it('is shut by what was bad in the middle of the test and is over at its end', () => {
    const samples = [...minutes(5), ...minutes(6, { errors: 40 }), ...minutes(20)];
    expect(findings(samples).error_rate?.kind).toBe('refused');
  });

  it('is shut by a test too short to say anything', () => {
    const found = findings([aSample({ requests: 12, latency: histogram(280, 12) })]);
    expect(found.error_rate).toMatchObject({ kind: 'refused', reason: expect.stringContaining('only 12') });
  });

  it('judges a percentile where there is no histogram', () => {
    const percentile = (latencyQuantileMs: number) => minutes(7, { latency: null, latencyQuantileMs });
    expect(findings(percentile(300)).performance).toMatchObject({ kind: 'passed' });
    expect(findings(percentile(500)).performance).toMatchObject({
      kind: 'refused',
      reason: expect.stringMatching(/^p95 500 ms \(median of 7\), 1\.\d+ × the \d+ ms of v4$/),
    });
  });

  it('only warns of what nobody measured, and where nothing is known to compare with', () => {
    const bare = { latency: null, memoryPercent: null, dbConnectionErrors: null };
    expect(kinds(findings(minutes(10, bare)))).toMatchObject({
      error_rate: 'passed',
      performance: 'warning',
    });
    expect(kinds(findings(minutes(10), null))).toMatchObject({
      error_rate: 'warning',
      performance: 'warning',
    });
  });

  it('is never opened by more errors', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 60 }), (fewer, more) => {
        const shut = (errors: number) => findings(minutes(10, { errors })).error_rate?.kind === 'refused';
        return !shut(fewer) || shut(fewer + more);
      }),
    );
  });
});
