export const triggerTypes = [
  'error_rate',
  'performance',
  'memory',
  'database',
  'health_check',
  'alert',
  'manual',
] as const;

/** The specification's trigger names, and `alert`: somebody else's rule. */
export type TriggerType = (typeof triggerTypes)[number];

export type Severity = 'critical' | 'high';

export const severityOf: Readonly<Record<TriggerType, Severity>> = {
  error_rate: 'critical',
  performance: 'high',
  memory: 'critical',
  database: 'critical',
  health_check: 'critical',
  alert: 'critical',
  manual: 'critical',
};

/** A breach as the specification records it. */
export interface Trigger {
  readonly type: TriggerType;
  readonly severity: Severity;
  readonly service: string | null;
  /** In the trigger's unit: errors/min, ms, percent, connection errors, failed checks. */
  readonly baseline: number | null;
  readonly current: number | null;
  readonly threshold: number | null;
  readonly reason: string;
  /** Since when, milliseconds since the epoch. */
  readonly sinceMs: number;
}

/**
 * `healthy`: nothing to see. `suspect`: something is off, look more often. `breach`: the condition holds on enough
 * evidence. `external`: it is bad, and something else than the release explains it. `inconclusive`: too little data to say. `blind`:
 * nothing was measured. `off`: the trigger is disabled or cannot be judged here.
 */
export type VerdictState = 'healthy' | 'suspect' | 'breach' | 'external' | 'inconclusive' | 'blind' | 'off';

export interface Verdict {
  readonly trigger: TriggerType;
  readonly state: VerdictState;
  readonly baseline: number | null;
  readonly current: number | null;
  readonly threshold: number | null;
  /** One sentence that a tired person understands, with the numbers and the reference that was used. */
  readonly reason: string;
  /** Since when it is bad, milliseconds since the epoch. */
  readonly sinceMs?: number;
  /** How likely such a thing is in the service's own normal life, per deployment. */
  readonly chance?: number;
}

/** A breach as the specification records it, none or one; what is not a breach is no trigger. */
export function breachTrigger(verdict: Verdict, service: string, sinceMs: number): Trigger[] {
  if (verdict.state !== 'breach') return [];
  const { trigger: type, baseline, current, threshold, reason } = verdict;
  return [{ type, severity: severityOf[type], service, baseline, current, threshold, reason, sinceMs }];
}

/** `10.4`, `0.5`, `280`: as many digits as a person needs. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 100) return String(Math.round(value));
  if (size >= 10) return String(Math.round(value * 10) / 10);
  if (size >= 0.095) return String(Math.round(value * 100) / 100);
  return String(Number(value.toPrecision(2)));
}

/** `5 min`, `90 s`: a duration in milliseconds as people say it. */
export function shortDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${shortNumber(ms / 1000)} s`;
  if (ms < 7_200_000) return `${shortNumber(ms / 60_000)} min`;
  return `${shortNumber(ms / 3_600_000)} h`;
}
