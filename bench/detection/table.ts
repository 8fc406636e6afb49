import type { Cell } from './cells.ts';
import {
  type NullScore,
  type RegressionScore,
  scoreLeak,
  scoreNull,
  scoreRegression,
  type Verdict,
} from './score.ts';

/** One section after another, in it one block a row of cells, in it a line a detector. */
export function writeTable(
  cells: readonly Cell[],
  verdicts: ReadonlyMap<string, readonly (readonly Verdict[])[]>,
  detectorNames: readonly string[],
): string {
  const lines: string[] = [];
  for (const [section, inSection] of groupBy(cells, ({ section }) => section)) {
    lines.push('', `## ${section}`);
    for (const [row, inRow] of groupBy(inSection, ({ row }) => row)) {
      for (const part of chunks(inRow, 6)) {
        lines.push('', ...blockOf(row, part, verdicts, detectorNames));
      }
    }
  }
  return lines.join('\n');
}

export function scoreCell(cell: Cell, verdicts: readonly Verdict[]) {
  if (cell.kind === 'null') return scoreNull(verdicts);
  return cell.leakHours === undefined ? scoreRegression(verdicts) : scoreLeak(verdicts, cell.leakHours);
}

export function sayNull({ per1000, interval: { low, high } }: NullScore): string {
  return `${short(per1000)} [${short(low)}-${short(high)}]`;
}

export function sayRegression({ recall, medianDelay, p90Delay, early }: RegressionScore): string {
  const delays = medianDelay === null ? '' : ` ${medianDelay}/${p90Delay}`;
  return `${recall.toFixed(2)}${delays}${early > 0 ? ` !${early}` : ''}`;
}

/** Columns as wide as their widest value, the first left, the others right. */
export function align(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

function blockOf(
  row: string,
  cells: readonly Cell[],
  verdicts: ReadonlyMap<string, readonly (readonly Verdict[])[]>,
  detectorNames: readonly string[],
): string[] {
  const body = detectorNames.map((name, at) => [
    name,
    ...cells.map((cell) => sayCell(cell, verdicts.get(cell.id)?.[at] ?? [])),
  ]);
  return align([[row, ...cells.map(({ column }) => column)], ...body]);
}

function sayCell(cell: Cell, verdicts: readonly Verdict[]): string {
  if (cell.kind === 'null') return sayNull(scoreNull(verdicts));
  if (cell.leakHours === undefined) return sayRegression(scoreRegression(verdicts));
  const { recall, medianHoursLeft, p10HoursLeft, early } = scoreLeak(verdicts, cell.leakHours);
  const hours = medianHoursLeft === null ? '' : ` ${medianHoursLeft.toFixed(1)}/${p10HoursLeft?.toFixed(1)}`;
  return `${recall.toFixed(2)}${hours}${early > 0 ? ` !${early}` : ''}`;
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
