import type { Random } from './random.ts';
import { type Effect, noEffect, p95FactorOfMix } from './regressions.ts';
import { minutesBefore } from './trace.ts';
import { minutes, type TrafficModel } from './traffic-model.ts';

type MakeEffect = (onset: number, model: TrafficModel, random: Random) => Effect;

/** Regressions of the hold-out shapes. */
export const effects = {
  errorRamp: (onset, _model, random) => {
    const top = Math.log(random.uniform(4, 8));
    const length = random.uniform(30, 120);
    return effectOfAge(onset, (effect, row, age) => {
      effect.errorFactor[row] = Math.exp(top * Math.min(1, age / length));
    });
  },

  latencyRamp: (onset, _model, random) => {
    const top = Math.log(random.uniform(1.8, 2.5));
    const length = random.uniform(30, 120);
    return effectOfAge(onset, (effect, row, age) => {
      effect.p95Factor[row] = Math.exp(top * Math.min(1, age / length));
    });
  },

  badTwoOfFive: (onset, _model, random) => {
    const factor = random.uniform(6, 15);
    return effectOfAge(onset, (effect, row, age) => {
      effect.errorFactor[row] = age % 5 < 2 ? factor : 1;
    });
  },

  badTenOfThirty: (onset, _model, random) => {
    const factor = random.uniform(5, 12);
    return effectOfAge(onset, (effect, row, age) => {
      effect.errorFactor[row] = age % 30 < 10 ? factor : 1;
    });
  },

  oneOfTen: (onset, _model, random) => {
    const share = 0.1 * random.uniform(0.8, 1);
    return effectOfAge(onset, (effect, row) => {
      effect.errorShare[row] = share;
    });
  },

  /** The slowest requests only: the median stays. */
  tailLatency: (onset, model, random) => {
    const factor = p95FactorOfMix(model.latencySigma, random.uniform(0.08, 0.15), random.uniform(4, 8));
    return effectOfAge(onset, (effect, row) => {
      effect.p95Factor[row] = factor;
    });
  },

  /** Like a long warm-up that does not end: four times as slow at first, nearly twice for good. */
  slowStart: (onset, _model, random) => {
    const fade = random.uniform(8, 20);
    const stays = random.uniform(1.8, 2.2);
    return effectOfAge(onset, (effect, row, age) => {
      effect.p95Factor[row] = stays + (4 - stays) * Math.exp(-age / fade);
      effect.errorFactor[row] = 1 + 2 * Math.exp(-age / fade);
    });
  },

  newErrors: (onset, _model, random) => {
    const share = Math.exp(random.uniform(Math.log(0.01), Math.log(0.04)));
    return effectOfAge(onset, (effect, row) => {
      effect.errorShare[row] = share;
    });
  },
} satisfies Record<string, MakeEffect>;

function effectOfAge(onset: number, set: (effect: Effect, row: number, age: number) => void): Effect {
  const effect = noEffect();
  const from = minutesBefore + onset;
  for (let row = from; row < minutes; row += 1) set(effect, row, row - from);
  return effect;
}
