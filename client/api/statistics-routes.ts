import { readable } from './access/caller.ts';
import { guarded } from './access/guarded.ts';
import { type App, type AppOptions, problems } from './app-types.ts';
import { periodOf, readStatistics } from './reading/statistics.ts';
import { json, plain, statisticsQuery, statistics as statisticsSchema } from './schemas.ts';

export function addStatisticsRoutes(app: App, options: AppOptions): void {
  const route = guarded('read', {
    method: 'get',
    path: '/v1/statistics',
    request: { query: statisticsQuery },
    responses: { 200: { description: 'A period in figures', ...json(statisticsSchema) }, ...problems },
  });
  app.openapi(route, async (context) => {
    const { product, environment, ...asked } = context.req.valid('query');
    const products = readable(context, product);
    const found = await readStatistics(options, periodOf(asked, Date.now()), { products, environment });
    return context.json(plain(found), 200);
  });
}
