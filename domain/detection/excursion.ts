/**
 * One way to believe an excursion: a clipped CUSUM (Page 1954) with an effect size, the least number of bad minutes, and the
 * latest start after the deployment. Clipping makes the number of bad minutes count, and not only how bad they were: the
 * transients that every service has are strong and short.
 */
export interface Path {
  /** The ratio to the reference that this path looks for. */
  readonly effect: number;
  /** Excursions that begin later than this are not for this path, minutes since the deployment. */
  readonly latestStart: number;
  /** The path ends here, minutes since the deployment. */
  readonly until: number;
  /** Fully bad minutes before it alarms. */
  readonly badMinutes: number;
  /** Evidence needed, natural logarithm of a likelihood ratio. */
  readonly evidence: number;
  /** The excursion's own ratio to the reference must be at least this. */
  readonly leastRatio: number;
  /** And at least this share of the requests must be counted, 0..1. */
  readonly leastShare: number;
  /** Against which dispersion counts are held: 0: that of minutes, 1: that of half hours, where slow swings add up. */
  readonly slowness: number;
  /** How likely it is that a healthy deployment meets it, by the service's own habits. */
  readonly chance: number;
}

/** Where a path's CUSUM stands. Minutes are the judge's: a fifth of the trigger's window. */
export interface Excursion {
  /** Evidence of complete blocks, at least 0. */
  readonly settled: number;
  /** Evidence of the block under way, not clipped yet. */
  readonly block: number;
  readonly blockMinutes: number;
  /** When the excursion began, minutes since the deployment; `null` when there is none. */
  readonly since: number | null;
  readonly minutes: number;
  /** What was counted since then and what the reference would have had. */
  readonly found: number;
  readonly expected: number;
  /** Requests since then. */
  readonly requests: number;
}

export const noExcursion: Excursion = {
  settled: 0,
  block: 0,
  blockMinutes: 0,
  since: null,
  minutes: 0,
  found: 0,
  expected: 0,
  requests: 0,
};

/** What one check adds to an excursion. */
export interface Increment {
  /** Log likelihood ratio of the effect against the reference. */
  readonly evidence: number;
  readonly found: number;
  readonly expected: number;
  readonly requests: number;
  /** Length of the check. */
  readonly minutes: number;
  /** End of the check, minutes since the deployment. */
  readonly at: number;
}

/** Takes one check in. A block is a fifth of the bad minutes: single errors of a quiet service are not clipped away. */
export function advanceExcursion(before: Excursion, path: Path, step: Increment): Excursion {
  const began = step.at - step.minutes;
  if (step.at > path.until) return noExcursion;
  if (before.since === null && (step.evidence <= 0 || began > path.latestStart)) return noExcursion;
  const perMinute = path.evidence / path.badMinutes;
  const block = before.block + step.evidence;
  const blockMinutes = before.blockMinutes + step.minutes;
  const clipped = clip(block, perMinute * blockMinutes);
  const full = blockMinutes >= Math.max(1, Math.floor(path.badMinutes / 5)) - 1e-6;
  if (before.settled + clipped <= 0) return noExcursion;
  return {
    settled: full ? before.settled + clipped : before.settled,
    block: full ? 0 : block,
    blockMinutes: full ? 0 : blockMinutes,
    since: before.since ?? began,
    minutes: before.minutes + step.minutes,
    found: before.found + step.found,
    expected: before.expected + step.expected,
    requests: before.requests + step.requests,
  };
}

/** No single check alarms: after a blind stretch one stands for all of it, and a burst of a minute would fill it. */
const leastChecks = 3;

/** While something outside explains it, nothing is held against the release; what speaks for it counts. */
export function advanceUnlessHeld(
  before: Excursion | undefined,
  path: Path,
  step: Increment,
  held: boolean,
): Excursion {
  const taken = { ...step, minutes: Math.min(step.minutes, path.badMinutes / leastChecks) };
  return advanceExcursion(
    before ?? noExcursion,
    path,
    held
      ? {
          ...taken,
          evidence: Math.min(0, step.evidence),
          found: Math.min(step.found, step.expected),
          requests: 0,
        }
      : taken,
  );
}

/** What a path's counts are held against. */
export function dispersionFor(
  { slowness }: Path,
  { fast, slow }: { readonly fast: number; readonly slow: number },
): number {
  return fast + slowness * (slow - fast);
}

/** The path that alarms now, by index; -1: none. */
export function alarming(
  excursions: readonly Excursion[],
  paths: readonly Path[],
  least: { readonly excess: number },
): number {
  return paths.findIndex((path, i) => alarms(excursions[i] ?? noExcursion, path, least));
}

export function alarms(excursion: Excursion, path: Path, least: { readonly excess: number }): boolean {
  return (
    progressOf(excursion, path) >= 1 &&
    ratioOf(excursion) >= path.leastRatio &&
    excursion.found >= path.leastShare * excursion.requests &&
    excursion.found - excursion.expected >= least.excess
  );
}

/** The path that has most of the evidence it needs. */
export function furthest(
  excursions: readonly Excursion[],
  paths: readonly Path[],
): { readonly progress: number; readonly path: Path | null } {
  let best: { progress: number; path: Path | null } = { progress: 0, path: null };
  paths.forEach((path, i) => {
    const progress = progressOf(excursions[i] ?? noExcursion, path);
    if (progress > best.progress) best = { progress, path };
  });
  return best;
}

/** Share of the evidence needed that an excursion has, 0..1 and more. */
export function progressOf(excursion: Excursion, path: Path): number {
  if (excursion.since === null) return 0;
  const perMinute = path.evidence / path.badMinutes;
  return (excursion.settled + clip(excursion.block, perMinute * excursion.blockMinutes)) / path.evidence;
}

export function ratioOf(excursion: Excursion): number {
  return excursion.expected > 0 ? excursion.found / excursion.expected : 0;
}

function clip(value: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, value));
}
