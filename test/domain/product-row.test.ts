import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ActiveRollback,
  activePause,
  beginRollback,
  endRollback,
  isDirect,
  newProductRow,
  type ProductRow,
  registerDeployment,
} from '../../domain/product-row.ts';
import { deployedAt, minute } from './builders.ts';

function aRollback(over: Partial<ActiveRollback> = {}): ActiveRollback {
  return { id: 'inc-1', deployment: 'deploy-2', sinceMs: deployedAt, ...over };
}

const calm: ProductRow = { ...newProductRow, currentDeployment: 'deploy-2' };
const busy: ProductRow = { ...calm, rollback: aRollback() };

describe('registering a deployment', () => {
  it('makes it current and supersedes the one before it', () => {
    expect(registerDeployment(calm, 'deploy-3')).toEqual({
      row: { ...calm, currentDeployment: 'deploy-3' },
      status: 'watching',
      superseded: 'deploy-2',
    });
  });

  it('supersedes nothing the first time, nor itself', () => {
    expect(registerDeployment(newProductRow, 'deploy-1').superseded).toBeNull();
    expect(registerDeployment(calm, 'deploy-2').superseded).toBeNull();
  });

  it('waits while a rollback runs, and changes nothing', () => {
    expect(registerDeployment(busy, 'deploy-3')).toEqual({ row: busy, status: 'waiting', superseded: null });
  });
});

describe('beginning a rollback', () => {
  it('takes the row', () => {
    expect(beginRollback(calm, aRollback())).toEqual({ kind: 'begun', row: busy });
  });

  it('may be repeated', () => {
    expect(beginRollback(busy, aRollback())).toEqual({ kind: 'begun', row: busy });
  });

  it('is refused while another one runs', () => {
    expect(beginRollback(busy, aRollback({ id: 'direct/7' }))).toEqual({
      kind: 'refused',
      reason: 'rollback inc-1 of deploy-2 is already running',
    });
  });

  it('is refused after a newer deployment came first', () => {
    const { row } = registerDeployment(calm, 'deploy-3');
    expect(beginRollback(row, aRollback())).toEqual({
      kind: 'refused',
      reason: 'deploy-2 is no longer the current deployment, deploy-3 is',
    });
    expect(beginRollback(newProductRow, aRollback())).toMatchObject({
      reason: 'deploy-2 is no longer the current deployment, none is',
    });
  });
});

describe('ending a rollback', () => {
  it('clears it and makes the restored or the new deployment current', () => {
    expect(endRollback(busy, 'inc-1', 'rollback-1')).toEqual({
      ...newProductRow,
      currentDeployment: 'rollback-1',
    });
    expect(endRollback(busy, 'inc-1', null)).toEqual(calm);
  });

  it('leaves another rollback alone', () => {
    expect(endRollback(busy, 'inc-0', 'rollback-0')).toBe(busy);
  });

  it('that never took the row, the store being down, still makes the restored deployment current', () => {
    expect(endRollback(calm, 'inc-1', 'rollback-1', 'deploy-2').currentDeployment).toBe('rollback-1');
  });

  it('a second time does not displace what was registered since', () => {
    const once = endRollback(busy, 'inc-1', 'rollback-1', 'deploy-2');
    const { row } = registerDeployment(once, 'deploy-3');
    expect(endRollback(row, 'inc-1', 'rollback-1', 'deploy-2')).toBe(row);
    expect(endRollback(once, 'inc-1', 'rollback-1', 'deploy-2')).toBe(once);
  });

  it('keeps the pause', () => {
    const pause = { untilMs: null, by: 'ana', reason: 'risky deployment' };
    expect(endRollback({ ...busy, pause }, 'inc-1', null).pause).toBe(pause);
    expect(registerDeployment({ ...calm, pause }, 'deploy-3').row.pause).toBe(pause);
  });
});

describe('a pause', () => {
  const pause = { untilMs: deployedAt + minute, by: 'ana', reason: 'risky deployment' };

  it.each([
    [-1, true],
    [0, false],
    [1, false],
  ])('until 10:01 is active %d ms from then: %s', (offset, active) => {
    expect(activePause({ ...calm, pause }, deployedAt + minute + offset) !== null).toBe(active);
  });

  it('without an end stays, and none is none', () => {
    expect(
      activePause({ ...calm, pause: { ...pause, untilMs: null } }, Number.MAX_SAFE_INTEGER),
    ).not.toBeNull();
    expect(activePause(calm, deployedAt)).toBeNull();
  });
});

describe('any interleaving of deployments and rollbacks', () => {
  type Action =
    | { readonly kind: 'register'; readonly deployment: string }
    | { readonly kind: 'begin' | 'end'; readonly rollback: number };
  const deployments = ['a', 'b', 'c'];
  const action: fc.Arbitrary<Action> = fc.oneof(
    fc.constantFrom(...deployments).map((deployment) => ({ kind: 'register' as const, deployment })),
    fc
      .tuple(fc.constantFrom('begin' as const, 'end' as const), fc.nat(5))
      .map(([kind, rollback]) => ({ kind, rollback })),
  );
  const rollbackOf = (n: number) => aRollback({ id: `inc-${n}`, deployment: deployments[n % 3] as string });

  it('has never two rollbacks, gives each loser a reason, and lets a deployment wait meanwhile', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        let row: ProductRow = newProductRow;
        const running = new Set<string>();
        for (const step of actions) {
          if (step.kind === 'register') {
            const registered = registerDeployment(row, step.deployment);
            expect(registered.status).toBe(running.size > 0 ? 'waiting' : 'watching');
            expect(registered.row.currentDeployment).toBe(
              running.size > 0 ? row.currentDeployment : step.deployment,
            );
            row = registered.row;
          } else if (step.kind === 'begin') {
            const rollback = rollbackOf(step.rollback);
            const beginning = beginRollback(row, rollback);
            if (beginning.kind === 'begun') {
              running.add(rollback.id);
              row = beginning.row;
              expect(row.currentDeployment).toBe(rollback.deployment);
            } else {
              expect(beginning.reason).toMatch(/is already running|is no longer the current deployment/);
              expect(running.has(rollback.id) && row.currentDeployment === rollback.deployment).toBe(false);
            }
          } else {
            const rollback = rollbackOf(step.rollback);
            const ended = endRollback(row, rollback.id, `restored-by-${rollback.id}`, rollback.deployment);
            if (running.delete(rollback.id))
              expect(ended.currentDeployment).toBe(`restored-by-${rollback.id}`);
            else if (running.size > 0) expect(ended).toBe(row);
            row = ended;
          }
          expect([...running]).toEqual(row.rollback === null ? [] : [row.rollback.id]);
        }
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  it('of two that come at once lets the first win, in both orders', () => {
    const registeredFirst = beginRollback(registerDeployment(calm, 'deploy-3').row, aRollback());
    expect(registeredFirst.kind).toBe('refused');
    const begunFirst = beginRollback(calm, aRollback());
    expect(begunFirst.kind === 'begun' && registerDeployment(begunFirst.row, 'deploy-3').status).toBe(
      'waiting',
    );
  });
});

describe('a rollback by hand', () => {
  it.each([
    ['direct/1a2b', true],
    ['inc-2026-11-23-shop-1a2b', false],
  ])('is told by its id: %s', (id, byHand) => {
    expect(isDirect(id)).toBe(byHand);
  });
});
