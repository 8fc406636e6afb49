import type { Instance } from '../../domain/live.ts';
import type { ReadinessCheck } from '../../domain/readiness.ts';

export interface TrafficState {
  /** User traffic is answered by a "back soon" response and reaches no release. */
  readonly maintenance: boolean;
  /** Percent of the traffic per release; empty where the control does not know releases. */
  readonly weights: Readonly<Record<string, number>>;
}

export interface StopTraffic {
  /** Shown to users and kept as the state's reason. */
  readonly reason: string;
  readonly retryAfterSeconds: number;
  readonly signal: AbortSignal;
}

export interface ResumeTraffic {
  readonly release: string;
  readonly instances: readonly Instance[];
  readonly signal: AbortSignal;
}

/** Decides who gets user traffic. Every method is idempotent and returns when the new state is in force. */
export interface TrafficControl {
  state(service: string, signal: AbortSignal): Promise<TrafficState>;
  stop(service: string, request: StopTraffic): Promise<void>;
  /** Ends maintenance and sends all traffic to the release's instances. */
  resume(service: string, request: ResumeTraffic): Promise<void>;
  /** What switching here will need beside an answer to `state`: rights, files that can be written. Acts on nothing. */
  readonly checks?: (service: string, signal: AbortSignal) => Promise<readonly ReadinessCheck[]>;
}
