import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calibrate, effectSizes } from '../../../domain/detection/calibration.ts';
import { learnHabits } from '../../../domain/detection/habits/habits.ts';
import type { JudgeState } from '../../../domain/detection/judge.ts';
import type { Part } from '../../../domain/sample.ts';
import { aPolicy, poisson, seeded } from '../builders.ts';
import { aService, type Check, checksOf, firstBreach, historyOf, judging, type Life } from './streams.ts';

const calm = aService({ requests: 600, share: 0.004 });
const policy = aPolicy();

/** `/checkout` has three requests of a thousand, an instance a tenth of them. */
const endpoints = { '/': 0.797, '/search': 0.2, '/checkout': 0.003 };
const instances = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`shop-${i}`, 0.1]));

interface Trouble {
  readonly part?: string;
  readonly share?: number;
  readonly from?: number;
  readonly until?: number;
}

/** The service's counts with parts whose errors are those of the service, and a part that fails for itself. */
function partsAt(at: number, { part, share = 0, from = 0, until = 1e9 }: Trouble): Part[] {
  const random = seeded(77_000 + at);
  const row = calm(at);
  const of = (by: Part['by'], shares: Readonly<Record<string, number>>) =>
    Object.entries(shares).map(([name, of_]): Part => {
      const requests = poisson(random, row.requests * of_);
      const own = name === part && at >= from && at < until ? poisson(random, requests * share) : 0;
      return { by, name, requests, errors: Math.min(requests, poisson(random, requests * 0.004) + own) };
    });
  return [...of('endpoint', endpoints), ...of('instance', instances)];
}

function calibrationWith(life: Life) {
  const history = historyOf(life).map((minute, i) => ({ ...minute, parts: partsAt(i - 1_440, {}) }));
  return calibrate(learnHabits(history, effectSizes(policy), 'v2.4.0 at this hour'), policy);
}

const calibration = calibrationWith(calm);

/** The part's errors are among the service's. */
function checksWith(trouble: Trouble, minutes: number, rename = (part: Part) => part): Check[] {
  return checksOf(calm, minutes).map(({ sample, peers }, at) => {
    const quiet = new Map(partsAt(at, {}).map((part) => [part.name, part.errors]));
    const parts = partsAt(at, trouble);
    const own = parts.find(({ name }) => name === trouble.part);
    const more = own === undefined ? 0 : own.errors - (quiet.get(own.name) ?? 0);
    return { peers, sample: { ...sample, errors: sample.errors + more, parts: parts.map(rename) } };
  });
}

function withoutParts(checks: readonly Check[]): Check[] {
  return checks.map(({ sample, peers }) => ({ peers, sample: { ...sample, parts: [] } }));
}

const breachOf = (checks: readonly Check[]) => firstBreach(judging(checks, { calibration }), 'error_rate');

describe('one endpoint of many', () => {
  it('that fails from the deployment on is found within minutes, and named', () => {
    const breach = breachOf(checksWith({ part: '/checkout', share: 0.7 }, 60));
    expect(breach?.at).toBeLessThanOrEqual(15);
    expect(breach?.verdict.reason).toMatch(
      /^error rate [^;]+; \/checkout alone: \d+ of \d+ requests failed \([678]\d(\.\d)? %, [\d.]+ % is usual\) in \d/,
    );
    expect(breach?.verdict.reason).toContain('the other 2 endpoints');
  });

  it('is not found by sums: they hardly move', () => {
    const checks = withoutParts(checksWith({ part: '/checkout', share: 0.7 }, 240));
    expect(breachOf(checks)).toBeNull();
  });

  it('that fails hours later is found, and one that failed for some minutes is left alone', () => {
    expect(breachOf(checksWith({ part: '/checkout', share: 0.7, from: 200 }, 300))?.at).toBeLessThan(245);
    expect(breachOf(checksWith({ part: '/checkout', share: 0.7, from: 200, until: 204 }, 300))).toBeNull();
  });

  it('has no yesterday when it is new: it is judged with all others', () => {
    const renamed = (part: Part) => (part.name === '/checkout' ? { ...part, name: '/pay' } : part);
    expect(breachOf(checksWith({ part: '/checkout', share: 0.7 }, 60, renamed))).toBeNull();
  });
});

describe('one instance of many', () => {
  it('is held against the service: its name is new with every start', () => {
    const renamed = (part: Part) => (part.by === 'instance' ? { ...part, name: `${part.name}-new` } : part);
    const breach = breachOf(checksWith({ part: 'shop-3', share: 0.06 }, 90, renamed));
    expect(breach?.at).toBeLessThanOrEqual(20);
    expect(breach?.verdict.reason).toContain('instance shop-3-new alone: ');
    expect(breach?.verdict.reason).toContain('the other 9 instances');
  });
});

describe('a service that fails because of one of them', () => {
  it('is rolled back for its sums, and the sentence names the part', () => {
    const breach = breachOf(checksWith({ part: '/search', share: 0.3 }, 60));
    expect(breach?.verdict.reason).toMatch(
      /^error rate .* × the .*; mostly in \/search: \d+ of \d+ requests \(\d+(\.\d+)? %\); /,
    );
  });
});

describe('the judge of parts', () => {
  it('leaves quiet days alone, and keeps a bounded state', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), (shift) => {
        const checks = checksWith({}, 600).map((check) => ({
          ...check,
          sample: { ...check.sample, parts: partsAt(shift * 10_000 + check.sample.tick / 60_000, {}) },
        }));
        for (const { verdicts, state } of judging(checks, { calibration })) {
          expect(verdicts.error_rate.state).not.toBe('breach');
          expect(JSON.stringify(state.signals.parts).length).toBeLessThan(4_000);
        }
      }),
      { seed: 1, numRuns: 8 },
    );
  });

  it('keeps the parts of the newest check only', () => {
    const steps = [...judging(checksWith({}, 10), { calibration })];
    const kept = steps.at(-1)?.state.window.regular ?? [];
    expect(kept.slice(0, -1).every(({ parts }) => parts === undefined)).toBe(true);
    expect(kept.at(-1)?.parts).toHaveLength(13);
  });
});

describe('one of forty instances', () => {
  /** Fifteen requests each, and one fails for half of them. */
  const forty = (at: number): Part[] => {
    const random = seeded(91_000 + at);
    return Array.from({ length: 40 }, (_, i): Part => {
      const requests = poisson(random, 15);
      const share = i === 7 ? 0.5 : 0.004;
      return { by: 'instance', name: `shop-${i}`, requests, errors: poisson(random, requests * share) };
    });
  };

  it('stays in sight, also while it does not answer for a moment', () => {
    const checks = checksOf(calm, 60).map(({ sample, peers }, at) => {
      const parts = forty(at).filter(({ name }) => at !== 4 || name !== 'shop-7');
      return { peers, sample: { ...sample, parts } };
    });
    const breach = breachOf(checks);
    expect(breach?.at).toBeLessThanOrEqual(15);
    expect(breach?.verdict.reason).toContain('instance shop-7 alone: ');
  });
});

describe('a watch that an older version began', () => {
  it('goes on: what it did not know yet is absent, and nothing is held against the release for it', () => {
    const { tailPaths: _tail, partPaths: _parts, ...rest } = calibration;
    const { tail, parts, ...habits } = rest.habits;
    expect([tail, parts?.endpoints['/pay']]).toEqual([null, undefined]);
    const old = { ...rest, habits } as typeof calibration;
    const between = (state: JudgeState): JudgeState => {
      const { tail: _t, parts: _p, lately: _l, ...signals } = state.signals;
      return { ...state, signals };
    };
    const checks = checksWith({ part: '/search', share: 0.3 }, 60);
    const steps = [...judging(checks, { calibration: old, between })];
    expect(firstBreach(steps, 'error_rate')?.verdict.reason).not.toContain('mostly in');
    expect([...judging(checksWith({}, 60), { calibration: old, between })].length).toBe(60);
  });
});
