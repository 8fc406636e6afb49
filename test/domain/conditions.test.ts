import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  adoptOwnConditions,
  advanceConditions,
  type Condition,
  type ConditionState,
  type Edge,
  noConditions,
  ownConditions,
  type Reported,
  takeEdges,
} from '../../domain/conditions.ts';
import { deployedAt, hour, minute, second } from './builders.ts';

function aCondition(over: Partial<Condition> = {}): Condition {
  return {
    key: 'breach:web:error_rate',
    kind: 'breach',
    service: 'web',
    reason: 'error rate 5.2/min',
    severity: 'critical',
    ...over,
  };
}

const blind = aCondition({ key: 'blind:web', kind: 'blind', reason: 'HTTP 500', severity: 'warning' });

/** The watch and the workflow together: what a check finds, and the edges it returns, remembered as reported. */
function watcher(mayAct = true) {
  let state: ConditionState = noConditions;
  let reported: Reported = {};
  let atMs = deployedAt;
  return {
    mayAct,
    reported: () => reported,
    state: () => state,
    check(found: readonly Condition[], { stepMs = minute, regular = true } = {}): Edge[] {
      atMs += stepMs;
      state = advanceConditions(state, found, { atMs, regular });
      const taken = takeEdges(state, reported, { atMs, mayAct: this.mayAct, found });
      state = JSON.parse(JSON.stringify(taken.state));
      for (const edge of taken.edges) {
        const { [edge.condition.key]: _, ...others } = reported;
        const told = { [edge.condition.key]: { couldAct: edge.mayAct } };
        reported = edge.change === 'began' ? { ...others, ...told } : others;
      }
      return taken.edges;
    },
  };
}

const changes = (edges: readonly Edge[]) => edges.map((edge) => `${edge.change} ${edge.condition.key}`);

describe('a condition', () => {
  it('is told when it begins and when it ends, and never in between', () => {
    const watch = watcher();
    expect(watch.check([])).toEqual([]);
    expect(changes(watch.check([blind]))).toEqual(['began blind:web']);
    expect([1, 2, 3, 4, 5].flatMap(() => watch.check([blind]))).toEqual([]);
    expect(watch.check([])).toEqual([]);
    expect(watch.check([])).toEqual([]);
    expect(changes(watch.check([]))).toEqual(['ended blind:web']);
    expect(watch.check([])).toEqual([]);
  });

  it('ends after three regular checks without it, not by extra ones', () => {
    const watch = watcher();
    watch.check([blind]);
    for (let i = 0; i < 20; i++) expect(watch.check([], { regular: false, stepMs: 10 * second })).toEqual([]);
    expect([watch.check([]), watch.check([])].flat()).toEqual([]);
    expect(changes(watch.check([]))).toEqual(['ended blind:web']);
  });

  it('that comes back within three checks has never gone', () => {
    const watch = watcher();
    watch.check([blind]);
    const since = watch.state().standing[0]?.sinceMs;
    for (let i = 0; i < 10; i++) {
      expect([watch.check([]), watch.check([]), watch.check([blind])].flat()).toEqual([]);
    }
    expect(watch.state().standing).toMatchObject([{ sinceMs: since, clearTicks: 0 }]);
  });

  it('begins at an extra check too', () => {
    expect(changes(watcher().check([blind], { regular: false }))).toEqual(['began blind:web']);
  });

  it('keeps its newest reason and its first time', () => {
    const watch = watcher();
    watch.check([aCondition({ reason: 'first' })]);
    watch.check([aCondition({ reason: 'second' })]);
    expect(watch.state().standing).toMatchObject([{ reason: 'second', sinceMs: deployedAt + minute }]);
  });

  it('that ended says which it was', () => {
    const watch = watcher();
    watch.check([blind]);
    const [edge] = [watch.check([]), watch.check([]), watch.check([])].flat();
    expect(edge).toEqual({
      change: 'ended',
      mayAct: true,
      condition: {
        key: 'blind:web',
        kind: 'blind',
        service: null,
        reason: 'blind:web has ended',
        severity: 'info',
        sinceMs: deployedAt + 4 * minute,
        clearTicks: 3,
      },
    });
  });

  it('that the workflow never heard of is told although it stands since long', () => {
    const state = advanceConditions(noConditions, [blind], { atMs: deployedAt, regular: true });
    const context = { atMs: deployedAt + minute, mayAct: false, found: [blind] };
    expect(changes(takeEdges(state, {}, context).edges)).toEqual(['began blind:web']);
  });
});

describe('a standing breach', () => {
  const breach = aCondition();

  it('is told again as soon as it may be acted on, once', () => {
    const watch = watcher(false);
    expect(watch.check([breach])).toMatchObject([{ mayAct: false }]);
    expect(watch.check([breach])).toEqual([]);
    watch.mayAct = true;
    expect(watch.check([breach])).toMatchObject([{ change: 'began', mayAct: true }]);
    expect(watch.check([breach])).toEqual([]);
  });

  it('is not told again while it is going away', () => {
    const watch = watcher(false);
    watch.check([breach]);
    watch.mayAct = true;
    expect(watch.check([], { regular: false })).toEqual([]);
    expect(watch.check([])).toEqual([]);
    expect(watch.check([breach])).toMatchObject([{ mayAct: true }]);
  });

  it('that nobody was told of and that is going away does not roll back', () => {
    const watch = watcher(true);
    const state = advanceConditions(noConditions, [breach], { atMs: deployedAt, regular: true });
    const lost = { atMs: deployedAt, mayAct: watch.mayAct, found: [] };
    expect(takeEdges(state, {}, lost).edges).toEqual([]);
    expect(takeEdges(state, {}, { ...lost, mayAct: false }).edges).toMatchObject([{ mayAct: false }]);
  });

  it('of another kind is not told again', () => {
    const watch = watcher(false);
    watch.check([blind]);
    watch.mayAct = true;
    expect(watch.check([blind])).toEqual([]);
  });
});

describe('a flapping source', () => {
  const keys = Array.from({ length: 40 }, (_, i) => ({ ...blind, key: `blind:service-${i}` }));

  it('yields at most 60 edges an hour over 24 hours, the rest comes batched', () => {
    const watch = watcher(false);
    const times: number[] = [];
    let told = 0;
    for (let i = 0; i < 8_640; i++) {
      // Every ten seconds another four services flap; extra ticks begin conditions, regular ones end them.
      const found = keys.filter((_, k) => (i + k) % 37 < 4);
      const edges = watch.check(found, { stepMs: 10 * second, regular: i % 6 === 0 });
      if (edges.length > 0) times.push(i * 10 * second);
      told += edges.length;
    }
    for (const from of times) {
      expect(times.filter((time) => time >= from && time < from + hour).length).toBeLessThanOrEqual(60);
    }
    expect(times.length).toBeGreaterThan(1_000);
    expect(told).toBeGreaterThan(times.length);
  });

  /** Sixty edges within a minute: no more may be told within the hour. */
  function exhausted(mayAct: boolean) {
    const watch = watcher(mayAct);
    for (let i = 0; i < 60; i++) {
      const found = [{ ...blind, key: `blind:${i}` }];
      expect(watch.check(found, { stepMs: second, regular: false })).toHaveLength(1);
    }
    return watch;
  }

  it('loses nothing by batching: what waits comes at once when its turn has come', () => {
    const watch = exhausted(false);
    const extra = { stepMs: second, regular: false };
    expect(watch.check([{ ...blind, key: 'blind:a' }], extra)).toEqual([]);
    expect(watch.check([{ ...blind, key: 'blind:b' }], extra)).toEqual([]);
    // The first of the sixty edges is an hour old exactly now.
    expect(watch.check([], { stepMs: hour - 62 * second, regular: false })).toEqual([]);
    expect(changes(watch.check([blind], extra))).toEqual([
      'began blind:a',
      'began blind:b',
      'began blind:web',
    ]);
  });

  it('never holds back a breach that may be acted on', () => {
    const told = (mayAct: boolean) =>
      changes(exhausted(mayAct).check([aCondition()], { stepMs: second, regular: false }));
    expect(told(true)).toEqual(['began breach:web:error_rate']);
    expect(told(false)).toEqual([]);
  });

  it('in any pattern yields only edges that change what was told', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.subarray([blind, aCondition(), keys[0] as Condition]), fc.boolean(), fc.boolean()),
          { maxLength: 200 },
        ),
        (checks) => {
          const watch = watcher();
          for (const [found, regular, mayAct] of checks) {
            watch.mayAct = mayAct;
            const before = watch.reported();
            for (const { change, condition } of watch.check(found, { regular })) {
              const told = before[condition.key];
              const again = condition.kind === 'breach' && mayAct && told?.couldAct === false;
              expect(change === 'began' ? told === undefined || again : told !== undefined).toBe(true);
              if (change === 'began' && condition.kind === 'breach' && mayAct)
                expect(found).toContainEqual(aCondition());
            }
          }
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });
});

describe('conditions about ourselves', () => {
  const told: Reported = { [ownConditions.store]: { couldAct: true } };
  const seen = { atMs: deployedAt, missed: false };
  const standing = (state: ConditionState) => state.standing.map(({ key, clearTicks }) => [key, clearTicks]);

  it('that an attempt without a store has reported are taken in, once', () => {
    const adopted = adoptOwnConditions(noConditions, told, seen);
    expect(adopted.standing).toEqual([
      {
        key: 'blind:store',
        kind: 'blind',
        service: null,
        reason: 'blind:store was reported',
        severity: 'warning',
        sinceMs: deployedAt,
        clearTicks: 0,
      },
    ]);
    expect(adoptOwnConditions(adopted, told, { ...seen, atMs: deployedAt + minute })).toEqual(adopted);
  });

  it('are the store’s and our own errors; whatever else was reported is not taken in', () => {
    const reported = { ...told, 'blind:internal': { couldAct: false }, 'blind:web': { couldAct: true } };
    expect(standing(adoptOwnConditions(noConditions, reported, seen))).toEqual([
      ['blind:store', 0],
      ['blind:internal', 0],
    ]);
    expect(adoptOwnConditions(noConditions, {}, seen)).toEqual(noConditions);
  });

  it('end by hysteresis like all others: told only after three checks with a store', () => {
    let state = adoptOwnConditions(noConditions, told, seen);
    const edges = [1, 2, 3].map((check) => {
      const atMs = deployedAt + check * minute;
      state = adoptOwnConditions(state, told, { atMs, missed: false });
      state = advanceConditions(state, [], { atMs, regular: true });
      const taken = takeEdges(state, told, { atMs, mayAct: true, found: [] });
      state = taken.state;
      return changes(taken.edges);
    });
    expect(edges).toEqual([[], [], ['ended blind:store']]);
  });

  it('were seen again where a check is missing: a store that flaps never ends them', () => {
    let state = adoptOwnConditions(noConditions, told, seen);
    for (let check = 1; check <= 30; check += 1) {
      const atMs = deployedAt + check * minute;
      state = adoptOwnConditions(state, told, { atMs, missed: check % 2 === 0 });
      state = advanceConditions(state, [], { atMs, regular: true });
      expect(takeEdges(state, told, { atMs, mayAct: true, found: [] }).edges).toEqual([]);
    }
  });

  it('alone start anew by a missing check: others have gone on clearing', () => {
    const both = advanceConditions(adoptOwnConditions(noConditions, told, seen), [blind], {
      atMs: deployedAt,
      regular: true,
    });
    const cleared = advanceConditions(both, [], { atMs: deployedAt, regular: true });
    expect(standing(cleared)).toEqual([
      ['blind:store', 2],
      ['blind:web', 1],
    ]);
    expect(standing(adoptOwnConditions(cleared, told, { ...seen, missed: true }))).toEqual([
      ['blind:store', 0],
      ['blind:web', 1],
    ]);
  });
});
