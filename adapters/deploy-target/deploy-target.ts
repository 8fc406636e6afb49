import type { LiveService } from '../../domain/live.ts';
import type { ReadinessCheck } from '../../domain/readiness.ts';

/** What a step of a rollback may use while it acts. */
export interface StepContext {
  /** Aborted when the step is cancelled or its time is over. */
  readonly signal: AbortSignal;
  /** Names rollback and attempt: a step repeated with the same key changes nothing that it already changed. */
  readonly key: string;
  /** How the release was put there, as {@link LiveService.recipe} had it while it was live; `null` or absent: not recorded. */
  readonly recipe?: string | null;
  /** Tells the server that the step is alive, with a word on what it does. */
  heartbeat(progress: string): void;
}

export interface Restorable {
  readonly restorable: boolean;
  /** Why not, or how it would be restored. */
  readonly reason: string;
}

/** Two releases at once: the old one is started and seen healthy before traffic moves, and only then the new one ends. */
export interface Beside {
  /**
   * Starts instances of `release` beside those that run; one that runs already is kept. What is configured, and what runs of
   * another release, is not touched.
   */
  start(service: string, release: string, step: StepContext): Promise<void>;
  /** Makes `release` the configured one and ends every instance of another. No traffic reaches those any more. */
  settle(service: string, release: string, step: StepContext): Promise<void>;
  /** Ends the instances of `release` that were started beside: no traffic ever reached them. */
  giveUp(service: string, release: string, step: StepContext): Promise<void>;
}

/** Where services run. Every method is idempotent; errors say what was tried and what was found. */
export interface DeployTarget {
  live(service: string, signal: AbortSignal): Promise<LiveService>;
  /** @param recipe as in {@link StepContext.recipe} */
  restorable(
    service: string,
    release: string,
    signal: AbortSignal,
    recipe?: string | null,
  ): Promise<Restorable>;
  /** Makes `release` the configured one. What runs is not touched yet, where the platform does not roll out by itself. */
  restore(service: string, release: string, step: StepContext): Promise<void>;
  /** Replaces every running instance by one of the configured release, and returns when none of another is left. */
  restart(service: string, step: StepContext): Promise<void>;
  /** Absent: one release at a time. */
  readonly beside?: Beside;
  /** What acting here will need: rights, credentials, room. Acts on nothing. Absent: `live` answering is all there is to know. */
  readonly checks?: (service: string, signal: AbortSignal) => Promise<readonly ReadinessCheck[]>;
}
