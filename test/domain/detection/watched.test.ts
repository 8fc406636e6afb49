import { describe, expect, it } from 'vitest';
import type { Reported } from '../../../domain/conditions.ts';
import type { Policy } from '../../../domain/policy.ts';
import { noCounts } from '../../../domain/sample.ts';
import { advanceWatch, newWatch, type ServiceObservation, type WatchStep } from '../../../domain/watch.ts';
import { aPolicy, deployedAt, minute } from '../builders.ts';
import { aService, type Change, calibrationOf, changed, type Life, type Row } from './streams.ts';

const service = aService({ peers: true });
const sick = changed(service, (row) => ({ errors: row.errors * 12 }));

interface Watching {
  readonly policy?: Policy;
  readonly mayAct?: boolean;
  readonly question?: 'deployment' | 'verification';
  /** Which attempts started more than an interval late. */
  readonly gapAt?: (at: number) => boolean;
}

/** The watch over a life: state and what was reported go through JSON, as in the workflow. `null` is a blind minute. */
function watch(life: Life, minutes: number, over: Watching = {}): WatchStep[] {
  const { policy = aPolicy(), mayAct = true, question = 'deployment', gapAt = () => false } = over;
  let state = newWatch([
    {
      service: 'web',
      release: 'v2.5.0',
      references: [],
      calibration: calibrationOf(service, policy),
    },
  ]);
  let reported: Reported = {};
  return Array.from({ length: minutes }, (_, at) => {
    const atMs = deployedAt + (at + 1) * minute;
    const step = advanceWatch(
      state,
      {
        tickMs: atMs,
        regular: true,
        gap: gapAt(at),
        atMs,
        services: [observationOf(life(at))],
        unexpected: null,
      },
      { policy, deployedAtMs: deployedAt, mayAct, reported, question },
    );
    state = JSON.parse(JSON.stringify(step.state));
    for (const { change, condition, mayAct: couldAct } of step.edges) {
      const { [condition.key]: _, ...others } = reported;
      reported = change === 'began' ? { ...others, [condition.key]: { couldAct } } : others;
    }
    return step;
  });
}

function observationOf(row: Row | null): ServiceObservation {
  if (row === null) return { service: 'web', probes: [], measured: { kind: 'blind', reason: 'HTTP 500' } };
  const { probes, peers, healthChecks: _, latencyMs, ...counts } = row;
  return {
    service: 'web',
    probes,
    peers,
    measured: {
      kind: 'counts',
      counts: { ...noCounts, ...counts, latencyQuantileMs: latencyMs },
      cursor: null,
      missing: [],
    },
  };
}

const keys = (steps: readonly WatchStep[]) => [
  ...new Set(steps.flatMap((step) => step.edges.map(({ condition }) => condition.key))),
];
const triggersOf = (steps: readonly WatchStep[]) => steps.flatMap((step) => step.triggers);

describe('a watch with a calibration', () => {
  it('finds a bad release: a breach that may be acted on, with its trigger', () => {
    const steps = watch(sick, 40);
    expect(keys(steps)).toContain('breach:web:error_rate');
    const first = steps.find((step) => step.triggers.length > 0);
    expect(first?.edges).toMatchObject([{ change: 'began', mayAct: true, condition: { kind: 'breach' } }]);
    expect(first?.triggers).toMatchObject([{ type: 'error_rate', severity: 'critical', service: 'web' }]);
    expect(first?.sentence).toMatch(/^breach: error rate/);
  });

  it('leaves a healthy one alone', () => {
    const steps = watch(service, 300);
    expect(keys(steps)).toEqual([]);
    expect(steps.at(-1)?.sentence).toMatch(/^healthy: error rate/);
  });

  it('tells what comes from outside as external: no trigger, no breach, and the good name is kept', () => {
    const crowd = changed(service, (row, at) =>
      at < 60 || at >= 80 ? {} : { requests: row.requests * 4, errors: row.errors * 14 },
    );
    const steps = watch(crowd, 120);
    expect(keys(steps)).toEqual(['external:web:error_rate']);
    expect(triggersOf(steps)).toEqual([]);
    expect(steps.find((step) => step.edges.length > 0)?.edges[0]?.condition.reason).toMatch(
      /it does not look like the release$/,
    );
    expect(steps.at(-1)?.state.goodMs).toBe(119 * minute);
  });

  it('takes the peers of each check', () => {
    const together = changed(service, (row) => ({
      errors: row.errors * 12,
      peers: row.peers && { ...row.peers, errors: row.peers.errors * 12 },
    }));
    expect(keys(watch(together, 40))).toEqual(['external:web:error_rate']);
  });
});

describe('dry_run', () => {
  const only = (trigger: 'errorRate' | 'latency') => aPolicy({ triggers: { [trigger]: { dryRun: true } } });

  it('of a trigger tells, and never acts: no trigger, no breach, and the good name is kept', () => {
    const steps = watch(sick, 40, { policy: only('errorRate') });
    expect(keys(steps)).toEqual(['dry_run:web:error_rate']);
    expect(triggersOf(steps)).toEqual([]);
    expect(steps.find((step) => step.edges.length > 0)?.sentence).toMatch(/^dry_run: error rate/);
    expect(steps.at(-1)?.state.goodMs).toBe(39 * minute);
  });

  it('of another trigger changes nothing', () => {
    const steps = watch(sick, 40, { policy: only('latency') });
    expect(keys(steps)).toContain('breach:web:error_rate');
    expect(triggersOf(steps).length).toBeGreaterThan(0);
  });
});

describe('mode: observe', () => {
  it('decides and explains as ever, and nothing may be acted on', () => {
    const policy: Policy = { ...aPolicy(), mode: 'observe' };
    const steps = watch(sick, 40, { policy, mayAct: false });
    const began = steps.flatMap((step) => step.edges).filter(({ change }) => change === 'began');
    expect(began.length).toBeGreaterThan(0);
    expect(began.every((edge) => !edge.mayAct)).toBe(true);
    const acting = watch(sick, 40);
    expect(steps.map((step) => step.sentence)).toEqual(acting.map((step) => step.sentence));
  });
});

describe('detection: literal', () => {
  it('waits for the release’s own first minutes, then fires by the first window above twice them', () => {
    const policy: Policy = { ...aPolicy(), detection: { ...aPolicy().detection, method: 'literal' } };
    const change: Change = (_, at) => ({ errors: at === 20 ? 40 : 3 });
    const steps = watch(changed(service, change), 30, { policy });
    expect(steps.findIndex((step) => step.triggers.length > 0)).toBe(20);
    expect(triggersOf(steps)[0]?.reason).toContain('(detection: literal)');
  });
});

describe('a verification', () => {
  it('asks windows only: no habits, no excursions', () => {
    const steps = watch(sick, 30, { question: 'verification' });
    expect(steps.at(-1)?.state.services[0]?.judge.signals.recent).toEqual([]);
    expect(steps.at(-1)?.state.services[0]?.judge.window.regular.length).toBeGreaterThan(0);
  });
});

describe('what was not measured', () => {
  it('judges nothing: the check after a gap has no verdicts, however bad it is', () => {
    const terrible = changed(service, (row) => ({ errors: row.requests }));
    const steps = watch(terrible, 10, { gapAt: () => true });
    expect(steps.every((step) => step.state.services[0]?.verdicts.length === 0)).toBe(true);
    expect(triggersOf(steps)).toEqual([]);
    expect(keys(steps)).toEqual([]);
  });

  it('never makes a breach of a healthy release: gaps and blind minutes, all day', () => {
    const blind: Life = (at) => (at % 37 > 30 ? null : service(at));
    const steps = watch(blind, 600, { gapAt: (at) => at % 90 === 0 });
    expect(keys(steps).filter((key) => key.startsWith('breach'))).toEqual([]);
    expect(triggersOf(steps)).toEqual([]);
  });

  it('leaves excursions where they were: evidence comes from checks alone', () => {
    const steps = watch((at) => (at >= 5 && at < 60 ? null : sick(at)), 62);
    const [before, blind] = [steps[4], steps[59]].map((step) => step?.state.services[0]?.judge.signals);
    expect(blind).toEqual(before);
    expect(triggersOf(steps.slice(0, 60))).toEqual([]);
  });

  it('counts as one check when it is counted again, and that one is no breach', () => {
    const burst: Life = (at) => {
      if (at >= 20 && at < 40) return null;
      const row = service(at);
      return at === 40
        ? { ...row, requests: row.requests * 21, errors: row.errors * 21 + row.requests }
        : row;
    };
    const steps = watch(burst, 70);
    expect(steps[40]?.samples).toMatchObject([{ durationMs: 21 * minute }]);
    expect(triggersOf(steps)).toEqual([]);
  });
});
