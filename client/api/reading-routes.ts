import { z } from '@hono/zod-openapi';
import { streamSSE } from 'hono/streaming';
import { isStillKnown, mayRead } from './access/caller.ts';
import { guarded } from './access/guarded.ts';
import { ApiError } from './api-error.ts';
import { type App, type AppOptions, problems } from './app-types.ts';
import type { Feed } from './reading/feed.ts';
import { inOrderOfWorry, readNow } from './reading/now.ts';
import { productNow, serviceSeries } from './reading/reading-schemas.ts';
import { readSeries } from './reading/series.ts';
import { json, plain, productPath, scope, wholeNumber } from './schemas.ts';

const overviewQuery = z.object({
  points: wholeNumber(0, 240).default(60).describe('of a signal; 0: no series'),
});

const seriesQuery = scope.extend({
  points: wholeNumber(2, 1_440).default(240).describe('of a signal, at most'),
  sinceMs: wholeNumber(0).optional(),
  untilMs: wholeNumber(0).optional(),
});

/** Says that the line still stands, through proxies that end what is silent. */
const beatMs = 15_000;

/** What the page shows, for programs: every product now, the series of a deployment, and a stream of what changes. */
export function addReadingRoutes(app: App, options: AppOptions & { readonly feed: Feed }): void {
  const { store, catalog, feed } = options;
  const overview = guarded('read', {
    method: 'get',
    path: '/v1/overview',
    request: { query: overviewQuery },
    responses: {
      200: {
        description: 'Every product now, worst first',
        ...json(z.object({ products: z.array(productNow) })),
      },
      ...problems,
    },
  });
  app.openapi(overview, async (context) => {
    const keys = (await catalog.products()).filter(({ product }) => mayRead(context, product));
    const { points } = context.req.valid('query');
    const products = await Promise.all(keys.map((key) => readNow(options, key, points)));
    return context.json(plain({ products: inOrderOfWorry(products) }), 200);
  });

  const series = guarded('read', {
    method: 'get',
    path: '/v1/deployments/{product}/{deployment}/series',
    request: { params: productPath.extend({ deployment: z.string() }), query: seriesQuery },
    responses: {
      200: { description: 'What was measured', ...json(z.object({ services: z.array(serviceSeries) })) },
      ...problems,
    },
  });
  app.openapi(series, async (context) => {
    const { environment, ...range } = context.req.valid('query');
    const key = { ...context.req.valid('param'), environment };
    if ((await store.deployments.read(key)) === null)
      throw new ApiError(404, `deployment ${key.deployment} of ${key.product} is not known`);
    const watch = await store.watches.read(key);
    const services = watch === null ? [] : await readSeries(store, key, range, watch.services);
    return context.json(plain({ services }), 200);
  });

  const events = guarded('read', {
    method: 'get',
    path: '/v1/events',
    responses: {
      200: {
        description: 'Server-sent events: `product` with a ProductNow whenever one changes, `beat` else',
        content: { 'text/event-stream': { schema: z.string() } },
      },
      ...problems,
    },
  });
  app.openapi(events, (context) => {
    const stream = streamSSE(context, async (sse) => {
      const stop = feed.listen((changed) => {
        const shown = changed.filter(({ product }) => mayRead(context, product));
        for (const key of shown)
          void readNow(options, key)
            .then((product) => sse.writeSSE({ event: 'product', data: JSON.stringify(product) }))
            .catch(() => undefined);
      });
      sse.onAbort(stop);
      while (!sse.aborted && (await isStillKnown(context))) {
        await sse.writeSSE({ event: 'beat', data: String(Date.now()) });
        await sse.sleep(beatMs);
      }
      stop();
    });
    return stream as never;
  });
}
