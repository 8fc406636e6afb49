import { describe, expect, it } from 'vitest';
import type { Incident } from '../../domain/incident.ts';
import { defaultPolicy } from '../../domain/policy.ts';
import { rollbackStatistics, statisticsText } from '../../domain/rollback-statistics.ts';
import { aDeployment, anIncident, aTrigger, deployedAt, minute } from './builders.ts';

const policy = defaultPolicy.statistics;
const deployments = Array.from({ length: 45 }, (_, i) => aDeployment({ deployment: `deploy-${i}` }));

/** Breach at 10:12, three minutes to traffic resumed, all of them without traffic. */
function rolledBack(n: number, over: Partial<Incident> = {}): Incident {
  return anIncident({
    id: `inc-${n}`,
    deployment: `deploy-${n}`,
    trafficStoppedAtMs: deployedAt + 12 * minute,
    trafficResumedAtMs: deployedAt + 15 * minute,
    ...over,
  });
}

/** The specification's example: two error spikes, a memory leak, and one by hand. */
const example = [
  rolledBack(1),
  rolledBack(2),
  rolledBack(3, { triggers: [aTrigger({ type: 'memory' })] }),
  rolledBack(4, { origin: 'manual', triggers: [] }),
];

const statisticsOf = (incidents: readonly Incident[], list = deployments) =>
  rollbackStatistics({ days: 30, deployments: list, incidents, policyOf: () => policy });

describe('the statistics', () => {
  it('take each product’s own assumptions and name them all', () => {
    const billing = { manualRollbackMinutes: 45, unattendedDowntimeMinutes: 90 };
    const incidents = [rolledBack(1), rolledBack(2, { product: 'billing' })];
    const statistics = rollbackStatistics({
      days: 30,
      deployments,
      incidents,
      policyOf: ({ product }) => (product === 'billing' ? billing : policy),
    });
    expect(statistics).toMatchObject({
      manualRollbackMinutes: 35,
      timeSavedMinutes: 25 - 3 + (45 - 3),
      downtimeWithoutMinutes: 30 + 90,
    });
    expect(statistics.assumptions[0]).toContain('25 or 45 minutes');
    expect(statistics.assumptions[0]).toContain('by product');
  });

  it('of the specification’s example have its figures: 41 of 45 are 91.1 %', () => {
    expect(statisticsOf(example)).toEqual({
      days: 30,
      deployments: 45,
      automaticRollbacks: 3,
      manualRollbacks: 1,
      successRatePercent: 91.1,
      causes: [
        { cause: 'error_rate', count: 2 },
        { cause: 'manual', count: 1 },
        { cause: 'memory', count: 1 },
      ],
      averageRollbackMinutes: 3,
      manualRollbackMinutes: 25,
      timeSavedMinutes: 88,
      downtimeWithoutMinutes: 120,
      downtimeMeasuredMinutes: 12,
      insights: [
        'Error rate spikes: add more end-to-end tests for error handling',
        'Manual rollbacks: find out what people saw that the triggers did not',
        'Memory leaks: add memory profiling to the testing gate',
      ],
      assumptions: [
        'a rollback by hand takes 25 minutes (statistics.manual_rollback_minutes)',
        'without automatic rollback an incident means 30 minutes of downtime (statistics.unattended_downtime_minutes)',
      ],
    });
  });

  it('are written as the specification’s dashboard', () => {
    expect(statisticsText(statisticsOf(example)).split('\n')).toEqual([
      '## Rollback Statistics (Last 30 Days)',
      '',
      '- Deployments: 45',
      '- Auto-rollbacks: 3 (6.7%)',
      '- Manual rollbacks: 1 (2.2%)',
      '- Success rate: 91.1%',
      '',
      '**Rollback Causes**:',
      '- Error rate spike: 2',
      '- Manual: 1',
      '- Memory leak: 1',
      '',
      '**Time Saved**:',
      '- Avg rollback time: 3 minutes',
      '- Vs manual rollback: 25 minutes',
      '- Time saved: 88 minutes (22min per rollback)',
      '',
      '**Downtime Prevented**:',
      '- Without auto-rollback: Est. 120min total',
      '- With auto-rollback: 12min total',
      '- Improvement: 90% reduction',
      '',
      '**Insights**:',
      '- Error rate spikes: add more end-to-end tests for error handling',
      '- Manual rollbacks: find out what people saw that the triggers did not',
      '- Memory leaks: add memory profiling to the testing gate',
      '',
      'Assumptions: a rollback by hand takes 25 minutes (statistics.manual_rollback_minutes); without automatic rollback an incident means 30 minutes of downtime (statistics.unattended_downtime_minutes).',
    ]);
  });

  it('of nothing say nothing', () => {
    const nothing = statisticsOf([], []);
    expect(nothing).toMatchObject({
      successRatePercent: null,
      averageRollbackMinutes: null,
      timeSavedMinutes: 0,
      causes: [],
    });
    const text = statisticsText(nothing);
    expect(text).toContain('- Auto-rollbacks: 0\n');
    expect(text).toContain('- Success rate: no deployments\n');
    expect(text).toContain('**Rollback Causes**:\n- none\n');
    expect(text).toContain(
      '- Avg rollback time: none measured\n- Vs manual rollback: 25 minutes\n- Time saved: 0 minutes\n',
    );
    expect(text).toContain('- Improvement: nothing to improve\n\nAssumptions:');
  });

  it('do not count the restored release’s deployment, nor an incident in which nothing was attempted', () => {
    const restored = aDeployment({ deployment: 'rollback-1', origin: 'rollback' });
    const observed = aDeployment({ deployment: 'by-hand', origin: 'observed' });
    const figures = statisticsOf(
      [rolledBack(1), rolledBack(2, { attempts: 0 })],
      [...deployments, restored, observed],
    );
    expect(figures).toMatchObject({ deployments: 46, automaticRollbacks: 1, successRatePercent: 97.8 });
  });

  it('count a deployment that was rolled back twice once, and another product’s of the same name not at all', () => {
    const twice = [rolledBack(1), rolledBack(1, { id: 'inc-1b' })];
    expect(statisticsOf(twice).successRatePercent).toBe(97.8);
    expect(statisticsOf([rolledBack(1, { product: 'blog' })]).successRatePercent).toBe(100);
    expect(statisticsOf([rolledBack(1, { environment: 'staging' })]).successRatePercent).toBe(100);
  });

  it('count one made by hand without Temporal as manual', () => {
    expect(statisticsOf([rolledBack(1, { origin: 'direct' })])).toMatchObject({
      automaticRollbacks: 0,
      manualRollbacks: 1,
    });
  });

  it.each([
    ['traffic never stopped', { trafficStoppedAtMs: null, trafficResumedAtMs: null }, 0, null],
    ['traffic never resumed: to the incident’s end', { trafficResumedAtMs: null }, 8, null],
    ['traffic never resumed and no end', { trafficResumedAtMs: null, endedAtMs: null }, 0, null],
    ['clocks that disagree', { trafficResumedAtMs: deployedAt + 11 * minute }, 0, -1],
  ])('measure the downtime where %s', (_, over, downtime, average) => {
    expect(statisticsOf([rolledBack(1, over)])).toMatchObject({
      downtimeMeasuredMinutes: downtime,
      averageRollbackMinutes: average,
    });
  });

  it('never save negative time', () => {
    const slow = rolledBack(1, { trafficResumedAtMs: deployedAt + 60 * minute });
    expect(statisticsOf([slow])).toMatchObject({ averageRollbackMinutes: 48, timeSavedMinutes: 0 });
  });

  it('sort causes by number, then by name', () => {
    const incidents = (['performance', 'database', 'health_check', 'performance'] as const).map((type, i) =>
      rolledBack(i, { triggers: [aTrigger({ type })] }),
    );
    expect(statisticsOf(incidents).causes.map(({ cause }) => cause)).toEqual([
      'performance',
      'database',
      'health_check',
    ]);
  });
});
