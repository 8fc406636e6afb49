import { releaseNames, type ServiceRelease } from '../domain/deployment.ts';
import { type DeploymentKey, productName } from '../domain/identity.ts';
import type { Move, RollbackPlan, RollbackSettings } from '../domain/rollback.ts';
import type { IncidentDraft } from './incident-draft.ts';
import type { Journal } from './journal.ts';
import type { RollbackInput, Trouble } from './messages.ts';
import type { Presence } from './presence.ts';
import type { Newcomer, RollbackInbox } from './rollback-inbox.ts';
import type { Teller } from './teller.ts';

/** How a round of steps ended. */
export type StepsEnd =
  | { readonly kind: 'rolled_back'; readonly confirmed: boolean; readonly reason: string }
  | {
      readonly kind: 'superseded';
      readonly reason: string;
      /** The reported deployment that took over. */
      readonly newcomer: Newcomer | null;
      /** Somebody's unreported release is live: it gets a deployment and a monitor of its own. */
      readonly stranger: boolean;
    }
  | { readonly kind: 'changed_outside'; readonly reason: string }
  /** People ended it with things as they are. */
  | { readonly kind: 'left'; readonly reason: string }
  /** A deployment was reported meanwhile and wants to take over. */
  | { readonly kind: 'newcomer' }
  | { readonly kind: 'trouble'; readonly trouble: Trouble };

export type Ending = Exclude<StepsEnd, { kind: 'trouble' | 'newcomer' }>;

/** What was done so far; goes on in the next run when an escalation continues as new. */
export interface Progress {
  moves: readonly Move[];
  /** Where this rollback has left user traffic. */
  traffic: 'flowing' | 'stopped' | 'unstoppable' | 'uncontrolled';
  restored: boolean;
  /** The last round in which traffic moved to what was started beside the bad release. */
  shifted: number | null;
  /** Releases besides the bad one that a later round may replace: restored before, or sick newcomers. */
  replaceable: readonly ServiceRelease[];
  /** Reported deployments that were too sick to take over. */
  turnedAway: readonly string[];
  /** Those of them that a later round has put out again. */
  replaced: readonly string[];
  round: number;
  postMortemStarted: boolean;
}

export const noProgress: Progress = {
  moves: [],
  traffic: 'flowing',
  restored: false,
  shifted: null,
  replaceable: [],
  turnedAway: [],
  replaced: [],
  round: 0,
  postMortemStarted: false,
};

/** What every part of a rollback works with. */
export interface RollbackContext {
  readonly input: RollbackInput;
  readonly plan: RollbackPlan;
  /** Those of the plan. */
  readonly settings: RollbackSettings;
  readonly journal: Journal;
  readonly presence: Presence;
  readonly teller: Teller;
  readonly inbox: RollbackInbox;
  readonly draft: IncidentDraft;
  readonly progress: Progress;
}

export function troubled(title: string, reason: string, more: Partial<Trouble> = {}): StepsEnd {
  return { kind: 'trouble', trouble: { title, reason, systemic: false, goesOn: null, ...more } };
}

/** What an alert calls the product. */
export function alertTitle(key: DeploymentKey, what: string): string {
  return `${what}: ${productName(key)}`;
}

/** Services in the order in which a rollback acts: the reverse of the deployment's. */
export function servicesOf({ input }: Pick<RollbackContext, 'input'>): string[] {
  return input.services.map((entry) => entry.service).reverse();
}

export function restoredServices({ moves }: Progress): ServiceRelease[] {
  return moves.map((move) => ({ service: move.service, release: move.to })).reverse();
}

/** Where user traffic is while people decide. */
export function trafficSentence({ traffic, restored, moves }: Progress): string {
  switch (traffic) {
    case 'stopped':
      return 'maintenance stays';
    case 'unstoppable':
      return 'traffic could not be stopped and still flows';
    case 'uncontrolled':
      return 'no traffic control is configured, so traffic flows';
    case 'flowing':
      return restored
        ? `traffic stays on ${releaseNames(restoredServices({ moves } as Progress))}`
        : 'traffic was not touched';
  }
}

/** What makes a rollback stop after its current step. */
export function interruption({ inbox, progress, input, presence }: RollbackContext): StepsEnd | null {
  if (inbox.direct !== null) return supersededByHand(inbox.direct);
  if (inbox.aborted !== null) {
    const reason = `aborted by ${inbox.aborted}; ${trafficSentence(progress)}`;
    return progress.traffic === 'stopped'
      ? troubled(alertTitle(input.key, 'Rollback aborted in maintenance'), reason)
      : { kind: 'left', reason };
  }
  return inbox.newcomer !== null && presence.phase !== 'taking_over' ? { kind: 'newcomer' } : null;
}

export function supersededByHand(holder: string): StepsEnd {
  return { kind: 'superseded', reason: `${holder} rolls back by hand`, newcomer: null, stranger: false };
}

/** What really went wrong: Temporal wraps the activity's error. */
export function causeOf(error: unknown): string {
  if (error instanceof Error && error.cause instanceof Error) return causeOf(error.cause);
  return error instanceof Error ? error.message : String(error);
}
