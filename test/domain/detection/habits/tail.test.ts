import { describe, expect, it } from 'vitest';
import { calibrate, effectSizes } from '../../../../domain/detection/calibration.ts';
import { learnHabits } from '../../../../domain/detection/habits/habits.ts';
import { slowRequests, tailLooks } from '../../../../domain/detection/habits/tail.ts';
import { minuteOf } from '../../../../domain/detection/minute.ts';
import type { Histogram } from '../../../../domain/histogram.ts';
import { noCounts, type Sample } from '../../../../domain/sample.ts';
import { aPolicy, deployedAt, minute, poisson, seeded } from '../../builders.ts';
import { type Check, firstBreach, judging } from '../streams.ts';

const boundsMs = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
/** Of requests at each of these bounds and beyond the last, in a usual minute: the 95th percentile is about 320 ms. */
const usualShares = [0.2, 0.4, 0.33, 0.05, 0.012, 0.0075, 0.0005, 0, 0];
const policy = aPolicy();
const effects = effectSizes(policy);

function histogramAt(at: number, requests: number, shares: readonly number[]): Histogram {
  const random = seeded(5_000 + at);
  return { boundsMs, counts: shares.map((share) => poisson(random, requests * share)) };
}

function sampleAt(at: number, requests: number, shares: readonly number[]): Sample {
  const latency = histogramAt(at, requests, shares);
  const atMs = deployedAt + (at + 1) * minute;
  const all = latency.counts.reduce((sum, count) => sum + count, 0);
  return {
    ...noCounts,
    requests: all,
    latency,
    tick: atMs,
    regular: true,
    atMs,
    durationMs: minute,
    probes: [],
    missing: [],
  };
}

function calibrationAt(requests: number) {
  const history = Array.from({ length: 1_440 }, (_, i) =>
    minuteOf(sampleAt(i - 1_440, requests, usualShares), policy, null),
  );
  return calibrate(learnHabits(history, effects, 'v2.4.0 at this hour'), policy);
}

function breachWith(requests: number, sharesAt: (at: number) => readonly number[], minutes: number) {
  const checks = Array.from(
    { length: minutes },
    (_, at): Check => ({ sample: sampleAt(at, requests, sharesAt(at)), peers: null }),
  );
  return firstBreach(judging(checks, { calibration: calibrationAt(requests) }), 'performance');
}

/** Everything takes twice its time: half of each bucket moves up, roughly. */
const slower = [0.1, 0.25, 0.3, 0.23, 0.09, 0.022, 0.006, 0.002, 0];
/** Three of a hundred run into a timeout of five seconds; the percentile does not see it. */
const timingOut = [0.19, 0.39, 0.32, 0.05, 0.012, 0.0075, 0.0005, 0.03, 0];

describe('slow requests, counted', () => {
  it('are usual in a usual minute, and more than the trigger allows in a slow one', () => {
    const { tail } = calibrationAt(600).habits;
    if (tail === null) throw new Error('no tail');
    const [look] = tailLooks(effects);
    if (look === undefined) throw new Error('no look');
    const at = { look, usualMs: tail.usualMs, slowdown: 1 };
    const usual = slowRequests(tail, { histogram: histogramAt(7, 6_000, usualShares), requests: 6_000 }, at);
    const slow = slowRequests(tail, { histogram: histogramAt(7, 6_000, slower), requests: 6_000 }, at);
    expect(usual?.found).toBeLessThan(usual?.expected ?? 0);
    expect(usual?.found).toBeGreaterThan(0.7 * (usual?.usual ?? 0));
    expect(slow?.found).toBeGreaterThan(slow?.expected ?? 1e9);
  });

  it('forgive what a start may take', () => {
    const { tail } = calibrationAt(600).habits;
    const [look] = tailLooks(effects);
    if (tail === null || look === undefined) throw new Error('no tail');
    const counts = { histogram: histogramAt(7, 6_000, slower), requests: 6_000 };
    const started = slowRequests(tail, counts, { look, usualMs: tail.usualMs, slowdown: 3 });
    expect(started?.found).toBeLessThan(started?.expected ?? 0);
  });

  it('say nothing of a histogram with other bounds, or of none', () => {
    const { tail } = calibrationAt(600).habits;
    const [look] = tailLooks(effects);
    if (tail === null || look === undefined) throw new Error('no tail');
    const at = { look, usualMs: tail.usualMs, slowdown: 1 };
    expect(slowRequests(tail, { histogram: { boundsMs: [1], counts: [1, 1] }, requests: 2 }, at)).toBeNull();
    expect(slowRequests(tail, { histogram: null, requests: 2 }, at)).toBeNull();
  });
});

describe('the performance trigger with buckets', () => {
  it('sees a release that is twice as slow, also of a quiet service', () => {
    expect(breachWith(600, () => slower, 120)?.at).toBeLessThan(45);
    expect(breachWith(40, () => slower, 120)?.at).toBeLessThan(60);
  });

  it('sees a few requests in a hundred that time out, and says so', () => {
    const breach = breachWith(600, () => timingOut, 240);
    expect(breach?.at).toBeLessThan(60);
    expect(breach?.verdict.reason).toMatch(/[23](\.\d+)? % of the requests took longer than [\d,]+ ms for /);
  });

  it('leaves a few minutes of timeouts hours later alone, and quiet days', () => {
    expect(breachWith(600, (at) => (at >= 200 && at < 205 ? timingOut : usualShares), 300)).toBeNull();
    expect(breachWith(600, () => usualShares, 600)).toBeNull();
  });
});

describe('buckets that begin at 0', () => {
  it('are counted as others are: what was usual stays so', () => {
    const fromZero = { boundsMs: [0, 5, 10, 25, 50], counts: [0, 580, 8, 3, 9, 0] };
    const check = (at: number) => {
      const sample = sampleAt(at, 600, usualShares);
      return { ...sample, requests: 600, latency: fromZero };
    };
    const history = Array.from({ length: 1_440 }, (_, i) => minuteOf(check(i - 1_440), policy, null));
    const calibration = calibrate(learnHabits(history, effects, 'v2.4.0 at this hour'), policy);
    expect(Number.isFinite(calibration.habits.tail?.level)).toBe(true);
    const stored = JSON.parse(JSON.stringify(calibration)) as typeof calibration;
    const checks = Array.from({ length: 60 }, (_, at): Check => ({ sample: check(at), peers: null }));
    expect(firstBreach(judging(checks, { calibration: stored }), 'performance')).toBeNull();
  });
});
