import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reported } from '../../domain/conditions.ts';
import type { Policy } from '../../domain/policy.ts';
import { type Counts, noCounts } from '../../domain/sample.ts';
import {
  advanceWatch,
  isReadinessDue,
  newWatch,
  type Observation,
  type ServiceObservation,
  type WatchState,
  type WatchStep,
  watchedEnough,
} from '../../domain/watch.ts';
import { aFailingProbe, aPolicy, aProbe, aReference, deployedAt, hour, minute, second } from './builders.ts';

const healthy: Counts = { ...noCounts, requests: 9_000, errors: 0, memoryPercent: 45 };
const sick: Counts = { ...healthy, errors: 4_500 };

function measured(counts: Counts = healthy, over: Partial<ServiceObservation> = {}): ServiceObservation {
  const reading = { kind: 'counts' as const, counts, cursor: 'cursor', missing: [] };
  return { service: 'web', probes: [aProbe()], measured: reading, ...over };
}

function unmeasured(reason = 'HTTP 500'): ServiceObservation {
  return { service: 'web', probes: [aProbe()], measured: { kind: 'blind', reason } };
}

interface Look extends Partial<Omit<Observation, 'services'>> {
  readonly services?: readonly ServiceObservation[];
  readonly stepMs?: number;
  readonly mayAct?: boolean;
  readonly reported?: Reported;
}

/** A watch that looks once a minute, from a minute after the deployment on. */
function aWatch({
  policy = aPolicy() as Policy,
  services = [{ service: 'web', release: 'v2.5.0', references: [aReference()] }] as Parameters<
    typeof newWatch
  >[0],
} = {}) {
  let state: WatchState = newWatch(services);
  let atMs = deployedAt;
  return {
    state: () => state,
    service: (name = 'web') =>
      state.services.find((service) => service.service === name) as WatchState['services'][number],
    look({ stepMs = minute, mayAct = true, reported = {}, ...over }: Look = {}): WatchStep {
      atMs += stepMs;
      const seen = {
        tickMs: atMs,
        regular: true,
        gap: false,
        atMs,
        services: [measured()],
        unexpected: null,
        ...over,
      };
      const step = advanceWatch(state, seen, { policy, deployedAtMs: deployedAt, mayAct, reported });
      state = JSON.parse(JSON.stringify(step.state));
      return step;
    },
    looks(count: number, look: Look = {}): WatchStep[] {
      return Array.from({ length: count }, () => this.look(look));
    },
  };
}

const kinds = (step: WatchStep) => step.edges.map(({ change, condition }) => `${change} ${condition.key}`);

describe('the first look', () => {
  it('is a base: nothing is counted, nothing is evidence, gauges are valid', () => {
    const watch = aWatch();
    const step = watch.look({ services: [measured(sick)] });
    expect(step.samples).toMatchObject([
      { service: 'web', requests: 0, errors: 0, durationMs: 0, memoryPercent: 45, regular: true },
    ]);
    expect(watch.state()).toMatchObject({
      regularTicks: 1,
      observedTicks: 0,
      goodMs: 0,
      baselineDone: false,
    });
    expect(watch.service()).toMatchObject({
      cursor: 'cursor',
      measuredAtMs: deployedAt + minute,
      good: { samples: 0 },
    });
    expect(step.sentence).toBe('healthy: no regular sample yet');
  });

  it('without counts leaves the cursor and the clock alone', () => {
    const watch = aWatch();
    watch.look({ services: [unmeasured()] });
    expect(watch.service()).toMatchObject({ cursor: null, measuredAtMs: null });
    watch.look();
    watch.look({ services: [unmeasured()] });
    expect(watch.service()).toMatchObject({ cursor: 'cursor', measuredAtMs: deployedAt + 2 * minute });
  });
});

describe('the following looks', () => {
  it('count what happened in the real time between them', () => {
    const watch = aWatch();
    watch.look();
    const step = watch.look({ stepMs: 90 * second });
    expect(step.samples).toMatchObject([{ requests: 9_000, durationMs: 90 * second }]);
    expect(watch.state()).toMatchObject({ regularTicks: 2, observedTicks: 1, goodMs: 90 * second });
    expect(step.sentence).toMatch(/^healthy: error rate 0\/min/);
  });

  it('count a stretch without an answer as one', () => {
    const watch = aWatch();
    watch.looks(2);
    watch.look({ services: [unmeasured()] });
    expect(watch.look().samples[0]?.durationMs).toBe(2 * minute);
  });

  it('that count no requests are observed, but are no good traffic', () => {
    const watch = aWatch();
    watch.looks(3, { services: [measured({ ...noCounts })] });
    expect(watch.state()).toMatchObject({ observedTicks: 2, goodMs: 0 });
  });

  it('at extra ticks count towards health and error share only, not as checks', () => {
    const watch = aWatch();
    watch.looks(2);
    watch.look({ stepMs: 10 * second, regular: false });
    expect(watch.state()).toMatchObject({ regularTicks: 2, observedTicks: 1, goodMs: minute });
    expect(watch.service().good.samples).toBe(1);
  });
});

describe('the baseline', () => {
  it('is the first five minutes, and a reference from then on', () => {
    const watch = aWatch({ services: [{ service: 'web', release: 'v2.5.0', references: [] }] });
    watch.looks(4);
    expect(watch.look().state.baselineDone).toBe(true);
    expect(watch.service().baseline).toMatchObject({ samples: 3, requests: 27_000 });
    expect(watch.state().baselineDone).toBe(true);
    const step = watch.look();
    expect(watch.service().baseline.samples).toBe(3);
    expect(step.sentence).toContain('its own first 3 min had none');
  });

  it('does not judge a release by its own unfinished first minutes', () => {
    const watch = aWatch({ services: [{ service: 'web', release: 'v2.5.0', references: [] }] });
    expect(watch.looks(4).at(-1)?.sentence).toContain('nothing to compare with yet');
  });

  it('of a release that was never measured is no reference', () => {
    const watch = aWatch({ services: [{ service: 'web', release: 'v2.5.0', references: [] }] });
    watch.looks(6, { services: [unmeasured()] });
    watch.look();
    expect(watch.look().sentence).toContain('nothing to compare with yet');
  });

  it('need not be waited for: the first samples are judged against last known good', () => {
    const watch = aWatch();
    watch.look();
    const steps = watch.looks(3, { services: [measured(sick)] });
    expect(kinds(steps[2] as WatchStep)).toEqual(['began breach:web:error_rate']);
    expect(watch.state().baselineDone).toBe(false);
  });
});

describe('a breach', () => {
  function breached() {
    const watch = aWatch();
    watch.looks(10);
    const [, , step] = watch.looks(3, { services: [measured(sick)] });
    return { watch, step: step as WatchStep };
  }

  it('is an edge with its trigger, as the specification records it', () => {
    const { step } = breached();
    expect(step.edges).toMatchObject([
      { change: 'began', mayAct: true, condition: { kind: 'breach', severity: 'critical' } },
    ]);
    expect(step.triggers).toEqual([
      {
        type: 'error_rate',
        severity: 'critical',
        service: 'web',
        baseline: expect.closeTo(0.5, 1),
        current: 4_500,
        threshold: 1_800,
        reason: expect.stringMatching(
          /^50 % of 27000 requests failed in the last 3 min, 0\.006 % in v2\.4\.0/,
        ),
        sinceMs: deployedAt + 13 * minute,
      },
    ]);
    expect(step.sentence).toMatch(/^breach: 50 % of 27000 requests failed/);
  });

  it('ends the release’s good name: neither good time nor reference', () => {
    const { watch } = breached();
    expect(watch.state()).toMatchObject({ goodMs: 0, suspect: true });
    expect(watch.service().good.samples).toBe(0);
    expect(watch.service().baseline.samples).toBeGreaterThan(0);
  });

  it('of one service leaves the good name of none', () => {
    const services = ['web', 'worker'].map((service) => ({
      service,
      release: 'v1',
      references: [aReference()],
    }));
    const watch = aWatch({ services });
    const both = (web: Counts) => ({ services: [measured(web), measured(healthy, { service: 'worker' })] });
    watch.looks(5, both(healthy));
    expect(watch.service('worker').good.samples).toBe(4);
    const steps = watch.looks(3, both(sick));
    expect(kinds(steps[2] as WatchStep)).toEqual(['began breach:web:error_rate']);
    expect(watch.service('worker').good.samples).toBe(0);
  });

  it('that may not be acted on is told so, and again when it may', () => {
    const watch = aWatch();
    watch.looks(5);
    const steps = watch.looks(3, { services: [measured(sick)], mayAct: false });
    expect(steps[2]?.edges).toMatchObject([{ mayAct: false }]);
    const reported = { 'breach:web:error_rate': { couldAct: false } };
    expect(watch.look({ services: [measured(sick)], mayAct: false, reported }).edges).toEqual([]);
    expect(watch.look({ services: [measured(sick)], reported }).edges).toMatchObject([{ mayAct: true }]);
  });
});

describe('suspicion', () => {
  it.each([
    ['a suspect verdict', { services: [measured({ ...healthy, errors: 90 })] }, true],
    [
      'a failing probe',
      { services: [measured(healthy, { probes: [aProbe(), aProbe(), aFailingProbe] })] },
      true,
    ],
    ['nothing', {}, false],
    ['blindness', { services: [unmeasured()] }, false],
  ])('of %s brings the next check forward: %s', (_, look, suspect) => {
    const watch = aWatch();
    watch.looks(3);
    watch.look(look);
    expect(watch.state().suspect).toBe(suspect);
    watch.looks(6);
    expect(watch.state().suspect).toBe(false);
  });

  it('of a minority of instances alerts', () => {
    const watch = aWatch();
    watch.looks(3);
    const step = watch.look({
      services: [measured(healthy, { probes: [aProbe(), aProbe(), aFailingProbe] })],
    });
    expect(step.edges).toMatchObject([{ condition: { key: 'suspect:web', severity: 'warning' } }]);
    expect(step.sentence).toMatch(/^suspect: 0 of 4 health checks failed/);
  });

  it('is in the sentence without being a condition', () => {
    const watch = aWatch();
    watch.looks(3);
    const step = watch.look({ services: [measured({ ...healthy, errors: 90 })] });
    expect(step.edges).toEqual([]);
    expect(step.sentence).toMatch(/^suspect: error rate/);
  });

  it('names the service where there are several', () => {
    const services = ['web', 'worker'].map((service) => ({ service, release: 'v1', references: [] }));
    const step = aWatch({ services }).look({
      services: [measured(), measured(healthy, { service: 'worker' })],
    });
    expect(step.sentence).toBe('web healthy: no regular sample yet; worker healthy: no regular sample yet');
  });
});

describe('blindness', () => {
  it('is a condition, no evidence and never a breach', () => {
    const watch = aWatch();
    watch.looks(2);
    const steps = watch.looks(60, {
      services: [unmeasured()],
      reported: { 'blind:web': { couldAct: true } },
    });
    expect(steps.flatMap((step) => step.edges)).toEqual([]);
    expect(steps.flatMap((step) => step.triggers)).toEqual([]);
    expect(watch.state()).toMatchObject({ observedTicks: 1, goodMs: minute });
    expect(watch.state().conditions.standing).toMatchObject([{ key: 'blind:web', reason: 'HTTP 500' }]);
  });

  it('is what a service that was forgotten is', () => {
    const step = aWatch().look({ services: [] });
    expect(step.edges).toMatchObject([{ condition: { key: 'blind:web', reason: 'was not measured' } }]);
    expect(step.samples[0]?.probes).toEqual([]);
  });

  it('does not hide failing health checks', () => {
    const watch = aWatch();
    const steps = watch.looks(6, { services: [{ ...unmeasured(), probes: [aFailingProbe] }] });
    expect(steps.flatMap(kinds)).toContain('began breach:web:health_check');
  });
});

describe('a gap', () => {
  it('re-bases the counters and is no evidence', () => {
    const watch = aWatch();
    watch.looks(3);
    const step = watch.look({ stepMs: 2 * minute, gap: true, services: [measured(sick)] });
    expect(step.samples).toMatchObject([{ requests: 0, errors: 0, durationMs: 0 }]);
    expect(watch.state()).toMatchObject({ regularTicks: 4, observedTicks: 2 });
    expect(watch.service().judge.window).toMatchObject({ regular: [], partial: null });
    expect(watch.look().samples[0]?.durationMs).toBe(minute);
  });

  it('judges nothing, not even the probes', () => {
    const watch = aWatch();
    watch.looks(3);
    const failing = measured(healthy, { probes: [{ instance: '0', healthy: false, detail: '503' }] });
    for (let i = 0; i < 6; i += 1) {
      const step = watch.look({ stepMs: 2 * minute, gap: true, services: [failing] });
      expect(step.triggers).toEqual([]);
    }
  });

  it('in which nothing answered leaves no base', () => {
    const watch = aWatch();
    watch.looks(3);
    watch.look({ gap: true, services: [unmeasured()] });
    expect(watch.service().measuredAtMs).toBeNull();
    expect(watch.look().samples[0]?.requests).toBe(0);
  });

  it.each([
    [3 * minute, false],
    [3 * minute + 1, true],
  ])('of %d ms since the last check alerts: %s', (stepMs, alerts) => {
    const watch = aWatch();
    watch.looks(2);
    const step = watch.look({ stepMs });
    expect(kinds(step)).toEqual(alerts ? ['began gap'] : []);
    if (alerts) expect(step.edges[0]?.condition.reason).toBe('nothing was measured for 3 min');
  });
});

describe('a stranger’s release', () => {
  const unexpected = 'web: v2.6.0 is live, expected v2.5.0';

  it('is believed at the second regular check in a row', () => {
    const watch = aWatch();
    expect(kinds(watch.look({ unexpected }))).toEqual([]);
    expect(kinds(watch.look({ unexpected, regular: false }))).toEqual([]);
    const step = watch.look({ unexpected });
    expect(step.edges).toMatchObject([
      { condition: { key: 'changed_outside', reason: `somebody changed what is live: ${unexpected}` } },
    ]);
  });

  it('that was gone in between is not', () => {
    const watch = aWatch();
    expect([watch.look({ unexpected }), watch.look(), watch.look({ unexpected })].flatMap(kinds)).toEqual([]);
  });
});

describe('an alert of somebody’s alert manager', () => {
  const alert = { name: 'Checkout', service: null, summary: '', sinceMs: deployedAt + minute };

  it('is a breach of the service that it is for, whatever was measured', () => {
    const watch = aWatch();
    watch.look();
    const step = watch.look({ services: [{ ...unmeasured('no answer'), alerts: [alert] }] });
    expect(kinds(step)).toContain('began breach:web:alert');
    expect(step.triggers).toMatchObject([{ type: 'alert', service: 'web' }]);
  });

  it('on dry_run is told and triggers nothing', () => {
    const watch = aWatch({ policy: aPolicy({ triggers: { alert: { dryRun: true } } }) });
    watch.look();
    const step = watch.look({ services: [{ ...measured(), alerts: [alert] }] });
    expect(kinds(step)).toEqual(['began dry_run:web:alert']);
    expect(step.triggers).toEqual([]);
  });
});

describe('the way back', () => {
  const missing = { atMs: deployedAt + minute, missing: 'a rollback would not work' };

  it('that is not ready stands until a later look finds nothing missing', () => {
    const watch = aWatch();
    expect(kinds(watch.look({ readiness: missing }))).toContain('began not_ready');
    const reported = { not_ready: { couldAct: false } };
    expect(watch.looks(5, { reported }).flatMap(kinds)).toEqual([]);
    expect(kinds(watch.look({ readiness: { ...missing, missing: null }, reported }))).toEqual([]);
    expect(watch.looks(3, { reported }).flatMap(kinds)[0]).toBe('ended not_ready');
  });

  it('is looked at first of all, then hourly, and every five minutes while something is missing', () => {
    const watch = aWatch();
    watch.look();
    const due = (readiness: { atMs: number; missing: string | null } | undefined, suspect = false) => {
      const { readiness: _, ...state } = watch.state();
      const seen = { ...state, suspect, ...(readiness === undefined ? {} : { readiness }) };
      return (laterMs: number) => isReadinessDue(seen, deployedAt + laterMs, minute);
    };
    expect(due(undefined)(0)).toBe(true);
    const ready = due({ atMs: deployedAt, missing: null });
    expect([ready(59 * minute), ready(60 * minute)]).toEqual([false, true]);
    const lost = due({ atMs: deployedAt, missing: 'x' });
    expect([lost(4 * minute), lost(5 * minute)]).toEqual([false, true]);
    expect(due({ atMs: deployedAt, missing: null }, true)(2 * hour)).toBe(false);
  });
});

describe('the state', () => {
  it('goes through JSON between any two checks and stays bounded over a day', () => {
    const watch = aWatch();
    const steps = watch.looks(1_440);
    expect(watch.state()).toMatchObject({
      regularTicks: 1_440,
      observedTicks: 1_439,
      goodMs: 1_439 * minute,
    });
    expect(watch.state().observedLately).toHaveLength(60);
    expect(steps.flatMap((step) => step.edges)).toEqual([]);
    expect(JSON.stringify(watch.state()).length).toBeLessThan(16_384);
  });

  it('says the same however often it is stored', () => {
    const look = fc.record({
      regular: fc.boolean(),
      gap: fc.boolean(),
      stepMs: fc.constantFrom(10 * second, minute, 5 * minute),
      services: fc.constantFrom(
        [measured()],
        [measured(sick)],
        [unmeasured()],
        [measured(healthy, { probes: [aFailingProbe] })],
      ),
    });
    fc.assert(
      fc.property(fc.array(look, { maxLength: 30 }), (looks) => {
        const stored = aWatch();
        let direct = newWatch([{ service: 'web', release: 'v2.5.0', references: [aReference()] }]);
        let atMs = deployedAt;
        for (const { stepMs, ...seen } of looks) {
          atMs += stepMs;
          const context = { policy: aPolicy(), deployedAtMs: deployedAt, mayAct: true, reported: {} };
          const step = advanceWatch(direct, { ...seen, tickMs: atMs, atMs, unexpected: null }, context);
          direct = step.state;
          const { state: _, ...said } = stored.look({ ...seen, stepMs });
          expect(said).toEqual({
            edges: step.edges,
            triggers: step.triggers,
            samples: step.samples,
            sentence: step.sentence,
          });
        }
        expect(stored.state()).toEqual(direct);
      }),
      { seed: 1 },
    );
  });
});

describe('a watch was good enough', () => {
  const ended = deployedAt + 24 * hour;
  const watched = (observedTicks: number, lately: number): WatchState => ({
    ...newWatch([]),
    lastTickMs: ended,
    observedTicks,
    observedLately: Array.from({ length: lately }, (_, i) => ended - i * minute),
  });

  it.each([
    [1_152, 60, true],
    [1_151, 60, false],
    [1_152, 48, true],
    [1_440, 47, false],
  ])('with %d of 1,440 checks and %d of the last 60: %s', (observed, lately, enough) => {
    expect(watchedEnough(watched(observed, lately), 1_440, aPolicy())).toEqual({
      enough,
      reason: `${observed} of 1440 checks observed, ${lately} of 60 in the last 60 min`,
    });
  });

  it('counts the last hour up to the end, not up to the last check', () => {
    const state = watched(1_400, 60);
    expect(watchedEnough(state, 1_440, aPolicy(), ended + 40 * minute)).toEqual({
      enough: false,
      reason: '1400 of 1440 checks observed, 20 of 60 in the last 60 min',
    });
    expect(watchedEnough(state, 1_440, aPolicy(), ended).enough).toBe(true);
  });

  it('never where nothing was expected, and where an hour has no checks its end needs none', () => {
    expect(watchedEnough(watched(0, 0), 0, aPolicy()).enough).toBe(false);
    const rare = aPolicy({ monitoring: { checkIntervalMs: 2 * hour } });
    expect(watchedEnough(watched(12, 0), 12, rare).enough).toBe(true);
    expect(watchedEnough({ ...watched(0, 0), lastTickMs: null }, 1_440, aPolicy()).enough).toBe(false);
  });
});
