import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aPolicy, aReference, aSample, deployedAt, hour, minute, second } from '../builders.ts';
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

const service = aService({ peers: true });
const calibration = calibrationOf(service);
const judge = (change: Change, minutes = 180, court: Court = {}): Step[] =>
  judged(changed(service, change), minutes, { calibration, ...court });
const errorStates = (steps: readonly Step[]) => new Set(statesOf(steps, 'error_rate'));
/** Times the errors, from minute `from` on, for `minutes`. */
const times =
  (factor: number, from = 0, minutes = Number.POSITIVE_INFINITY): Change =>
  (row, at) =>
    at >= from && at < from + minutes ? { errors: Math.round(row.errors * factor) } : {};

describe('the errors of a healthy release', () => {
  it('are judged against this hour of the service’s own life, in a sentence', () => {
    const steps = judge(() => ({}), 1_440);
    expect(errorStates(steps)).toEqual(new Set(['healthy']));
    expect(last(steps, 'error_rate').reason).toMatch(
      /^error rate [\d.]+\/min, [\d.]+ × the [\d.]+\/min of the day before at this hour at this traffic \(\d+ requests\/min\)$/,
    );
    expect(last(steps.slice(0, 3), 'error_rate').reason).toContain('at this hour, just started, at');
  });

  it('may be a warm-up', () => {
    const steps = judge((row, at) => ({ errors: Math.round(row.errors * (1 + 3 * Math.exp(-at / 3))) }), 120);
    expect(firstBreach(steps)).toBeNull();
  });

  it('may be more than yesterday’s at night: the traffic is another, and so is the expectation', () => {
    const swinging = aService({ swing: 0.8, seed: 3 });
    expect(firstBreach(judged(swinging, 1_440))).toBeNull();
  });

  it.each([
    ['one minute in which every request fails', (row, at) => (at === 40 ? { errors: row.requests } : {})],
    ['a transient of six minutes hours after the deployment', times(8, 180, 6)],
    ['a transient with latency', (_, at) => (at >= 200 && at < 206 ? { errors: 40, latencyMs: 700 } : {})],
  ] satisfies [string, Change][])('may be those of %s', (_, change) => {
    expect(firstBreach(judge(change, 300))).toBeNull();
  });

  it('may be the first error of its life', () => {
    const flawless = aService({ share: 0 });
    for (const every of [240, 60, 30]) {
      const steps = judged(
        changed(flawless, (_, at) => ({ errors: at % every === 10 ? 1 : 0 })),
        480,
      );
      expect(firstBreach(steps)).toBeNull();
    }
  });
});

describe('a bad release', () => {
  it.each([
    ['three times the errors', 3, 45],
    ['five times', 5, 30],
    ['ten times', 10, 15],
    ['thirty times', 30, 8],
  ])(
    'with %s from the first minute on is found within the hour, the worse the sooner',
    (_, factor, within) => {
      const breach = firstBreach(judge(times(factor)));
      expect(breach?.verdict.trigger).toBe('error_rate');
      expect(breach?.at).toBeLessThan(within);
      expect(breach?.at).toBeGreaterThanOrEqual(2);
    },
  );

  it('is suspect first, then a breach that says since when, how much, and how seldom that is', () => {
    const steps = judge(times(8));
    expect(statesOf(steps, 'error_rate').slice(0, 2)).toContain('suspect');
    const suspect = steps.find((step) => step.verdicts.error_rate.state === 'suspect');
    expect(suspect?.verdicts.error_rate.reason).toMatch(/; \d\d % of the evidence needed$/);
    const { verdict, at } = firstBreach(steps) as NonNullable<ReturnType<typeof firstBreach>>;
    expect(verdict.reason).toMatch(
      /; bad for [\d.]+ (s|min) since 10:\d\d:00( \(until then a start explains it\))?(, [\d.]+ × over all of it)?; neighbours unchanged; by its own habits one healthy deployment in [\d,]+ looks like this$/,
    );
    expect(verdict.sinceMs).toBeGreaterThanOrEqual(deployedAt);
    expect(verdict.sinceMs).toBeLessThan(deployedAt + at * minute);
    expect(verdict.chance).toBeLessThan(0.001);
    expect(verdict.current).toBeGreaterThan(verdict.threshold ?? 0);
    expect(verdict.threshold).toBeCloseTo(2 * (verdict.baseline ?? 0));
  });

  it('in which half of the requests fail is an outage in the third minute', () => {
    const breach = firstBreach(judge((row) => ({ errors: row.requests >> 1 })));
    expect(breach).toMatchObject({ at: 2 });
    expect(breach?.verdict.reason).toMatch(
      /^(50|49\.9) % of \d+ requests failed in the last 3 min, [\d.]+ % in the day before at this hour$/,
    );
  });

  it('in which a quarter fails hours later is an outage in the fifth minute at the latest', () => {
    const breach = firstBreach(
      judge((row, at) => ({ errors: at < 300 ? row.errors : row.requests >> 2 }), 320),
    );
    expect(breach?.at).toBeGreaterThanOrEqual(302);
    expect(breach?.at).toBeLessThanOrEqual(305);
  });

  it('that gets worse minute by minute is found', () => {
    const breach = firstBreach(judge((row, at) => ({ errors: Math.round(row.errors * (1 + at / 10)) })));
    expect(breach?.at).toBeLessThan(60);
  });

  it('that goes bad hours later is found, within three quarters of an hour', () => {
    const breach = firstBreach(judge(times(6, 300), 480));
    expect(breach?.at).toBeGreaterThan(305);
    expect(breach?.at).toBeLessThan(345);
  });

  it('at night is found as well', () => {
    const swinging = aService({ swing: 0.7, seed: 3 });
    expect(firstBreach(judged(changed(swinging, times(8)), 120))?.at).toBeLessThan(40);
  });

  it('is not hidden by a life without an error', () => {
    const flawless = aService({ share: 0 });
    const breach = firstBreach(
      judged(
        changed(flawless, () => ({ errors: 12 })),
        60,
      ),
    );
    expect(breach?.at).toBeLessThan(15);
    expect(breach?.verdict.reason).not.toContain('neighbours');
  });

  it('that recovers by itself is no breach any more', () => {
    const steps = judge(times(12, 0, 30), 90);
    expect(firstBreach(steps)).not.toBeNull();
    expect(last(steps, 'error_rate').state).toBe('healthy');
  });

  it('with four times the allowed multiplier fires; with three times it does not', () => {
    const policy = aPolicy({ triggers: { errorRate: { multiplier: 4 } } });
    const court = { policy, calibration: calibrationOf(service, policy) };
    expect(firstBreach(judge(times(3), 1_440, court))).toBeNull();
    expect(firstBreach(judge(times(12), 180, court))?.at).toBeLessThan(30);
  });
});

describe('what comes from outside', () => {
  it('is told as external: the neighbours fail, too', () => {
    const steps = judge((row, at) =>
      at < 60 || at >= 90
        ? {}
        : {
            errors: row.errors * 10,
            peers: row.peers && { ...row.peers, errors: row.peers.errors * 10 },
          },
    );
    expect(statesOf(steps, 'error_rate')).toEqual(['healthy', 'external', 'healthy']);
    expect(steps[75]?.verdicts.error_rate.reason).toMatch(
      /; the neighbours fail, too: it does not look like the release$/,
    );
  });

  it('is told as external: the errors came on top of the traffic', () => {
    const steps = judge(
      (row, at) => (at < 60 || at >= 90 ? {} : { requests: row.requests + 160, errors: row.errors + 150 }),
      140,
    );
    expect(statesOf(steps, 'error_rate')).toEqual(['healthy', 'external', 'healthy']);
    expect(steps[70]?.verdicts.error_rate.reason).toMatch(
      /traffic is \d+ % above what is usual: it does not/,
    );
  });

  it('is told as external: a crowd', () => {
    const steps = judge(
      (row, at) => (at < 60 || at >= 100 ? {} : { requests: row.requests * 4, errors: row.errors * 14 }),
      140,
    );
    expect(errorStates(steps)).toEqual(new Set(['healthy', 'external']));
  });

  it('is told as external: nobody works any more', () => {
    const steps = judge((row, at) =>
      at < 60 || at >= 80
        ? {}
        : {
            errors: row.requests >> 1,
            peers: row.peers && { ...row.peers, errors: row.peers.requests >> 1 },
          },
    );
    expect(errorStates(steps)).toEqual(new Set(['healthy', 'external']));
  });

  it('is told as external even of a release that is bad already, as long as it lasts', () => {
    const steps = judge((row, at) => ({
      errors: row.errors * 10,
      ...(at < 40 || at >= 50 ? {} : { peers: row.peers && { ...row.peers, errors: row.peers.errors * 12 } }),
    }));
    expect(steps[39]?.verdicts.error_rate.state).toBe('breach');
    expect(steps[46]?.verdicts.error_rate.state).toBe('external');
    expect(steps[80]?.verdicts.error_rate.state).toBe('breach');
  });

  it('does not hide a release that is bad before and after', () => {
    const steps = judge((row, at) => ({
      errors: row.errors * 10,
      ...(at < 3 || at >= 13 ? {} : { peers: row.peers && { ...row.peers, errors: row.peers.errors * 12 } }),
    }));
    expect(firstBreach(steps)?.at).toBeGreaterThan(13);
    expect(firstBreach(steps)?.at).toBeLessThan(60);
  });

  it('is not believed of neighbours that were not measured', () => {
    const breach = firstBreach(judge((row) => ({ errors: row.errors * 8, peers: null })));
    expect(breach?.verdict.reason).not.toContain('neighbours');
  });
});

describe('too little to say', () => {
  it('is said of a trigger that is off', () => {
    const policy = aPolicy({ triggers: { errorRate: { enabled: false } } });
    const steps = judge(times(100), 10, { policy });
    expect(last(steps, 'error_rate')).toMatchObject({ state: 'off', reason: 'error rate trigger is off' });
  });

  it('is said before the first regular check', () => {
    const extra = { sample: aSample({ regular: false, atMs: deployedAt + 10 * second }), peers: null };
    const [step] = [...judging([extra], { calibration })];
    expect(step?.verdicts.error_rate).toMatchObject({
      state: 'inconclusive',
      reason: 'no regular sample yet',
    });
  });

  it('is said where there is nothing to compare with', () => {
    const steps = judge(times(5), 10, { calibration: null });
    expect(errorStates(steps)).toEqual(new Set(['inconclusive']));
    expect(last(steps, 'error_rate').reason).toMatch(/^error rate [\d.]+\/min, nothing to compare with yet$/);
    const empty = judge(times(5), 10, { calibration: null, references: [aReference({ requests: 0 })] });
    expect(errorStates(empty)).toEqual(new Set(['inconclusive']));
  });

  it('an outage needs nothing to compare with', () => {
    const breach = firstBreach(judge((row) => ({ errors: row.requests >> 1 }), 10, { calibration: null }));
    expect(breach).toMatchObject({ at: 2, verdict: { baseline: null } });
  });

  it('is said of ten requests a minute, and never a breach by a few errors', () => {
    const quiet = aService({ requests: 10 });
    const steps = judged(quiet, 1_440);
    expect(firstBreach(steps)).toBeNull();
    expect(last(steps, 'error_rate').reason).toMatch(/; only \d+ requests, 100 needed$/);
    const failing = judged(
      changed(quiet, (row, at) => ({ errors: at < 3 ? row.requests : row.errors })),
      60,
    );
    expect(firstBreach(failing)).toBeNull();
  });

  it('of ten requests a minute becomes enough over hours', () => {
    const quiet = aService({ requests: 10 });
    const steps = judged(
      changed(quiet, (row, at) => ({ errors: Math.min(row.requests, at % 3 === 0 ? 2 : 0) })),
      600,
    );
    expect(firstBreach(steps)?.at).toBeGreaterThan(15);
  });

  it('is said where no request comes at all, and is a sentence', () => {
    const steps = judge(() => ({ requests: 0, errors: 0, latencyMs: null }), 10);
    expect(last(steps, 'error_rate')).toMatchObject({ state: 'inconclusive', current: 0, baseline: 0 });
    expect(last(steps, 'error_rate').reason).toMatch(
      /^error rate 0\/min, against the 0\/min of .*; only 0 requests/,
    );
  });
});

describe('a release without a history', () => {
  it('is judged against last known good, and says that this is an assumption', () => {
    const references = [aReference({ requests: 600 * 1_440, errors: 3 * 1_440 })];
    const breach = firstBreach(judge(times(8), 120, { calibration: null, references }));
    expect(breach?.at).toBeLessThan(40);
    expect(breach?.verdict.reason).toMatch(/of v2\.4\.0.*it has no day of history yet/);
  });

  it('takes the busiest reference where none is last known good', () => {
    const own = aReference({
      kind: 'own_baseline',
      label: 'its own first 5 min',
      durationMs: 5 * minute,
      requests: 3_000,
      errors: 15,
    });
    const before = aReference({
      kind: 'before_deployment',
      label: 'before',
      durationMs: hour,
      requests: 36_000,
      errors: 180,
    });
    const steps = judge(() => ({}), 20, { calibration: null, references: [own, before] });
    expect(last(steps, 'error_rate').reason).toContain('of before at this traffic');
  });
});

describe('a blind stretch', () => {
  it('is one check however long, and no single check is a breach, however bad', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(60, 600, 5_000),
        fc.integer({ min: 2, max: 60 }),
        fc.integer({ min: 0, max: 120 }),
        fc.double({ min: 0.05, max: 1, noNaN: true }),
        (requests, blind, from, share) => {
          const life = aService({ requests });
          const checks = checksOf(life, from + blind + 40);
          const stretch = checks.slice(from, from + blind);
          const seen = stretch.reduce((sum, { sample }) => sum + sample.requests, 0);
          const end = stretch.at(-1) as (typeof checks)[number];
          const long = {
            ...end,
            sample: {
              ...end.sample,
              requests: seen,
              errors: Math.round((seen / blind) * share),
              durationMs: blind * minute,
            },
          };
          const stream = [...checks.slice(0, from), long, ...checks.slice(from + blind)];
          const steps = [...judging(stream, { calibration: calibrations.get(requests) ?? null })];
          expect(firstBreach(steps)).toBeNull();
        },
      ),
      { seed: 1, numRuns: 60 },
    );
  });
});

const calibrations = new Map(
  [60, 600, 5_000].map((requests) => [requests, calibrationOf(aService({ requests }))] as const),
);
