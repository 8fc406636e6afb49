import { escaped, rounded } from '../../../domain/svg.ts';
import { regressionTitles } from '../names.ts';
import type { RegressionScore } from '../score.ts';
import type { Scores } from '../scores.ts';
import { delayTargetOf } from '../targets.ts';
import { logScale } from './log-scale.ts';
import { picture } from './picture.ts';

const requestsPerMinute = 1000;
const width = 820;
const top = 92;
const rowHeight = 34;
const area = { left: 200, right: width - 180 };

interface Row {
  readonly title: string;
  readonly median: number;
  readonly p90: number;
  readonly recall: number;
  readonly targets: { readonly median?: number; readonly p90?: number };
}

/** How soon ours sees each kind of regression, beside what it is meant to reach. */
export function delaysPlot(scores: Scores): string {
  const rows = rowsOf(scores);
  const bottom = top + rows.length * rowHeight;
  const longest = Math.max(10, ...rows.map(({ p90, targets }) => Math.max(p90, targets.p90 ?? 0)));
  const x = logScale([1, 1.15 * longest], [area.left, area.right]);
  return picture(
    {
      width,
      height: bottom + 56,
      title: 'Delay of each regression beside its target',
      description: rows.map((row) => `${row.title}: ${said(row)}`).join('. '),
    },
    [
      `<text class="heading" x="16" y="24">How soon a bad release is rolled back</text>`,
      `<text x="16" y="44">Regressions from the deployment on, ${requestsPerMinute.toLocaleString('en')} requests a minute with transients, ${scores.days.other.toLocaleString('en')} of each kind</text>`,
      ...legend(),
      ...x.ticks.map((tick) => {
        const at = rounded(x.of(tick));
        return `<line class="grid" x1="${at}" x2="${at}" y1="${top}" y2="${bottom}"/><text class="middle" x="${at}" y="${bottom + 18}">${tick}</text>`;
      }),
      `<rect class="frame" x="${area.left}" y="${top}" width="${area.right - area.left}" height="${bottom - top}"/>`,
      ...rows.map((row, i) => rowText(row, top + (i + 0.5) * rowHeight, x.of)),
      `<text class="middle" x="${(area.left + area.right) / 2}" y="${bottom + 42}">minutes from the deployment to the rollback</text>`,
    ],
  );
}

function rowsOf({ cells }: Scores): Row[] {
  return Object.entries(regressionTitles).flatMap(([what, title]) => {
    const score = cells[`immediate/${what}/${requestsPerMinute}`]?.ours as RegressionScore | undefined;
    if (score === undefined || score.medianDelay === null || score.p90Delay === null) return [];
    const { medianDelay: median, p90Delay: p90, recall } = score;
    return [{ title, median, p90, recall, targets: delayTargetOf(what, requestsPerMinute) }];
  });
}

function rowText(row: Row, y: number, x: (minutes: number) => number): string {
  const { title, median, p90, targets } = row;
  const mark = (minutes: number, dashed: string) =>
    `<line class="target${dashed}" x1="${rounded(x(minutes))}" x2="${rounded(x(minutes))}" y1="${y - 12}" y2="${y + 12}"/>`;
  return [
    `<text class="right" x="${area.left - 10}" y="${y + 4}">${escaped(title)}</text>`,
    `<line class="ours bar" x1="${rounded(x(median))}" x2="${rounded(x(p90))}" y1="${y}" y2="${y}"/>`,
    `<circle class="ours" cx="${rounded(x(median))}" cy="${y}" r="5.5"/>`,
    targets.median === undefined ? '' : mark(targets.median, ''),
    targets.p90 === undefined ? '' : mark(targets.p90, ' dashed'),
    `<text x="${area.right + 10}" y="${y + 4}">${escaped(said(row))}</text>`,
  ].join('');
}

function said({ median, p90, recall, targets }: Row): string {
  const missing = recall === 1 ? '' : `, ${(100 * recall).toFixed(1)} % found`;
  const { median: wanted, p90: wantedP90 } = targets;
  const target =
    wanted === undefined ? '' : ` (≤ ${wanted}${wantedP90 === undefined ? '' : ` / ${wantedP90}`})`;
  return `${median} / ${p90} min${target}${missing}`;
}

function legend(): string[] {
  const y = 70;
  return [
    `<circle class="ours" cx="${area.left + 6}" cy="${y - 4}" r="5.5"/><text x="${area.left + 18}" y="${y}">median</text>`,
    `<line class="ours bar" x1="${area.left + 82}" x2="${area.left + 106}" y1="${y - 4}" y2="${y - 4}"/><text x="${area.left + 114}" y="${y}">to the 90th percentile</text>`,
    `<line class="target" x1="${area.left + 274}" x2="${area.left + 274}" y1="${y - 13}" y2="${y + 4}"/><text x="${area.left + 284}" y="${y}">target of the median</text>`,
    `<line class="target dashed" x1="${area.left + 434}" x2="${area.left + 434}" y1="${y - 13}" y2="${y + 4}"/><text x="${area.left + 444}" y="${y}">of the 90th percentile</text>`,
  ];
}
