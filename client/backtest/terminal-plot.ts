import { shortNumber } from '../../domain/detection/verdict.ts';
import { markOf } from '../../domain/sparkline.ts';
import { inView, type Point, type Series } from './series.ts';

const columns = 56;

const rowsOf: readonly { readonly title: string; readonly value: (point: Point) => number | null }[] = [
  { title: 'errors/min', value: (point) => point.errorsPerMinute },
  { title: ' allowed', value: (point) => point.allowedErrors },
  { title: 'latency ms', value: (point) => point.latencyMs },
  { title: ' allowed', value: (point) => point.allowedLatencyMs },
  { title: 'memory %', value: (point) => point.memoryPercent },
];

/** One case as lines of at most 80 columns. A row that says what is allowed has the scale of the row above it. */
export function terminalPlot(series: Series): string {
  const points = inView(series);
  const from = points[0]?.minute ?? 0;
  const to = Math.max(from + 1, points.at(-1)?.minute ?? 0);
  const columnOf = (minute: number) =>
    Math.min(columns - 1, Math.floor(((minute - from) / (to - from)) * columns));
  let most = 0;
  const lines = rowsOf.flatMap(({ title, value }) => {
    const cells = averages(points, value, columnOf);
    const own = cells.reduce<number>((highest, cell) => Math.max(highest, cell ?? 0), 0);
    if (!title.startsWith(' ')) most = own;
    if (cells.every((cell) => cell === null)) return [];
    return [`${title.padEnd(11)}${cells.map((cell) => markOf(cell, most)).join('')} ≤ ${shortNumber(own)}`];
  });
  const { decision } = series;
  const mark =
    decision === null ? [] : [`${' '.repeat(11 + columnOf(decision.minute))}▲ minute ${decision.minute}`];
  const end = `${shortNumber(to)} min`;
  const axis = `${' '.repeat(11)}${`${shortNumber(from)} min`.padEnd(columns - end.length)}${end}`;
  return [...lines, ...mark.map((line) => (line.length > 80 ? `${line.slice(0, 79)}…` : line)), axis].join(
    '\n',
  );
}

function averages(
  points: readonly Point[],
  value: (point: Point) => number | null,
  columnOf: (minute: number) => number,
): (number | null)[] {
  const cells = Array.from({ length: columns }, () => ({ sum: 0, count: 0 }));
  for (const point of points) {
    const cell = cells[columnOf(point.minute)];
    const found = value(point);
    if (cell === undefined || found === null) continue;
    cell.sum += found;
    cell.count += 1;
  }
  return cells.map(({ sum, count }) => (count === 0 ? null : sum / count));
}
