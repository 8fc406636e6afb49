import { escaped, rounded } from '../../../domain/svg.ts';
import { detectorTitles } from '../names.ts';
import type { NullScore, RegressionScore } from '../score.ts';
import type { Scores } from '../scores.ts';
import { logScale } from './log-scale.ts';
import { picture } from './picture.ts';
import { placeLabels } from './place-labels.ts';

const width = 820;
const height = 500;
const area = { left: 70, right: width - 24, top: 62, bottom: height - 56 };

const x = logScale([2, 1000], [area.left, area.right]);
/** What was never wrong stands on the axis, with the upper end of its interval above it. */
const y = logScale([0.1, 4000], [area.bottom, area.top]);

interface Rival {
  readonly name: string;
  readonly falseRollbacks: NullScore;
  readonly found: RegressionScore;
  readonly medianDelay: number;
}

/** The price of speed: one mark a detector. */
export function tradeOffPlot(scores: Scores): string {
  const rivals = rivalsOf(scores);
  const marks = rivals.map((rival) => ({
    x: x.of(rival.medianDelay),
    y: y.of(rival.falseRollbacks.per1000),
    lines: linesOf(rival),
  }));
  const labels = placeLabels(marks, area);
  return picture(
    {
      width,
      height,
      title: 'False rollbacks against delay',
      description: rivals.map((rival) => linesOf(rival).join(': ')).join('. '),
    },
    [
      `<text class="heading" x="${area.left}" y="24">What each judge pays for its speed</text>`,
      `<text x="${area.left}" y="44">1,000 requests a minute with transients; ${scores.days.quiet.toLocaleString('en')} quiet days and ${scores.days.other.toLocaleString('en')} bad releases each; bars: 95 % interval</text>`,
      ...axes(),
      ...rivals.map((rival) => markOf(rival)),
      ...rivals.map((rival, i) => {
        const { x: at, y: foot, isLeft, isFar } = labels[i] as (typeof labels)[number];
        const mark = marks[i] as (typeof marks)[number];
        const [first = '', second = ''] = mark.lines;
        const end = isLeft ? ' right' : '';
        const leader = isFar
          ? `<line class="leader" x1="${rounded(mark.x)}" y1="${rounded(mark.y)}" x2="${rounded(at + (isLeft ? 2 : -2))}" y2="${rounded(foot - 4)}"/>`
          : '';
        return `${leader}<text class="${rival.name === 'ours' ? 'strong' : 'plain'}${end}" x="${rounded(at)}" y="${rounded(foot)}">${escaped(first)}</text><text class="plain${end}" x="${rounded(at)}" y="${rounded(foot + 16)}">${escaped(second)}</text>`;
      }),
    ],
  );
}

/** A detector that finds none has no place on the axis of delays. */
function rivalsOf({ cells }: Scores): Rival[] {
  return Object.keys(detectorTitles).flatMap((name) => {
    const falseRollbacks = cells['quiet/burst/1000']?.[name] as NullScore | undefined;
    const found = cells['immediate/err_x5/1000']?.[name] as RegressionScore | undefined;
    if (falseRollbacks === undefined || found === undefined || found.medianDelay === null) return [];
    return [{ name, falseRollbacks, found, medianDelay: found.medianDelay }];
  });
}

function linesOf({ name, falseRollbacks, found, medianDelay }: Rival): string[] {
  const rate = Number(falseRollbacks.per1000.toFixed(falseRollbacks.per1000 < 10 ? 2 : 0));
  const share = found.recall === 1 ? 'finds all' : `finds ${(100 * found.recall).toFixed(0)} %`;
  return [detectorTitles[name] ?? name, `${rate} in 1,000, ${medianDelay} min, ${share}`];
}

function markOf({ name, falseRollbacks: { per1000, interval }, medianDelay }: Rival): string {
  const at = rounded(x.of(medianDelay));
  const kind = name === 'ours' ? 'ours' : 'rival';
  return `<line class="${kind} bar" x1="${at}" x2="${at}" y1="${rounded(y.of(interval.low))}" y2="${rounded(y.of(interval.high))}"/><circle class="${kind}" cx="${at}" cy="${rounded(y.of(per1000))}" r="${name === 'ours' ? 7 : 5}"/>`;
}

function axes(): string[] {
  return [
    ...x.ticks.map((tick) => {
      const at = rounded(x.of(tick));
      return `<line class="grid" x1="${at}" x2="${at}" y1="${area.top}" y2="${area.bottom}"/><text class="middle" x="${at}" y="${area.bottom + 18}">${tick.toLocaleString('en')}</text>`;
    }),
    ...y.ticks.map((tick) => {
      const at = rounded(y.of(tick));
      const said = tick === 0.1 ? '≤ 0.1' : tick.toLocaleString('en');
      return `<line class="grid" x1="${area.left}" x2="${area.right}" y1="${at}" y2="${at}"/><text class="right" x="${area.left - 8}" y="${at + 4}">${said}</text>`;
    }),
    `<rect class="frame" x="${area.left}" y="${area.top}" width="${area.right - area.left}" height="${area.bottom - area.top}"/>`,
    `<line class="target dashed" x1="${area.left}" x2="${area.right}" y1="${rounded(y.of(1))}" y2="${rounded(y.of(1))}"/>`,
    `<text class="right" x="${area.right - 8}" y="${rounded(y.of(1)) - 6}">the default budget: one in a thousand</text>`,
    `<text class="middle" x="${(area.left + area.right) / 2}" y="${height - 14}">median delay of errors ×5 from the deployment on, minutes (left is faster)</text>`,
    `<text class="middle" transform="translate(18 ${(area.top + area.bottom) / 2}) rotate(-90)">false rollbacks per 1,000 healthy days</text>`,
  ];
}
