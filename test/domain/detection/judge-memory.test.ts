import { describe, expect, it } from 'vitest';
import { aPolicy, hour } from '../builders.ts';
import {
  aService,
  type Change,
  type Court,
  calibrationOf,
  changed,
  firstBreach,
  judged,
  last,
  type Step,
  statesOf,
} from './streams.ts';

const service = aService();
const calibration = calibrationOf(service);
const judge = (change: Change, minutes = 180, court: Court = {}): Step[] =>
  judged(changed(service, change), minutes, { calibration, ...court });

describe('the memory', () => {
  it('of a healthy release is put beside its limit', () => {
    const steps = judge(() => ({}), 600);
    expect(statesOf(steps, 'memory')).toEqual(['healthy']);
    expect(last(steps, 'memory').reason).toMatch(/^memory [\d.]+ % of its limit, threshold 90 %$/);
  });

  it('above the threshold in three checks in a row is a breach', () => {
    const steps = judge((_, at) => ({ memoryPercent: at < 10 ? 60 : 93 }), 20);
    expect(statesOf(steps, 'memory')).toEqual(['healthy', 'suspect', 'breach']);
    expect(firstBreach(steps)).toMatchObject({
      at: 12,
      verdict: {
        reason: 'memory 93 % of its limit, threshold 90 %, in 3 checks in a row (93 %, 93 %, 93 %)',
      },
    });
  });

  it('that a collector brings down again is none', () => {
    expect(firstBreach(judge((_, at) => ({ memoryPercent: at % 3 === 0 ? 70 : 93 })))).toBeNull();
  });

  it('of a service that was always at 93 % is none', () => {
    const full = aService({ memory: (at) => 92 + (((at % 20) + 20) % 20) / 10 });
    const steps = judged(full, 600);
    expect(firstBreach(steps)).toBeNull();
    expect(statesOf(steps, 'memory')).toEqual(['healthy']);
    expect(last(steps, 'memory').reason).toMatch(/in a row .*; it reached 93\.9 % before this release, too$/);
  });

  it('of a service that was always at 93 % and is at 98 % now is', () => {
    const full = aService({ memory: () => 93 });
    expect(
      firstBreach(
        judged(
          changed(full, () => ({ memoryPercent: 98 })),
          20,
        ),
      )?.at,
    ).toBe(2);
  });

  it('of which nothing is known is judged by the threshold alone', () => {
    const full = judge(() => ({ memoryPercent: 93 }), 10, { calibration: null });
    expect(firstBreach(full)?.at).toBe(2);
    const unknown = calibrationOf(aService({ memory: () => null }));
    expect(firstBreach(judge(() => ({ memoryPercent: 93 }), 10, { calibration: unknown }))?.at).toBe(2);
  });

  it('is not judged where there is no limit, nor where the trigger is off', () => {
    expect(
      last(
        judge(() => ({ memoryPercent: null }), 3),
        'memory',
      ).state,
    ).toBe('off');
    const policy = aPolicy({ triggers: { memory: { enabled: false } } });
    expect(
      last(
        judge(() => ({ memoryPercent: 99 }), 10, { policy }),
        'memory',
      ).state,
    ).toBe('off');
  });
});

describe('a memory leak', () => {
  const leak =
    (pointsAnHour: number): Change =>
    (row, at) => ({
      memoryPercent: Math.min(99, (row.memoryPercent ?? 0) + (pointsAnHour * at) / 60),
    });

  it('is forecast long before the threshold, in a sentence', () => {
    const breach = firstBreach(judge(leak(5), 600));
    expect(breach?.at).toBeLessThan(240);
    expect(breach?.verdict).toMatchObject({ trigger: 'memory', state: 'breach', threshold: 90 });
    expect(breach?.verdict.reason).toMatch(
      /^memory leak: its lowest in 30 min is [\d.]+ % of its limit, never above 50 % before this release, growing by [\d.]+ points an hour; 90 % in [\d.]+ h$/,
    );
  });

  it('that would take days is not acted on within hours', () => {
    expect(firstBreach(judge(leak(1), 360))).toBeNull();
  });

  it('of a service without a history is believed later', () => {
    const unknown = calibrationOf(aService({ memory: () => null }));
    const breach = firstBreach(judge(leak(5), 600, { calibration: unknown }));
    expect(breach?.at).toBeGreaterThan(200);
    expect(breach?.verdict.reason).not.toContain('before this release');
  });

  it('ends where the service has been before: above the threshold', () => {
    const full = aService({ memory: (at) => (at < -100 && at > -130 ? 95 : 60) });
    const breach = firstBreach(
      judged(
        changed(full, (_, at) => ({ memoryPercent: Math.min(89, 60 + at / 10) })),
        600,
      ),
    );
    expect(breach?.verdict.reason).toMatch(/; 98 % in [\d.]+ h$/);
  });

  it('is not seen in a start, nor in a page cache that fills as yesterday', () => {
    const start = judge(
      (row, at) => ({
        memoryPercent: (row.memoryPercent ?? 0) * (1 - 0.6 * Math.exp(-at / 60)),
      }),
      1_440,
    );
    expect(firstBreach(start)).toBeNull();
    const cache = (at: number) => {
      const age = at >= 0 ? at : at >= -700 ? at + 700 : Number.POSITIVE_INFINITY;
      return 97 - 60 * Math.exp(-age / 90) + (((at % 20) + 20) % 20) / 20;
    };
    expect(firstBreach(judged(aService({ memory: cache }), 1_440))).toBeNull();
  });

  it('is counted by windows: other windows, other half hours', () => {
    const policy = aPolicy({ triggers: { memory: { windowMs: hour / 12 } } });
    const breach = firstBreach(judge(leak(10), 600, { policy, calibration: calibrationOf(service, policy) }));
    expect(breach?.verdict.reason).toContain('its lowest in 15 min');
  });
});
