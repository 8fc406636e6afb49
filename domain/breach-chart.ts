import type { BreachSeries } from './breach-series.ts';
import { shortNumber } from './detection/verdict.ts';
import { escaped, niceTicks, rounded } from './svg.ts';
import { clockTime } from './timeline.ts';

/** Pixels of the picture; chats show it about this large. */
export const chartSize = { width: 720, height: 320 } as const;

/** Of the font, pixels; on the safe side. */
const letterWidth = 8;

const area = { left: 64, right: 700, top: 64, bottom: 280 } as const;

/** A breach as one picture: what was measured, what is usual and allowed, and since when it is bad. Times are UTC. */
export function breachChart(title: string, series: BreachSeries): string {
  const scale = scaleOf(series);
  const { width, height } = chartSize;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<style>${style}</style>
<rect class="paper" width="${width}" height="${height}"/>
<text class="title" x="20" y="28">${escaped(cut(title, 72))}</text>
<text x="20" y="48">${escaped(`${series.signal} of ${series.service}${unitText(series.unit)}; times in UTC`)}</text>
${breachSpan(series, scale)}
${valueTicks(scale)}
${timeTicks(scale)}
${limitLines(series, scale)}
<path class="seen" d="${pathOf(series, scale)}"/>
${newest(series, scale)}
</svg>
`;
}

const style =
  'text{font:13px "DejaVu Sans",sans-serif;fill:#3d4148}.title{font-size:15px;font-weight:600;fill:#16181c}' +
  '.paper{fill:#f6f7f9}.end{text-anchor:end}.middle{text-anchor:middle}.grid{stroke:#dcdfe4}' +
  '.span{fill:#c01c28;fill-opacity:.09}.begin{stroke:#c01c28;stroke-width:1.5}.bad{fill:#c01c28}' +
  '.seen{fill:none;stroke:#1663b0;stroke-width:2.2;stroke-linejoin:round}.dot{fill:#1663b0}.now{fill:#1663b0;font-weight:600}' +
  '.allowed{stroke:#b25a00;stroke-width:2;stroke-dasharray:7 4}.allowed-word{fill:#8a4500}' +
  '.usual{stroke:#777;stroke-width:1.5;stroke-dasharray:2 3}.halo{paint-order:stroke;stroke:#f6f7f9;stroke-width:4px}';

interface Scale {
  readonly from: number;
  readonly to: number;
  readonly most: number;
  readonly x: (atMs: number) => number;
  readonly y: (value: number) => number;
}

function scaleOf({ points, baseline, threshold }: BreachSeries): Scale {
  const from = points[0]?.atMs ?? 0;
  const to = Math.max(from + 60_000, points.at(-1)?.atMs ?? 0);
  const most = 1.1 * Math.max(threshold ?? 0, baseline ?? 0, ...points.map(({ value }) => value ?? 0)) || 1;
  return {
    from,
    to,
    most,
    x: (atMs) => rounded(area.left + ((atMs - from) / (to - from)) * (area.right - area.left)),
    y: (value) => rounded(area.bottom - (value / most) * (area.bottom - area.top)),
  };
}

function breachSpan({ breachSinceMs }: BreachSeries, { from, to, x }: Scale): string {
  if (breachSinceMs > to) return '';
  const at = x(Math.max(from, breachSinceMs));
  const isLate = at > area.right - 130;
  const word = `<text class="bad${isLate ? ' end' : ''}" x="${at + (isLate ? -6 : 6)}" y="${area.top - 4}">bad since ${clockTime(breachSinceMs).slice(0, 5)}</text>`;
  return `<rect class="span" x="${at}" y="${area.top}" width="${rounded(area.right - at)}" height="${area.bottom - area.top}"/><line class="begin" x1="${at}" x2="${at}" y1="${area.top}" y2="${area.bottom}"/>${word}`;
}

function valueTicks({ most, y }: Scale): string {
  return niceTicks(0, most, 5)
    .map((tick) => {
      const at = y(tick);
      return `<line class="grid" x1="${area.left}" x2="${area.right}" y1="${at}" y2="${at}"/><text class="end" x="${area.left - 8}" y="${at + 4}">${shortNumber(tick)}</text>`;
    })
    .join('\n');
}

const wholeMinutes = [1, 2, 5, 10, 15, 30, 60, 120, 240, 720];

function timeTicks({ from, to, x }: Scale): string {
  return niceTicks(from / 60_000, to / 60_000, 7, wholeMinutes)
    .map((minute) => {
      const at = x(minute * 60_000);
      return `<line class="grid" x1="${at}" x2="${at}" y1="${area.top}" y2="${area.bottom}"/><text class="middle" x="${at}" y="${area.bottom + 20}">${clockTime(minute * 60_000).slice(0, 5)}</text>`;
    })
    .join('\n');
}

/** The words stand at the left, where it was well and the line is low; side by side where the lines are too close for both. */
function limitLines({ threshold, baseline, unit }: BreachSeries, { y }: Scale): string {
  const allowed = threshold === null ? '' : `allowed ${shortNumber(threshold)}${unit}`;
  const usual = baseline === null ? '' : `usual ${shortNumber(baseline)}${unit}`;
  const [allowedAt, usualAt] = [y(threshold ?? 0), y(baseline ?? 0)];
  const isNear = allowed !== '' && usual !== '' && Math.abs(allowedAt - usualAt) < 24;
  const beside = { x: 24 + allowed.length * letterWidth, y: Math.min(allowedAt, usualAt) };
  return [
    limitLine('usual', usual, usualAt, isNear ? beside : { x: 8, y: usualAt }),
    limitLine('allowed', allowed, allowedAt, { x: 8, y: isNear ? beside.y : allowedAt }),
  ].join('\n');
}

function limitLine(name: string, word: string, at: number, text: { x: number; y: number }): string {
  if (word === '') return '';
  return `<line class="${name}" x1="${area.left}" x2="${area.right}" y1="${at}" y2="${at}"/><text class="${name}-word halo" x="${area.left + text.x}" y="${text.y - 6}">${escaped(word)}</text>`;
}

function pathOf({ points }: BreachSeries, { x, y }: Scale): string {
  let path = '';
  let pen = 'M';
  for (const { atMs, value } of points) {
    if (value !== null) path += `${pen}${x(atMs)} ${y(value)}`;
    pen = value === null ? 'M' : 'L';
  }
  return path;
}

function newest({ points, unit }: BreachSeries, { x, y }: Scale): string {
  const last = points.findLast(({ value }) => value !== null);
  if (last === undefined || last.value === null) return '';
  const [at, height] = [x(last.atMs), y(last.value)];
  return `<circle class="dot" cx="${at}" cy="${height}" r="4"/><text class="now end" x="${rounded(at - 9)}" y="${Math.max(area.top + 14, height - 8)}">${escaped(`${shortNumber(last.value)}${unit}`)}</text>`;
}

function unitText(unit: string): string {
  return unit === '' || unit === '/min' ? '' : `,${unit}`;
}

function cut(text: string, letters: number): string {
  return text.length > letters ? `${text.slice(0, letters - 1)}…` : text;
}
