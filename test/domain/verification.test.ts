import { describe, expect, it } from 'vitest';
import type { Verdict, VerdictState } from '../../domain/detection/verdict.ts';
import { judgeVerification } from '../../domain/verification.ts';
import { newWatch, type ServiceWatch, type WatchState } from '../../domain/watch.ts';
import { aPolicy, aReference, deployedAt } from './builders.ts';

function aVerdict(state: VerdictState, over: Partial<Verdict> = {}): Verdict {
  return {
    trigger: 'error_rate',
    state,
    baseline: 0.5,
    current: 0.6,
    threshold: 1,
    reason: `error rate ${state}`,
    ...over,
  };
}

function watched(...services: { requests?: number; samples?: number; verdicts?: Verdict[] }[]): WatchState {
  const state = newWatch(
    services.map((_, i) => ({ service: `service-${i}`, release: 'v2.4.0', references: [aReference()] })),
  );
  return {
    ...state,
    lastAtMs: deployedAt,
    services: state.services.map((service, i): ServiceWatch => {
      const { requests = 500, samples = 3, verdicts = [aVerdict('healthy')] } = services[i] ?? {};
      return { ...service, good: { ...service.good, requests, samples }, verdicts };
    }),
  };
}

const judged = (state: WatchState, overdue = false) => judgeVerification(state, aPolicy(), overdue);

describe('the verification under traffic', () => {
  it('is good as soon as the evidence suffices', () => {
    expect(judged(watched({ requests: 100 }))).toEqual({ kind: 'good', reason: 'error rate healthy' });
    expect(judged(watched({}, { verdicts: [] }))).toEqual({
      kind: 'good',
      reason: 'error rate healthy; no errors',
    });
  });

  it.each([
    ['99 requests', { requests: 99 }],
    ['2 samples', { samples: 2 }],
    ['something suspect', { verdicts: [aVerdict('suspect')] }],
  ])('looks again after %s', (_, service) => {
    expect(judged(watched(service))).toBeNull();
    expect(judged(watched({}, service))).toBeNull();
  });

  it('is a success not yet confirmed when its time is over', () => {
    expect(judged(watched({ requests: 12 }), true)).toEqual({
      kind: 'unconfirmed',
      reason: 'not yet confirmed: 12 requests',
    });
    expect(judged(watched({}, { requests: 0 }), true)).toMatchObject({
      reason: 'not yet confirmed: 0 requests',
    });
    expect(judged(watched({ verdicts: [aVerdict('suspect')] }), true)).toMatchObject({
      kind: 'unconfirmed',
      reason: 'not yet confirmed: error rate suspect',
    });
    expect(judged(watched({ requests: 0, verdicts: [aVerdict('suspect')] }), true)).toMatchObject({
      reason: 'not yet confirmed: 0 requests',
    });
  });

  it('is good when its time is over and the evidence suffices', () => {
    expect(judged(watched({}), true)).toMatchObject({ kind: 'good' });
  });

  it.each([true, false])('is sick when a trigger breaches, overdue or not (%s)', (overdue) => {
    const slow = aVerdict('breach', { trigger: 'performance', reason: 'p95 900 ms' });
    expect(judged(watched({}, { verdicts: [aVerdict('breach'), slow] }), overdue)).toEqual({
      kind: 'sick',
      reason: 'error rate breach; p95 900 ms',
      healthFailing: false,
      triggers: [
        {
          type: 'error_rate',
          severity: 'critical',
          service: 'service-1',
          baseline: 0.5,
          current: 0.6,
          threshold: 1,
          reason: 'error rate breach',
          sinceMs: deployedAt,
        },
        expect.objectContaining({ type: 'performance', severity: 'high' }),
      ],
    });
  });

  it('says when health itself fails, for then traffic stops again', () => {
    const dead = aVerdict('breach', { trigger: 'health_check' });
    const state = { ...watched({ verdicts: [dead] }), lastAtMs: null };
    expect(judged(state)).toMatchObject({ healthFailing: true, triggers: [{ sinceMs: 0 }] });
  });
});
