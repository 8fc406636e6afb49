import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { severityOf, triggerTypes } from '../../../../domain/detection/verdict.ts';
import { newWindow } from '../../../../domain/detection/window/evidence.ts';
import { forgetCounts, judgeWindow } from '../../../../domain/detection/window/judge-window.ts';
import { defaultPolicy } from '../../../../domain/policy.ts';
import type { Sample } from '../../../../domain/sample.ts';
import {
  aContext,
  aFailingProbe,
  aHistogram,
  aProbe,
  aSample,
  deployedAt,
  minute,
  play,
  samples,
  second,
} from '../../builders.ts';

describe('the judge', () => {
  it('gives one verdict per automatic trigger, in the specification’s order', () => {
    const { verdicts } = judgeWindow(newWindow, aSample(), aContext());
    expect(verdicts.map((verdict) => verdict.trigger)).toEqual([
      'error_rate',
      'performance',
      'memory',
      'database',
      'health_check',
    ]);
  });

  it('knows one severity per trigger', () => {
    expect(triggerTypes.map((type) => [type, severityOf[type]])).toEqual([
      ['error_rate', 'critical'],
      ['performance', 'high'],
      ['memory', 'critical'],
      ['database', 'critical'],
      ['health_check', 'critical'],
      ['alert', 'critical'],
      ['manual', 'critical'],
    ]);
  });

  it('has the specification’s values by default', () => {
    expect(defaultPolicy).toMatchObject({
      enabled: true,
      monitoring: {
        checkIntervalMs: minute,
        baselineWindowMs: 5 * minute,
        watchMs: 1_440 * minute,
        suspectIntervalMs: 10 * second,
        goodAfterMs: 30 * minute,
        warmUpMs: 60 * second,
        blindAlertMs: 3 * minute,
        blindEscalateMs: 15 * minute,
      },
      triggers: {
        errorRate: { enabled: true, multiplier: 2, windowMs: 5 * minute },
        latency: { enabled: true, metric: 'p95', multiplier: 1.5, windowMs: 5 * minute },
        memory: { enabled: true, thresholdPercent: 90, windowMs: 10 * minute },
        database: { enabled: true, connectionErrors: 10, windowMs: 2 * minute },
        healthCheck: { enabled: true, failureCount: 3, windowMs: 5 * minute },
      },
      rollback: { maxAttempts: 3, healthCheckTimeoutMs: 120 * second, verifyMs: 5 * minute },
      escalation: {
        levels: [
          { afterMs: 0, notify: 'owner' },
          { afterMs: 5 * minute, notify: 'everyone' },
        ],
        repeatMs: 15 * minute,
        acknowledgeMs: 30 * minute,
      },
      statistics: { manualRollbackMinutes: 25, unattendedDowntimeMinutes: 30 },
      freezeWindows: [],
    });
  });

  it('gives the same verdicts however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(aTickOfAnyKind(), { maxLength: 40 }), fc.array(fc.boolean()), (ticks, cuts) => {
        const stream = inOrder(ticks);
        let check = 0;
        const cut = play(stream, aContext(), (state) =>
          cuts[check++ % Math.max(1, cuts.length)] ? JSON.parse(JSON.stringify(state)) : state,
        );
        expect(cut).toEqual(play(stream));
        expect(play(stream, aContext(), (state) => JSON.parse(JSON.stringify(state)))).toEqual(cut);
      }),
      { seed: 1 },
    );
  });

  it('needs no more of the past than its longest window', () => {
    fc.assert(
      fc.property(
        fc.array(aTickOfAnyKind(), { minLength: 1, maxLength: 30 }),
        fc.array(aTickOfAnyKind(), { maxLength: 10 }),
        (recent, older) => {
          const before = samples(
            older.map((tick) => ({ ...tick, regular: true })),
            deployedAt + 60 * minute,
          );
          const calm = samples(
            Array.from({ length: 12 }, () => ({ dbConnectionErrors: 0 })),
            deployedAt + 90 * minute,
          );
          const now = inOrder(recent, deployedAt + 102 * minute);
          const withPast = play([...before, ...calm, ...now]).slice(-now.length);
          expect(withPast).toEqual(play([...calm, ...now]).slice(-now.length));
        },
      ),
      { seed: 2 },
    );
  });

  it('remembers a bounded amount, and probes of the last check only', () => {
    let state = newWindow;
    for (let i = 0; i < 2_000; i++) {
      const regular = i % 6 === 0;
      const atMs = deployedAt + i * 10 * second;
      state = judgeWindow(
        state,
        aSample({ atMs, regular, latency: aHistogram({ 100: 9_000 }) }),
        aContext(),
      ).state;
    }
    expect(state.regular.length).toBeLessThanOrEqual(11);
    expect(state.checks.length).toBeLessThanOrEqual(30);
    expect(state.checks.filter((check) => check.probes.length > 0)).toHaveLength(1);
    expect(JSON.stringify(state).length).toBeLessThan(8_192);
  });

  it('adds the extra ticks up to the next regular sample', () => {
    const parts = [10, 20, 30].map((at) =>
      aSample({
        regular: at === 30,
        atMs: deployedAt + at * second,
        durationMs: 10 * second,
        requests: at,
        errors: 1,
        dbConnectionErrors: at === 20 ? 2 : null,
        memoryPercent: at,
        affectedUsers: 40 - at,
      }),
    );
    const state = parts.reduce((now, sample) => judgeWindow(now, sample, aContext()).state, newWindow);
    expect(state.partial).toBeNull();
    expect(state.regular).toEqual([
      {
        requests: 60,
        errors: 3,
        latency: null,
        dbConnectionErrors: 2,
        memoryPercent: 30,
        cpuPercent: null,
        affectedUsers: 30,
        atMs: deployedAt + 30 * second,
        durationMs: 30 * second,
      },
    ]);
  });

  it('forgets counts after a gap, and keeps health checks', () => {
    const before = [aSample({ probes: [aFailingProbe] }), aSample({ regular: false })].reduce(
      (now, sample) => judgeWindow(now, sample, aContext()).state,
      newWindow,
    );
    const after = forgetCounts(before);
    expect(after).toEqual({ regular: [], partial: null, checks: before.checks });
    expect(after.checks).toHaveLength(2);
  });
});

interface AnyTick extends Partial<Sample> {
  readonly stepMs: number;
}

function aTickOfAnyKind(): fc.Arbitrary<AnyTick> {
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
  return fc.record({
    stepMs: fc.constantFrom(10 * second, minute, 61 * second),
    regular: fc.boolean(),
    requests: fc.integer({ min: 200, max: 9_000 }),
    errors: fc.constantFrom(0, 0, 1, 6, 150),
    dbConnectionErrors: maybe(fc.integer({ min: 0, max: 12 })),
    memoryPercent: maybe(fc.integer({ min: 80, max: 100 })),
    latency: maybe(
      fc.tuple(fc.nat(100), fc.nat(100)).map(([fast, slow]) => aHistogram({ 100: fast, 1000: slow })),
    ),
    probes: fc.constantFrom([], [aProbe()], [aFailingProbe], [aProbe(), aFailingProbe, aProbe()]),
  });
}

function inOrder(ticks: readonly AnyTick[], fromMs = deployedAt): Sample[] {
  let atMs = fromMs;
  return ticks.map(({ stepMs, ...over }) => {
    atMs += stepMs;
    return aSample({ ...over, atMs, durationMs: stepMs });
  });
}
