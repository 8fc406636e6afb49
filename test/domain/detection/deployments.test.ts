import { describe, expect, it } from 'vitest';
import { Random } from '../../../bench/detection/random.ts';
import { makeTrace, type TrafficOptions } from '../../../bench/detection/traffic.ts';
import { deployedAt, minute } from '../builders.ts';
import {
  type Breach,
  calibrationOf,
  checksOf,
  firstBreach,
  judging,
  type Life,
  lifeOf,
  statesOf,
} from './streams.ts';

// Deployments as the bench draws them: seasons, swings, transients, warm-ups, neighbours.
const levels = [50, 200, 1_000, 5_000];
const minutes = 300;

/** The same number, the same noise, whatever is regressed. */
function draw(requestsPerMinute: number, number: number, regression?: TrafficOptions['regression']): Life {
  const options = { noise: 'burst', requestsPerMinute, ...(regression ? { regression } : {}) } as const;
  return lifeOf(makeTrace(new Random(`property/${requestsPerMinute}/${number}`), options).trace);
}

function find(life: Life, deployedAtMs = deployedAt): Breach | null {
  const calibration = calibrationOf(life, undefined, deployedAtMs);
  return firstBreach(judging(checksOf(life, minutes, deployedAtMs), { calibration, deployedAtMs }));
}

/** The base with `times` the errors that the regression added: the others stay, one by one. */
function worse(base: Life, regressed: Life, times: number): Life {
  return (at) => {
    const row = base(at);
    if (row === null) return null;
    const added = (regressed(at)?.errors ?? row.errors) - row.errors;
    return { ...row, errors: Math.min(row.requests, row.errors + times * added) };
  };
}

describe('on coupled deployments', () => {
  /**
   * Held: something outside seemed to explain it. So bad a release can look like a client that came on top of slightly more
   * traffic than usual (see `surroundings.test.ts`), and is then believed later.
   */
  it('a worse release is found at most one minute later, unless something outside seems to explain it', () => {
    let compared = 0;
    for (const level of levels) {
      for (let number = 0; number < 8; number += 1) {
        const onset = number % 2 === 0 ? 'immediate' : 'delayed';
        const base = draw(level, number);
        const regressed = draw(level, number, { what: 'err_x3', onset });
        const calibration = calibrationOf(base);
        const found = [1, 2, 4].map((times) => {
          let held = false;
          for (const step of judging(checksOf(worse(base, regressed, times), minutes), { calibration })) {
            held ||= step.state.signals.outside.errors !== null;
            if (step.verdicts.error_rate.state === 'breach') return { at: step.at, held };
          }
          return { at: Number.POSITIVE_INFINITY, held };
        });
        for (const [i, more] of found.entries()) {
          for (const less of found.slice(0, i)) {
            if (more.held || less.held) continue;
            compared += 1;
            expect(more.at, `${level}/${number}`).toBeLessThanOrEqual(less.at + 1);
          }
        }
      }
    }
    expect(compared).toBeGreaterThan(50);
  });

  it('more traffic does not lower recall beyond its interval: err_x3 and lat_x1.7, 20 seeds a level', () => {
    const number = 20;
    for (const what of ['err_x3', 'lat_x1.7'] as const) {
      const recalls = levels.map((level) => {
        const found = Array.from({ length: number }, (_, i) =>
          find(draw(level, i, { what, onset: 'immediate' })),
        );
        return found.filter((breach) => breach !== null).length / number;
      });
      for (const [i, recall] of recalls.entries()) {
        for (const less of recalls.slice(0, i)) {
          const deviation = Math.sqrt((recall * (1 - recall) + less * (1 - less)) / number);
          expect(recall, `${what}: ${recalls}`).toBeGreaterThanOrEqual(less - 2 * deviation - 1 / number);
        }
      }
      expect(recalls.at(-1)).toBeGreaterThan(0.9);
    }
  });

  it('the time of day, shifted with its season by half hours, changes no decision', () => {
    for (const [i, level] of levels.entries()) {
      for (const regression of [undefined, { what: 'err_x5', onset: 'delayed' }] as const) {
        const life = draw(level, i, regression);
        const decision = find(life);
        for (const halfHours of [1, 17, -9]) {
          const shifted = find(life, deployedAt + halfHours * 30 * minute);
          expect(shifted?.at).toBe(decision?.at);
          expect(shifted?.verdict.trigger).toBe(decision?.verdict.trigger);
        }
      }
    }
  });

  it('a healthy release stays, with and without gaps', () => {
    for (const level of levels) {
      for (let number = 0; number < 5; number += 1) {
        const life = draw(level, number);
        const holed: Life = (at) => (at >= 0 && at % 50 > 40 ? null : life(at));
        expect(find(life), `${level}/${number}`).toBeNull();
        expect(find(holed), `${level}/${number} with gaps`).toBeNull();
      }
    }
  });

  it('a client that misbehaves is external', () => {
    let external = 0;
    for (let number = 0; number < 6; number += 1) {
      const options = { noise: 'burst', requestsPerMinute: 1_000 } as const;
      const random = new Random(`client/${number}`);
      const external_ = { what: 'misbehaving_client', start: 'early' } as const;
      const life = lifeOf(makeTrace(random, { ...options, external: external_ }).trace);
      const steps = [...judging(checksOf(life, 60), { calibration: calibrationOf(life) })];
      if (statesOf(steps, 'error_rate').includes('external')) external += 1;
    }
    expect(external).toBeGreaterThanOrEqual(4);
  });
});
