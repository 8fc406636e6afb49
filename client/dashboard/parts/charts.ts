import { shortNumber } from '../../../domain/detection/verdict.ts';
import type { Point } from '../../../domain/series.ts';
import { clockTime } from '../../../domain/timeline.ts';

/** What a chart shows besides its points, in their unit. */
export interface Bounds {
  readonly baseline: number | null;
  readonly threshold: number | null;
}

const spark = { width: 160, height: 32 } as const;

/** The newest checks as a line, with the threshold drawn in; SVG without any style of its own. */
export function sparkline(points: readonly Point[], bounds: Bounds, label: string): string {
  const frame = frameOf(points, bounds, {
    left: 1,
    top: 2,
    right: spark.width - 1,
    bottom: spark.height - 2,
  });
  return [
    `<svg class="spark" viewBox="0 0 ${spark.width} ${spark.height}" preserveAspectRatio="none" role="img" aria-label="${escaped(label)}">`,
    ...lineAcross('threshold', bounds.threshold, frame),
    `<path class="line" d="${pathOf(points, frame)}"/>`,
    '</svg>',
  ].join('');
}

export interface Span {
  readonly kind: 'breach' | 'maintenance' | 'baseline';
  readonly fromMs: number;
  readonly toMs: number;
  readonly label: string;
}

export interface Mark {
  readonly kind: 'deployed' | 'detected' | 'rollback' | 'traffic' | 'ended';
  readonly atMs: number;
  readonly label: string;
}

export interface ChartInput extends Bounds {
  readonly title: string;
  readonly unit: string;
  readonly points: readonly Point[];
  readonly spans: readonly Span[];
  readonly marks: readonly Mark[];
  readonly fromMs: number;
  readonly toMs: number;
}

const size = { width: 720, height: 200 } as const;
const plot = { left: 60, top: 14, right: size.width - 10, bottom: size.height - 24 } as const;

/** One signal over the watch: the first paint, before any script runs, and all there is where none does. */
export function chart(input: ChartInput): string {
  const frame = frameOf(input.points, input, plot, input);
  return [
    `<svg class="chart" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${escaped(chartWords(input))}">`,
    ...input.spans.map((span) => spanShape(span, frame)),
    ...valueAxis(frame),
    ...timeAxis(frame),
    ...lineAcross('baseline', input.baseline, frame),
    ...lineAcross('threshold', input.threshold, frame),
    `<path class="line" d="${pathOf(input.points, frame)}"/>`,
    ...input.marks.map((mark) => markShape(mark, frame)),
    '</svg>',
  ].join('');
}

/** What a chart says, for whoever does not see it. */
export function chartWords({ title, unit, points, baseline, threshold, spans, marks }: ChartInput): string {
  const known = points.flatMap(({ value }) => (value === null ? [] : [value]));
  const last = known.at(-1);
  const parts = [
    last === undefined
      ? 'nothing measured'
      : `now ${shortNumber(last)} ${unit}, highest ${shortNumber(Math.max(...known))} ${unit}`,
    baseline === null ? '' : `baseline ${shortNumber(baseline)} ${unit}`,
    threshold === null ? '' : `threshold ${shortNumber(threshold)} ${unit}`,
    ...spans.map(({ label, fromMs, toMs }) => `${label}, from ${clockTime(fromMs)} to ${clockTime(toMs)}`),
    ...marks.map(({ label, atMs }) => `${label} at ${clockTime(atMs)}`),
  ];
  return `${title}: ${parts.filter((part) => part !== '').join(', ')}`;
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

interface Frame extends Box {
  readonly fromMs: number;
  readonly toMs: number;
  readonly highest: number;
  x(atMs: number): number;
  y(value: number): number;
}

function frameOf(
  points: readonly Point[],
  { baseline, threshold }: Bounds,
  box: Box,
  range?: { readonly fromMs: number; readonly toMs: number },
): Frame {
  const fromMs = range?.fromMs ?? points[0]?.atMs ?? 0;
  const toMs = Math.max(range?.toMs ?? points.at(-1)?.atMs ?? 1, fromMs + 1);
  const values = points.flatMap(({ value }) => (value === null ? [] : [value]));
  const most = Math.max(0, ...values, baseline ?? 0, threshold ?? 0);
  // Where all is nothing, an axis of millionths would only puzzle.
  const highest = most === 0 ? 1 : niceCeiling(Math.max(1e-6, most));
  const { left, right, top, bottom } = box;
  return {
    ...box,
    fromMs,
    toMs,
    highest,
    x: (atMs) =>
      left + ((Math.min(toMs, Math.max(fromMs, atMs)) - fromMs) / (toMs - fromMs)) * (right - left),
    y: (value) => bottom - (Math.max(0, value) / highest) * (bottom - top),
  };
}

/** The next of 1, 2, 2.5, 5 times a power of ten: axes end at a number that can be read. */
export function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 2.5, 5, 10].find((candidate) => candidate * power >= value * 1.02) ?? 20;
  return step * power;
}

/** A gap in the measurements is a gap in the line. */
function pathOf(points: readonly Point[], frame: Frame): string {
  let pen = 'M';
  return points
    .map(({ atMs, value }) => {
      if (value === null) {
        pen = 'M';
        return '';
      }
      const step = `${pen}${round(frame.x(atMs))} ${round(frame.y(value))}`;
      // A point between two gaps is drawn as a dot: a line of no length with round ends.
      const dot = pen === 'M' ? 'h0' : '';
      pen = 'L';
      return step + dot;
    })
    .join('');
}

function lineAcross(kind: 'baseline' | 'threshold', value: number | null, frame: Frame): string[] {
  if (value === null) return [];
  const y = round(frame.y(value));
  return [`<line class="${kind}" x1="${frame.left}" x2="${frame.right}" y1="${y}" y2="${y}"/>`];
}

function spanShape({ kind, fromMs, toMs, label }: Span, frame: Frame): string {
  const left = frame.x(fromMs);
  const width = Math.max(1, frame.x(toMs) - left);
  return `<rect class="span ${kind}" x="${round(left)}" width="${round(width)}" y="${frame.top}" height="${frame.bottom - frame.top}"><title>${escaped(label)}</title></rect>`;
}

function markShape({ kind, atMs, label }: Mark, frame: Frame): string {
  if (atMs < frame.fromMs || atMs > frame.toMs) return '';
  const x = round(frame.x(atMs));
  return `<g class="mark ${kind}"><line x1="${x}" x2="${x}" y1="${frame.top}" y2="${frame.bottom}"/><circle cx="${x}" cy="${frame.top}" r="4"><title>${escaped(label)}</title></circle></g>`;
}

function valueAxis(frame: Frame): string[] {
  return [0, 0.5, 1].map((part) => {
    const value = frame.highest * part;
    const y = round(frame.y(value));
    const text = shortNumber(value);
    return `<line class="grid" x1="${frame.left}" x2="${frame.right}" y1="${y}" y2="${y}"/><text class="tick" x="${frame.left - 6}" y="${y + 4}" text-anchor="end">${escaped(text)}</text>`;
  });
}

function timeAxis(frame: Frame): string[] {
  const count = 5;
  return Array.from({ length: count }, (_, index) => {
    const atMs = frame.fromMs + ((frame.toMs - frame.fromMs) * index) / (count - 1);
    const anchor = index === 0 ? 'start' : index === count - 1 ? 'end' : 'middle';
    const short = frame.toMs - frame.fromMs < 10 * 60_000;
    const text = clockTime(atMs).slice(0, short ? 8 : 5);
    return `<text class="tick" x="${round(frame.x(atMs))}" y="${frame.bottom + 16}" text-anchor="${anchor}">${text}</text>`;
  });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
