import { shortNumber } from '../../domain/detection/verdict.ts';
import { escaped, linesOf, niceTicks, rounded } from '../../domain/svg.ts';
import { inView, type Point, type Series } from './series.ts';

const width = 900;
const left = 64;
const right = 16;
const panelHeight = 150;
const panelGap = 56;
const top = 108;

interface Line {
  readonly name: 'seen' | 'usual' | 'allowed';
  readonly value: (point: Point) => number | null;
}

const panels: readonly { readonly title: string; readonly lines: readonly Line[] }[] = [
  {
    title: 'errors per minute',
    lines: [
      { name: 'seen', value: (point) => point.errorsPerMinute },
      { name: 'usual', value: (point) => point.usualErrors },
      { name: 'allowed', value: (point) => point.allowedErrors },
    ],
  },
  {
    title: 'latency, ms',
    lines: [
      { name: 'seen', value: (point) => point.latencyMs },
      { name: 'usual', value: (point) => point.usualLatencyMs },
      { name: 'allowed', value: (point) => point.allowedLatencyMs },
    ],
  },
  {
    title: 'memory, % of its limit',
    lines: [
      { name: 'seen', value: (point) => point.memoryPercent },
      { name: 'allowed', value: (point) => point.allowedMemoryPercent },
    ],
  },
];

/** One deployment as a picture that needs nothing else: errors, latency and memory, with what was usual, allowed and decided. */
export function caseChart(id: string, series: Series): string {
  const points = inView(series);
  const from = points[0]?.minute ?? 0;
  const to = Math.max(from + 1, points.at(-1)?.minute ?? 0);
  const time: TimeAxis = {
    from,
    to,
    x: (minute) => rounded(left + ((minute - from) / (to - from)) * (width - left - right)),
  };
  const height = top + panels.length * (panelHeight + panelGap) - 10;
  const { decision } = series;
  const said = decision === null ? 'not rolled back' : `minute ${decision.minute}: ${decision.reason}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(`${id}: ${said}`)}">
<style>${style}</style>
<rect class="paper" width="${width}" height="${height}"/>
<text class="title" x="${left}" y="22">${escaped(id)}</text>
${linesOf(said, 128, 2)
  .map(
    (line, i) =>
      `<text x="${left}" y="${42 + 16 * i}">${escaped(line)}<title>${escaped(said)}</title></text>`,
  )
  .join('\n')}
${panels.map((panel, i) => panelOf(panel, points, time, top + i * (panelHeight + panelGap))).join('\n')}
${decision === null ? '' : markOf(decision.minute, time)}
</svg>
`;
}

const style =
  'text{font:12px system-ui,sans-serif;fill:#444}.title{font-size:15px;font-weight:600;fill:#111}.name{font-weight:600}.paper{fill:#fff}' +
  '.end{text-anchor:end}.middle{text-anchor:middle}.frame{fill:none;stroke:#bbb}.grid{stroke:#e8e8e8}' +
  '.seen{fill:none;stroke:#1663b0;stroke-width:1.2;stroke-linejoin:round}.usual{fill:none;stroke:#777;stroke-width:1.5}' +
  '.allowed{fill:none;stroke:#b25a00;stroke-width:1.8;stroke-dasharray:6 4}.decided{stroke:#c01c28;stroke-width:2}.word{fill:#c01c28;font-weight:600}' +
  '@media (prefers-color-scheme:dark){text{fill:#bbb}.title{fill:#eee}.paper{fill:#16181c}.frame{stroke:#555}.grid{stroke:#2a2e34}' +
  '.seen{stroke:#6cb2ff}.usual{stroke:#aaa}.allowed{stroke:#f0a040}.decided{stroke:#ff6b6b}.word{fill:#ff6b6b}}';

/** Minutes since the deployment, from edge to edge. */
interface TimeAxis {
  readonly from: number;
  readonly to: number;
  readonly x: (minute: number) => number;
}

function panelOf(
  { title, lines }: (typeof panels)[number],
  points: readonly Point[],
  time: TimeAxis,
  y: number,
): string {
  const most = points.reduce(
    (highest, point) => lines.reduce((sum, { value }) => Math.max(sum, value(point) ?? 0), highest),
    0,
  );
  const scale = most > 0 ? panelHeight / (1.05 * most) : 0;
  const bottom = y + panelHeight;
  const paths = lines.map(({ name, value }) => ({
    name,
    path: pathOf(points, value, time, (found) => bottom - found * scale),
  }));
  const drawn = paths.filter(({ path }) => path !== '');
  return [
    ...niceTicks(0, most, 5).map((tick) => {
      const at = rounded(bottom - tick * scale);
      return `<line class="grid" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/><text class="end" x="${left - 8}" y="${at + 4}">${shortNumber(tick)}</text>`;
    }),
    ...timeTicks(time, y, bottom),
    `<rect class="frame" x="${left}" y="${y}" width="${width - left - right}" height="${panelHeight}"/>`,
    `<text class="name" x="${left}" y="${y - 8}">${title}${drawn.length === 0 ? ': not measured' : ''}</text>`,
    // What is allowed stays in sight above what is seen.
    ...drawn.map(({ name, path }) => `<path class="${name}" d="${path}"/>`),
    ...legendOf(
      drawn.map(({ name }) => name),
      y - 8,
    ),
  ].join('\n');
}

function pathOf(
  points: readonly Point[],
  value: Line['value'],
  { x }: TimeAxis,
  y: (found: number) => number,
): string {
  let path = '';
  let pen = 'M';
  for (const point of points) {
    const found = value(point);
    if (found !== null) path += `${pen}${x(point.minute)} ${rounded(y(found))}`;
    pen = found === null ? 'M' : 'L';
  }
  return path;
}

/** Minutes, or hours where minutes would be hundreds. */
function timeTicks({ from, to, x }: TimeAxis, y: number, bottom: number): string[] {
  const inHours = to - from > 400;
  const unit = inHours ? 60 : 1;
  return niceTicks(from / unit, to / unit, 8, inHours ? wholeHours : wholeMinutes).map((tick) => {
    const at = x(tick * unit);
    return `<line class="grid" x1="${at}" x2="${at}" y1="${y}" y2="${bottom}"/><text class="middle" x="${at}" y="${bottom + 16}">${shortNumber(tick)} ${inHours ? 'h' : 'min'}</text>`;
  });
}

const wholeMinutes = [1, 2, 5, 10, 15, 20, 30, 60];
const wholeHours = [1, 2, 3, 4, 6, 12, 24];

/** From the right edge to the left. */
function legendOf(names: readonly Line['name'][], y: number): string[] {
  return names.toReversed().map((name, i) => {
    const x = width - right - 88 * (i + 1);
    return `<line class="${name}" x1="${x}" x2="${x + 26}" y1="${y - 4}" y2="${y - 4}"/><text x="${x + 32}" y="${y}">${name}</text>`;
  });
}

/** A line in each panel, so that it crosses no words. */
function markOf(minute: number, { from, to, x }: TimeAxis): string {
  const at = x(minute);
  const isLate = minute > (from + to) / 2;
  const lines = panels.map((_, i) => {
    const y = top + i * (panelHeight + panelGap);
    return `<line class="decided" x1="${at}" x2="${at}" y1="${y}" y2="${y + panelHeight}"/>`;
  });
  const arrow = `<path class="word" d="M${at} ${top - 24}l-5 -9h10z"/>`;
  const word = `<text class="word${isLate ? ' end' : ''}" x="${at + (isLate ? -10 : 10)}" y="${top - 24}">rolled back, minute ${minute}</text>`;
  return [...lines, arrow, word].join('\n');
}
