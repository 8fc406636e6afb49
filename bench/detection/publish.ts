import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { figuresText } from './figures.ts';
import { delaysPlot } from './plots/delays.ts';
import { tradeOffPlot } from './plots/trade-off.ts';
import { type Scores, scoresText } from './scores.ts';

const project = new URL('../../', import.meta.url);

/** Writes the file of scores, and what docs/detection.md shows of it. */
export async function publish(found: Scores): Promise<void> {
  const scores = { ...found, misjudged: undefined };
  const page = new URL('docs/detection.md', project);
  const text = withFigures(await readFile(page, 'utf8'), figuresText(scores));
  await mkdir(new URL('docs/images/', project), { recursive: true });
  await writeFile(page, text);
  await writeFile(new URL('docs/images/detection-trade-off.svg', project), tradeOffPlot(scores));
  await writeFile(new URL('docs/images/detection-delays.svg', project), delaysPlot(scores));
  await writeFile(new URL('bench/results/detection.json', project), scoresText(scores));
}

/** What a bench writes of a page: everything between the two markers. */
export interface Markers {
  readonly begin: string;
  readonly end: string;
}

const ofFigures: Markers = {
  begin: '<!-- figures: written by npm run bench:detection -- --docs -->',
  end: '<!-- end of the figures -->',
};

export function withFigures(page: string, figures: string): string {
  return withText(page, figures, ofFigures);
}

/** The page with the text between its two markers replaced. */
export function withText(page: string, text: string, { begin, end }: Markers): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`The page needs ${begin} and after it ${end}.`);
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
}
