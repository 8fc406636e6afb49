import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { severityOf, type Trigger, type TriggerType } from '../../domain/detection/verdict.ts';
import {
  newProductRow,
  openVetoWindow,
  type ProductRow,
  resumed,
  standingVeto,
} from '../../domain/product-row.ts';
import { evidenceOf, type VetoEvidence, vetoWaitMs, worseThan } from '../../domain/veto.ts';
import { newWatch, type WatchState } from '../../domain/watch.ts';
import { aPolicy, aSample, minute, second } from './builders.ts';

function aTrigger(type: TriggerType, over: Partial<Trigger> = {}): Trigger {
  const figures = { baseline: 1, current: 10, threshold: 2, sinceMs: 0 };
  return { type, severity: severityOf[type], service: 'web', reason: `${type} is bad`, ...figures, ...over };
}

const policy = {
  ...aPolicy(),
  rollback: { ...aPolicy().rollback, vetoMs: { critical: minute, high: 2 * minute } },
};

describe('how long a rollback waits for a veto', () => {
  it.each<[ms: number, types: TriggerType[]]>([
    [minute, ['error_rate']],
    [2 * minute, ['performance']],
    [minute, ['performance', 'error_rate']],
    [0, ['health_check']],
    [0, ['performance', 'health_check']],
    [0, []],
  ])('%d ms for %j', (ms, types) => {
    expect(
      vetoWaitMs(
        types.map((type) => aTrigger(type)),
        policy,
      ),
    ).toBe(ms);
  });

  it('not at all by default', () => {
    for (const type of Object.keys(severityOf) as TriggerType[])
      expect(vetoWaitMs([aTrigger(type)], aPolicy())).toBe(0);
  });
});

describe('worse than when the wait began', () => {
  const began: VetoEvidence = { triggers: [aTrigger('error_rate')], errorShares: { web: 0.02 } };
  const check = (errors: number, requests = 1_500) => [
    { ...aSample({ errors, requests, durationMs: 10 * second }), service: 'web' },
  ];
  const worse = (triggers: Trigger[], samples = check(30)) => worseThan(began, { triggers, samples }, 100);

  it('is a further trigger, or one of a further service', () => {
    expect(worse([aTrigger('error_rate')])).toBeNull();
    expect(worse([aTrigger('error_rate'), aTrigger('memory')])).toBe('memory is bad');
    expect(worse([aTrigger('error_rate', { service: 'api', reason: 'api too' })])).toBe('api too');
  });

  it('is an error share that has at least doubled beyond doubt', () => {
    expect(worse([], check(30))).toBeNull();
    expect(worse([], check(70))).toBeNull();
    expect(worse([], check(150))).toBe(
      '10 % of 1500 requests failed in the newest check, 2 % when the wait began',
    );
  });

  it('is nothing that few requests say', () => {
    expect(worse([], check(50, 99))).toBeNull();
    expect(worse([], check(50, 100))).not.toBeNull();
  });

  it('is not a window that fills while the service stays as sick as it was', () => {
    const poisson = fc.tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 100, max: 3_000 }));
    fc.assert(
      fc.property(poisson, fc.nat(), ([permille, requests], seed) => {
        const random = generator(seed);
        const errorsOf = (count: number) => binomial(count, permille / 1_000, random);
        const minutes = [0, 0, requests * 6].map((count) =>
          aSample({ requests: requests * 6, errors: errorsOf(count) }),
        );
        const evidence = evidenceOf(watched(minutes), []);
        for (let i = 0; i < 12; i += 1)
          expect(
            worseThan(evidence, { triggers: [], samples: check(errorsOf(requests), requests) }, 100),
          ).toBeNull();
      }),
      { numRuns: 200, seed: 7 },
    );
  });
});

function watched(samples: readonly ReturnType<typeof aSample>[]): WatchState {
  const state = newWatch([{ service: 'web', release: 'v2', references: [] }]);
  return {
    ...state,
    services: state.services.map((service) => ({
      ...service,
      judge: { ...service.judge, window: { ...service.judge.window, regular: samples } },
    })),
  };
}

/** Park and Miller. */
function generator(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function binomial(count: number, chance: number, random: () => number): number {
  return Array.from({ length: count }, random).filter((draw) => draw < chance).length;
}

describe('the row', () => {
  const veto = { deployment: 'd1', by: 'Ana', reason: 'load test', atMs: 1 };
  const vetoWindow = { deployment: 'd1', untilMs: 2, reason: 'errors' };
  const row: ProductRow = { ...newProductRow, currentDeployment: 'd1', veto, vetoWindow };

  it('keeps a veto and a window of their deployment only', () => {
    expect(standingVeto(row, 'd1')).toEqual(veto);
    expect(openVetoWindow(row, 'd1')).toEqual(vetoWindow);
    expect(standingVeto(row, 'd2')).toBeNull();
    expect(openVetoWindow(row, 'd2')).toBeNull();
    expect(standingVeto(newProductRow, 'd1')).toBeNull();
  });

  it('forgets pause and veto when somebody resumes', () => {
    const after = resumed({ ...row, pause: { untilMs: null, by: 'Ana', reason: '' } });
    expect(after.pause).toBeNull();
    expect(standingVeto(after, 'd1')).toBeNull();
  });
});
