import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { DeploymentOrigin, Outcome, ServiceRelease } from '../domain/deployment.ts';
import type { EscalationState } from '../domain/escalation.ts';
import type { DeploymentKey } from '../domain/identity.ts';
import type { Incident } from '../domain/incident.ts';
import type { Move, RollbackPlan, RollbackRequest } from '../domain/rollback.ts';
import type { Progress } from './rollback-context.ts';
import type { Newcomer } from './rollback-inbox.ts';

export interface MonitorInput {
  readonly key: DeploymentKey;
  readonly services: readonly ServiceRelease[];
  readonly origin: DeploymentOrigin;
  readonly deployedAtMs: number;
  /** Whether the search attributes are registered on this server. */
  readonly searchAttributes: boolean;
  /** The configured webhook that is told the outcome. */
  readonly callback?: string;
  /** What an earlier run of this workflow hands on when it continues as new. */
  readonly carry?: MonitorCarry;
}

export interface MonitorCarry {
  readonly watchFromMs: number;
  readonly baselineDone: boolean;
  readonly watchedUntilMs: number;
  readonly observed: { readonly enough: boolean; readonly reason: string };
  readonly reported: Readonly<Record<string, { readonly couldAct: boolean }>>;
  readonly blindSince: Readonly<Record<string, number>>;
  readonly seenRequests: readonly string[];
}

export interface MonitorResult {
  readonly outcome: Outcome;
  readonly reason: string;
}

export interface RollbackInput {
  readonly key: DeploymentKey;
  readonly services: readonly ServiceRelease[];
  readonly request: RollbackRequest;
  /** What the monitor knew; `null` when started by the API, which reads nothing ahead. */
  readonly plan: RollbackPlan | null;
  readonly searchAttributes: boolean;
  /** What an earlier run of this workflow hands on when it continues as new. */
  readonly carry?: RollbackCarry;
}

/** An escalation may last for days: incident, attempts, ladder and seen requests go on in the next run. */
export interface RollbackCarry {
  readonly incident: Incident;
  readonly plan: RollbackPlan;
  readonly progress: Progress;
  readonly trouble: Trouble;
  readonly ladder: EscalationState;
  readonly seen: readonly string[];
  readonly joined: readonly string[];
  readonly offered: readonly string[];
}

/** Why people are asked. */
export interface Trouble {
  readonly title: string;
  readonly reason: string;
  /** The restored release is sick too, or nothing suggests that the release was the cause. */
  readonly systemic: boolean;
  /** What is tried on while people are asked; `null`: nothing moves without them. */
  readonly goesOn: GoesOn | null;
}

export type GoesOn =
  | { readonly kind: 'choose'; readonly to: string | null }
  | {
      readonly kind: 'resume';
      readonly releases: readonly Pick<Move, 'service' | 'to' | 'way'>[];
      /** Who takes over then; `null`: the restored release, which is verified. */
      readonly newcomer: Newcomer | null;
    };

export interface RollbackResult {
  /** Whose rollback it was. */
  readonly deployment: string;
  readonly outcome: Outcome | 'refused';
  readonly reason: string;
  readonly incident: string | null;
}

/** A person's word. `by` is who; `requestId` lets the same word arrive twice and count once. */
export interface Command {
  readonly requestId?: string;
  readonly by?: string;
  readonly note?: string;
}

export interface PauseCommand extends Command {
  /** Milliseconds since the epoch; absent = until resumed. */
  readonly untilMs?: number;
}

export interface VetoCommand extends Command {
  readonly reason?: string;
}

export interface RollbackCommand extends Command {
  readonly reason?: string;
  readonly to?: string | null;
}

export interface TrafficCommand extends Command {
  readonly state?: 'resume' | 'stop';
}

/** The answer to an update: accepted, or refused with the reason. */
export interface Answer {
  readonly accepted: boolean;
  readonly reason: string;
}

export const statusQuery = defineQuery<Status>('status');

export interface Status {
  readonly phase: string;
  readonly details: string;
  readonly outcome: string | null;
}

// Monitor: the same word as update (with an answer) and as plain signal (for the Temporal UI and CLI).
export const pauseUpdate = defineUpdate<Answer, [PauseCommand]>('pause');
export const pauseSignal = defineSignal<[PauseCommand]>('pause');
export const resumeUpdate = defineUpdate<Answer, [Command]>('resume');
export const resumeSignal = defineSignal<[Command]>('resume');
export const vetoUpdate = defineUpdate<Answer, [VetoCommand]>('veto');
export const vetoSignal = defineSignal<[VetoCommand]>('veto');
export const manualRollbackUpdate = defineUpdate<Answer, [RollbackCommand]>('manualRollback');
export const manualRollbackSignal = defineSignal<[RollbackCommand]>('manualRollback');
/** A newer deployment has taken this one's place. */
export const supersededSignal = defineSignal<[{ by: string }]>('superseded');
/** A waiting monitor may begin: the rollback let its deployment take over. */
export const releasedSignal = defineSignal('released');
/** A person started a rollback of this deployment: the monitor stops watching and waits for its end. */
export const rollbackBeganSignal = defineSignal('rollbackBegan');
/** The rollback that this monitor waits for has ended. */
export const rollbackEndedSignal = defineSignal<[RollbackResult]>('rollbackEnded');

// Rollback.
export const requestRollbackUpdate = defineUpdate<Answer, [RollbackRequest]>('requestRollback');
export const requestRollbackSignal = defineSignal<[RollbackRequest, (string | null)?]>('requestRollback');
/** A deployment was reported while this rollback runs; it waits to take over. */
export const newDeploymentSignal =
  defineSignal<[{ deployment: string; services: ServiceRelease[] }]>('newDeployment');

export const rollbackCommands = ['acknowledge', 'retry', 'resolve', 'abort', 'handOver', 'traffic'] as const;
export type RollbackCommandName = (typeof rollbackCommands)[number];
export type AnyRollbackCommand = RollbackCommand & TrafficCommand;

export const commandUpdates = Object.fromEntries(
  rollbackCommands.map((name) => [name, defineUpdate<Answer, [AnyRollbackCommand]>(name)]),
) as Record<RollbackCommandName, ReturnType<typeof defineUpdate<Answer, [AnyRollbackCommand]>>>;

export const commandSignals = Object.fromEntries(
  rollbackCommands.map((name) => [name, defineSignal<[AnyRollbackCommand]>(name)]),
) as Record<RollbackCommandName, ReturnType<typeof defineSignal<[AnyRollbackCommand]>>>;

// Post-mortem.
export interface ReviewCommand extends Command {
  readonly verdict?: string;
}
export const reviewUpdate = defineUpdate<Answer, [ReviewCommand]>('review');
export const reviewSignal = defineSignal<[ReviewCommand]>('review');
