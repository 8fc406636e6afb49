import { createRoute, z } from '@hono/zod-openapi';
import { ApiError } from './api-error.ts';
import { type App, type AppOptions, problems } from './app-types.ts';
import { answer, incident, listQuery, plain, reviewRequest, timelineEntry } from './schemas.ts';

const json = <Schema extends z.ZodType>(schema: Schema) => ({ content: { 'application/json': { schema } } });

export function addIncidentRoutes(app: App, { operations, store }: AppOptions): void {
  const list = createRoute({
    method: 'get',
    path: '/v1/incidents',
    request: { query: listQuery },
    responses: {
      200: { description: 'Newest first', ...json(z.object({ incidents: z.array(incident) })) },
      ...problems,
    },
  });
  app.openapi(list, async (context) => {
    const found = await store.incidents.list(context.req.valid('query'));
    return context.json({ incidents: plain(found) }, 200);
  });

  const one = createRoute({
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
    if (found === null) throw new ApiError(404, `incident ${id} is not known`);
    const report = (await store.incidents.readReport(id)) as Record<string, unknown> | null;
    const timeline = await store.timeline.list({ ...found, deployment: found.deployment, limit: 1_000 });
    return context.json({ incident: plain(found), report, timeline: plain(timeline) }, 200);
  });

  const review = createRoute({
    method: 'post',
    path: '/v1/incidents/{incident}/review',
    request: { params: z.object({ incident: z.string() }), body: { required: true, ...json(reviewRequest) } },
    responses: {
      200: { description: 'Recorded', ...json(answer) },
      409: { description: 'Reviewed already', ...json(answer) },
      400: problems[400],
      401: problems[401],
      404: problems[404],
      503: problems[503],
    },
  });
  app.openapi(review, async (context) => {
    const given = await operations.review(context.req.valid('param').incident, context.req.valid('json'));
    return context.json(given, given.accepted ? 200 : 409);
  });
}
