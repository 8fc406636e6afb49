import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { releaseNames } from '../../domain/deployment.ts';
import { shortDuration } from '../../domain/detection/verdict.ts';
import { type ProductKey, productName } from '../../domain/identity.ts';
import { print, scopeOf } from '../cli/context.ts';
import { CommandFailure, exitCode } from '../cli/exit-codes.ts';
import { openSystem, type System } from '../cli/system.ts';
import { type BacktestOptions, policiesOf } from './backtest-options.ts';
import { caseChart } from './case-chart.ts';
import { type NamedPolicy, policyIn } from './named-policy.ts';
import { decisionText } from './replay.ts';
import { seriesOf } from './series.ts';
import { backtestStore, type StoreCase, type StoreSums, serviceReplays, sumsOf } from './store-cases.ts';
import { terminalPlot } from './terminal-plot.ts';

/** The deployments of this installation, by what its store kept of them. */
export async function backtestInstallation(
  product: string | undefined,
  options: BacktestOptions,
): Promise<void> {
  const days = Number(options.days);
  if (!Number.isInteger(days) || days < 1)
    throw new CommandFailure(exitCode.usage, `--days ${options.days}: allowed is a whole number from 1`);
  const system = await openSystem(options, 'own');
  try {
    const own = policyIn(system.config.file, system.config.data);
    const policies = await policiesOf(options, own);
    const sinceMs = Date.now() - days * 24 * 3_600_000;
    const keys = await productsOf(system, product, options);
    const cases: StoreCase[] = [];
    const pictures: string[] = [];
    for (const key of keys) {
      const neighbours = await neighboursOf(system, key);
      const found = await backtestStore(system.store, { key, sinceMs, neighbours, policies });
      const wanted = found.filter(({ deployment }) => isWanted(deployment.deployment, options));
      cases.push(...wanted);
      for (const entry of wanted)
        pictures.push(...(await draw(system, entry, neighbours, policies[0], options)));
    }
    if (options.case !== undefined && cases.length === 0)
      throw new CommandFailure(
        exitCode.notFound,
        `there is no deployment ${options.case} in the last ${days} days`,
      );
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
  } finally {
    await system.close();
  }
}

function isWanted(deployment: string, options: BacktestOptions): boolean {
  return options.case === undefined || options.case === deployment;
}

/** Configured ones, and those that the store remembers. */
async function productsOf(
  { catalog, store }: System,
  product: string | undefined,
  options: BacktestOptions,
): Promise<ProductKey[]> {
  const { environment } = scopeOf(product ?? '', options);
  const known = new Map(
    [...(await catalog.products()), ...(await store.products.list())].map((key) => [productName(key), key]),
  );
  const here = [...known.values()].filter((key) => key.environment === environment);
  const wanted = product === undefined ? here : here.filter((key) => key.product === product);
  if (product !== undefined && wanted.length === 0)
    throw new CommandFailure(
      exitCode.notFound,
      `unknown product ${product}; known: ${here.map(productName).join(', ') || 'none'}`,
    );
  return wanted.map((key) => ({ product: key.product, environment: key.environment }));
}

async function neighboursOf({ catalog }: System, key: ProductKey): Promise<readonly ProductKey[]> {
  const configured = (await catalog.products()).some((entry) => productName(entry) === productName(key));
  return configured ? ((await catalog.setup(key)).neighbours ?? []) : [];
}

/** Charts to the folder of `--plot`; of a single case also the terminal's picture, which is returned. */
async function draw(
  { store }: System,
  { deployment }: StoreCase,
  neighbours: readonly ProductKey[],
  named: NamedPolicy,
  options: BacktestOptions,
): Promise<string[]> {
  if (options.plot === undefined && options.case === undefined) return [];
  const policy = named.of(deployment.product);
  const replays = await serviceReplays(store, { neighbours }, deployment, policy);
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

function reallyText({ outcome, incident, truth }: StoreCase): string {
  const ended = outcome ?? 'not ended yet';
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
