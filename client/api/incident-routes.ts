import { z } from '@hono/zod-openapi';
import { callerName, demand, mayRead, readable } from './access/caller.ts';
import { guarded } from './access/guarded.ts';
import { ApiError } from './api-error.ts';
import { type App, type AppOptions, problems } from './app-types.ts';
import { answer, incident, json, listQuery, plain, reviewRequest, timelineEntry } from './schemas.ts';

export function addIncidentRoutes(app: App, { operations, store }: AppOptions): void {
  const list = guarded('read', {
    method: 'get',
    path: '/v1/incidents',
    request: { query: listQuery },
    responses: {
      200: { description: 'Newest first', ...json(z.object({ incidents: z.array(incident) })) },
      ...problems,
    },
  });
  app.openapi(list, async (context) => {
    const { product, ...query } = context.req.valid('query');
    const found = await store.incidents.list({ ...query, products: readable(context, product) });
    return context.json({ incidents: plain(found) }, 200);
  });

  const one = guarded('read', {
    method: 'get',
    path: '/v1/incidents/{incident}',
    request: { params: z.object({ incident: z.string() }) },
    responses: {
      200: {
        description: 'With its report',
        ...json(
          z.object({ incident, report: z.looseObject({}).nullable(), timeline: z.array(timelineEntry) }),
        ),
      },
      ...problems,
    },
  });
  app.openapi(one, async (context) => {
    const id = context.req.valid('param').incident;
    const found = await store.incidents.read(id);
    if (found === null || !mayRead(context, found.product))
      throw new ApiError(404, `incident ${id} is not known`);
    const report = (await store.incidents.readReport(id)) as Record<string, unknown> | null;
    const timeline = await store.timeline.list({ ...found, deployment: found.deployment, limit: 1_000 });
    return context.json({ incident: plain(found), report, timeline: plain(timeline) }, 200);
  });

  const review = guarded('vouch', {
    method: 'post',
    path: '/v1/incidents/{incident}/review',
    request: { params: z.object({ incident: z.string() }), body: { required: true, ...json(reviewRequest) } },
    responses: {
      200: { description: 'Recorded', ...json(answer) },
      409: { description: 'Reviewed already', ...json(answer) },
      400: problems[400],
      404: problems[404],
      503: problems[503],
    },
  });
  app.openapi(review, async (context) => {
    const { incident: id } = context.req.valid('param');
    const known = await store.incidents.read(id);
    if (known !== null) demand(context, 'vouch', known.product);
    const body = context.req.valid('json');
    const given = await operations.review(id, { ...body, by: callerName(context, body.by) });
    return context.json(given, given.accepted ? 200 : 409);
  });
}
