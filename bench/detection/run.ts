import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { type Cell, cells } from './cells.ts';
import { detectors } from './detectors.ts';
import { type Judgement, judgeCells } from './judge-cells.ts';
import { judgeLabelled, type LabelledScore } from './judge-labelled.ts';
import { align, sayNull, sayRegression, scoreCell, writeTable } from './table.ts';

const usage = `node bench/detection/run.ts [--quick | --long] [options]
  --quick              50 days a cell; the default is 500 quiet days and 100 of every other kind a cell
  --long               4,000 quiet days and 1,000 of every other kind a cell
  --only <pattern>     cells whose id matches it: ^quiet/burst, ^immediate, ^delayed, ^late, ^external, ^holdout, err_x5, …
  --detectors <pattern>  detectors whose name matches it
  --seed <text>        another draw; the same seed gives the same table
  --workers <count>    threads, 2 by default
  --traces <folder>    the labelled traces
  --out <file>         the scores as JSON; results.json beside this file by default
`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    detectors: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    traces: { type: 'string' },
    out: { type: 'string', default: fileURLToPath(new URL('results.json', import.meta.url)) },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(usage);
else await run();

async function run(): Promise<void> {
  const profile = values.quick ? 'quick' : values.long ? 'long' : 'default';
  const days = { quick: [50, 50], default: [500, 100], long: [4000, 1000] }[profile] as [number, number];
  const judges = detectors.filter(({ name }) => new RegExp(values.detectors).test(name));
  const chosen = cells.filter(({ id }) => new RegExp(values.only).test(id));
  if (judges.length === 0 || chosen.length === 0) throw new Error(`Nothing to judge.\n${usage}`);
  const detectorNames = judges.map(({ name }) => name);
  const startedMs = performance.now();
  const judgement = await judgeCells(chosen, ({ size }) => (size === 'quiet' ? days[0] : days[1]), {
    seed: values.seed,
    detectorNames,
    workers: Number(values.workers),
  });
  const labelled = await judgeLabelled(tracesFolder(), judges);
  console.log(writeTable(chosen, judgement.verdicts, detectorNames));
  console.log(['', '## Labelled traces', '', ...sayLabelled(labelled, detectorNames)].join('\n'));
  await mkdir(dirname(values.out), { recursive: true });
  const scores = { profile, seed: values.seed, cells: scoresOf(chosen, judgement, detectorNames), labelled };
  await writeFile(values.out, `${JSON.stringify(scores, round, 2)}\n`);
  console.error(sayPace(judgement, detectorNames, performance.now() - startedMs));
}

/** Beside the project's folder, where they are when they are. */
function tracesFolder(): URL {
  if (values.traces === undefined) {
    return new URL('../../../shared/data/detection/traces/', import.meta.url);
  }
  return pathToFileURL(`${resolve(values.traces)}/`);
}

function sayLabelled(scores: readonly LabelledScore[] | null, names: readonly string[]): string[] {
  if (scores === null) return ['absent: no labels.json in the folder of labelled traces'];
  const nulls = scores[0]?.nulls.days ?? 0;
  const regressions = scores[0]?.regressions.days ?? 0;
  return align([
    [
      '',
      `false per 1,000 (${nulls} nulls)`,
      `recall median/p90 (${regressions} detectable)`,
      'within 60 min',
    ],
    ...scores.map((score, at) => [
      names[at] ?? '',
      sayNull(score.nulls),
      sayRegression(score.regressions),
      score.regressions.recallWithinHour.toFixed(2),
    ]),
  ]);
}

/** With the numbers of the first traces judged wrongly, for `drawTrace`. */
function scoresOf(chosen: readonly Cell[], { verdicts }: Judgement, names: readonly string[]) {
  const scoreOf = (cell: Cell, at: number) => {
    const made = (verdicts.get(cell.id)?.[at] ?? []).map((verdict, index) => ({ ...verdict, index }));
    const wrong = made.filter(
      ({ rollback, onset }) => rollback !== null && (onset === null || rollback < onset),
    );
    const missed = made.filter(({ rollback, onset }) => rollback === null && onset !== null);
    return {
      ...scoreCell(cell, made),
      wrong: wrong
        .slice(0, 20)
        .map(({ index, rollback }) => `${index} at ${rollback}`)
        .join(', '),
      missed: missed
        .slice(0, 20)
        .map(({ index }) => index)
        .join(', '),
    };
  };
  return chosen.map((cell) => ({
    id: cell.id,
    detectors: Object.fromEntries(names.map((name, at) => [name, scoreOf(cell, at)])),
  }));
}

function round(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toFixed(4)) : value;
}

function sayPace(
  { traces, drawingMs, tookMs }: Judgement,
  names: readonly string[],
  elapsedMs: number,
): string {
  const judging = names.map((name, at) => `${name} ${tookMs[at]?.toFixed(2)}`).join(', ');
  return `\n${traces} traces in ${(elapsedMs / 1000).toFixed(0)} s; ms a trace: drawing ${drawingMs.toFixed(2)}, ${judging}`;
}
