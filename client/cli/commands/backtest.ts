import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type BacktestOptions, policiesOf } from '../../backtest/backtest-options.ts';
import { type Judged, judgeFolder, tracesIn } from '../../backtest/judge-folder.ts';
import { traceSeries } from '../../backtest/judge-trace.ts';
import { type LabelScore, readLabels, scoreLabels } from '../../backtest/labels.ts';
import { loadPolicy, type NamedPolicy, shippedPolicy } from '../../backtest/named-policy.ts';
import { readTraceFile } from '../../backtest/read-trace.ts';
import { decisionText } from '../../backtest/replay.ts';
import { terminalPlot } from '../../backtest/terminal-plot.ts';
import { print } from '../context.ts';
import { CommandFailure, exitCode } from '../exit-codes.ts';

/** `orchestrator backtest`: would this policy have rolled back, when and why; of this installation, of what Prometheus has, or of recorded traces. */
export async function backtest([product]: string[], options: BacktestOptions): Promise<void> {
  if (options.plot !== undefined) await mkdir(resolve(options.plot), { recursive: true });
  if (options.out !== undefined) await mkdir(dirname(resolve(options.out)), { recursive: true });
  onlyWithPrometheus(options);
  if (options.traces === undefined) {
    if (options.out !== undefined) throw new CommandFailure(exitCode.usage, '--out goes with --traces');
    if (options.prometheus === true) {
      const { backtestPrometheus } = await import('../../backtest/backtest-prometheus.ts');
      return backtestPrometheus(product, options);
    }
    const { backtestInstallation } = await import('../../backtest/backtest-installation.ts');
    return backtestInstallation(product, options);
  }
  await backtestTraces(options.traces, product, options);
}

function onlyWithPrometheus({ prometheus, from, to, deployedAt, traces }: BacktestOptions): void {
  if (prometheus === true && traces !== undefined)
    throw new CommandFailure(exitCode.usage, 'either --prometheus or --traces');
  if (prometheus === true) return;
  const given = Object.entries({ '--from': from, '--to': to, '--deployed-at': deployedAt });
  const [flag] = given.find(([, value]) => value !== undefined) ?? [];
  if (flag !== undefined) throw new CommandFailure(exitCode.usage, `${flag} goes with --prometheus`);
}

async function backtestTraces(
  folder: string,
  product: string | undefined,
  options: BacktestOptions,
): Promise<void> {
  const policies = await policiesOf(options, await named(options));
  const tasks = await tracesOf(folder, options.case);
  // One case is no score.
  const labels = options.case === undefined ? await labelsOf(folder) : null;
  const judged = await judgeFolder(tasks, {
    policies: policies.map((policy) => policy.of(product)),
    plot: options.plot === undefined ? null : resolve(options.plot),
  });
  const known = judged.filter((entry) => 'decisions' in entry);
  const problems = judged.flatMap((entry) => ('problem' in entry ? [entry] : []));
  const scores = policies.map((_, at) =>
    labels === null ? null : scoreLabels(labels, minutesOf(known, at)),
  );
  if (options.out !== undefined)
    await writeFile(resolve(options.out), `${JSON.stringify(minutesOf(known, 0), null, 1)}\n`);
  const only = options.case === undefined ? undefined : tasks[0];
  const plot =
    only === undefined || problems.length > 0
      ? null
      : terminalPlot(traceSeries(await readTraceFile(only.file), (policies[0] as NamedPolicy).of(product)));
  print(
    options,
    {
      policies: policies.map(({ name }, at) => ({
        policy: name,
        score: scores[at],
        decisions: Object.fromEntries(known.map(({ id, decisions }) => [id, decisions[at]])),
      })),
      problems,
    },
    [
      ...tracesText(policies, known, { isShort: options.out === undefined }),
      ...policies.flatMap(({ name }, at) => sumsText(name, known, at, scores[at] ?? null)),
      ...(options.out === undefined ? [] : [`decisions of ${known.length} traces are in ${options.out}`]),
      ...(plot === null ? [] : ['', plot]),
    ].join('\n'),
  );
  if (problems.length === 0) return;
  process.stderr.write(problems.map(({ problem }) => `orchestrator: ${problem}\n`).join(''));
  process.exitCode = exitCode.failure;
}

/** Traces say nothing of this installation: its configuration counts only where it is named. */
async function named({ config }: BacktestOptions): Promise<NamedPolicy> {
  return config === undefined ? shippedPolicy : loadPolicy(config);
}

async function tracesOf(folder: string, only: string | undefined) {
  const tasks = await tracesIn(resolve(folder)).catch((error: NodeJS.ErrnoException) => {
    throw new CommandFailure(
      exitCode.usage,
      `--traces ${folder} cannot be read: ${error.code ?? error.message}`,
    );
  });
  if (tasks.length === 0)
    throw new CommandFailure(exitCode.usage, `--traces ${folder}: found no *.csv.gz and no *.csv there`);
  if (only === undefined) return tasks;
  const found = tasks.filter(({ id }) => id === only);
  if (found.length === 0)
    throw new CommandFailure(exitCode.notFound, `there is no trace ${only} in ${folder}`);
  return found;
}

async function labelsOf(folder: string) {
  return readLabels(resolve(folder)).catch((error: Error) => {
    throw new CommandFailure(
      exitCode.usage,
      `${join(folder, 'labels.json')} cannot be read: ${error.message}`,
    );
  });
}

type Known = Extract<Judged, { readonly decisions: unknown }>;

function minutesOf(known: readonly Known[], at: number): Record<string, number | null> {
  return Object.fromEntries(known.map(({ id, decisions }) => [id, decisions[at]?.minute ?? null]));
}

/** Every rollback, or with two policies every difference. */
function tracesText(
  policies: readonly NamedPolicy[],
  known: readonly Known[],
  { isShort }: { readonly isShort: boolean },
): string[] {
  if (policies.length > 1)
    return known
      .filter(({ decisions }) => decisions[0]?.minute !== decisions[1]?.minute)
      .flatMap(({ id, decisions }) => [
        id,
        ...policies.map(({ name }, at) => `  ${name}: ${decisionText(decisions[at] ?? null)}`),
      ]);
  if (!isShort) return [];
  return known.flatMap(({ id, decisions: [decision] }) =>
    decision == null ? [] : [`${id}  ${decisionText(decision)}`],
  );
}

function sumsText(name: string, known: readonly Known[], at: number, score: LabelScore | null): string[] {
  const rolledBack = known.filter(({ decisions }) => decisions[at] != null).length;
  const lines = [`${name}: ${rolledBack} of ${known.length} traces rolled back`];
  if (score === null) return lines;
  const { nulls, falseRollbacks, regressions, early, recall, medianDelay, p90Delay } = score;
  const delay = medianDelay === null ? '' : `, delay median ${medianDelay} min, p90 ${p90Delay} min`;
  return [
    ...lines,
    `  by labels.json: ${falseRollbacks} false rollbacks of ${nulls} healthy, ${early} before the onset; recall ${(100 * recall).toFixed(1)} % of ${regressions}${delay}`,
  ];
}
