import type { Path } from './excursion.ts';
import type { Habits } from './habits.ts';

/** How likely such an excursion is in the service's own normal life. */
export function chanceSentence({ chance }: Pick<Path, 'chance'>, { days }: Pick<Habits, 'days'>): string {
  const often = `one deployment in ${Math.round(1 / Math.max(chance, 1e-6)).toLocaleString('en-US')}`;
  return days >= 0.25
    ? `by its own habits this happens to ${often}`
    : `without a history of its own such a thing is taken to happen to ${often}`;
}
