import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { releaseNames } from '../../domain/deployment.ts';
import { shortDuration } from '../../domain/detection/verdict.ts';
import { print } from '../cli/context.ts';
import type { BacktestOptions } from './backtest-options.ts';
import { caseChart } from './case-chart.ts';
import type { NamedPolicy } from './named-policy.ts';
import { decisionText } from './replay.ts';
import { seriesOf } from './series.ts';
import { type Replayed, type StoreCase, type StoreSums, sumsOf } from './store-cases.ts';
import { terminalPlot } from './terminal-plot.ts';

export interface Report {
  readonly cases: readonly StoreCase[];
  readonly policies: readonly NamedPolicy[];
  /** For the terminal. */
  readonly pictures: readonly string[];
}

/** Each case with what the policies would have done and what really happened, and the sums. */
export function reportCases({ cases, policies, pictures }: Report, options: BacktestOptions): void {
  const sums = policies.map((_, at) => sumsOf(cases, at));
  print(
    options,
    { policies: policies.map(({ name }, at) => ({ policy: name, sums: sums[at] })), cases },
    [
      ...casesText(cases, policies),
      ...policies.flatMap(({ name }, at) => sumsText(name, sums[at] as StoreSums)),
      ...pictures,
    ].join('\n'),
  );
}

/** Charts to the folder of `--plot`; of a single case also the terminal's picture, which is returned. */
export async function drawCase(
  { deployment }: StoreCase,
  named: NamedPolicy,
  options: BacktestOptions,
  replaysBy: Replayed['replaysBy'],
): Promise<string[]> {
  if (options.plot === undefined && options.case === undefined) return [];
  const policy = named.of(deployment.product);
  const replays = await replaysBy(policy);
  const pictures: string[] = [];
  for (const { service, steps } of replays) {
    const series = seriesOf(steps(), { policy, deployedAtMs: deployment.deployedAtMs });
    if (options.plot !== undefined) {
      const id = `${deployment.product}-${deployment.deployment}-${service}`;
      await writeFile(join(resolve(options.plot), `${id}.svg`), caseChart(id, series));
    }
    if (options.case !== undefined) pictures.push('', service, terminalPlot(series));
  }
  return pictures;
}

function casesText(cases: readonly StoreCase[], policies: readonly NamedPolicy[]): string[] {
  const shown =
    policies.length === 1
      ? cases
      : cases.filter(({ decisions: [a, b] }) => (a?.minute ?? null) !== (b?.minute ?? null));
  return shown.flatMap((entry) => {
    const { deployment, decisions, measuredMinutes } = entry;
    const { product, deployedAtMs, services } = deployment;
    const measured = measuredMinutes > 0;
    const at = new Date(deployedAtMs).toISOString().slice(0, 16);
    return [
      `${at}  ${product} ${deployment.deployment}, ${releaseNames(services)}, ${measured ? `measured for ${shortDuration(measuredMinutes * 60_000)}` : 'no measurements are kept'}`,
      ...(measured ? policies : []).map(({ name }, i) => {
        const decision = decisions[i] ?? null;
        const service = decision !== null && services.length > 1 ? `${decision.service}, ` : '';
        return `  ${policies.length > 1 ? name : 'this policy'}: ${service}${decisionText(decision)}`;
      }),
      `  really: ${reallyText(entry)}`,
    ];
  });
}

function reallyText({ deployment, outcome, incident, truth }: StoreCase): string {
  const ended = outcome ?? (deployment.status === 'ended' ? 'not known' : 'not ended yet');
  if (incident === null) return ended;
  const review = truth === 'false_alarm' ? ', a false alarm by its review' : '';
  return `${ended}, minute ${incident.atMinute}: ${incident.reason} (${incident.id}${review})`;
}

function sumsText(name: string, sums: StoreSums): string[] {
  const { rolledBack, deployments, unmeasured, bad, falseAlarms, good, medianMinute } = sums;
  const without = unmeasured === 0 ? '' : `; of ${unmeasured} more no measurements are kept`;
  const median = medianMinute === null ? '' : ` (median minute ${medianMinute})`;
  return [
    `${name}: ${rolledBack} of ${deployments} deployments rolled back${without}`,
    `  of ${bad.of} with an incident ${bad.found}${median}, of ${falseAlarms.of} false alarms ${falseAlarms.repeated}, of ${good.of} healthy ones ${good.rolledBack}`,
  ];
}
