import { describe, expect, it } from 'vitest';
import type { ConditionKind, StandingCondition } from '../../domain/conditions.ts';
import { type ProductPhase, phaseOf } from '../../domain/product-phase.ts';
import { newProductRow } from '../../domain/product-row.ts';
import { newWatch, type WatchState } from '../../domain/watch.ts';

const current = {
  product: 'shop',
  environment: 'production',
  deployment: 'd',
  services: [],
  origin: 'reported' as const,
  status: 'watching' as const,
  outcome: null,
  outcomeReason: null,
  deployedAtMs: 0,
  endedAtMs: null,
  goodMs: 0,
};

function watching(...kinds: ConditionKind[]): WatchState {
  const standing = kinds.map(
    (kind): StandingCondition => ({
      key: kind,
      kind,
      service: null,
      reason: '',
      severity: 'warning',
      sinceMs: 0,
      clearTicks: 0,
    }),
  );
  return { ...newWatch([]), baselineDone: true, conditions: { standing, edgeTimes: [] } };
}

const vetoWindow = { deployment: 'd', untilMs: 1, reason: 'errors' };
const rollback = { id: 'inc-1', deployment: 'd', sinceMs: 0 };

describe('the phase of a product', () => {
  it.each<[phase: ProductPhase, of: Parameters<typeof phaseOf>]>([
    ['idle', [newProductRow, null, null, null]],
    ['baseline', [newProductRow, current, null, null]],
    ['baseline', [newProductRow, current, newWatch([]), null]],
    ['watching', [newProductRow, current, watching(), null]],
    ['watching', [newProductRow, current, watching('not_ready'), null]],
    ['suspect', [newProductRow, current, { ...watching(), suspect: true }, null]],
    ['suspect', [newProductRow, current, watching('external'), null]],
    ['blind', [newProductRow, current, watching('suspect', 'blind'), null]],
    ['blind', [newProductRow, current, watching('gap'), null]],
    ['breach', [newProductRow, current, watching('blind', 'breach'), null]],
    ['veto_window', [{ ...newProductRow, vetoWindow }, current, watching('breach'), null]],
    [
      'breach',
      [
        { ...newProductRow, vetoWindow: { ...vetoWindow, deployment: 'before' } },
        current,
        watching('breach'),
        null,
      ],
    ],
    ['rolling_back', [{ ...newProductRow, vetoWindow, rollback }, current, watching('breach'), null]],
    ['breach', [newProductRow, current, watching('dry_run'), null]],
    ['waiting', [newProductRow, { ...current, status: 'waiting' }, null, null]],
    ['healthy', [newProductRow, { ...current, outcome: 'healthy' }, watching('breach'), null]],
    ['rolling_back', [{ ...newProductRow, rollback }, current, watching('breach'), 'rolling_back']],
    ['rolling_back', [{ ...newProductRow, rollback }, current, null, null]],
    ['escalated', [{ ...newProductRow, rollback }, { ...current, outcome: 'healthy' }, null, 'escalated']],
  ])('is %s', (phase, of) => expect(phaseOf(...of)).toBe(phase));
});
