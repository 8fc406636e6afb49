import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calibrate, effectSizes } from '../../../domain/detection/calibration.ts';
import { learnHabits } from '../../../domain/detection/habits/habits.ts';
import { forgetGap, type JudgeState } from '../../../domain/detection/judge.ts';
import { newSignals } from '../../../domain/detection/signals.ts';
import { aFailingProbe, aHistogram, aPolicy, aProbe, deployedAt, minute, second } from '../builders.ts';
import {
  aService,
  type Check,
  calibrationOf,
  changed,
  checksOf,
  firstBreach,
  historyOf,
  judged,
  judging,
  type Life,
  type Step,
} from './streams.ts';

const service = aService({ peers: true });
const calibration = calibrationOf(service);
const stored = (state: JudgeState): JudgeState => JSON.parse(JSON.stringify(state));

describe('the judge', () => {
  it('gives one verdict per automatic trigger, in the specification’s order, whatever the method', () => {
    const { detection } = aPolicy();
    for (const method of ['statistical', 'literal'] as const) {
      const policy = { ...aPolicy(), detection: { ...detection, method } };
      const [step] = judged(service, 1, { policy, calibration });
      expect(Object.keys(step?.verdicts ?? {})).toEqual([
        'error_rate',
        'performance',
        'memory',
        'database',
        'health_check',
      ]);
    }
  });

  it('gives the same verdicts however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(aTickOfAnyKind(), { minLength: 1, maxLength: 80 }),
        fc.array(fc.boolean(), { minLength: 1 }),
        (ticks, cuts) => {
          const checks = inOrder(ticks);
          const court = { calibration };
          let cut = 0;
          const sometimes = (state: JudgeState) => (cuts[cut++ % cuts.length] ? stored(state) : state);
          const whole = [...judging(checks, court)];
          expect([...judging(checks, { ...court, between: sometimes })]).toEqual(whole);
          expect([...judging(checks, { ...court, between: stored })]).toEqual(whole);
        },
      ),
      { seed: 1, numRuns: 40 },
    );
  });

  it('gives the same verdicts with a calibration that was stored', () => {
    const sick = changed(service, (row) => ({ errors: row.errors * 6, latencyMs: 500 }));
    const again = { calibration: JSON.parse(JSON.stringify(calibration)) };
    expect(judged(sick, 60, again)).toEqual(judged(sick, 60, { calibration }));
  });

  it('looks at regular checks, extra ones serve health and error share only', () => {
    const regular = checksOf(service, 20);
    const extra = regular.flatMap(({ sample, peers }): Check[] =>
      [40, 20].map((before) => ({
        sample: {
          ...sample,
          regular: false,
          atMs: sample.atMs - before * second,
          durationMs: 20 * second,
          requests: 0,
          errors: 0,
        },
        peers,
      })),
    );
    const both = [...regular, ...extra].toSorted((a, b) => a.sample.atMs - b.sample.atMs);
    const seen = [...judging(both, { calibration })].filter((_, i) => both[i]?.sample.regular);
    expect(seen.length).toBe(20);
    expect(seen.at(-1)?.state.signals.recent).toHaveLength(15);
    for (const step of seen) expect(step.verdicts.error_rate.state).toBe('healthy');
  });

  it('takes an outage from extra checks: it does not wait for the regular one', () => {
    const checks = checksOf(service, 10);
    const end = checks.at(-1)?.sample.atMs ?? 0;
    const extra = [10, 20, 30].map(
      (after): Check => ({
        sample: {
          ...(checks[0] as Check).sample,
          regular: false,
          atMs: end + after * second,
          durationMs: 10 * second,
          requests: 100,
          errors: 60,
        },
        peers: null,
      }),
    );
    const bad = changed(service, (row, at) => (at >= 8 ? { errors: row.requests >> 1 } : {}));
    const steps = [...judging([...checksOf(bad, 10), ...extra], { calibration })];
    expect(steps.findIndex((step) => step.verdicts.error_rate.state === 'breach')).toBe(10);
  });

  it('does not take a check without a length, nor a base, for a measurement', () => {
    const [first] = checksOf(service, 1) as [Check];
    const base = { ...first, sample: { ...first.sample, durationMs: 0 } };
    const [step] = [...judging([base], { calibration })];
    expect(step?.state.signals).toEqual(newSignals);
  });

  it('forgets counts after a gap; excursions keep what was evidence before', () => {
    const before = judged(
      changed(service, (row) => ({ errors: row.errors * 4 })),
      6,
      { calibration },
    ).at(-1) as Step;
    const after = forgetGap(before.state);
    expect(after.window).toMatchObject({ regular: [], partial: null });
    expect(after.signals).toBe(before.state.signals);
  });

  it('remembers a few kilobytes, on the worst of days', () => {
    const sick: Life = changed(service, (row, at) => ({
      errors: row.errors * (at % 7 < 4 ? 5 : 1),
      latencyMs: (row.latencyMs ?? 0) * (at % 9 < 5 ? 1.9 : 1),
      dbConnectionErrors: at % 3,
    }));
    let longest = 0;
    for (const { state } of judging(checksOf(sick, 1_440), { calibration }))
      longest = Math.max(longest, JSON.stringify(state).length);
    expect(longest).toBeLessThan(12 * 1_024);
  });

  it('remembers little more of histograms and of extra checks', () => {
    const checks = checksOf(service, 60).flatMap(({ sample, peers }): Check[] =>
      [50, 40, 30, 20, 10, 0].map((before) => ({
        sample: {
          ...sample,
          regular: before === 0,
          atMs: sample.atMs - before * second,
          durationMs: 10 * second,
          latency: aHistogram({ 100: 4_000, 280: 4_000, 400: 900, 1000: 90, 2000: 9 }),
        },
        peers,
      })),
    );
    const state = [...judging(checks, { calibration })].at(-1)?.state;
    expect(JSON.stringify(state).length).toBeLessThan(16 * 1_024);
  });

  it('knows a service by a few kilobytes, also after three restless days', () => {
    const restless: Life = (at) => {
      const row = service(at);
      if (((at % 24) + 24) % 24 >= 5) return row;
      const peers = row.peers && { ...row.peers, errors: row.peers.errors * 9 };
      return { ...row, errors: row.errors * 12, latencyMs: (row.latencyMs ?? 0) * 3, peers };
    };
    const history = historyOf(restless, deployedAt, 3 * 1_440);
    const known = calibrate(learnHabits(history, effectSizes(aPolicy()), 'v2.4.0 at this hour'), aPolicy());
    expect(JSON.stringify(calibration).length).toBeLessThan(12 * 1_024);
    expect(JSON.stringify(known).length).toBeLessThan(16 * 1_024);
  });
});

describe('a gap', () => {
  it('is never evidence: a healthy service with holes in its measurements is never rolled back', () => {
    const holes = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 60 })), { maxLength: 12 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), holes, fc.boolean(), (seed, gaps, early) => {
        const life = aService({ seed, peers: seed % 2 === 0 });
        const all = early ? [...gaps, [0, 5] as const] : gaps;
        const holed: Life = (at) =>
          all.some(([from, length]) => at >= from && at < from + length) ? null : life(at);
        const steps = judged(holed, 480, { calibration: calibrationOf(life) });
        expect(firstBreach(steps)).toBeNull();
      }),
      { seed: 1, numRuns: 40 },
    );
  });

  it('adds nothing to an excursion: without the check there is no more evidence than with a healthy one', () => {
    const sick = changed(service, (row) => ({ errors: row.errors * 6 }));
    const checks = checksOf(sick, 12);
    const steps = [...judging(checks, { calibration })];
    const holed = [...judging([...checks.slice(0, 6), ...checks.slice(11)], { calibration })];
    const minutesOf = (step: Step | undefined) =>
      Math.max(...(step?.state.signals.errors ?? []).map((excursion) => excursion.minutes));
    expect(minutesOf(holed.at(-1))).toBe(minutesOf(steps.at(-1)) - 5);
    expect(firstBreach(holed)).toBeNull();
  });

  it('in the history teaches nothing', () => {
    const holed: Life = (at) => (at > -600 && at < -500 ? null : service(at));
    expect(calibrationOf(holed).habits.days).toBeCloseTo(1 - 99 / 1_440);
    expect(firstBreach(judged(holed, 480))).toBeNull();
  });
});

function aTickOfAnyKind() {
  return fc.record({
    stepMs: fc.constantFrom(10 * second, minute, 61 * second, 20 * minute),
    regular: fc.boolean(),
    requests: fc.integer({ min: 0, max: 1_200 }),
    errors: fc.constantFrom(0, 0, 3, 20, 150),
    latencyMs: fc.option(fc.integer({ min: 100, max: 900 }), { nil: null }),
    dbConnectionErrors: fc.option(fc.integer({ min: 0, max: 12 }), { nil: null }),
    memoryPercent: fc.option(fc.integer({ min: 40, max: 100 }), { nil: null }),
    probes: fc.constantFrom([], [aProbe()], [aFailingProbe]),
    peerErrors: fc.option(fc.constantFrom(0, 3, 40), { nil: null }),
  });
}

type AnyTick = ReturnType<typeof aTickOfAnyKind> extends fc.Arbitrary<infer Tick> ? Tick : never;

function inOrder(ticks: readonly AnyTick[]): Check[] {
  let atMs = deployedAt;
  return ticks.map(({ stepMs, peerErrors, latencyMs, errors, requests, ...over }) => {
    atMs += stepMs;
    const [{ sample }] = checksOf(service, 1) as [Check];
    return {
      sample: {
        ...sample,
        ...over,
        requests,
        errors: Math.min(errors, requests),
        latencyQuantileMs: latencyMs,
        atMs,
        durationMs: stepMs,
      },
      peers: peerErrors === null ? null : { requests: 800, errors: peerErrors, latencyMs },
    };
  });
}
