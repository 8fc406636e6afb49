import { releaseNames } from '../../../domain/deployment.ts';
import { shortDuration, shortNumber } from '../../../domain/detection/verdict.ts';
import { productName } from '../../../domain/identity.ts';
import { missingReadiness, readinessTarget } from '../../../domain/readiness.ts';
import { clockTime } from '../../../domain/timeline.ts';
import type { ServiceSeries, SignalSeries } from '../../rollback-client.ts';
import type { Paint } from '../paint.ts';
import { type Mood, type Phase, type Picture, type ProductPicture, phaseOf } from './picture.ts';
import { isAbove, sparkline } from './sparkline.ts';

export interface Screen {
  readonly columns: number;
  readonly rows: number;
  readonly paint: Paint;
}

/** One product in full, as a text of at most `rows` lines that are no wider than the screen. */
export function drawProduct(picture: Picture, screen: Screen): string {
  const [product] = picture.products;
  if (product === undefined) return '';
  const { status, series } = product;
  const top = [
    ...headLines(product, picture, screen),
    '',
    ...(series ?? []).flatMap((service) => serviceLines(service, screen)),
    ...wayBackLines(product, screen),
    ...checkLines(product, picture, screen),
  ];
  const foot = footLine(picture, screen);
  const room = Math.max(0, screen.rows - top.length - 3);
  const newest = status.timeline.slice(-room);
  const timeline =
    room < 2 || newest.length === 0
      ? []
      : [
          screen.paint('bold', 'Timeline (UTC)'),
          ...newest.map(({ atMs, text }) => `  ${screen.paint('dim', clockTime(atMs))}  ${firstLine(text)}`),
        ];
  return framed([...top, '', ...timeline], foot, screen);
}

/** Every product in a line, those that need people first. */
export function drawOverview(picture: Picture, screen: Screen): string {
  const { paint } = screen;
  const rows = picture.products.map((product) => ({ product, phase: phaseOf(product.status) }));
  const sorted = rows.toSorted((a, b) => urgency.indexOf(a.phase.mood) - urgency.indexOf(b.phase.mood));
  const names = sorted.map(({ product }) => productName(product.status));
  const width = Math.min(28, Math.max(7, ...names.map((name) => name.length)));
  const head = `  ${'PRODUCT'.padEnd(width)}  ${'RELEASE'.padEnd(14)}  ${'LEFT'.padEnd(8)}  STATE`;
  const lines = sorted.map(({ product: { status }, phase }) => {
    const release = status.current === null ? '' : releaseNames(status.current.services);
    const left = leftOf(status.endsAtMs, picture.nowMs);
    const state = `${phase.word}${phase.more === null ? '' : `: ${firstLine(phase.more)}`}`;
    return `${dot(phase, paint)} ${cut(productName(status), width).padEnd(width)}  ${cut(release, 14).padEnd(14)}  ${left.padEnd(8)}  ${paint(styles[phase.mood], state)}`;
  });
  const body = lines.length === 0 ? ['No products are configured.'] : [paint('dim', head), ...lines];
  return framed([title('orchestrator', picture, screen), '', ...body], footLine(picture, screen), screen);
}

const urgency: readonly Mood[] = ['bad', 'warning', 'busy', 'good', 'quiet'];

const styles = { good: 'green', busy: 'cyan', warning: 'yellow', bad: 'red', quiet: 'dim' } as const;

function dot({ mood }: Phase, paint: Paint): string {
  return paint(styles[mood], mood === 'bad' ? '✖' : mood === 'warning' ? '▲' : '●');
}

function title(text: string, { nowMs }: Picture, { columns, paint }: Screen): string {
  const clock = `${clockTime(nowMs)} UTC`;
  return `${paint('bold', text)}${' '.repeat(Math.max(1, columns - text.length - clock.length))}${paint('dim', clock)}`;
}

function headLines({ status }: ProductPicture, picture: Picture, screen: Screen): string[] {
  const { current, pause, veto } = status;
  const phase = phaseOf(status);
  const { paint } = screen;
  return [
    title(
      `${productName(status)}${current === null ? '' : `  ${releaseNames(current.services)}`}`,
      picture,
      screen,
    ),
    `${dot(phase, paint)} ${paint([styles[phase.mood], 'bold'], phase.word)}`,
    ...(phase.more === null ? [] : [`  ${firstLine(phase.more)}`]),
    ...(current === null ? [] : [watchLine(current, status.endsAtMs, picture.nowMs, screen)]),
    ...(veto === null
      ? []
      : [paint('yellow', `  its rollback was vetoed by ${veto.by}: ${firstLine(veto.reason)}`)]),
    ...(pause === null
      ? []
      : [
          paint(
            'yellow',
            `  automatic rollback paused by ${pause.by} ${pause.untilMs === null ? 'until resumed' : `until ${clockTime(pause.untilMs)}`}: ${firstLine(pause.reason)}`,
          ),
        ]),
  ];
}

function watchLine(
  current: { deployment: string; deployedAtMs: number },
  endsAtMs: number | null,
  nowMs: number,
  { columns, paint }: Screen,
): string {
  const ageMs = Math.max(0, nowMs - current.deployedAtMs);
  const since = `  ${current.deployment}, since ${clockTime(current.deployedAtMs)} UTC (${shortDuration(ageMs)})`;
  if (endsAtMs === null) return since;
  const text = `${since}, ${leftOf(endsAtMs, nowMs)} left`;
  const watchMs = Math.max(1, endsAtMs - current.deployedAtMs);
  const cells = Math.min(24, columns - text.length - 2);
  if (cells < 6) return text;
  const done = Math.min(cells, Math.floor((ageMs / watchMs) * cells));
  return `${text}  ${paint('cyan', '━'.repeat(done))}${paint('dim', '─'.repeat(cells - done))}`;
}

function leftOf(endsAtMs: number | null, nowMs: number): string {
  if (endsAtMs === null) return '';
  const minutes = Math.max(0, Math.ceil((endsAtMs - nowMs) / 60_000));
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes} min` : `${hours} h ${String(minutes % 60).padStart(2, '0')}`;
}

const names: Readonly<Record<string, string>> = {
  error_rate: 'errors',
  latency_p50: 'latency p50',
  latency_p95: 'latency p95',
  latency_p99: 'latency p99',
  memory: 'memory',
  cpu: 'CPU',
  request_rate: 'requests',
  db_connection_errors: 'database errors',
  health: 'health',
};

function serviceLines({ service, signals }: ServiceSeries, screen: Screen): string[] {
  const { paint, columns } = screen;
  const shown = signals.filter(({ points }) => points.some(({ value }) => value !== null));
  if (shown.length === 0) return [paint('bold', service), paint('dim', '  nothing measured yet'), ''];
  const label = Math.max(...shown.map((signal) => labelOf(signal).length));
  const longest = Math.max(...shown.map(({ points }) => points.length));
  const width = Math.max(1, Math.min(longest, columns - label - 2 - 3 * 10 - 2));
  const head = `${service.padEnd(label + 2)}${['baseline', 'now', 'limit'].map((word) => word.padStart(10)).join('')}`;
  const lines = shown.map((signal) => {
    const { baseline, threshold, points } = signal;
    const now = points.at(-1)?.value ?? null;
    const cell = (value: number | null) => (value === null ? '-' : shortNumber(value)).padStart(10);
    const nowCell = isAbove(now, threshold) ? paint(['red', 'bold'], cell(now)) : cell(now);
    return `  ${labelOf(signal).padEnd(label)}${cell(baseline)}${nowCell}${cell(threshold)}  ${sparkline(points, { threshold, width, paint })}`;
  });
  return [paint('bold', head), ...lines, ''];
}

function labelOf({ signal, unit }: SignalSeries): string {
  const name = names[signal] ?? signal.replaceAll('_', ' ');
  return unit === '' ? name : `${name}, ${unit}`;
}

function wayBackLines({ status: { readiness, floors } }: ProductPicture, { paint }: Screen): string[] {
  const lines = Object.entries(floors).map(
    ([service, { release }]) => `Rollback floor of ${service}: ${release}`,
  );
  if (readiness === null) return lines;
  const missing = missingReadiness(readiness);
  const when = `looked at ${clockTime(readiness.atMs)}`;
  return missing === null
    ? [`Way back: ${paint('green', `${readinessTarget(readiness)}, ready`)} (${when})`, ...lines]
    : [paint(['red', 'bold'], `WAY BACK NOT READY (${when}): ${firstLine(missing)}`), ...lines];
}

function checkLines(
  { status: { lastCheck } }: ProductPicture,
  { nowMs }: Picture,
  { paint }: Screen,
): string[] {
  if (lastCheck === null) return [paint('dim', 'No check yet')];
  const ago = shortDuration(Math.max(0, nowMs - lastCheck.atMs));
  return [`Last check ${clockTime(lastCheck.atMs)}, ${ago} ago: ${firstLine(lastCheck.sentence)}`];
}

function footLine({ trouble }: Picture, { paint }: Screen): string {
  if (trouble !== null) return paint(['red', 'bold'], firstLine(trouble));
  return paint('dim', '▇█ above the limit   · not measured   q quits, the watch goes on');
}

/** What others wrote may hold control characters: a terminal would obey them. */
function firstLine(text: string): string {
  return (text.split('\n')[0] as string).replaceAll(/\p{Cc}/gu, ' ');
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** The foot is always on the last line; what does not fit above it is left out. */
function framed(lines: readonly string[], foot: string, { columns, rows }: Screen): string {
  const shown = lines.slice(0, Math.max(0, rows - 1));
  const filled = [...shown, ...Array<string>(Math.max(0, rows - 1 - shown.length)).fill(''), foot];
  return filled.map((line) => clip(line, columns).trimEnd()).join('\n');
}

const escapeCode = '\u001b';
/** A colour, which has no width, or a character. */
const piece = new RegExp(`${escapeCode}\\[[0-9;]*m|[^${escapeCode}]`, 'gu');

/** Cut to a width, colours not counted and ended. */
function clip(line: string, columns: number): string {
  let width = 0;
  let isColoured = false;
  let shown = '';
  for (const [part] of line.matchAll(piece)) {
    if (part.startsWith(escapeCode))
      isColoured = part !== `${escapeCode}[39m` && part !== `${escapeCode}[22m`;
    else if (++width > columns) return `${shown.slice(0, -1)}…${isColoured ? `${escapeCode}[0m` : ''}`;
    shown += part;
  }
  return shown;
}
