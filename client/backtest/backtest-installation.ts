import { type ProductKey, productName } from '../../domain/identity.ts';
import { scopeOf } from '../cli/context.ts';
import { CommandFailure, exitCode } from '../cli/exit-codes.ts';
import { openSystem, type System } from '../cli/system.ts';
import { type BacktestOptions, daysOf, policiesOf } from './backtest-options.ts';
import { drawCase, reportCases } from './case-report.ts';
import { policyIn } from './named-policy.ts';
import { backtestStore, type StoreCase, serviceReplays } from './store-cases.ts';

/** The deployments of this installation, by what its store kept of them. */
export async function backtestInstallation(
  product: string | undefined,
  options: BacktestOptions,
): Promise<void> {
  const days = daysOf(options);
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
        pictures.push(
          ...(await drawCase(entry, policies[0], options, (policy) =>
            serviceReplays(system.store, { neighbours }, entry.deployment, policy),
          )),
        );
    }
    if (options.case !== undefined && cases.length === 0)
      throw new CommandFailure(
        exitCode.notFound,
        `there is no deployment ${options.case} in the last ${days} days`,
      );
    reportCases({ cases, policies, pictures }, options);
  } finally {
    await system.close();
  }
}

export function isWanted(deployment: string, options: BacktestOptions): boolean {
  return options.case === undefined || options.case === deployment;
}

/** Configured ones, and those that the store remembers. */
export async function productsOf(
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

export async function neighboursOf({ catalog }: System, key: ProductKey): Promise<readonly ProductKey[]> {
  const configured = (await catalog.products()).some((entry) => productName(entry) === productName(key));
  return configured ? ((await catalog.setup(key)).neighbours ?? []) : [];
}
