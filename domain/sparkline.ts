import type { BreachSeries } from './breach-series.ts';
import { shortNumber } from './detection/verdict.ts';

const marks = '▁▂▃▄▅▆▇█';
const columns = 32;

/**
 * `errors per minute ▁▁▁▂▇█ now 5.2/min, allowed 1.5/min, usual 0.5/min`: a breach where only text goes.
 * @param between the bars and the words
 */
export function sparkline(
  { signal, unit, points, baseline, threshold }: BreachSeries,
  between = ' ',
): string {
  const cells = meansOf(
    points.map(({ value }) => value),
    columns,
  );
  const most = Math.max(threshold ?? 0, ...cells.map((cell) => cell ?? 0));
  const now = points.findLast(({ value }) => value !== null)?.value ?? null;
  const said = [
    now === null ? [] : [`now ${shortNumber(now)}${unit}`],
    threshold === null ? [] : [`allowed ${shortNumber(threshold)}${unit}`],
    baseline === null ? [] : [`usual ${shortNumber(baseline)}${unit}`],
  ];
  return `${signal} ${cells.map((cell) => markOf(cell, most)).join('')}${between}${said.flat().join(', ')}`.trimEnd();
}

/** A column's mark, against the highest value of its line; a gap where nothing was measured. */
export function markOf(cell: number | null, most: number): string {
  if (cell === null) return ' ';
  const share = most > 0 ? Math.min(1, cell / most) : 0;
  return marks[Math.min(marks.length - 1, Math.floor(share * marks.length))] as string;
}

function meansOf(values: readonly (number | null)[], wanted: number): (number | null)[] {
  const count = Math.min(wanted, values.length);
  return Array.from({ length: count }, (_, column) => {
    const from = Math.floor((column * values.length) / count);
    const known = values
      .slice(from, Math.max(from + 1, Math.floor(((column + 1) * values.length) / count)))
      .filter((value) => value !== null);
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
  });
}
