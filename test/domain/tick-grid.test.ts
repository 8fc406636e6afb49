import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { identifierPattern } from '../../domain/identity.ts';
import {
  type AttemptFacts,
  isRegular,
  nextTick,
  planAttempt,
  tickAt,
  tickGrid,
} from '../../domain/tick-grid.ts';
import { aPolicy, day, deployedAt, minute, second } from './builders.ts';

const { monitoring } = aPolicy();
const anyId = () => fc.stringMatching(identifierPattern);
const anyMonitoring = () =>
  fc
    .record({ interval: fc.integer({ min: 1, max: 900 }), suspect: fc.integer({ min: 1, max: 900 }) })
    .map(({ interval, suspect }) => ({
      ...monitoring,
      checkIntervalMs: interval * second,
      suspectIntervalMs: suspect * second,
    }));

describe('the tick grid', () => {
  it('has 1,440 ± 1 regular ticks in 24 hours, whatever the deployment', () => {
    fc.assert(
      fc.property(anyId(), fc.integer({ min: 0, max: 2 ** 41 }), (id, deployedAtMs) => {
        expect(Math.abs(regularTicks(id, deployedAtMs, monitoring) - 1_440)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 30, seed: 1 },
    );
  });

  it('has one regular tick per check interval, whatever the intervals', () => {
    fc.assert(
      fc.property(anyId(), anyMonitoring(), (id, settings) => {
        const expected = Math.floor(day / settings.checkIntervalMs);
        expect(Math.abs(regularTicks(id, deployedAt, settings) - expected)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 30, seed: 2 },
    );
  });

  it('begins within one interval of the deployment, each deployment at its own offset', () => {
    const offsets = Array.from(
      { length: 300 },
      (_, i) => tickGrid(`deploy-${i}`, deployedAt, monitoring).startMs - deployedAt,
    );
    expect(offsets.every((offset) => offset >= 0 && offset < minute)).toBe(true);
    const tenths = new Set(offsets.map((offset) => Math.floor(offset / 6_000)));
    expect(tenths.size).toBe(10);
    expect(tickGrid('deploy-1', deployedAt, monitoring)).toEqual(
      tickGrid('deploy-1', deployedAt, monitoring),
    );
  });

  it('lies on whole milliseconds, and finds each of its ticks again, whatever the intervals', () => {
    fc.assert(
      fc.property(anyId(), anyMonitoring(), fc.nat(day), (id, settings, later) => {
        const grid = tickGrid(id, deployedAt, settings);
        const tick = tickAt(grid, deployedAt + later);
        const next = nextTick(grid, Math.max(tick, grid.startMs), true);
        expect(Number.isInteger(tick) && Number.isInteger(next)).toBe(true);
        expect(tickAt(grid, tick)).toBe(tick);
        expect(tickAt(grid, next)).toBe(next);
        expect(tickAt(grid, next - 1)).toBeLessThan(next);
        expect(nextTick(grid, next, true)).toBeGreaterThan(next);
        expect(tick).toBeLessThanOrEqual(deployedAt + later);
        expect(next - Math.max(tick, grid.startMs)).toBeLessThanOrEqual(
          Math.min(settings.suspectIntervalMs, settings.checkIntervalMs) + 1,
        );
      }),
      { numRuns: 500, seed: 3 },
    );
  });

  it('has six ticks a minute while something is suspect, every sixth of them regular', () => {
    const grid = tickGrid('deploy-1', deployedAt, monitoring);
    const ticks = [grid.startMs];
    while (ticks.length < 13) ticks.push(nextTick(grid, ticks.at(-1) as number, true));
    expect(ticks.map((tick) => tick - grid.startMs)).toEqual(ticks.map((_, i) => i * 10 * second));
    expect(ticks.map((tick) => isRegular(grid, tick)).flatMap((regular, i) => (regular ? [i] : []))).toEqual([
      0, 6, 12,
    ]);
    expect(nextTick(grid, ticks[3] as number, false)).toBe(ticks[6]);
    expect(nextTick(grid, ticks[6] as number, false)).toBe(ticks[12]);
  });

  it('has regular ticks only where the suspect interval is not shorter', () => {
    for (const suspectIntervalMs of [minute, 5 * minute]) {
      const grid = tickGrid('deploy-1', deployedAt, { ...monitoring, suspectIntervalMs });
      expect(grid.regularEvery).toBe(1);
      expect(nextTick(grid, grid.startMs, true)).toBe(grid.startMs + minute);
    }
  });

  it('takes no tick before its start', () => {
    const grid = tickGrid('deploy-1', deployedAt, monitoring);
    expect(nextTick(grid, grid.startMs - 5 * minute, false)).toBe(grid.startMs);
    expect(nextTick(grid, grid.startMs - 1, true)).toBe(grid.startMs);
  });
});

function regularTicks(id: string, deployedAtMs: number, settings: typeof monitoring): number {
  const grid = tickGrid(id, deployedAtMs, settings);
  let count = 0;
  for (let tick = grid.startMs; tick <= deployedAtMs + day; tick = nextTick(grid, tick, false)) {
    if (!isRegular(grid, tick)) throw new Error(`${tick} is not regular`);
    count += 1;
  }
  return count;
}

describe('an attempt', () => {
  const grid = tickGrid('deploy-1', deployedAt, monitoring);
  const at = (seconds: number) => grid.startMs + seconds * second;
  const facts = (
    over: Partial<Record<Exclude<keyof AttemptFacts, 'suspect'>, number>> & { suspect?: boolean },
  ): AttemptFacts => ({
    scheduledMs: at(over.scheduledMs ?? 60),
    nowMs: at(over.nowMs ?? over.scheduledMs ?? 60),
    lastTickMs: over.lastTickMs === undefined ? null : at(over.lastTickMs),
    segmentEndMs: at(over.segmentEndMs ?? 3_600),
    suspect: over.suspect ?? false,
  });
  const measure = (tick: number, regular: boolean, gap: boolean) => ({
    kind: 'measure',
    tickMs: at(tick),
    regular,
    gap,
  });
  const wait = (tick: number) => ({ kind: 'wait', untilMs: at(tick) });
  const end = { kind: 'segment_end' };

  it.each([
    ['before the grid waits for its start', { scheduledMs: -30 }, wait(0)],
    ['at the start measures', { scheduledMs: 0 }, measure(0, true, false)],
    [
      'measures the tick of its scheduled time, not of now',
      { scheduledMs: 60, nowMs: 75 },
      measure(60, true, false),
    ],
    ['a little after its tick measures it', { scheduledMs: 64, nowMs: 64 }, measure(60, true, false)],
    [
      'between regular ticks measures an extra one',
      { scheduledMs: 75, lastTickMs: 60 },
      measure(70, false, false),
    ],
    ['whose tick is stored waits for the next regular one', { scheduledMs: 64, lastTickMs: 60 }, wait(120)],
    [
      'whose tick is stored waits for the next fine one while suspect',
      { scheduledMs: 64, lastTickMs: 60, suspect: true },
      wait(70),
    ],
    [
      'older than the stored tick waits for the one after that',
      { scheduledMs: 60, lastTickMs: 180 },
      wait(240),
    ],
    ['exactly an interval late is no gap', { scheduledMs: 60, nowMs: 120 }, measure(60, true, false)],
    [
      'more than an interval late is a gap and takes the newest tick',
      { scheduledMs: 60, nowMs: 245.5 },
      measure(240, true, true),
    ],
    ['late, whose newest tick is stored, waits', { scheduledMs: 60, nowMs: 245, lastTickMs: 240 }, wait(300)],
    [
      'that would wait past the segment’s end returns',
      { scheduledMs: 3_594, lastTickMs: 3_590, segmentEndMs: 3_599 },
      end,
    ],
    [
      'that would wait exactly to the segment’s end waits',
      { scheduledMs: 3_544, lastTickMs: 3_540, segmentEndMs: 3_600 },
      wait(3_600),
    ],
    [
      'at the segment’s end measures the last tick',
      { scheduledMs: 3_600, lastTickMs: 3_540 },
      measure(3_600, true, false),
    ],
    ['after the segment’s end returns', { scheduledMs: 3_660, lastTickMs: 3_540 }, end],
    [
      'that wakes up after the segment’s end returns',
      { scheduledMs: 3_540, nowMs: 9_000, lastTickMs: 3_480 },
      end,
    ],
  ])('%s', (_, over, plan) => {
    expect(planAttempt(grid, facts(over))).toEqual(plan);
  });

  it('is taken once per tick: attempt after attempt, 24 hours give 1,440 ± 1 checks, whatever the intervals', () => {
    fc.assert(
      fc.property(anyId(), anyMonitoring(), fc.nat(3_000), (id, settings, jitterMs) => {
        const own = tickGrid(id, deployedAt, settings);
        const delay = jitterMs % Math.min(settings.suspectIntervalMs, settings.checkIntervalMs);
        let lastTickMs: number | null = null;
        let nowMs = deployedAt;
        let regular = 0;
        for (let attempts = 0; attempts < 200_000; attempts++) {
          const plan = planAttempt(own, {
            scheduledMs: nowMs,
            nowMs,
            lastTickMs,
            segmentEndMs: deployedAt + day,
            suspect: false,
          });
          if (plan.kind === 'segment_end') break;
          if (plan.kind === 'wait') {
            expect(plan.untilMs).toBeGreaterThan(lastTickMs ?? 0);
            nowMs = Math.max(nowMs, plan.untilMs) + delay;
            continue;
          }
          expect(plan).toMatchObject({ regular: true, gap: false });
          lastTickMs = plan.tickMs;
          regular += 1;
        }
        expect(Math.abs(regular - Math.floor(day / settings.checkIntervalMs))).toBeLessThanOrEqual(1);
      }),
      { numRuns: 20, seed: 4 },
    );
  });
});
