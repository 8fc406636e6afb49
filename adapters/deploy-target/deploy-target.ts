import type { LiveService } from '../../domain/live.ts';

/** What a step of a rollback may use while it acts. */
export interface StepContext {
  /** Aborted when the step is cancelled or its time is over. */
  readonly signal: AbortSignal;
  /** Names rollback and attempt: a step repeated with the same key changes nothing that it already changed. */
  readonly key: string;
  /** Tells the server that the step is alive, with a word on what it does. */
  heartbeat(progress: string): void;
}

export interface Restorable {
  readonly restorable: boolean;
  /** Why not, or how it would be restored. */
  readonly reason: string;
}

/** Where services run. Every method is idempotent; errors say what was tried and what was found. */
export interface DeployTarget {
  live(service: string, signal: AbortSignal): Promise<LiveService>;
  restorable(service: string, release: string, signal: AbortSignal): Promise<Restorable>;
  /** Makes `release` the configured one; what runs is not touched yet. */
  restore(service: string, release: string, step: StepContext): Promise<void>;
  /** Replaces every running instance by one of the configured release. */
  restart(service: string, step: StepContext): Promise<void>;
}
