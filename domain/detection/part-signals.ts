import type { Part } from '../sample.ts';
import {
  advanceUnlessHeld,
  alarms,
  dispersionFor,
  type Excursion,
  noExcursion,
  type Path,
  progressOf,
} from './excursion.ts';
import { errorEvidence, leastShare } from './habits/errors.ts';
import { mostOfAKind, type PartHabits, partKey } from './habits/parts.ts';

/** An excursion of one endpoint or instance that is under way. */
export interface PartExcursion extends Pick<Part, 'by' | 'name'> {
  /** Which of the calibration's part paths it follows. */
  readonly path: number;
  readonly excursion: Excursion;
  /** The newest check's errors beside what is usual for it. */
  readonly newest: { readonly errors: number; readonly usual: number };
  /** Checks in a row in which nothing was told of it. */
  readonly missed?: number;
}

export interface PartCheck {
  /** Errors per request that the whole service would have now, warm-up included. */
  readonly usualShare: number;
  /** In the judge's minutes, as of `Increment`. */
  readonly minutes: number;
  readonly at: number;
  readonly held: boolean;
  /** `null`: nothing was learned of its parts. */
  readonly habits: PartHabits | null;
  readonly dispersion: { readonly fast: number; readonly slow: number };
}

/** Only excursions are kept, and only the furthest of them. */
const mostExcursions = 12;

/** Takes one check's parts in. An endpoint without a yesterday is not judged; an instance is held against the service. */
export function advanceParts(
  before: readonly PartExcursion[],
  parts: readonly Part[],
  paths: readonly Path[],
  check: PartCheck,
): PartExcursion[] {
  const dispersion = {
    fast: Math.max(check.dispersion.fast, check.habits?.dispersion ?? 1),
    slow: Math.max(check.dispersion.slow, check.habits?.slowDispersion ?? 1),
  };
  const found = judged(before, parts, check.habits).flatMap(({ part, times }) => {
    const usual = part.requests * Math.max(leastShare, check.usualShare * times);
    return paths.map((path, at): PartExcursion => {
      const earlier = before.find((entry) => entry.path === at && partKey(entry) === partKey(part));
      const step = {
        evidence: errorEvidence(part.errors, usual, path.effect, dispersionFor(path, dispersion)),
        found: part.errors,
        expected: usual,
        requests: part.requests,
        minutes: check.minutes,
        at: check.at,
      };
      return {
        by: part.by,
        name: part.name,
        path: at,
        excursion: advanceUnlessHeld(earlier?.excursion ?? noExcursion, path, step, check.held),
        newest: { errors: part.errors, usual },
      };
    });
  });
  const progress = ({ excursion, path }: PartExcursion) => {
    const followed = paths[path];
    return followed === undefined ? 0 : progressOf(excursion, followed);
  };
  return [...found, ...unseen(before, parts)]
    .filter(({ excursion }) => excursion.since !== null)
    .toSorted((a, b) => progress(b) - progress(a))
    .slice(0, mostExcursions);
}

/**
 * Endpoints that have a yesterday, and as many instances: those that look bad already, so that one that fails stays in sight
 * among many, and of the others those with most errors.
 */
function judged(
  before: readonly PartExcursion[],
  parts: readonly Part[],
  habits: PartHabits | null,
): { readonly part: Part; readonly times: number }[] {
  const endpoints = parts.flatMap((part) => {
    const known = part.by === 'endpoint' && habits !== null && Object.hasOwn(habits.endpoints, part.name);
    return known ? [{ part, times: habits.endpoints[part.name] ?? 1 }] : [];
  });
  const followed = new Set(before.map(partKey));
  const instances = parts
    .filter(({ by }) => by === 'instance')
    .toSorted(
      (a, b) =>
        Number(followed.has(partKey(b))) - Number(followed.has(partKey(a))) ||
        b.errors - a.errors ||
        b.requests - a.requests,
    )
    .slice(0, mostOfAKind)
    .map((part) => ({ part, times: 1 }));
  return [...endpoints, ...instances];
}

/** A part may miss a few checks: an instance that did not answer. */
const mostMissed = 5;

function unseen(before: readonly PartExcursion[], parts: readonly Part[]): PartExcursion[] {
  const seen = new Set(parts.map(partKey));
  return before
    .filter((entry) => !seen.has(partKey(entry)) && (entry.missed ?? 0) < mostMissed)
    .map((entry) => ({ ...entry, missed: (entry.missed ?? 0) + 1 }));
}

/** Fewer errors beyond the usual are never a reason to act. */
const leastExcess = 8;

/** The part that alarms now, and still fails. */
export function alarmingPart(
  excursions: readonly PartExcursion[],
  paths: readonly Path[],
): { readonly part: PartExcursion; readonly path: Path } | null {
  for (const part of excursions) {
    const path = paths[part.path];
    if (
      (part.missed ?? 0) > 0 ||
      path === undefined ||
      !alarms(part.excursion, path, { excess: leastExcess })
    )
      continue;
    const { found, expected } = part.excursion;
    const wouldShow = (found / Math.max(expected, 1e-9)) * part.newest.usual;
    if (part.newest.errors >= 0.2 * wouldShow) return { part, path };
  }
  return null;
}
