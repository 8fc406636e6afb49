import { describe, expect, it } from 'vitest';
import { checkFailed } from '../../../../domain/sample.ts';
import {
  aContext,
  aFailingProbe,
  aPolicy,
  aProbe,
  aSample,
  deployedAt,
  hour,
  minute,
  samples,
  second,
  states,
  verdictOf,
} from '../../builders.ts';

const down = { probes: [aFailingProbe] };
const up = { probes: [aProbe()] };
const checks = (outcomes: string) => samples([...outcomes].map((letter) => (letter === 'x' ? down : up)));

describe('health checks', () => {
  it.each([
    ['four failed ones breach', 'xxxx', 'breach'],
    ['three are allowed', 'xxx', 'suspect'],
    ['the last one must fail', 'xxxx.', 'healthy'],
    ['they need not follow each other', 'xx.xx', 'breach'],
    ['older than five minutes do not count', 'xxx..x', 'suspect'],
    ['one is suspect', '....x', 'suspect'],
    ['none are healthy', '.....', 'healthy'],
  ])('%s', (_, outcomes, state) => {
    expect(states('health_check', checks(outcomes)).at(-1)).toBe(state);
  });

  it('at extra ticks count as well, so that a dead service is known dead within a minute', () => {
    const stream = [0, 10, 20, 30].map((at) =>
      aSample({ ...down, regular: at === 0, atMs: deployedAt + hour + at * second }),
    );
    expect(states('health_check', stream)).toEqual(['suspect', 'suspect', 'suspect', 'breach']);
  });

  it('while the release warms up do not count', () => {
    const from = (offset: number) =>
      [0, 10, 20, 30, 40].map((at) => aSample({ ...down, atMs: deployedAt + offset + at * second }));
    expect(verdictOf('health_check', from(0))).toMatchObject({
      state: 'inconclusive',
      current: null,
      reason: 'warming up, health checks do not count yet',
    });
    expect(states('health_check', from(30 * second)).at(-1)).toBe('suspect');
    expect(states('health_check', from(minute)).at(-2)).toBe('breach');
    const long = aContext({ policy: aPolicy({ monitoring: { warmUpMs: 2 * minute } }) });
    expect(states('health_check', from(minute), long).at(-1)).toBe('inconclusive');
  });

  it('tell what the last one saw', () => {
    expect(verdictOf('health_check', checks('xxxx'))).toEqual({
      trigger: 'health_check',
      state: 'breach',
      baseline: null,
      current: 4,
      threshold: 3,
      reason: '4 of 4 health checks failed in 5 min, allowed 3; last: web-1 connection refused',
    });
  });

  it.each([
    [0, 3, false],
    [1, 3, false],
    [2, 3, true],
    [1, 2, true],
    [2, 4, true],
    [1, 4, false],
    [0, 0, false],
    [1, 1, true],
  ])('with %i of %i instances failing: failed is %s', (failing, instances, failed) => {
    const probes = Array.from({ length: instances }, (_, i) =>
      aProbe({ instance: `web-${i}`, healthy: i >= failing, detail: i < failing ? 'timeout' : '200' }),
    );
    expect(checkFailed(probes)).toBe(failed);
    const stream = samples(Array.from({ length: 5 }, () => ({ probes })));
    const state = failed ? 'breach' : failing > 0 ? 'suspect' : 'healthy';
    expect(states('health_check', stream).at(-1)).toBe(state);
  });

  it('name the one instance of many that fails', () => {
    const probes = [aProbe(), aProbe({ instance: 'web-2' }), { ...aFailingProbe, instance: 'web-3' }];
    expect(verdictOf('health_check', samples([{ probes }])).reason).toBe(
      '0 of 1 health checks failed in 5 min, allowed 3; web-3 connection refused',
    );
  });

  it('are off when they are disabled, and follow the configured count and window', () => {
    const policy = (healthCheck: object) => aContext({ policy: aPolicy({ triggers: { healthCheck } }) });
    expect(states('health_check', checks('xxxxx'), policy({ enabled: false })).at(-1)).toBe('off');
    expect(states('health_check', checks('xx'), policy({ failureCount: 1 })).at(-1)).toBe('breach');
    expect(states('health_check', checks('xxxx'), policy({ windowMs: 3 * minute })).at(-1)).toBe('suspect');
  });
});
