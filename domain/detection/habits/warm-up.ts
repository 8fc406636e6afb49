import type { Minute } from './habits.ts';

/** How much worse a service was after its earlier deployments, by warm-ups since then; at least 1 each. */
export interface WarmUp {
  readonly errors: readonly number[];
  readonly latency: readonly number[];
}

/** How long a start is looked at, in warm-ups. */
export const lastingWarmUps = 40;

/**
 * The worst of the earlier starts, so that a runtime which needs a quarter of an hour to get up to speed is not rolled back for it.
 * @param starts when the earlier deployments were made, milliseconds since the epoch
 */
export function learnWarmUp(
  history: readonly Minute[],
  starts: readonly number[],
  warmUpMs: number,
  usual: {
    readonly errors: (minute: Minute) => number;
    readonly latencyMs: (minute: Minute) => number | null;
  },
): WarmUp | null {
  const errors = new Array<number>(lastingWarmUps).fill(1);
  const latency = new Array<number>(lastingWarmUps).fill(1);
  let known = false;
  for (const start of starts) {
    const after = history.filter(({ atMs }) => atMs > start && atMs <= start + lastingWarmUps * warmUpMs);
    for (const [i, minute] of after.entries()) {
      known = true;
      const bin = Math.min(
        lastingWarmUps - 1,
        Math.floor((minute.atMs - minute.durationMs / 2 - start) / warmUpMs),
      );
      // Three checks together: one error of a quiet service is no warm-up.
      const near = after.slice(Math.max(0, i - 1), i + 2);
      const seen = near.reduce((sum, { errors: count }) => sum + count, 1);
      const expected = near.reduce((sum, entry) => sum + usual.errors(entry), 1);
      raise(errors, bin, seen / expected);
      const usualMs = usual.latencyMs(minute);
      if (usualMs !== null && minute.latencyMs !== null) raise(latency, bin, minute.latencyMs / usualMs);
    }
  }
  return known ? { errors, latency } : null;
}

/** What is learned for one moment holds for its neighbours. */
function raise(curve: number[], bin: number, ratio: number): void {
  for (const at of [bin - 1, bin, bin + 1])
    if (at >= 0 && at < curve.length) curve[at] = Math.max(curve[at] ?? 1, Math.min(ratio, 20));
}

export function warmUpAt(curve: readonly number[] | undefined, warmUps: number): number {
  return curve?.[Math.max(0, Math.floor(warmUps))] ?? 1;
}
