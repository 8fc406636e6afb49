import type { Policy } from '../../policy.ts';
import { addCounts, type Counts, noCounts, type Probe } from '../../sample.ts';
import type { Reference } from '../reference.ts';

/** Counts between two regular ticks, extra ticks in between added up. */
export interface RegularSample extends Counts {
  readonly atMs: number;
  readonly durationMs: number;
}

/** The outcome of one health check (every tick is one). */
export interface HealthCheck {
  readonly atMs: number;
  readonly failed: boolean;
  readonly probes: readonly Probe[];
}

/** What the judge remembers of one service between checks: bounded by the longest window, a few kilobytes. */
export interface WindowState {
  /** Regular samples within the longest window, oldest first. */
  readonly regular: readonly RegularSample[];
  /** Measured since the last regular tick. */
  readonly partial: RegularSample | null;
  /** Health checks within their window, oldest first; only the last keeps its probes. */
  readonly checks: readonly HealthCheck[];
}

export const newWindow: WindowState = { regular: [], partial: null, checks: [] };

export interface WindowContext {
  readonly policy: Policy;
  readonly references: readonly Reference[];
  readonly deployedAtMs: number;
}

/** What a trigger's rule may look at. */
export interface Evidence extends WindowState {
  readonly nowMs: number;
  readonly context: Pick<WindowContext, 'policy' | 'references' | 'deployedAtMs'>;
}

/** The newest regular samples that together cover `windowMs`, half an interval of tolerance for ticks that came late. */
export function samplesWithin(evidence: Evidence, windowMs: number): RegularSample[] {
  const toleranceMs = evidence.context.policy.monitoring.checkIntervalMs / 2;
  return evidence.regular.filter(
    (sample) => sample.atMs - sample.durationMs >= evidence.nowMs - windowMs - toleranceMs,
  );
}

/** The sum of regular samples, without their parts. */
export function total(samples: readonly RegularSample[]): RegularSample {
  let counts: Counts = noCounts;
  let durationMs = 0;
  for (const sample of samples) {
    counts = addCounts(counts, sample);
    durationMs += sample.durationMs;
  }
  return { ...counts, atMs: samples.at(-1)?.atMs ?? 0, durationMs };
}
