import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { cells } from './cells.ts';
import { detectors } from './detectors.ts';
import { type Judgement, judgeCells } from './judge-cells.ts';
import { judgeLabelled } from './judge-labelled.ts';
import { measurePace } from './pace.ts';
import { publish } from './publish.ts';
import { writeTargets } from './say-targets.ts';
import { type ProfileName, readScores, type Scores, scoresOfCells, scoresText } from './scores.ts';
import { writeLabelled, writeTable } from './table.ts';
import { checkTargets } from './targets.ts';

const usage = `node bench/detection/run.ts [--quick | --long] [options]
  --quick              50 days a cell; the default is 500 quiet days and 100 of every other kind a cell
  --long               4,000 quiet days and 250 of every other kind a cell
  --only <pattern>     cells whose id matches it: ^quiet/burst, ^immediate, ^delayed, ^late, ^external, ^holdout, err_x5, …
  --detectors <pattern>  detectors whose name matches it
  --seed <text>        another draw; the same seed gives the same table
  --workers <count>    threads, 2 by default
  --traces <folder>    the labelled traces
  --out <file>         the scores as JSON; results.json beside this file by default
  --from <file>        runs nothing and takes the scores of an earlier run
  --docs               writes bench/results/detection.json, and of docs/detection.md the figures and pictures
  --pace               how long orchestrator backtest takes for a folder of traces, and nothing else
  --count <traces>     with --pace: 5,000 by default
  --check              fails when a floor is broken; floors stand beside the targets in targets.ts
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
    from: { type: 'string' },
    docs: { type: 'boolean', default: false },
    pace: { type: 'boolean', default: false },
    count: { type: 'string', default: '5000' },
    check: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const daysOf: Readonly<Record<ProfileName, Scores['days']>> = {
  quick: { quiet: 50, other: 50 },
  default: { quiet: 500, other: 100 },
  long: { quiet: 4000, other: 250 },
};

if (values.help) console.log(usage);
else if (values.pace) await pace();
else await run();

async function run(): Promise<void> {
  if (values.docs && (values.only !== '' || values.detectors !== ''))
    throw new Error(
      '--docs: allowed is a run of all cells and all detectors, without --only and --detectors',
    );
  const scores = values.from === undefined ? await measure() : await readScores(values.from);
  const results = checkTargets(scores);
  console.log(writeTable(scores));
  console.log(writeLabelled(scores));
  console.log(writeTargets(results));
  if (values.from === undefined) {
    await mkdir(dirname(values.out), { recursive: true });
    await writeFile(values.out, scoresText(scores));
  }
  if (values.docs) await publish(scores);
  if (values.check && results.some(({ isFloorBroken }) => isFloorBroken)) process.exitCode = 1;
}

async function pace(): Promise<void> {
  const count = Number(values.count);
  if (!Number.isInteger(count) || count < 1)
    throw new Error(`--count ${values.count}: allowed is a whole number from 1`);
  console.log(await measurePace(count, values.seed));
}

/** Draws every trace that is asked for and lets every detector judge it. */
async function measure(): Promise<Scores> {
  const profile: ProfileName = values.quick ? 'quick' : values.long ? 'long' : 'default';
  const days = daysOf[profile];
  const judges = detectors.filter(({ name }) => new RegExp(values.detectors).test(name));
  const chosen = cells.filter(({ id }) => new RegExp(values.only).test(id));
  if (judges.length === 0 || chosen.length === 0) throw new Error(`Nothing to judge.\n${usage}`);
  const detectorNames = judges.map(({ name }) => name);
  const startedMs = performance.now();
  const judgement = await judgeCells(chosen, ({ size }) => days[size], {
    seed: values.seed,
    detectorNames,
    workers: Number(values.workers),
  });
  const labelled = await judgeLabelled(tracesFolder(), judges);
  console.error(sayPace(judgement, detectorNames, performance.now() - startedMs));
  return { profile, seed: values.seed, days, labelled, ...scoresOfCells(chosen, judgement, detectorNames) };
}

/** Beside the project's folder, where they are when they are. */
function tracesFolder(): URL {
  if (values.traces === undefined) {
    return new URL('../../../shared/data/detection/traces/', import.meta.url);
  }
  return pathToFileURL(`${resolve(values.traces)}/`);
}

function sayPace(
  { traces, drawingMs, tookMs }: Judgement,
  names: readonly string[],
  elapsedMs: number,
): string {
  const judging = names.map((name, at) => `${name} ${tookMs[at]?.toFixed(2)}`).join(', ');
  return `\n${traces} traces in ${(elapsedMs / 1000).toFixed(0)} s; ms a trace: drawing ${drawingMs.toFixed(2)}, ${judging}`;
}
