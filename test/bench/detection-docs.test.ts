import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { figuresText } from '../../bench/detection/figures.ts';
import { delaysPlot } from '../../bench/detection/plots/delays.ts';
import { logScale } from '../../bench/detection/plots/log-scale.ts';
import { placeLabels } from '../../bench/detection/plots/place-labels.ts';
import { tradeOffPlot } from '../../bench/detection/plots/trade-off.ts';
import { withFigures } from '../../bench/detection/publish.ts';
import { readScores, type Scores, scoresText } from '../../bench/detection/scores.ts';
import { checkTargets } from '../../bench/detection/targets.ts';

const inProject = (path: string) => new URL(`../../${path}`, import.meta.url);
const scores = await readScores(fileURLToPath(inProject('bench/results/detection.json')));

describe('what is published of the bench', () => {
  it('is made of the scores beside it: npm run bench:detection -- --from bench/results/detection.json --docs', async () => {
    const page = await readFile(inProject('docs/detection.md'), 'utf8');
    expect(withFigures(page, figuresText(scores))).toBe(page);
    expect(await readFile(inProject('docs/images/detection-trade-off.svg'), 'utf8')).toBe(
      tradeOffPlot(scores),
    );
    expect(await readFile(inProject('docs/images/detection-delays.svg'), 'utf8')).toBe(delaysPlot(scores));
  });

  it('has a figure for every target', () => {
    expect(checkTargets(scores).filter(({ verdict }) => verdict === 'not measured')).toEqual([]);
  });

  it('keeps a line for each cell and detector', async () => {
    const text = await readFile(inProject('bench/results/detection.json'), 'utf8');
    expect(scoresText(scores)).toBe(text);
    expect(text).toMatch(/\n {6}"rule-d": \{"days":\d+.*\},?\n/);
  });

  it('leaves the prose alone, and refuses a page without markers', async () => {
    const page = await readFile(inProject('docs/detection.md'), 'utf8');
    const changed = withFigures(page, 'other figures');
    expect(changed).toContain('-->\n\nother figures\n\n<!--');
    expect(changed.split('other figures').map((part) => page.includes(part))).toEqual([true, true]);
    expect(() => withFigures('# Page', 'figures')).toThrow(/needs <!-- figures/);
  });
});

describe('pictures', () => {
  const empty: Scores = { ...scores, cells: {}, labelled: null };

  it('are read to those who do not see them, and stand in the dark', () => {
    for (const svg of [tradeOffPlot(scores), delaysPlot(scores)]) {
      expect(svg).toMatch(/<title id="title">\w/);
      expect(svg).toMatch(/<desc id="description">\w/);
      expect(svg).toContain('prefers-color-scheme:dark');
      expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    }
  });

  it('stay calm about no scores', () => {
    for (const svg of [tradeOffPlot(empty), delaysPlot(empty)]) expect(svg).not.toMatch(/NaN|Infinity/);
    expect(figuresText(empty)).toContain('not measured');
  });

  it('have an axis that holds what lies outside of it at its end', () => {
    const { of, ticks } = logScale([0.1, 1000], [0, 400]);
    expect([of(0), of(0.1), of(10), of(5000)]).toEqual([0, 0, 200, 400]);
    expect(ticks).toEqual([0.1, 1, 10, 100, 1000]);
  });

  it('have labels that cover neither a mark nor each other', () => {
    const mark = { x: 100, y: 100, lines: ['a label', 'of two lines'] };
    const area = { left: 0, right: 400, top: 0, bottom: 400 };
    const labels = placeLabels([mark, { ...mark, y: 104 }, { ...mark, y: 108 }], area);
    const places = labels.map(({ isLeft, y }) => ({ isLeft, y }));
    for (const [i, a] of places.entries())
      for (const b of places.slice(i + 1))
        expect(a.isLeft !== b.isLeft || Math.abs(a.y - b.y) >= 32).toBe(true);
  });
});
