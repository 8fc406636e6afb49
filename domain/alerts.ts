import { shortDuration, type Verdict } from './detection/verdict.ts';
import type { Policy } from './policy.ts';

/** Somebody else's rule that holds, as an alert manager told us. */
export interface FiringAlert {
  readonly name: string;
  /** `null`: of the whole product. */
  readonly service: string | null;
  /** What its author wrote for people. */
  readonly summary: string;
  /** Since when it fires, milliseconds since the epoch. */
  readonly sinceMs: number;
}

/**
 * A firing alert is a breach by itself: its rule has waited for its own time. One that fired before the deployment is not the
 * release's. Without an alert there is no verdict: silence of an alert manager says nothing.
 */
export function judgeAlerts(
  alerts: readonly FiringAlert[],
  context: { readonly policy: Policy; readonly deployedAtMs: number; readonly atMs: number },
): Verdict[] {
  if (!context.policy.triggers.alert.enabled) return [];
  const ours = alerts.filter(({ sinceMs }) => sinceMs >= context.deployedAtMs);
  const [first, ...others] = ours.toSorted((a, b) => a.sinceMs - b.sinceMs);
  if (first === undefined) return [];
  const more = others.length === 0 ? '' : `, and ${others.length} more (${others.map(nameOf).join(', ')})`;
  const forMs = Math.max(0, context.atMs - first.sinceMs);
  const words = first.summary === '' ? '' : `: ${first.summary}`;
  return [
    {
      trigger: 'alert',
      state: 'breach',
      baseline: null,
      current: ours.length,
      threshold: 0,
      reason: `alert ${first.name} fires for ${shortDuration(forMs)}${words}${more}`,
      sinceMs: first.sinceMs,
    },
  ];
}

function nameOf({ name }: FiringAlert): string {
  return name;
}
