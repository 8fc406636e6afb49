import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  binomialUpperTail,
  incompleteBeta,
  logGamma,
  rateRatioPValue,
} from '../../domain/statistics-tests.ts';

/** Equal to `digits` significant digits. */
function expectClose(actual: number, expected: number, digits = 9): void {
  const scale = Math.max(Math.abs(expected), 1e-300);
  expect(Math.abs(actual - expected) / scale).toBeLessThan(10 ** -digits);
}

// Expected values: scipy 1.17.1.
describe('the logarithm of the gamma function', () => {
  it.each([
    [0.1, 2.252712651734206],
    [0.5, 0.5723649429247],
    [3.5, 1.2009736023470743],
    [10, 12.801827480081469],
    [100.5, 361.43554046777757],
    [1e4, 82099.71749644238],
    [1e6, 12815504.569147611],
  ])('of %d is %d', (x, expected) => {
    expectClose(logGamma(x), expected, 12);
  });

  it('is zero at one and two', () => {
    expect(Math.abs(logGamma(1))).toBeLessThan(1e-14);
    expect(Math.abs(logGamma(2))).toBeLessThan(1e-14);
  });
});

describe('the incomplete beta function', () => {
  it.each([
    [0.5, 2, 3, 0.6875],
    [0.1, 0.5, 0.5, 0.20483276469913345],
    [0.9, 10, 1, 0.34867844010000004],
    [0.01, 1, 100, 0.6339676587267705],
    [0.5, 500, 500, 0.5],
    [0.48, 5000, 5000, 3.147091632031088e-5],
    [0.25, 1, 1, 0.25],
    [0.2, 2.5, 7.5, 0.40123869824719194],
  ])('at %d with a = %d, b = %d is %d', (x, a, b, expected) => {
    expectClose(incompleteBeta(x, a, b), expected);
  });

  it('ends at zero and one', () => {
    expect(incompleteBeta(0, 2, 3)).toBe(0);
    expect(incompleteBeta(-1, 2, 3)).toBe(0);
    expect(incompleteBeta(1, 2, 3)).toBe(1);
    expect(incompleteBeta(2, 2, 3)).toBe(1);
  });
});

describe('the upper tail of a binomial distribution', () => {
  it.each([
    [1, 10, 0.5, 0.9990234375],
    [3, 10, 0.1, 0.0701908264],
    [50, 100, 0.5, 0.5397946186935889],
    [70, 100, 0.5, 3.925069822796835e-5],
    [120, 9_000, 0.01, 0.0013841721998991193],
    [450, 9_000, 0.05, 0.5067531847291114],
    [600, 9_000, 0.05, 2.5406622591583275e-12],
    [10, 10, 0.001, 1e-30],
    [5, 1_000_000, 1e-6, 0.003659823834902278],
    [45_000, 90_000, 0.49, 1.00322888263352e-9],
  ])('P(X ≥ %d) of %d trials with p = %d is %d', (successes, trials, p, expected) => {
    expectClose(binomialUpperTail(successes, trials, p), expected, 7);
  });

  it('is certain from zero successes, and impossible above the number of trials', () => {
    expect(binomialUpperTail(0, 10, 0.1)).toBe(1);
    expect(binomialUpperTail(-1, 10, 0.1)).toBe(1);
    expect(binomialUpperTail(11, 10, 0.9)).toBe(0);
  });

  it('equals the exact sum', () => {
    const probabilities = fc.integer({ min: 1, max: 99 }).map((percent) => percent / 100);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(60), probabilities, (trials, successes, p) => {
        let sum = 0;
        let term = (1 - p) ** trials;
        for (let k = 0; k <= trials; k++) {
          if (k >= successes) sum += term;
          term *= ((trials - k) / (k + 1)) * (p / (1 - p));
        }
        expect(binomialUpperTail(successes, trials, p)).toBeCloseTo(sum, 9);
      }),
      { seed: 1 },
    );
  });
});

describe('the test of two rates', () => {
  it.each([
    ['a spike against a day', 26, 45_000, 720, 12_960_000, 4.195627235717716e-11],
    ['a spike against an hour', 26, 45_000, 30, 540_000, 8.494371115021417e-9],
    ['five errors against five minutes', 5, 9_000, 3, 45_000, 0.047560358111234],
    ['errors against a clean day', 12, 27_000, 0, 12_960_000, 2.604926591441762e-29],
    ['one error against five clean minutes', 1, 9_000, 0, 45_000, 0.2857142857142857],
    ['exactly twice the rate', 10, 45_000, 5, 45_000, 0.6183718383567471],
  ])('%s', (_, current, currentExposure, reference, referenceExposure, expected) => {
    expectClose(
      rateRatioPValue({ current, currentExposure, reference, referenceExposure, ratio: 2 }),
      expected,
      7,
    );
  });

  it('says nothing without exposure on either side', () => {
    const input = { current: 50, currentExposure: 100, reference: 0, referenceExposure: 100, ratio: 2 };
    expect(rateRatioPValue({ ...input, currentExposure: 0 })).toBe(1);
    expect(rateRatioPValue({ ...input, referenceExposure: 0 })).toBe(1);
  });

  it('is surer with more errors, and less sure with a higher ratio', () => {
    const input = { currentExposure: 9_000, reference: 30, referenceExposure: 90_000, ratio: 2 };
    const p = [10, 15, 20, 30].map((current) => rateRatioPValue({ ...input, current }));
    expect([...p].sort((a, b) => b - a)).toEqual(p);
    expect(rateRatioPValue({ ...input, current: 15, ratio: 3 })).toBeGreaterThan(p[1] as number);
  });
});
