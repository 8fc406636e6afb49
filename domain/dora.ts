import type { Deployment } from './deployment.ts';
import type { Incident } from './incident.ts';

/** DORA's four keys, as its guide defines them, over what this system knows. */
export interface DoraKeys {
  /** Deployments a day; rollbacks are none. */
  readonly deploymentsPerDay: number;
  /** Median time from a deployment's oldest commit to production, minutes; `null`: no deployment said when that was. */
  readonly leadTimeMinutes: number | null;
  /** Of how many deployments that is known. */
  readonly leadTimeKnown: number;
  /** Deployments that were rolled back or left needing attention, percent of all; `null` without any. */
  readonly changeFailurePercent: number | null;
  /** Median time from the breach to traffic on a good release, minutes; `null`: nothing had to be recovered. */
  readonly recoveryMinutes: number | null;
}

/** @param days length of the period that `deployments` and `incidents` are of */
export function doraKeys(
  deployments: readonly Deployment[],
  incidents: readonly Incident[],
  days: number,
): DoraKeys {
  const made = deployments.filter(({ origin }) => origin !== 'rollback');
  const failed = made.filter(({ outcome }) => outcome === 'rolled_back' || outcome === 'needs_attention');
  const leads = made.flatMap(({ changedAtMs, deployedAtMs }) =>
    changedAtMs == null ? [] : [Math.max(0, deployedAtMs - changedAtMs) / 60_000],
  );
  const recoveries = incidents.flatMap(({ breachAtMs, trafficResumedAtMs, endedAtMs, outcome }) => {
    const restoredMs = trafficResumedAtMs ?? (outcome === 'rolled_back' ? endedAtMs : null);
    return restoredMs === null ? [] : [Math.max(0, restoredMs - breachAtMs) / 60_000];
  });
  return {
    deploymentsPerDay: rounded(made.length / days),
    leadTimeMinutes: medianOf(leads),
    leadTimeKnown: leads.length,
    changeFailurePercent: made.length === 0 ? null : rounded((100 * failed.length) / made.length),
    recoveryMinutes: medianOf(recoveries),
  };
}

function medianOf(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const high = sorted[middle] as number;
  return rounded(sorted.length % 2 === 1 ? high : ((sorted[middle - 1] as number) + high) / 2);
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
