import { describe, expect, it } from 'vitest';
import { aFailingProbe, aPolicy, aSample, deployedAt, minute } from '../builders.ts';
import {
  aService,
  type Court,
  calibrationOf,
  changed,
  firstBreach,
  healthTicks,
  judged,
  judging,
  last,
  statesOf,
} from './streams.ts';

const calibration = calibrationOf(aService());
const judge = (failsAt: (second: number) => boolean, seconds = 600, court: Court = {}) => [
  ...judging(healthTicks(failsAt, seconds), { calibration, ...court }),
];

describe('health checks', () => {
  it('of a service that never comes up are a breach two minutes after the deployment', () => {
    const steps = judge(() => true);
    const breach = firstBreach(steps);
    expect(breach?.at).toBeLessThan(2);
    expect(breach?.verdict).toMatchObject({
      trigger: 'health_check',
      reason: '7 of 7 health checks failed in 60 s, allowed 3; last: web-1 connection refused',
    });
    expect(statesOf(steps, 'health_check')).toEqual(['inconclusive', 'suspect', 'breach']);
  });

  it('of a service that dies hours later are a breach within two minutes', () => {
    expect(firstBreach(judge((second) => second > 1_200, 1_800))?.at).toBeLessThan(22);
  });

  it('that fail for one minute are a restart', () => {
    const steps = judge((second) => second >= 300 && second < 360, 900);
    expect(firstBreach(steps)).toBeNull();
    expect(statesOf(steps, 'health_check')).toEqual(['inconclusive', 'healthy', 'suspect', 'healthy']);
    const worst = steps.findLast((step) => step.verdicts.health_check.state === 'suspect');
    expect(worst?.verdicts.health_check.reason).toMatch(/; not for two minutes yet$/);
  });

  it('that come and go are a crash loop in the third minute', () => {
    const breach = firstBreach(judge((second) => second > 60 && second % 60 < 25));
    expect(breach?.at).toBeGreaterThan(2);
    expect(breach?.at).toBeLessThan(4);
  });

  it('that fail during the warm-up do not count', () => {
    const steps = judge((second) => second < 60);
    expect(statesOf(steps, 'health_check')).toEqual(['inconclusive', 'healthy']);
    expect(steps[0]?.verdicts.health_check.reason).toBe('warming up, health checks do not count yet');
  });

  it('of a source that only counts them need no probes, and the sentence does not end in the air', () => {
    const life = changed(aService(), () => ({ probes: [], healthChecks: { failed: 5, all: 6 } }));
    const breach = firstBreach(judged(life, 10));
    expect(breach?.verdict.reason).toMatch(/^\d+ of \d+ health checks failed in 2 min, allowed 3$/);
    const calm = changed(aService(), () => ({ probes: [], healthChecks: { failed: 0, all: 6 } }));
    expect(last(judged(calm, 10), 'health_check').state).toBe('healthy');
  });

  it('that always failed now and then must fail more often than that', () => {
    const flaky = { ...calibration, habits: { ...calibration.habits, failedHealthChecks: 8 } };
    const often = (second: number) => second % 40 === 0 || second % 120 === 0;
    const steps = judge(often, 900, { calibration: flaky });
    expect(firstBreach(judge(often, 900))).not.toBeNull();
    expect(firstBreach(steps)).toBeNull();
    const told = steps.findLast((step) => step.verdicts.health_check.reason.includes('before this release'));
    expect(told?.verdicts.health_check.reason).toContain('failed before this release, too');
    expect(firstBreach(judge(() => true, 600, { calibration: flaky }))?.at).toBeLessThan(3);
  });

  it('without a calibration are judged alike', () => {
    expect(firstBreach(judge(() => true, 600, { calibration: null }))?.at).toBeLessThan(2);
  });

  it('older than the window are forgotten', () => {
    const old = healthTicks((second) => second > 60, 180);
    const atMs = deployedAt + 20 * minute;
    const late = [{ sample: aSample({ atMs, durationMs: minute, probes: [aFailingProbe] }), peers: null }];
    expect(firstBreach([...judging([...old, ...late], { calibration })].slice(-1))).toBeNull();
  });

  it('are not judged where the trigger is off', () => {
    const policy = aPolicy({ triggers: { healthCheck: { enabled: false } } });
    expect(
      last(
        judge(() => true, 120, { policy }),
        'health_check',
      ).state,
    ).toBe('off');
  });
});
