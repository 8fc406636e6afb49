import { describe, expect, it } from 'vitest';
import { errorShare, healthiest } from '../../../domain/detection/reference.ts';
import { shortDuration, shortNumber } from '../../../domain/detection/verdict.ts';
import { aReference } from '../builders.ts';

describe('numbers as people say them', () => {
  it.each([
    [0, '0'],
    [0.0049, '0.0049'],
    [0.01234, '0.012'],
    [0.095, '0.1'],
    [0.0949, '0.095'],
    [0.5, '0.5'],
    [5.2, '5.2'],
    [9.994, '9.99'],
    [10.44, '10.4'],
    [99.96, '100'],
    [280.4, '280'],
    [-10.44, '-10.4'],
    [-280.4, '-280'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [Number.NaN, 'NaN'],
  ])('%d is %s', (value, text) => {
    expect(shortNumber(value)).toBe(text);
  });

  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [1_000, '1 s'],
    [90_000, '90 s'],
    [119_999, '120 s'],
    [120_000, '2 min'],
    [300_000, '5 min'],
    [7_199_999, '120 min'],
    [7_200_000, '2 h'],
    [86_400_000, '24 h'],
  ])('%d ms is %s', (ms, text) => {
    expect(shortDuration(ms)).toBe(text);
  });
});

describe('references', () => {
  const good = aReference({ label: 'good', errors: 1 });
  const bad = aReference({ label: 'bad', errors: 1_000 });

  it('know their errors per request, zero without requests', () => {
    expect(errorShare(aReference({ requests: 200, errors: 3 }))).toBe(0.015);
    expect(errorShare(aReference({ requests: 0, errors: 3 }))).toBe(0);
  });

  it('give the healthiest that applies, the first of equals', () => {
    expect(healthiest([bad, good], errorShare)).toBe(good);
    expect(healthiest([good, { ...good, label: 'twin' }], errorShare)).toBe(good);
    expect(healthiest([aReference({ requests: 0, errors: 0 }), bad], errorShare)).toBe(bad);
    expect(healthiest([good, bad], (reference) => (reference === good ? null : 1))).toBe(bad);
    expect(healthiest([], errorShare)).toBeNull();
  });
});
