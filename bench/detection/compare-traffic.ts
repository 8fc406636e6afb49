import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Label, readLabels, readTrace } from './labelled-traces.ts';
import { Random } from './random.ts';
import { align } from './table.ts';
import { minutesAfter, minutesBefore, type Trace } from './trace.ts';
import { describeDay, describeStart } from './trace-statistics.ts';
import { makeTrace } from './traffic.ts';
import type { Noise } from './traffic-model.ts';

type Numbers = Record<string, number>;
interface Group {
  readonly given: Numbers[];
  readonly ours: Numbers[];
}

const [, , given] = process.argv;
const folder =
  given === undefined
    ? new URL('../../../shared/data/detection/traces/', import.meta.url)
    : pathToFileURL(`${resolve(given)}/`);
const oursPerGiven = 6;
const levels = [50, 200, 1000, 5000];

/** Is our traffic that of the labelled traces? Prints each statistic's means, deviations, z and Kolmogorov-Smirnov. */
await compare();

async function compare(): Promise<void> {
  const labels = await readLabels(folder);
  if (labels === null) throw new Error('There are no labelled traces to compare with.');
  const groups = new Map<string, Group>();
  const random = new Random('compare');
  for (const label of labels) {
    collect(groups, 'given', label, await readTrace(folder, label.id), label.base_error_rate ?? Number.NaN);
    for (let i = 0; i < oursPerGiven; i += 1) {
      const drawn = makeTrace(random, { noise: noiseOf(label), requestsPerMinute: levelOf(label) });
      collect(groups, 'ours', label, drawn.trace, drawn.baseErrorRate);
    }
  }
  for (const [name, group] of groups) console.log(`\n${name}\n${align(compareGroup(group)).join('\n')}`);
}

/** The day before of every trace, and the day after of those without a regression. */
function collect(
  groups: Map<string, Group>,
  side: keyof Group,
  label: Label,
  trace: Trace,
  baseErrorRate: number,
): void {
  const put = (name: string, numbers: Numbers) => {
    const group = groups.get(name) ?? { given: [], ours: [] };
    group[side].push(numbers);
    groups.set(name, group);
  };
  const before = describeDay(trace, 0, minutesBefore, baseErrorRate);
  put(`The day before, ${noiseOf(label)}`, before);
  if (noiseOf(label) === 'burst') put(`The day before, burst, ${levelOf(label)} requests/min`, before);
  if (label.kind === 'regression') return;
  const after = describeDay(trace, minutesBefore, minutesBefore + minutesAfter, baseErrorRate);
  put('The day after a good deployment', { ...describeStart(trace), ...after });
}

function noiseOf({ scenario, kind }: Label): Noise {
  return kind === 'regression' ? 'burst' : (scenario.replace('null_', '') as Noise);
}

function levelOf({ mean_rpm }: Label): number {
  const distance = (level: number) => Math.abs(Math.log(mean_rpm / level));
  return levels.toSorted((a, b) => distance(a) - distance(b))[0] ?? 1000;
}

function compareGroup({ given, ours }: Group): string[][] {
  const names = Object.keys(given[0] ?? {});
  return [
    [`${given.length} given, ${ours.length} ours`, 'given', 'ours', 'sd', 'sd', 'z', 'KS (1.63: 1 %)'],
    ...names.map((name) => {
      const valuesOf = (side: readonly Numbers[]) =>
        side.map((numbers) => numbers[name] ?? Number.NaN).filter(Number.isFinite);
      const a = valuesOf(given);
      const b = valuesOf(ours);
      const z = (mean(a) - mean(b)) / Math.sqrt(variance(a) / a.length + variance(b) / b.length);
      const [sdA, sdB] = [Math.sqrt(variance(a)), Math.sqrt(variance(b))];
      const numbers = [mean(a), mean(b), sdA, sdB].map((value) => value.toPrecision(3));
      return [name, ...numbers, z.toFixed(1), kolmogorovSmirnov(a, b).toFixed(2)];
    }),
  ];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function variance(values: readonly number[]): number {
  const middle = mean(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
}

function kolmogorovSmirnov(a: readonly number[], b: readonly number[]): number {
  const share = (values: readonly number[], bound: number) =>
    values.filter((value) => value <= bound).length / values.length;
  const distance = Math.max(...a.map((value) => Math.abs(share(a, value) - share(b, value))));
  return distance * Math.sqrt((a.length * b.length) / (a.length + b.length));
}
