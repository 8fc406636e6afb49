import type { Deployment } from './deployment.ts';
import { shortDuration, type TriggerType } from './detection/verdict.ts';
import type { ProductKey } from './identity.ts';
import type { Incident } from './incident.ts';
import { defaultPolicy, type StatisticsPolicy } from './policy.ts';

const defaultStatistics = defaultPolicy.statistics;

/** The specification's statistics; every figure that rests on an assumption names it. */
export interface RollbackStatistics {
  readonly days: number;
  readonly deployments: number;
  readonly automaticRollbacks: number;
  readonly manualRollbacks: number;
  /** Deployments that were not rolled back, percent of all. */
  readonly successRatePercent: number | null;
  readonly causes: readonly { readonly cause: TriggerType; readonly count: number }[];
  /** From breach or command to traffic resumed; `null` without a rollback that resumed traffic. */
  readonly averageRollbackMinutes: number | null;
  /** How long one by hand is assumed to take. */
  readonly manualRollbackMinutes: number;
  readonly timeSavedMinutes: number;
  readonly downtimeWithoutMinutes: number;
  readonly downtimeMeasuredMinutes: number;
  readonly insights: readonly string[];
  readonly assumptions: readonly string[];
}

const insightFor: Readonly<Record<TriggerType, string>> = {
  error_rate: 'Error rate spikes: add more end-to-end tests for error handling',
  performance: 'Performance: add load testing to the performance gate',
  memory: 'Memory leaks: add memory profiling to the testing gate',
  database: 'Database issues: test connection pools under load before production',
  health_check:
    'Failed health checks: start the release in a production-like environment before deploying it',
  alert: 'Alerts: test what they look at before production',
  manual: 'Manual rollbacks: find out what people saw that the triggers did not',
};

/** @param incidents and deployments of the last `days` days */
export function rollbackStatistics(input: {
  readonly days: number;
  readonly deployments: readonly Deployment[];
  readonly incidents: readonly Incident[];
  /** Each product's own assumptions. */
  readonly policyOf: (product: ProductKey) => StatisticsPolicy;
}): RollbackStatistics {
  const { policyOf, days } = input;
  const deployments = input.deployments.filter((deployment) => deployment.origin !== 'rollback');
  const acted = input.incidents.filter((incident) => incident.attempts > 0);
  const manual = acted.filter((incident) => incident.origin !== 'automatic');
  const rolledBack = new Set(
    acted.map((incident) => `${incident.product}/${incident.environment}/${incident.deployment}`),
  );
  const kept = deployments.filter(
    (deployment) =>
      !rolledBack.has(`${deployment.product}/${deployment.environment}/${deployment.deployment}`),
  );
  const finished = acted.flatMap((incident) =>
    incident.trafficResumedAtMs === null
      ? []
      : [
          {
            minutes: (incident.trafficResumedAtMs - incident.breachAtMs) / 60_000,
            byHand: policyOf(incident).manualRollbackMinutes,
          },
        ],
  );
  const average = meanOf(finished.map(({ minutes }) => minutes));
  const byHand = meanOf(finished.map((entry) => entry.byHand));
  const policies = [...input.deployments, ...input.incidents].map(policyOf);
  const causes = countCauses(acted);
  return {
    days,
    deployments: deployments.length,
    automaticRollbacks: acted.length - manual.length,
    manualRollbacks: manual.length,
    successRatePercent: deployments.length === 0 ? null : tenth((100 * kept.length) / deployments.length),
    causes,
    averageRollbackMinutes: average === null ? null : Math.round(average * 100) / 100,
    manualRollbackMinutes: byHand === null ? defaultStatistics.manualRollbackMinutes : tenth(byHand),
    timeSavedMinutes:
      average === null || byHand === null ? 0 : Math.round(finished.length * Math.max(0, byHand - average)),
    downtimeWithoutMinutes: acted.reduce(
      (sum, incident) => sum + policyOf(incident).unattendedDowntimeMinutes,
      0,
    ),
    downtimeMeasuredMinutes: tenth(acted.reduce((sum, incident) => sum + downtimeMinutes(incident), 0)),
    insights: causes.map(({ cause }) => insightFor[cause]),
    assumptions: assumptionsOf(policies.length === 0 ? [defaultStatistics] : policies),
  };
}

function assumptionsOf(policies: readonly StatisticsPolicy[]): string[] {
  const range = (values: readonly number[]) => [...new Set(values)].sort((a, b) => a - b).join(' or ');
  const byHand = range(policies.map((policy) => policy.manualRollbackMinutes));
  const unattended = range(policies.map((policy) => policy.unattendedDowntimeMinutes));
  const more = byHand.includes(' or ') || unattended.includes(' or ') ? ', by product' : '';
  return [
    `a rollback by hand takes ${byHand} minutes (statistics.manual_rollback_minutes${more})`,
    `without automatic rollback an incident means ${unattended} minutes of downtime (statistics.unattended_downtime_minutes${more})`,
  ];
}

function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function countCauses(incidents: readonly Incident[]): { cause: TriggerType; count: number }[] {
  const counts = new Map<TriggerType, number>();
  for (const incident of incidents) {
    const cause = incident.triggers[0]?.type ?? 'manual';
    counts.set(cause, (counts.get(cause) ?? 0) + 1);
  }
  return [...counts]
    .map(([cause, count]) => ({ cause, count }))
    .sort((a, b) => b.count - a.count || a.cause.localeCompare(b.cause));
}

function downtimeMinutes(incident: Incident): number {
  if (incident.trafficStoppedAtMs === null) return 0;
  const until = incident.trafficResumedAtMs ?? incident.endedAtMs ?? incident.trafficStoppedAtMs;
  return Math.max(0, until - incident.trafficStoppedAtMs) / 60_000;
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}

/** As the specification's panel calls them. */
export const causeNames: Readonly<Record<TriggerType, string>> = {
  error_rate: 'Error rate spike',
  performance: 'Performance degradation',
  memory: 'Memory leak',
  database: 'Database connections',
  health_check: 'Failed health checks',
  alert: 'Alert',
  manual: 'Manual',
};

/** The specification's dashboard text. */
export function statisticsText(statistics: RollbackStatistics): string {
  const { deployments } = statistics;
  const share = (count: number) => (deployments === 0 ? '' : ` (${tenth((100 * count) / deployments)}%)`);
  const rollbacks = statistics.automaticRollbacks + statistics.manualRollbacks;
  const without = statistics.downtimeWithoutMinutes;
  const measured = statistics.downtimeMeasuredMinutes;
  return [
    `## Rollback Statistics (Last ${statistics.days} Days)`,
    '',
    `- Deployments: ${deployments}`,
    `- Auto-rollbacks: ${statistics.automaticRollbacks}${share(statistics.automaticRollbacks)}`,
    `- Manual rollbacks: ${statistics.manualRollbacks}${share(statistics.manualRollbacks)}`,
    `- Success rate: ${statistics.successRatePercent === null ? 'no deployments' : `${statistics.successRatePercent}%`}`,
    '',
    '**Rollback Causes**:',
    ...(statistics.causes.length === 0
      ? ['- none']
      : statistics.causes.map(({ cause, count }) => `- ${causeNames[cause]}: ${count}`)),
    '',
    '**Time Saved**:',
    `- Avg rollback time: ${averageText(statistics.averageRollbackMinutes)}`,
    `- Vs manual rollback: ${statistics.manualRollbackMinutes} minutes`,
    `- Time saved: ${statistics.timeSavedMinutes} minutes${rollbacks > 0 ? ` (${tenth(statistics.timeSavedMinutes / rollbacks)}min per rollback)` : ''}`,
    '',
    '**Downtime Prevented**:',
    `- Without auto-rollback: Est. ${without}min total`,
    `- With auto-rollback: ${measured}min total`,
    `- Improvement: ${without === 0 ? 'nothing to improve' : `${Math.round((100 * (without - measured)) / without)}% reduction`}`,
    '',
    ...(statistics.insights.length === 0
      ? []
      : ['**Insights**:', ...statistics.insights.map((line) => `- ${line}`), '']),
    `Assumptions: ${statistics.assumptions.join('; ')}.`,
  ].join('\n');
}

function averageText(minutes: number | null): string {
  if (minutes === null) return 'none measured';
  return minutes < 1 ? shortDuration(minutes * 60_000) : `${tenth(minutes)} minutes`;
}
