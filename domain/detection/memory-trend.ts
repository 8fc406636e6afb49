import type { MemoryHabits, Minute } from './habits/habits.ts';

/** Memory by half hours: the lowest value of each says what a garbage collector leaves. */
export interface MemoryState {
  /** Floors of complete half hours since the deployment, percent, the last sixteen. */
  readonly floors: readonly number[];
  readonly floor: number | null;
  /** When the half hour under way began, half hours since the deployment. */
  readonly since: number | null;
  /** The newest check, half hours since the deployment. */
  readonly last: number | null;
  /** Checks in a row above the threshold. */
  readonly above: number;
}

export const newMemoryState: MemoryState = { floors: [], floor: null, since: null, last: null, above: 0 };

/** Within a half hour, as a share of it. */
const longestHole = 0.25;

/** Hours ahead that a leak is believed, in two half hours each. */
export const leakHorizonHours = 12;

/**
 * @param at half hours since the deployment
 * @param limit percent; three checks in a row above it are a breach, a garbage collector touches it once or twice
 */
export function rememberMemory(state: MemoryState, minute: Minute, at: number, limit: number): MemoryState {
  const value = minute.memoryPercent;
  if (value === null) return state;
  const above = value > limit ? state.above + 1 : 0;
  const silent = state.last === null ? 0 : at - state.last;
  // The lowest of a few checks is no floor: after a gap the half hour begins anew, and after a long one all of them.
  if (silent > longestHole)
    return { floors: silent > 1 ? [] : state.floors, floor: value, since: at, last: at, above };
  const since = state.since ?? at;
  const floor = Math.min(state.floor ?? value, value);
  return at - since >= 1 - 1e-6
    ? { floors: [...state.floors.slice(-15), floor], floor: null, since: at, last: at, above }
    : { floors: state.floors, floor, since, last: at, above };
}

/** Above what the service reached before, percent. */
const margin = 3;

/**
 * When a leak will reach the threshold, hours from now; `null`: it looks like no leak. A start fills caches and slows down;
 * a leak goes on. So the last hour's growth is compared with the hour before, and a growth that slows is followed to where it ends.
 */
export function leakForecast(
  state: MemoryState,
  habits: MemoryHabits | null,
  thresholdPercent: number,
): number | null {
  const { floors } = state;
  if (habits === null) return forecastAlone(floors, thresholdPercent);
  const now = floors.at(-1);
  const hourAgo = floors.at(-3);
  const twoHoursAgo = floors.at(-5);
  if (now === undefined || hourAgo === undefined) return null;
  const growth = now - hourAgo;
  if (growth < 0.8 || now < habits.highestFloor + margin) return null;
  if (now - (floors.at(-5) ?? floors[0] ?? now) <= 1.5 * habits.steepest) return null;
  const limit = leakLimit(habits, thresholdPercent);
  const room = limit - now;
  if (room <= 0) return 0;
  // Over hours where there are enough of them, else over half hours: a start that flattens shows it there already.
  const halfAgo = floors.at(-2) ?? hourAgo;
  const [last, before] =
    twoHoursAgo === undefined ? [now - halfAgo, halfAgo - hourAgo] : [growth, hourAgo - twoHoursAgo];
  const slowing = before > 0 ? last / before : 1;
  if (slowing < 0.85 && now + (last * slowing) / (1 - slowing) < limit) return null;
  return room / growth;
}

/** Hours; of a growth that nothing is known to compare with. */
const nearHours = 4;

/**
 * Where nobody knows how much the service used before, a cache that fills for hours looks like a leak: only a growth that does
 * not slow down over four hours, and is about to arrive. By whole hours: a slow garbage collector has half hours without a low.
 */
function forecastAlone(floors: readonly number[], thresholdPercent: number): number | null {
  const hourly = [-1, -5, -9].map((at) => Math.min(floors.at(at) ?? 0, floors.at(at - 1) ?? 0));
  if (floors.length < 10) return null;
  const [now = 0, twoHoursAgo = 0, fourHoursAgo = 0] = hourly;
  const growth = now - twoHoursAgo;
  if (growth < 2 || growth < 0.8 * (twoHoursAgo - fourHoursAgo)) return null;
  const hours = (2 * Math.max(0, thresholdPercent - now)) / growth;
  return hours <= nearHours ? hours : null;
}

/** Where a leak ends, percent: the threshold, or above it what the service reached before. */
export function leakLimit(habits: MemoryHabits | null, thresholdPercent: number): number {
  return Math.max(thresholdPercent, (habits?.highest ?? 0) + margin);
}
