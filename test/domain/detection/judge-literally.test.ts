import { describe, expect, it } from 'vitest';
import type { Policy } from '../../../domain/policy.ts';
import { aFailingProbe, aHistogram, aPolicy, aReference, minute } from '../builders.ts';
import {
  aService,
  type Change,
  type Court,
  calibrationOf,
  changed,
  checksOf,
  firstBreach,
  judged,
  judging,
  last,
  type Step,
  statesOf,
} from './streams.ts';

const literal = (policy = aPolicy()): Policy => ({
  ...policy,
  detection: { ...policy.detection, method: 'literal' },
});
/** The release's own first five minutes: 3 errors a minute, p95 280 ms. */
const own = aReference({
  kind: 'own_baseline',
  label: 'its own first 5 min',
  durationMs: 5 * minute,
  requests: 3_000,
  errors: 15,
  latency: aHistogram({ 100: 1_500, 280: 1_350, 400: 150 }),
});
const service = aService({ share: 0 });
const judge = (change: Change, minutes = 30, court: Court = {}): Step[] =>
  judged(changed(service, change), minutes, {
    policy: literal(),
    calibration: calibrationOf(service),
    references: [aReference(), own],
    ...court,
  });

describe('detection: literal', () => {
  it('fires on the first window above twice the baseline, asks for no evidence, and says so', () => {
    const steps = judge((_, at) => ({ errors: at === 10 ? 31 : 0 }));
    expect(firstBreach(steps)).toMatchObject({
      at: 10,
      verdict: {
        trigger: 'error_rate',
        baseline: 3,
        current: 6.2,
        threshold: 6,
        reason: 'error rate 6.2/min, baseline 3/min, allowed 6/min (detection: literal)',
      },
    });
  });

  it('does not fire at exactly twice the baseline', () => {
    expect(firstBreach(judge(() => ({ errors: 6 })))).toBeNull();
    expect(firstBreach(judge(() => ({ errors: 7 })))?.at).toBe(0);
  });

  it('fires on a percentile of one window above 1.5 times the baseline', () => {
    const checks = (slow: number) =>
      checksOf(service, 5).map(({ sample, peers }) => ({
        sample: { ...sample, latency: aHistogram({ 100: 600 - slow, 600: slow }) },
        peers,
      }));
    const court = { policy: literal(), references: [own] };
    expect(firstBreach(judging(checks(60), court))).toMatchObject({
      at: 0,
      verdict: {
        trigger: 'performance',
        threshold: 420,
        reason: expect.stringMatching(
          /^p95 5\d\d ms, baseline 280 ms, allowed 420 ms \(detection: literal\)$/,
        ),
      },
    });
    expect(firstBreach(judging(checks(10), court))).toBeNull();
  });

  it('judges memory, database and health by their numbers alone', () => {
    const sick = judge(() => ({ memoryPercent: 93, dbConnectionErrors: 6, probes: [aFailingProbe] }), 10);
    for (const trigger of ['memory', 'database', 'health_check'] as const)
      expect(last(sick, trigger).state).toBe('breach');
    expect(firstBreach(sick, 'memory')?.at).toBe(2);
    expect(firstBreach(sick, 'database')?.at).toBe(1);
  });

  it('knows no neighbours, no crowd and no habits', () => {
    const steps = judge((row) => ({ requests: row.requests * 5, errors: 20 }));
    expect(new Set(statesOf(steps, 'error_rate'))).toEqual(new Set(['breach']));
  });

  it.each([
    ['its own baseline', [aReference()], /^error rate 20\/min, no baseline yet$/],
    ['any reference', [], /^error rate 20\/min, no baseline yet$/],
  ])('waits for %s', (_, references, reason) => {
    const verdict = last(
      judge(() => ({ errors: 20 }), 5, { references }),
      'error_rate',
    );
    expect(verdict).toMatchObject({ state: 'inconclusive', threshold: null });
    expect(verdict.reason).toMatch(reason);
  });

  it('says what was not measured, and what is off', () => {
    expect(
      last(
        judge(() => ({ latencyMs: null }), 5),
        'performance',
      ),
    ).toMatchObject({
      state: 'inconclusive',
      reason: 'no p95 measured',
    });
    const off = aPolicy({ triggers: { errorRate: { enabled: false }, latency: { enabled: false } } });
    const steps = judge(() => ({ errors: 100 }), 5, { policy: literal(off) });
    expect(last(steps, 'error_rate').state).toBe('off');
    expect(last(steps, 'performance').state).toBe('off');
  });
});
