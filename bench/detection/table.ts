import { type Cell, cells } from './cells.ts';
import type { CellScore, LeakScore, NullScore, RegressionScore } from './score.ts';
import { detectorsIn, type Scores } from './scores.ts';

/** One section after another, in it one block a row of cells, in it a line a detector. */
export function writeTable(scores: Scores): string {
  const lines: string[] = [];
  const measured = cells.filter(({ id }) => id in scores.cells);
  for (const [section, inSection] of groupBy(measured, (cell) => cell.section)) {
    lines.push('', `## ${section}`);
    for (const [row, inRow] of groupBy(inSection, (cell) => cell.row)) {
      for (const part of chunks(inRow, 6)) lines.push('', ...blockOf(row, part, scores));
    }
  }
  return lines.join('\n');
}

/** The labelled traces, a line a detector. */
export function writeLabelled({ labelled }: Scores): string {
  const [first] = Object.values(labelled ?? {});
  const lines =
    labelled === null || first === undefined
      ? ['absent: no labels.json in the folder of labelled traces']
      : align([
          [
            '',
            `false per 1,000 (${first.nulls.days} nulls)`,
            `recall median/p90 (${first.regressions.days} detectable)`,
            'within 60 min',
          ],
          ...Object.entries(labelled).map(([name, { nulls, regressions }]) => [
            name,
            sayNull(nulls),
            sayRegression(regressions),
            regressions.recallWithinHour.toFixed(2),
          ]),
        ]);
  return ['', '## Labelled traces', '', ...lines].join('\n');
}

/** The cells of a table as wide as their column's widest. The first column is left-aligned, the others where asked. */
export function padded(rows: readonly (readonly string[])[], others: 'left' | 'right' = 'left'): string[][] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)));
  return rows.map((row) =>
    row.map((cell, at) => {
      const width = widths[at] ?? 0;
      return at === 0 || others === 'left' ? cell.padEnd(width) : cell.padStart(width);
    }),
  );
}

/** A table of a page. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = padded(rows);
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  return [line(head), line(head.map((cell) => '-'.repeat(cell.length))), ...body.map(line)].join('\n');
}

/** A table for a terminal, a line a row. */
export function align(rows: readonly (readonly string[])[]): string[] {
  return padded(rows, 'right').map((row) => row.join('  ').trimEnd());
}

function blockOf(row: string, inRow: readonly Cell[], scores: Scores): string[] {
  const body = detectorsIn(scores).map((name) => [
    name,
    ...inRow.map(({ id }) => sayScore(scores.cells[id]?.[name])),
  ]);
  return align([[row, ...inRow.map(({ column }) => column)], ...body]);
}

function sayScore(score: CellScore | undefined): string {
  if (score === undefined) return '';
  if ('per1000' in score) return sayNull(score);
  return 'medianHoursLeft' in score ? sayLeak(score) : sayRegression(score);
}

export function sayNull({ per1000, interval: { low, high } }: NullScore): string {
  return `${short(per1000)} [${short(low)}-${short(high)}]`;
}

export function sayRegression({ recall, medianDelay, p90Delay, early }: RegressionScore): string {
  const delays = medianDelay === null ? '' : ` ${medianDelay}/${p90Delay}`;
  return `${recall.toFixed(2)}${delays}${sayEarly(early)}`;
}

function sayLeak({ recall, medianHoursLeft, p10HoursLeft, early }: LeakScore): string {
  const hours = medianHoursLeft === null ? '' : ` ${medianHoursLeft.toFixed(1)}/${p10HoursLeft?.toFixed(1)}`;
  return `${recall.toFixed(2)}${hours}${sayEarly(early)}`;
}

function sayEarly(early: number): string {
  return early > 0 ? ` !${early}` : '';
}

function short(value: number): string {
  return value.toFixed(value > 0 && value < 10 ? 1 : 0);
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
