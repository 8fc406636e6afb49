import type { Catalog } from '../../../activities/dependencies.ts';
import type { Store } from '../../../adapters/store/store.ts';
import { type DoraKeys, doraKeys } from '../../../domain/dora.ts';
import { productName } from '../../../domain/identity.ts';
import { defaultPolicy, type StatisticsPolicy } from '../../../domain/policy.ts';
import { type RollbackStatistics, rollbackStatistics } from '../../../domain/rollback-statistics.ts';

export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface PeriodStatistics extends RollbackStatistics, Period {
  readonly dora: DoraKeys;
}

const dayMs = 86_400_000;

/** The period that a question names: the last days, or from one day's beginning to another's end, in UTC. */
export function periodOf(
  {
    days,
    from,
    to,
  }: {
    readonly days?: number | undefined;
    readonly from?: string | undefined;
    readonly to?: string | undefined;
  },
  nowMs: number,
): Period {
  const toMs = to === undefined ? nowMs : Math.min(nowMs, Date.parse(to) + dayMs);
  const fromMs = from === undefined ? toMs - (days ?? 30) * dayMs : Date.parse(from);
  return { fromMs: Math.min(fromMs, toMs), toMs };
}

/** @param products of these only; `undefined`: of all */
export async function readStatistics(
  { store, catalog }: { readonly store: Store; readonly catalog: Catalog },
  period: Period,
  of: { readonly products: readonly string[] | undefined; readonly environment?: string | undefined },
): Promise<PeriodStatistics> {
  const { fromMs, toMs } = period;
  const filter = {
    sinceMs: fromMs,
    untilMs: toMs,
    products: of.products,
    ...(of.environment === undefined ? {} : { environment: of.environment }),
    limit: most,
  };
  const days = Math.max(1, Math.round((toMs - fromMs) / dayMs));
  const [deployments, incidents, policies] = await Promise.all([
    store.deployments.list(filter),
    store.incidents.list(filter),
    policiesOf(catalog),
  ]);
  const policyOf = (key: { product: string; environment: string }) =>
    policies.get(productName(key)) ?? defaultPolicy.statistics;
  return {
    ...rollbackStatistics({ days, deployments, incidents, policyOf }),
    ...period,
    dora: doraKeys(deployments, incidents, days),
  };
}

/** More than a year of a busy company. */
const most = 100_000;

async function policiesOf(catalog: Catalog): Promise<Map<string, StatisticsPolicy>> {
  const products = await catalog.products();
  const entries = products.map(
    async (key) => [productName(key), (await catalog.setup(key)).policy.statistics] as const,
  );
  return new Map(await Promise.all(entries));
}
