import { shortNumber } from '../../domain/detection/verdict.ts';
import { inView, type Point, type Series } from './series.ts';

const width = 900;
const left = 64;
const right = 16;
const panelHeight = 150;
const panelGap = 44;
const top = 64;

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
  { title: 'memory, % of its limit', lines: [{ name: 'seen', value: (point) => point.memoryPercent }] },
];

/** One deployment as a picture that needs nothing else: errors, latency and memory, with what was usual, allowed and decided. */
export function caseChart(id: string, series: Series): string {
  const points = inView(series);
  const from = points[0]?.minute ?? 0;
  const to = Math.max(from + 1, points.at(-1)?.minute ?? 0);
  const x = (minute: number) => left + ((minute - from) / (to - from)) * (width - left - right);
  const height = top + panels.length * (panelHeight + panelGap);
  const { decision } = series;
  const said = decision === null ? 'not rolled back' : `minute ${decision.minute}: ${decision.reason}`;
  const mark =
    decision === null
      ? ''
      : `<line class="decided" x1="${round(x(decision.minute))}" x2="${round(x(decision.minute))}" y1="${top - 8}" y2="${height - panelGap}"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(`${id}: ${said}`)}">
<style>${style}</style>
<rect class="paper" width="${width}" height="${height}"/>
<text class="title" x="${left}" y="22">${escaped(id)}</text>
<text x="${left}" y="40">${escaped(shortened(said))}<title>${escaped(said)}</title></text>
${panels.map((panel, i) => panelOf(panel, points, { x, from, to, y: top + i * (panelHeight + panelGap) })).join('\n')}
${mark}
</svg>
`;
}

const style =
  'text{font:12px system-ui,sans-serif;fill:#444}.title{font-size:15px;font-weight:600;fill:#111}.paper{fill:#fff}' +
  '.frame{fill:none;stroke:#ccc}.seen{fill:none;stroke:#1663b0;stroke-width:1.3}.usual{fill:none;stroke:#777}' +
  '.allowed{fill:none;stroke:#b25a00;stroke-dasharray:5 4}.decided{stroke:#c01c28;stroke-width:2}' +
  '@media (prefers-color-scheme:dark){text{fill:#bbb}.title{fill:#eee}.paper{fill:#16181c}.frame{stroke:#444}' +
  '.seen{stroke:#6cb2ff}.usual{stroke:#999}.allowed{stroke:#f0a040}.decided{stroke:#ff6b6b}}';

function panelOf(
  { title, lines }: (typeof panels)[number],
  points: readonly Point[],
  { x, y, from, to }: { x: (minute: number) => number; y: number; from: number; to: number },
): string {
  const most = points.reduce(
    (highest, point) => lines.reduce((sum, { value }) => Math.max(sum, value(point) ?? 0), highest),
    0,
  );
  const scale = most > 0 ? panelHeight / (1.05 * most) : 0;
  const bottom = y + panelHeight;
  const drawn = lines.map(({ name, value }) => {
    let path = '';
    let pen = 'M';
    for (const point of points) {
      const found = value(point);
      if (found !== null) path += `${pen}${round(x(point.minute))} ${round(bottom - found * scale)}`;
      pen = found === null ? 'M' : 'L';
    }
    return path === '' ? '' : `<path class="${name}" d="${path}"/>`;
  });
  const legend = lines.length > 1 ? ' (dashed: allowed, grey: usual)' : '';
  return [
    `<rect class="frame" x="${left}" y="${y}" width="${width - left - right}" height="${panelHeight}"/>`,
    `<text x="${left}" y="${y - 5}">${title}${legend}</text>`,
    `<text x="${left - 6}" y="${y + 10}" text-anchor="end">${most > 0 ? shortNumber(1.05 * most) : ''}</text>`,
    `<text x="${left - 6}" y="${bottom}" text-anchor="end">0</text>`,
    `<text x="${left}" y="${bottom + 15}">${shortNumber(from)} min</text>`,
    `<text x="${width - right}" y="${bottom + 15}" text-anchor="end">${shortNumber(to)} min</text>`,
    ...drawn,
  ].join('\n');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function shortened(text: string): string {
  return text.length > 130 ? `${text.slice(0, 129)}…` : text;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
