import type { Catalog } from '../../activities/dependencies.ts';
import type { Store } from '../../adapters/store/store.ts';
import { productName } from '../../domain/identity.ts';
import { defaultPolicy, type StatisticsPolicy } from '../../domain/policy.ts';
import { type RollbackStatistics, rollbackStatistics } from '../../domain/rollback-statistics.ts';

/** The last days in figures. */
export async function readStatistics(
  store: Store,
  catalog: Catalog,
  days: number,
): Promise<RollbackStatistics> {
  const sinceMs = Date.now() - days * 24 * 3_600_000;
  const policies = await statisticsPolicies(catalog);
  return rollbackStatistics({
    days,
    deployments: await store.deployments.list({ sinceMs, limit: 10_000 }),
    incidents: await store.incidents.list({ sinceMs, limit: 10_000 }),
    policyOf: (key) => policies.get(productName(key)) ?? defaultPolicy.statistics,
  });
}

async function statisticsPolicies(catalog: Catalog): Promise<Map<string, StatisticsPolicy>> {
  const products = await catalog.products();
  const entries = products.map(
    async (key) => [productName(key), (await catalog.setup(key)).policy.statistics] as const,
  );
  return new Map(await Promise.all(entries));
}
