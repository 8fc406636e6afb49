import type { Minute } from './habits.ts';

/** How much worse a service was after its earlier deployments, by warm-ups since then; at least 1 each. */
export interface WarmUp {
  readonly errors: readonly number[];
  readonly latency: readonly number[];
  /** How many starts were seen. */
  readonly starts?: number;
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
  let seen = 0;
  for (const start of starts) {
    const after = history.filter(({ atMs }) => atMs > start && atMs <= start + lastingWarmUps * warmUpMs);
    if (after.length > 0) seen += 1;
    for (const [i, minute] of after.entries()) {
      const bin = Math.min(
        lastingWarmUps - 1,
        Math.floor((minute.atMs - minute.durationMs / 2 - start) / warmUpMs),
      );
      // Three checks together: one error of a quiet service is no warm-up.
      const near = after.slice(Math.max(0, i - 1), i + 2);
      const found = near.reduce((sum, { errors: count }) => sum + count, 1);
      const expected = near.reduce((sum, entry) => sum + usual.errors(entry), 1);
      raise(errors, bin, found / expected);
      const usualMs = usual.latencyMs(minute);
      if (usualMs !== null && minute.latencyMs !== null) raise(latency, bin, minute.latencyMs / usualMs);
    }
  }
  return seen > 0 ? { errors, latency, starts: seen } : null;
}

/** What is learned for one moment holds for its neighbours. */
function raise(curve: number[], bin: number, ratio: number): void {
  for (const at of [bin - 1, bin, bin + 1])
    if (at >= 0 && at < curve.length) curve[at] = Math.max(curve[at] ?? 1, Math.min(ratio, 20));
}

export function warmUpAt(curve: readonly number[] | undefined, warmUps: number): number {
  return curve?.[Math.max(0, Math.floor(warmUps))] ?? 1;
}

/** A process that has just started fails more often: up to four and a half times, decaying over some five warm-ups. */
export function errorWarmUp(age: number, learned: WarmUp | null = null): number {
  return expectedStart(1 + 3.6 * Math.exp(-Math.max(0, age) / 4.7), learned, warmUpAt(learned?.errors, age));
}

/** And is slower: up to two and a third times, decaying over twenty warm-ups. */
export function latencyWarmUp(age: number): number {
  return 1 + 1.3 * Math.exp(-Math.max(0, age) / 20);
}

/** A warm-up may be worse than assumed. */
const warmUpMargin = 1.12;

/** How much slower a start may be for a good reason, with a margin. */
export function startSlowdown(age: number, learned: WarmUp | null): number {
  return warmUpMargin * expectedStart(latencyWarmUp(age), learned, warmUpAt(learned?.latency, age));
}

/** So many starts say how this service starts, and no assumption is needed. */
const tellingStarts = 3;
/** The next one may be somewhat worse than the worst of a few. */
const nextStart = 1.25;

/** The worse of what is assumed and what was seen; what was seen several times alone. */
function expectedStart(assumed: number, learned: WarmUp | null, worst: number): number {
  const telling = (learned?.starts ?? 0) >= tellingStarts;
  return Math.max(worst, telling ? Math.min(assumed, nextStart * worst) : assumed);
}
