import { readFile } from 'node:fs/promises';
import type { Cell } from './cells.ts';
import type { Judgement } from './judge-cells.ts';
import type { LabelledScore } from './judge-labelled.ts';
import { type CellScore, scoreLeak, scoreNull, scoreRegression, type Verdict } from './score.ts';

export type ProfileName = 'quick' | 'default' | 'long';

/** What one run of the bench found: the content of its JSON file, from which tables and plots are made. */
export interface Scores {
  readonly profile: ProfileName;
  readonly seed: string;
  /** Days a cell: without a regression, and of every other kind. */
  readonly days: { readonly quiet: number; readonly other: number };
  /** By detector; `null`: the labelled traces were absent. */
  readonly labelled: Readonly<Record<string, LabelledScore>> | null;
  /** By cell, then by detector. */
  readonly cells: Readonly<Record<string, Readonly<Record<string, CellScore>>>>;
  /** The same. Traces to look at, for whoever works on a detector; the published file has none. */
  readonly misjudged?: Readonly<Record<string, Readonly<Record<string, Misjudged>>>>;
}

/** The numbers of the first traces judged wrongly, for `drawTrace`. */
export interface Misjudged {
  readonly wrong: string;
  readonly missed: string;
}

/** In the order of the table's lines. */
export function detectorsIn({ cells }: Scores): string[] {
  return Object.keys(Object.values(cells)[0] ?? {});
}

export async function readScores(file: string): Promise<Scores> {
  const scores = JSON.parse(await readFile(file, 'utf8')) as Partial<Scores>;
  if (scores.cells === undefined || scores.days === undefined)
    throw new Error(`${file}: no scores of this bench; allowed is what --out or --docs wrote`);
  return scores as Scores;
}

/** A line for each cell and detector, so that a change of one figure is a change of one line. */
export function scoresText(scores: Scores): string {
  return `${jsonLines(JSON.parse(JSON.stringify(scores, rounded)), 3)}\n`;
}

export function scoresOfCells(
  cells: readonly Cell[],
  { verdicts }: Judgement,
  detectorNames: readonly string[],
): Required<Pick<Scores, 'cells' | 'misjudged'>> {
  const each = <T>(score: (cell: Cell, made: readonly Verdict[]) => T) =>
    Object.fromEntries(
      cells.map((cell) => [
        cell.id,
        Object.fromEntries(
          detectorNames.map((name, at) => [name, score(cell, verdicts.get(cell.id)?.[at] ?? [])]),
        ),
      ]),
    );
  return { cells: each(scoreCell), misjudged: each((_, made) => misjudgedOf(made)) };
}

function scoreCell(cell: Cell, verdicts: readonly Verdict[]): CellScore {
  if (cell.kind === 'null') return scoreNull(verdicts);
  return cell.leakHours === undefined ? scoreRegression(verdicts) : scoreLeak(verdicts, cell.leakHours);
}

function misjudgedOf(verdicts: readonly Verdict[]): Misjudged {
  const numbered = verdicts.map((verdict, index) => ({ ...verdict, index }));
  const wrong = numbered.filter(
    ({ rollback, onset }) => rollback !== null && (onset === null || rollback < onset),
  );
  const missed = numbered.filter(({ rollback, onset }) => rollback === null && onset !== null);
  return {
    wrong: listed(wrong.map(({ index, rollback }) => `${index} at ${rollback}`)),
    missed: listed(missed.map(({ index }) => `${index}`)),
  };
}

function listed(items: readonly string[]): string {
  return items.slice(0, 20).join(', ');
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toFixed(4)) : value;
}

/** Objects are broken into lines down to `depth`, what is deeper stays on its line. */
function jsonLines(value: unknown, depth: number, indent = ''): string {
  if (depth === 0 || typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  const lines = Object.entries(value).map(
    ([key, item]) => `${inner}${JSON.stringify(key)}: ${jsonLines(item, depth - 1, inner)}`,
  );
  return lines.length === 0 ? '{}' : `{\n${lines.join(',\n')}\n${indent}}`;
}
