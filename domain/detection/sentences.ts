import { clockTime } from '../timeline.ts';
import type { Path } from './excursion.ts';
import type { Habits } from './habits/habits.ts';
import type { Recent } from './surroundings.ts';
import { shortDuration } from './verdict.ts';

/** How likely such an excursion is in the service's own normal life. */
export function chanceSentence({ chance }: Pick<Path, 'chance'>, { days }: Pick<Habits, 'days'>): string {
  // Two digits: more would be false precision.
  const deployments = Number((1 / Math.max(chance, 1e-6)).toPrecision(2));
  const often = `one healthy deployment in ${deployments.toLocaleString('en-US')}`;
  return days >= 0.25
    ? `by its own habits ${often} looks like this`
    : `it has no day of history yet: ${often} is taken to look like this`;
}

/** Said of neighbours that were measured lately; whoever calls it knows that they are not sick. */
export function neighboursSentence(recent: readonly Recent[]): string {
  return recent.some(({ peer }) => peer !== null) ? '; neighbours unchanged' : '';
}

/** Why what is seen is not held against the release. */
export function externalSentence(why: string | null): string {
  return `${why ?? 'something outside has just passed'}: it does not look like the release`;
}

/** @param excused until then it was no worse than a start is assumed to be: it may have been bad before */
export function durationSentence(sinceMs: number, nowMs: number, excused: boolean): string {
  const before = excused ? ' (until then a start explains it)' : '';
  return `${shortDuration(nowMs - sinceMs)} since ${clockTime(sinceMs)}${before}`;
}
