import type { DeploymentKey } from './identity.ts';

/** A release of one service, as a deployment put it into production. */
export interface ServiceRelease {
  readonly service: string;
  readonly release: string;
}

/** `reported` by a pipeline, `observed` (someone changed it by hand), or made by a `rollback`. */
export type DeploymentOrigin = 'reported' | 'observed' | 'rollback';

export type DeploymentStatus = 'waiting' | 'watching' | 'ended';

export const outcomes = [
  'healthy',
  'rolled_back',
  'needs_attention',
  'superseded',
  'changed_outside',
  'unobserved',
  'cancelled',
] as const;

export type Outcome = (typeof outcomes)[number];

/** One deployment of a product, as the store keeps it. */
export interface Deployment extends DeploymentKey {
  readonly services: readonly ServiceRelease[];
  readonly origin: DeploymentOrigin;
  readonly status: DeploymentStatus;
  readonly outcome: Outcome | null;
  readonly outcomeReason: string | null;
  /** Milliseconds since the epoch. */
  readonly deployedAtMs: number;
  readonly endedAtMs: number | null;
  /** When the oldest change in it was committed; absent: nobody said. */
  readonly changedAtMs?: number | null;
  /** The configured webhook that is told its outcome; absent: none. */
  readonly callback?: string;
  /** Observed, breach-free traffic served so far, milliseconds. */
  readonly goodMs: number;
}

export function releaseOf(
  deployment: { readonly services: readonly ServiceRelease[] },
  service: string,
): string | null {
  return deployment.services.find((entry) => entry.service === service)?.release ?? null;
}

/** `v2.5.0`, or `web v2.5.0, worker v1.2.0` where a deployment names several services. */
export function releaseNames(services: readonly ServiceRelease[]): string {
  const only = services.length === 1 ? services[0] : undefined;
  return only ? only.release : services.map((entry) => `${entry.service} ${entry.release}`).join(', ');
}
