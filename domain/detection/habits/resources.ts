import type { MemoryHabits, Minute } from './habits.ts';
import { sum } from './numbers.ts';

export function memoryHabits(history: readonly Minute[]): MemoryHabits | null {
  const values = history.flatMap((minute) => (minute.memoryPercent === null ? [] : [minute.memoryPercent]));
  if (values.length < 60) return null;
  const floors: number[] = [];
  for (let from = 0; from + 30 <= values.length; from += 30)
    floors.push(values.slice(from, from + 30).reduce((least, value) => Math.min(least, value), 100));
  let steepest = 0;
  for (let i = 4; i < floors.length; i++)
    steepest = Math.max(steepest, (floors[i] as number) - (floors[i - 4] as number));
  return { highestFloor: Math.max(...floors), highest: values.reduce((a, b) => Math.max(a, b), 0), steepest };
}

/** Without the worst hundredth: one outage of yesterday must not hide today's. */
export function healthHabits(history: readonly Minute[]): number {
  const failed = history.map((minute) => minute.failedHealthChecks ?? 0);
  const sums = failed.slice(4).map((_, i) => sum(failed.slice(i, i + 5)));
  sums.sort((a, b) => a - b);
  return sums[Math.floor(0.99 * (sums.length - 1))] ?? 0;
}

export function dbHabits(history: readonly Minute[]): number | null {
  const known = history.flatMap((minute) =>
    minute.dbConnectionErrors === null ? [] : [minute.dbConnectionErrors],
  );
  if (known.length < 60) return null;
  const pairs = known.slice(1).map((value, i) => value + (known[i] as number));
  pairs.sort((a, b) => a - b);
  return pairs[Math.min(pairs.length - 1, Math.floor(0.999 * pairs.length))] ?? 0;
}
