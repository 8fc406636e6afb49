import type { MonitoringPolicy } from './policy.ts';

/**
 * When a deployment is looked at. Ticks lie on a fine grid with an offset of the deployment's own, so that
 * a thousand monitors do not all measure in the same second; every `regularEvery`-th tick is a regular check.
 * A tick is named by its time, so that a changed check interval never gives two ticks one name.
 */
export interface TickGrid {
  readonly startMs: number;
  /** Between two regular ticks. */
  readonly intervalMs: number;
  /** Ticks of the fine grid in one interval. */
  readonly regularEvery: number;
}

export function tickGrid(deployment: string, deployedAtMs: number, monitoring: MonitoringPolicy): TickGrid {
  const intervalMs = Math.round(monitoring.checkIntervalMs);
  const regularEvery = Math.max(1, Math.ceil(intervalMs / monitoring.suspectIntervalMs));
  return { startMs: deployedAtMs + (hash(deployment) % intervalMs), intervalMs, regularEvery };
}

/** The newest tick at or before `atMs`; may lie before the grid's start, then nothing is measured yet. */
export function tickAt(grid: TickGrid, atMs: number): number {
  return timeOf(grid, indexAt(grid, atMs));
}

export function isRegular(grid: TickGrid, tickMs: number): boolean {
  return indexAt(grid, tickMs) % grid.regularEvery === 0;
}

/** The next tick to measure after `tickMs`: the next of the fine grid while something is suspect, else the next regular one. */
export function nextTick(grid: TickGrid, tickMs: number, suspect: boolean): number {
  const every = suspect ? 1 : grid.regularEvery;
  const next = (Math.floor(indexAt(grid, tickMs) / every) + 1) * every;
  return Math.max(grid.startMs, timeOf(grid, next));
}

/**
 * Ticks are whole milliseconds, also where the suspect interval does not divide the check interval: a tick is a name, and a
 * fraction of one would be refused by the store or be rounded back onto the tick before it.
 */
function timeOf(grid: TickGrid, index: number): number {
  return grid.startMs + Math.floor((index * grid.intervalMs) / grid.regularEvery);
}

/** The newest tick's index at `atMs`: the inverse of `timeOf`, in whole numbers. */
function indexAt(grid: TickGrid, atMs: number): number {
  const elapsedMs = Math.floor(atMs - grid.startMs);
  return Math.floor(((elapsedMs + 1) * grid.regularEvery - 1) / grid.intervalMs);
}

/** What one attempt of the watch has to do. */
export type AttemptPlan =
  | { readonly kind: 'measure'; readonly tickMs: number; readonly regular: boolean; readonly gap: boolean }
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'segment_end' };

export interface AttemptFacts {
  /** The server's time at which this attempt was scheduled. */
  readonly scheduledMs: number;
  /** Now, by the worker's clock: only tells how late the attempt starts. */
  readonly nowMs: number;
  readonly lastTickMs: number | null;
  readonly segmentEndMs: number;
  readonly suspect: boolean;
}

/**
 * The scheduled time names the tick. An attempt whose tick is stored waits for the next one; one that starts
 * more than a check interval late is a gap: it takes the newest tick, re-bases the counters and is no evidence.
 */
export function planAttempt(grid: TickGrid, facts: AttemptFacts): AttemptPlan {
  const late = facts.nowMs - facts.scheduledMs > grid.intervalMs;
  const tickMs = tickAt(grid, late ? facts.nowMs : facts.scheduledMs);
  const known = facts.lastTickMs ?? Number.NEGATIVE_INFINITY;
  if (tickMs < grid.startMs || tickMs <= known) {
    const untilMs = nextTick(grid, Math.max(tickMs, known), facts.suspect);
    return untilMs > facts.segmentEndMs ? { kind: 'segment_end' } : { kind: 'wait', untilMs };
  }
  if (tickMs > facts.segmentEndMs) return { kind: 'segment_end' };
  return { kind: 'measure', tickMs, regular: isRegular(grid, tickMs), gap: late };
}

/** FNV-1a, 32 bits: spreads deployments over the interval; not for security. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }
  return value;
}
