import type { Part } from '../sample.ts';
import {
  advanceUnlessHeld,
  alarms,
  type Excursion,
  noExcursion,
  type Path,
  progressOf,
} from './excursion.ts';
import { errorEvidence, leastShare } from './habits/errors.ts';
import { largestOf, type PartHabits, partKey } from './habits/parts.ts';

/** An excursion of one endpoint or instance that is under way. */
export interface PartExcursion extends Pick<Part, 'by' | 'name'> {
  /** Which of the calibration's part paths it follows. */
  readonly path: number;
  readonly excursion: Excursion;
  /** The newest check's errors beside what is usual for it. */
  readonly newest: { readonly errors: number; readonly usual: number };
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
  const found = judged(parts, check.habits).flatMap(({ part, times }) => {
    const usual = part.requests * Math.max(leastShare, check.usualShare * times);
    return paths.map((path, at): PartExcursion => {
      const earlier = before.find((entry) => entry.path === at && partKey(entry) === partKey(part));
      const fast = Math.max(check.dispersion.fast, check.habits?.dispersion ?? 1);
      const slow = Math.max(check.dispersion.slow, check.habits?.slowDispersion ?? 1);
      const dispersion = fast + path.slowness * (slow - fast);
      const step = {
        evidence: errorEvidence(part.errors, usual, path.effect, dispersion),
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
  return found
    .filter(({ excursion }) => excursion.since !== null)
    .toSorted((a, b) => progress(b) - progress(a))
    .slice(0, mostExcursions);
}

function judged(
  parts: readonly Part[],
  habits: PartHabits | null,
): { readonly part: Part; readonly times: number }[] {
  return largestOf(parts).flatMap((part) => {
    if (part.by === 'instance') return [{ part, times: 1 }];
    const known = habits !== null && Object.hasOwn(habits.endpoints, part.name);
    return known ? [{ part, times: habits.endpoints[part.name] ?? 1 }] : [];
  });
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
    if (path === undefined || !alarms(part.excursion, path, { excess: leastExcess })) continue;
    const { found, expected } = part.excursion;
    const wouldShow = (found / Math.max(expected, 1e-9)) * part.newest.usual;
    if (part.newest.errors >= 0.2 * wouldShow) return { part, path };
  }
  return null;
}
