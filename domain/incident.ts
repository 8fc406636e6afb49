import type { Outcome, ServiceRelease } from './deployment.ts';
import type { Trigger } from './detection/verdict.ts';
import type { DeploymentKey } from './identity.ts';

export type IncidentStatus = 'rolling_back' | 'escalated' | 'open' | 'reviewed';

/** One rollback, automatic or manual, and what came of it. */
export interface Incident extends DeploymentKey {
  readonly id: string;
  readonly status: IncidentStatus;
  readonly origin: 'automatic' | 'manual' | 'direct';
  readonly reason: string;
  readonly triggers: readonly Trigger[];
  readonly from: readonly ServiceRelease[];
  readonly to: readonly ServiceRelease[];
  /** Milliseconds since the epoch. */
  readonly breachAtMs: number;
  readonly openedAtMs: number;
  readonly trafficStoppedAtMs: number | null;
  readonly trafficResumedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly outcome: Outcome | null;
  readonly outcomeReason: string | null;
  readonly attempts: number;
  readonly issue: string | null;
  /** Where the issue is read; absent: it has no address. */
  readonly issueUrl?: string | null;
  readonly rootCause: string | null;
  readonly review: {
    readonly by: string;
    readonly verdict: string;
    readonly note: string;
    readonly atMs: number;
  } | null;
}
