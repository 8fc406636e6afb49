import type { Part } from '../../sample.ts';
import { seasonAt } from '../season.ts';
import { dispersionOf, errorEvidence, leastShare } from './errors.ts';
import type { EffectSizes, ErrorHabits, Minute } from './habits.ts';
import { sum } from './numbers.ts';
import { type Excused, peaksOf } from './peaks.ts';

/** How errors come in the endpoints and instances of a service. */
export interface PartHabits {
  /** Endpoints by name: times the service's error share. One that is not here has no yesterday, and is not judged. */
  readonly endpoints: Readonly<Record<string, number>>;
  /** Of the largest of them: see `ErrorHabits`. */
  readonly dispersion: number;
  readonly slowDispersion: number;
  /** Excursions of any one of them, in bad minutes. */
  readonly peaks: readonly number[];
}

/** The largest endpoints, and as many instances, are judged and learned from. */
export const mostOfAKind = 16;
export const mostParts = 2 * mostOfAKind;
/** So many errors at the service's own share stand beside a part's own. */
const shrinkErrors = 4;

export function partKey({ by, name }: Pick<Part, 'by' | 'name'>): string {
  return `${by} ${name}`;
}

/** `null`: the source tells no parts. */
export function partHabits(
  history: readonly Minute[],
  { share, dispersion, slowDispersion }: Pick<ErrorHabits, 'share' | 'dispersion' | 'slowDispersion'>,
  effects: EffectSizes,
  excused: Excused,
): PartHabits | null {
  const largest = largestParts(history);
  if (largest.length === 0) return null;
  const endpoints: [name: string, times: number][] = [];
  let widest = dispersion;
  const peaks: number[] = [];
  for (const { part, minutes } of largest) {
    const usual = minutes.map(
      (minute) => minute.requests * seasonAt(share, minute.atMs - minute.durationMs / 2),
    );
    const errors = minutes.map((minute, i) => Math.min(minute.errors, 3 * (usual[i] ?? 0) + 3));
    const times = part.by === 'instance' ? 1 : (sum(errors) + shrinkErrors) / (sum(usual) + shrinkErrors);
    if (part.by === 'endpoint') endpoints.push([part.name, times]);
    const expectedOf = (minute: Minute) =>
      Math.max(
        minute.requests * leastShare,
        times * minute.requests * seasonAt(share, minute.atMs - minute.durationMs / 2),
      );
    const own = dispersionOf(minutes, expectedOf, 5);
    widest = Math.max(widest, own);
    const [strongest] = effects.errors;
    if (strongest !== undefined)
      peaks.push(
        ...peaksOf(minutes, { ...strongest, unitMs: effects.errorUnitMs }, excused, (minute) => {
          const expected = expectedOf(minute);
          const evidence = errorEvidence(minute.errors, expected, strongest.ratio, own);
          return { evidence, found: minute.errors, expected };
        }),
      );
  }
  return {
    endpoints: Object.fromEntries(endpoints),
    dispersion: widest,
    slowDispersion: Math.max(widest, slowDispersion),
    peaks: peaks.toSorted((a, b) => b - a).slice(0, 40),
  };
}

/** The largest parts with their minutes: the service's, with the part's own counts. */
function largestParts(history: readonly Minute[]): { readonly part: Part; readonly minutes: Minute[] }[] {
  const found = new Map<string, { part: Part; requests: number; minutes: Minute[] }>();
  for (const minute of history) {
    for (const part of minute.parts ?? []) {
      const key = partKey(part);
      const entry = found.get(key) ?? { part, requests: 0, minutes: [] };
      if (entry.minutes.length === 0) found.set(key, entry);
      entry.requests += part.requests;
      entry.minutes.push({ ...minute, requests: part.requests, errors: part.errors });
    }
  }
  const sorted = [...found.values()].toSorted((a, b) => b.requests - a.requests);
  return (['endpoint', 'instance'] as const).flatMap((kind) =>
    sorted.filter(({ part }) => part.by === kind).slice(0, mostOfAKind),
  );
}
