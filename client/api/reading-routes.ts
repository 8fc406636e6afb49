import { z } from '@hono/zod-openapi';
import { streamSSE } from 'hono/streaming';
import { signals } from '../../domain/series.ts';
import { mayRead } from './access/caller.ts';
import { guarded } from './access/guarded.ts';
import { ApiError } from './api-error.ts';
import { type App, type AppOptions, problems } from './app-types.ts';
import type { Feed } from './reading/feed.ts';
import { inOrderOfWorry, productPhases, readNow } from './reading/now.ts';
import { readSeries } from './reading/series.ts';
import { deployment, json, plain, productPath, scope } from './schemas.ts';

const point = z.object({ atMs: z.number(), value: z.number().nullable() });

const serviceSeries = z
  .object({
    service: z.string(),
    release: z.string(),
    signals: z.array(
      z.object({
        signal: z.enum(signals),
        unit: z.string(),
        baseline: z.number().nullable(),
        threshold: z.number().nullable(),
        points: z.array(point),
      }),
    ),
  })
  .openapi('ServiceSeries');

const productNow = z
  .object({
    product: z.string(),
    environment: z.string(),
    phase: z.enum(productPhases),
    owner: z.string(),
    current: deployment.nullable(),
    releases: z.string(),
    endsAtMs: z.number().nullable(),
    sentence: z.string(),
    checkedAtMs: z.number().nullable(),
    pause: z.object({ untilMs: z.number().nullable(), by: z.string(), reason: z.string() }).nullable(),
    observedOnly: z.boolean(),
    rollback: z.object({ id: z.string(), incident: z.string().nullable(), sinceMs: z.number() }).nullable(),
    wayBack: z.object({ target: z.string(), score: z.number(), missing: z.string().nullable() }).nullable(),
    services: z.array(serviceSeries),
  })
  .openapi('ProductNow');

const seriesQuery = scope.extend({
  points: z.coerce.number().int().min(2).max(1_440).default(240).describe('of a signal, at most'),
  sinceMs: z.coerce.number().int().min(0).optional(),
  untilMs: z.coerce.number().int().min(0).optional(),
});

/** Says that the line still stands, through proxies that end what is silent. */
const beatMs = 15_000;

/** What the page shows, for programs: every product now, the series of a deployment, and a stream of what changes. */
export function addReadingRoutes(app: App, options: AppOptions & { readonly feed: Feed }): void {
  const { store, catalog, feed } = options;
  const overview = guarded('read', {
    method: 'get',
    path: '/v1/overview',
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
    const products = await Promise.all(keys.map((key) => readNow(options, key)));
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
      while (!sse.aborted) {
        await sse.writeSSE({ event: 'beat', data: String(Date.now()) });
        await sse.sleep(beatMs);
      }
    });
    return stream as never;
  });
}
