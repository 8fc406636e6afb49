import type { ServiceRelease } from './deployment.ts';
import type { Trigger } from './detection/verdict.ts';
import type { Candidate } from './last-known-good.ts';
import type { Policy } from './policy.ts';

/** Who wants a rollback, and why. */
export interface RollbackRequest {
  /** The same request may arrive twice (update, then signal); handlers count it once. */
  readonly requestId: string;
  readonly origin: 'automatic' | 'manual';
  readonly by: string;
  readonly reason: string;
  readonly triggers: readonly Trigger[];
  /** A person's choice of target; `null` = last known good. */
  readonly to: string | null;
  /** When the breach began, or the command was given; milliseconds since the epoch. */
  readonly breachAtMs: number;
}

/** Where one service may go back to, newest first. */
export interface ServicePlan extends ServiceRelease {
  readonly candidates: readonly Candidate[];
  readonly rejected: readonly Candidate[];
  /** Releases that not even a person may choose; `rejected` says why of the newest. */
  readonly barred?: readonly string[];
  /** Time limit of restore and of restart, each. */
  readonly stepTimeoutMs: number;
  /** Absent: `replace`. */
  readonly way?: RollbackWay;
  /** How long its traffic control may take for one switch, milliseconds; absent: {@link usualSwitchMs}. */
  readonly switchMs?: number;
}

/** Traffic is switched within this time or tried again. */
export const usualSwitchMs = 15_000;

/** One step switches the services one after the other. */
export function switchTimeMs({ services }: Pick<RollbackPlan, 'services'>): number {
  return services.reduce((sum, { switchMs }) => sum + (switchMs ?? 0), 0) || usualSwitchMs;
}

/**
 * `replace`: one release at a time, users see a maintenance page meanwhile. `shift`: the old release is started and healthy beside
 * the new one before traffic moves.
 */
export type RollbackWay = 'replace' | 'shift';

/** All that a rollback needs to know of the store; travels in the monitor's input, so that a store that is down stops nothing. */
export interface RollbackPlan {
  /** In the order in which a rollback acts: the reverse of the deployment's. */
  readonly services: readonly ServicePlan[];
  readonly settings: RollbackSettings;
}

/** The policy a rollback runs by; fixed when it begins. */
export interface RollbackSettings {
  readonly policyVersion: number;
  readonly policy: Policy;
  /** Task queue of the target and metrics activities. */
  readonly targetQueue: string;
}

/** One service's way back. */
export interface Move {
  readonly service: string;
  readonly from: string;
  readonly to: string;
  /** Why this release. */
  readonly reason: string;
  /** Besides `from` and `to`: what earlier rounds may have left live. */
  readonly replaceable: readonly string[];
  /** Absent: `replace`. */
  readonly way?: RollbackWay;
}

/** What `chooseTarget` found. */
export type TargetChoice =
  | { readonly kind: 'chosen'; readonly moves: readonly Move[] }
  | { readonly kind: 'none'; readonly reason: string }
  | { readonly kind: 'changed_outside'; readonly reason: string };

/**
 * Why a release that a person asked for may not come back, or `null` where nothing is known against it.
 * @param to `null` = last known good
 */
export function refusedTarget(
  { services }: Pick<RollbackPlan, 'services'>,
  to: string | null,
): string | null {
  if (to === null) return null;
  const plan = services.find(({ barred = [] }) => barred.includes(to));
  if (plan === undefined) return null;
  const why = plan.rejected.find(({ release }) => release === to)?.reason ?? 'quarantined, held or too old';
  return `${to} of ${plan.service} is no rollback target: ${why}. ${alternatives(plan)}`;
}

/** What people can do where the release they would think of first may not come back. */
export function alternatives({ candidates, rejected, barred = [] }: ServicePlan): string {
  const [best] = candidates;
  const next = rejected.find(({ release }) => !barred.includes(release));
  const others = [
    ...(best === undefined ? [] : [`roll back to ${best.release} (${best.reason})`]),
    ...(best !== undefined || next === undefined
      ? []
      : [`roll back to ${next.release} all the same, with --to (${next.reason})`]),
    'stop its traffic until a fix is deployed',
    'hand over',
  ];
  return `Instead: ${others.slice(0, -1).join(', ')}, or ${others.at(-1)}`;
}

/**
 * The sentence for a request that meets a rollback under way: joined, or refused because it wants something else.
 * @param moves `null` until the target is chosen
 * @param requestedTo what the running rollback was asked for
 */
export function joinRollback(
  moves: readonly Move[] | null,
  to: string | null,
  requestedTo: string | null = null,
): { readonly accepted: boolean; readonly reason: string } {
  if (moves === null && to !== null && to !== requestedTo) {
    const wanted = requestedTo ?? 'the last known good release';
    return { accepted: false, reason: `a rollback to ${wanted} is beginning; it cannot change to ${to} now` };
  }
  const target = moves?.map((move) => `${move.service} to ${move.to}`).join(', ');
  if (to !== null && moves?.some((move) => move.to !== to)) {
    return { accepted: false, reason: `a rollback of ${target} is running; it cannot change to ${to} now` };
  }
  return {
    accepted: true,
    reason: target ? `joined the running rollback of ${target}` : 'joined the running rollback',
  };
}

/**
 * An incident's id: readable, and unique by the rollback workflow's run. Run ids begin with the time, so two rollbacks within a
 * minute share their first characters: the random end is taken.
 */
export function incidentId(product: string, startedAt: string, runId: string): string {
  return `inc-${startedAt.slice(0, 10)}-${product.slice(0, 32)}-${runId.replaceAll('-', '').slice(-10)}`;
}

/** What a step found when it compared before acting. */
export type StepResult =
  | { readonly kind: 'done'; readonly detail: string }
  /** The live release is not the one the step was told to replace. */
  | { readonly kind: 'changed_outside'; readonly reason: string };

export type HealthResult =
  | { readonly kind: 'healthy'; readonly detail: string }
  | { readonly kind: 'unhealthy'; readonly reason: string };

/** Checks before traffic: does the restored release look right while nobody uses it? */
export interface PreTrafficResult {
  readonly healthy: boolean;
  readonly blind: boolean;
  readonly reason: string;
}

export type VerificationResult =
  | { readonly kind: 'good'; readonly reason: string }
  | { readonly kind: 'unconfirmed'; readonly reason: string }
  | {
      readonly kind: 'sick';
      readonly reason: string;
      readonly healthFailing: boolean;
      readonly triggers: readonly Trigger[];
    };
