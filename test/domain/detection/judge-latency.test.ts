import { describe, expect, it } from 'vitest';
import { aHistogram, aPolicy, aReference, deployedAt, minute } from '../builders.ts';
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
const judge = (change: Change, minutes = 120, court: Court = {}): Step[] =>
  judged(changed(service, change), minutes, { calibration, ...court });
const slower =
  (factor: number, from = 0, minutes = Number.POSITIVE_INFINITY): Change =>
  (row, at) =>
    at >= from && at < from + minutes ? { latencyMs: (row.latencyMs ?? 0) * factor } : {};

describe('the latency', () => {
  it('of a healthy release is put beside the service’s own at this hour', () => {
    const steps = judge(() => ({}), 600);
    expect(statesOf(steps, 'performance')).toEqual(['healthy']);
    expect(last(steps, 'performance')).toMatchObject({
      reason: expect.stringMatching(/^p95 \d+ ms, [\d.]+ × the \d+ ms of the day before at this hour$/),
      threshold: expect.closeTo(1.5 * (last(steps, 'performance').baseline ?? 0)),
    });
  });

  it.each([
    ['a warm-up', (row, at) => ({ latencyMs: (row.latencyMs ?? 0) * (1 + 1.2 * Math.exp(-at / 6)) })],
    ['one bad minute', slower(20, 40, 1)],
    ['a transient of six minutes hours after the deployment', slower(3, 60, 6)],
    ['a third more, for good', slower(1.3)],
  ] satisfies [string, Change][])('may be that of %s', (_, change) => {
    expect(firstBreach(judge(change, 240))).toBeNull();
  });

  it.each([
    ['twice', slower(2), 0, 30],
    ['three times', slower(3), 0, 20],
    ['1.7 times', slower(1.7), 0, 60],
    ['three times, an hour later,', slower(3, 60), 64, 100],
  ])('%s as long is a breach', (_, change, from, end) => {
    const breach = firstBreach(judge(change, 180));
    expect(breach?.verdict.trigger).toBe('performance');
    expect(breach?.at).toBeGreaterThan(from);
    expect(breach?.at).toBeLessThan(end);
  });

  it('is suspect first, and says since when and how seldom that is', () => {
    const steps = judge(slower(2));
    expect(statesOf(steps, 'performance')).toEqual(['healthy', 'suspect', 'breach']);
    const suspect = steps.find((step) => step.verdicts.performance.state === 'suspect');
    expect(suspect?.verdicts.performance.reason).toMatch(/; \d\d % of the evidence needed$/);
    const { verdict } = firstBreach(steps) as NonNullable<ReturnType<typeof firstBreach>>;
    expect(verdict.reason).toMatch(
      /^p95 \d+ ms, [\d.]+ × the \d+ ms of .*; slow for [\d.]+ (s|min) since 10:\d\d:00 \(until then a start explains it\); neighbours unchanged; by its own habits/,
    );
    expect(verdict.sinceMs).toBeGreaterThanOrEqual(deployedAt);
    expect(verdict.chance).toBeLessThan(0.001);
  });

  it('of neighbours that are slower, too, is external', () => {
    const steps = judge((row, at) =>
      at < 30 || at >= 60
        ? {}
        : {
            latencyMs: (row.latencyMs ?? 0) * 3,
            peers: row.peers && { ...row.peers, latencyMs: (row.peers.latencyMs ?? 0) * 2 },
          },
    );
    expect(statesOf(steps, 'performance')).toEqual(['healthy', 'external', 'healthy']);
    expect(steps[45]?.verdicts.performance.reason).toMatch(
      /; the neighbours are slower, too: it does not look/,
    );
  });

  it('of a release that is slow already is external as long as the neighbours are slower, too', () => {
    const steps = judge((row, at) => ({
      latencyMs: (row.latencyMs ?? 0) * 2.5,
      ...(at < 60 || at >= 70 ? {} : { peers: row.peers && { ...row.peers, latencyMs: 300 } }),
    }));
    expect(steps[59]?.verdicts.performance.state).toBe('breach');
    expect(steps[66]?.verdicts.performance.state).toBe('external');
    expect(steps[100]?.verdicts.performance.state).toBe('breach');
  });

  it('in a crowd is external', () => {
    const steps = judge((row, at) =>
      at < 30 || at >= 50 ? {} : { requests: row.requests * 4, latencyMs: (row.latencyMs ?? 0) * 2 },
    );
    expect(statesOf(steps, 'performance')).toEqual(['healthy', 'external', 'healthy']);
  });

  it('that is not told is inconclusive; a check without it changes nothing', () => {
    expect(
      last(
        judge(() => ({ latencyMs: null }), 10),
        'performance',
      ),
    ).toMatchObject({
      state: 'inconclusive',
      reason: 'no latency measured',
    });
    const sparse = judge((row, at) => (at % 2 === 0 ? { latencyMs: null } : slower(3)(row, at)));
    expect(firstBreach(sparse)?.verdict.trigger).toBe('performance');
  });

  it('is the mean over the requests where the source tells one figure a check', () => {
    const steps = judge((_, at) => ({ requests: at === 0 ? 100 : 300, latencyMs: at === 0 ? 100 : 200 }), 2);
    expect(last(steps, 'performance').current).toBe(175);
    const idle = judge(() => ({ requests: 0, errors: 0, latencyMs: 200 }), 2);
    expect(last(idle, 'performance').state).toBe('inconclusive');
  });

  it('without anything known of it has nothing to be compared with', () => {
    const unknown = calibrationOf(aService({ latencyMs: null }));
    for (const known of [unknown, null])
      expect(last(judge(slower(3), 10, { calibration: known }), 'performance')).toMatchObject({
        state: 'inconclusive',
        reason: expect.stringMatching(/^p95 \d+ ms, nothing to compare with yet$/),
      });
  });

  it('is off where the trigger is', () => {
    const policy = aPolicy({ triggers: { latency: { enabled: false } } });
    expect(last(judge(slower(3), 10, { policy }), 'performance')).toMatchObject({
      state: 'off',
      reason: 'latency trigger is off',
    });
  });

  it('comes from a histogram where there is one, of the percentile that is asked for', () => {
    const policy = aPolicy({ triggers: { latency: { metric: 'p50' } } });
    const references = [aReference({ latency: aHistogram({ 100: 900, 280: 100 }) })];
    const checks = checksOf(service, 60).map(({ sample, peers }) => ({
      sample: { ...sample, latencyQuantileMs: null, latency: aHistogram({ 400: 600 }) },
      peers,
    }));
    const steps = [...judging(checks, { policy, references })];
    expect(steps[0]?.verdicts.performance.reason).toMatch(
      /^p50 340 ms, 4\.35 × the 78 ms of v2\.4\.0|^p50 340 ms/,
    );
    expect(firstBreach(steps, 'performance')?.at).toBeLessThan(30);
  });

  it('windows of another length set another pace', () => {
    const policy = aPolicy({ triggers: { latency: { windowMs: 10 * minute } } });
    const slowPace = firstBreach(
      judge(slower(2, 10), 240, { policy, calibration: calibrationOf(service, policy) }),
    );
    const usual = firstBreach(judge(slower(2, 10), 240));
    expect(slowPace?.at).toBeGreaterThan(usual?.at ?? 0);
  });
});
