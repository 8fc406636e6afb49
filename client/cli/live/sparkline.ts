import type { Paint } from '../paint.ts';

const bars = '▁▂▃▄▅▆▇█';
/** The highest bar that is still allowed: ▆. */
const allowed = 5;

interface Point {
  readonly value: number | null;
}

/**
 * A signal as a row of bars, the newest on the right. ▇ and █ are above the threshold, in red; without a threshold the
 * highest value is █. What was not measured is a dot.
 */
export function sparkline(
  points: readonly Point[],
  { threshold, width, paint }: { threshold: number | null; width: number; paint: Paint },
): string {
  const shown = points.slice(-width);
  const highest = Math.max(0, ...shown.map(({ value }) => value ?? 0));
  const cells = shown.map(({ value }) => {
    if (value === null) return paint('dim', '·');
    const bar = bars[levelOf(value, threshold, highest)] as string;
    return isAbove(value, threshold) ? paint('red', bar) : paint('green', bar);
  });
  return `${' '.repeat(width - shown.length)}${cells.join('')}`;
}

export function isAbove(value: number | null, threshold: number | null): boolean {
  return value !== null && threshold !== null && value > threshold;
}

function levelOf(value: number, threshold: number | null, highest: number): number {
  const share = (most: number, levels: number) =>
    most <= 0 ? 0 : Math.max(0, Math.min(levels, Math.round((value / most) * levels)));
  if (threshold === null) return share(highest, bars.length - 1);
  if (!isAbove(value, threshold)) return share(threshold, allowed);
  return value > 2 * threshold ? bars.length - 1 : allowed + 1;
}
