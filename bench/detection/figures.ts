import { cells } from './cells.ts';
import { detectorTitles, levels, levelTitle, noiseTitles, regressionTitles } from './names.ts';
import { targetRows } from './say-targets.ts';
import type { CellScore, LeakScore, NullScore, RegressionScore } from './score.ts';
import type { Scores } from './scores.ts';
import { markdownTable } from './table.ts';

/** The figures of docs/detection.md: everything between its two markers. */
export function figuresText(scores: Scores): string {
  return [
    sayProfile(scores),
    ...pictures,
    '### Targets',
    'Delays of regressions from the deployment on, at 1,000 requests a minute and more where nothing else is said; of several levels of traffic the worst one counts.',
    markdownTable(targetRows(scores)),
    '### False rollbacks',
    'Per 1,000 quiet days (95 % interval), by requests a minute.',
    ...Object.entries(noiseTitles).flatMap(([row, title]) => [
      `${title}:`,
      byLevel(scores, `quiet/${row}`, published(scores)),
    ]),
    '### Regressions from the deployment on',
    'Recall, delay median/90th percentile in minutes, by requests a minute.',
    ...Object.entries(regressionTitles).flatMap(([what, title]) => [
      `${title}:`,
      byLevel(scores, `immediate/${what}`, published(scores)),
    ]),
    'Over-dispersed counts without transients, ours:',
    rowsByLevel(
      scores,
      ['err_x10', 'err_x5', 'err_x3', 'lat_x2'].map((what) => ({
        title: regressionTitles[what] ?? what,
        row: `immediate/${what}, nb`,
      })),
    ),
    '### Regressions that begin later, ours',
    rowsByLevel(
      scores,
      Object.entries(regressionTitles).flatMap(([what, title]) => [
        { title: `${title}, 15 to 180 min after the deployment`, row: `delayed/${what}` },
        { title: `${title}, 3 to 20 h after`, row: `late/${what}` },
      ]),
    ),
    '### Memory leaks, ours',
    'Recall, and hours from the rollback until 95 % of the memory would have been taken: median, and what nine in ten exceed.',
    rowsByLevel(
      scores,
      [2, 6, 12, 20].map((hours) => ({ title: `in ${hours} h`, row: `immediate/leak_${hours}` })),
    ),
    '### External incidents',
    `Healthy deployments that meet one (false rollbacks per 1,000), and regressions that begin during one (recall, delay; what was rolled back before the onset was rolled back for the incident).`,
    oursAndRuleD(scores, 'external/'),
    '### Shapes which the tuning never saw',
    `${scores.days.other} days each; false rollbacks per 1,000, or recall and delay. Where a weakness that they showed was cured afterwards (gaps, first errors, flaky health checks), its figure is no hold-out any more.`,
    oursAndRuleD(scores, 'holdout/'),
    '### Labelled traces',
    ...labelledText(scores),
  ].join('\n\n');
}

const pictures = [
  '![False rollbacks per 1,000 quiet days against the delay of errors ×5, ours beside its rivals; the figures are in the tables below](images/detection-trade-off.svg)',
  '![Delay of each regression at 1,000 requests a minute beside its target; the figures are in the tables below](images/detection-delays.svg)',
];

function sayProfile({ profile, seed, days }: Scores): string {
  return `Profile \`${profile}\`, seed ${seed}: ${days.quiet.toLocaleString('en')} quiet days a cell, ${days.other.toLocaleString('en')} of the others.`;
}

/** Those of the tables that took part. */
function published(scores: Scores): string[] {
  const measured = Object.values(scores.cells)[0] ?? {};
  return Object.keys(detectorTitles).filter((name) => name in measured);
}

function byLevel(scores: Scores, row: string, detectorNames: readonly string[]): string {
  return markdownTable([
    ['', ...levels.map(levelTitle)],
    ...detectorNames.map((name) => [
      emphasised(name),
      ...levels.map((level) => sayScore(scores.cells[`${row}/${level}`]?.[name])),
    ]),
  ]);
}

/** Rows are kinds of deployments, judged by ours. */
function rowsByLevel(scores: Scores, rows: readonly { title: string; row: string }[]): string {
  return markdownTable([
    ['', ...levels.map(levelTitle)],
    ...rows.map(({ title, row }) => [
      title,
      ...levels.map((level) => sayScore(scores.cells[`${row}/${level}`]?.ours)),
    ]),
  ]);
}

function oursAndRuleD(scores: Scores, prefix: string): string {
  const names = published(scores).filter((name) => name === 'ours' || name === 'rule-d');
  return markdownTable([
    ['', ...names.map(emphasised)],
    ...cells
      .filter(({ id }) => id.startsWith(prefix) && id in scores.cells)
      .map(({ id }) => [
        id.slice(prefix.length).replaceAll('_', ' '),
        ...names.map((name) => sayScore(scores.cells[id]?.[name])),
      ]),
  ]);
}

function labelledText({ labelled }: Scores): string[] {
  const scores = Object.entries(labelled ?? {}).filter(([name]) => name in detectorTitles);
  const [, first] = scores[0] ?? [];
  if (first === undefined) return ['They were absent.'];
  return [
    `${first.nulls.days} healthy ones (false rollbacks per 1,000), and ${first.regressions.days} with a regression that can be told (recall, delay).`,
    markdownTable([
      ['', 'healthy', 'regression'],
      ...scores.map(([name, { nulls, regressions }]) => [
        emphasised(name),
        sayNull(nulls),
        sayRegression(regressions),
      ]),
    ]),
  ];
}

function emphasised(name: string): string {
  const title = detectorTitles[name] ?? name;
  return name === 'ours' ? `**${title}**` : title;
}

function sayScore(score: CellScore | undefined): string {
  if (score === undefined) return '–';
  if ('per1000' in score) return sayNull(score);
  return 'medianHoursLeft' in score ? sayLeak(score) : sayRegression(score);
}

function sayNull({ per1000, interval: { low, high } }: NullScore): string {
  return `${short(per1000)} (${short(low)} to ${short(high)})`;
}

function sayRegression({ recall, medianDelay, p90Delay, early }: RegressionScore): string {
  const delays = medianDelay === null ? '' : `, ${medianDelay}/${p90Delay}`;
  return `${recall.toFixed(2)}${delays}${early > 0 ? `, ${early} before` : ''}`;
}

function sayLeak({ recall, medianHoursLeft, p10HoursLeft }: LeakScore): string {
  if (medianHoursLeft === null || p10HoursLeft === null) return recall.toFixed(2);
  return `${recall.toFixed(2)}, ${medianHoursLeft.toFixed(1)}/${p10HoursLeft.toFixed(1)}`;
}

function short(value: number): string {
  if (value === 0) return '0';
  return value.toFixed(value < 1 ? 2 : value < 10 ? 1 : 0);
}

/** Columns as wide as their widest value, so that the source can be read, too. */
