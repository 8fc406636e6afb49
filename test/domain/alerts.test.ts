import { describe, expect, it } from 'vitest';
import { type FiringAlert, judgeAlerts } from '../../domain/alerts.ts';
import { aPolicy, deployedAt, minute } from './builders.ts';

const anAlert = (over: Partial<FiringAlert> = {}): FiringAlert => ({
  name: 'HighErrorRate',
  service: 'web',
  summary: '12 % of the requests fail',
  sinceMs: deployedAt + 7 * minute,
  ...over,
});

const judged = (alerts: readonly FiringAlert[], policy = aPolicy()) =>
  judgeAlerts(alerts, { policy, deployedAtMs: deployedAt, atMs: deployedAt + 10 * minute });

describe('a firing alert', () => {
  it('is a breach since it fires, in the words of its author', () => {
    expect(judged([anAlert()])).toEqual([
      expect.objectContaining({
        trigger: 'alert',
        state: 'breach',
        reason: 'alert HighErrorRate fires for 3 min: 12 % of the requests fail',
        sinceMs: deployedAt + 7 * minute,
      }),
    ]);
  });

  it('of several is the first, the others are named', () => {
    const later = anAlert({ name: 'Slow', sinceMs: deployedAt + 8 * minute, summary: '' });
    expect(judged([later, anAlert()])[0]?.reason).toBe(
      'alert HighErrorRate fires for 3 min: 12 % of the requests fail, and 1 more (Slow)',
    );
  });

  it('without words is told by its name alone', () => {
    expect(judged([anAlert({ summary: '' })])[0]?.reason).toBe('alert HighErrorRate fires for 3 min');
  });

  it('that fired before the deployment is not the release’s', () => {
    expect(judged([anAlert({ sinceMs: deployedAt - 1 })])).toEqual([]);
  });

  it('says nothing where the trigger is off, and its absence says nothing either', () => {
    expect(judged([anAlert()], aPolicy({ triggers: { alert: { enabled: false } } }))).toEqual([]);
    expect(judged([])).toEqual([]);
  });
});
