import type { Catalog } from '../../activities/dependencies.ts';
import type { Store } from '../../adapters/store/store.ts';
import { releaseNames } from '../../domain/deployment.ts';
import { productName } from '../../domain/identity.ts';
import { activePause } from '../../domain/product-row.ts';
import { statisticsText } from '../../domain/rollback-statistics.ts';
import { timelineLine } from '../../domain/timeline.ts';
import { periodOf, readStatistics } from '../api/reading/statistics.ts';
import type { Views } from './commands.ts';

/** What the store knows, as text for a chat. */
export function createViews(store: Store, catalog: Catalog): Views {
  return {
    async statistics(days, products) {
      const period = periodOf({ days }, Date.now());
      return statisticsText(await readStatistics({ store, catalog }, period, { products }));
    },
    async status(key) {
      await catalog.setup(key);
      const row = await store.products.read(key);
      const { currentDeployment: deployment } = row;
      const current = deployment === null ? null : await store.deployments.read({ ...key, deployment });
      const pause = activePause(row, Date.now());
      const timeline = await store.timeline.list({ ...key, limit: 5 });
      const state =
        row.rollback === null ? (current?.outcome ?? current?.status) : `rollback ${row.rollback.id}`;
      return [
        current === null
          ? `${productName(key)}: no deployment known`
          : `${productName(key)}: ${releaseNames(current.services)}, ${state}`,
        ...(pause === null ? [] : [`Automatic rollback paused by ${pause.by}: ${pause.reason}`]),
        ...timeline.map(timelineLine),
      ].join('\n');
    },
  };
}
