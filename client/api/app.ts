import { timingSafeEqual } from 'node:crypto';
import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { secureHeaders } from 'hono/secure-headers';
import { timeout } from 'hono/timeout';
import { addAlertRoutes } from './alert-routes.ts';
import { ApiError } from './api-error.ts';
import type { App, AppOptions } from './app-types.ts';
import { addCommandRoutes } from './command-routes.ts';
import { addDeploymentRoutes } from './deployment-routes.ts';
import { addGateRoutes } from './gate-routes.ts';
import { addIncidentRoutes } from './incident-routes.ts';
import { addOtlpRoutes } from './otlp-routes.ts';
import { readStatistics } from './read-statistics.ts';
import { plain, statisticsQuery, statistics as statisticsSchema } from './schemas.ts';

/** A question to the store takes no longer. */
const readingMs = 5_000;

/** The HTTP API: reports from pipelines, commands from people, everything else read from the store. */
export function createApp(options: AppOptions): App {
  const app: App = new OpenAPIHono({
    defaultHook: (result, context) => {
      if (!result.success) return context.json({ error: describeIssues(result.error) }, 400);
    },
  });
  app.use(secureHeaders());
  app.use(
    bodyLimit({
      maxSize: 1024 * 1024,
      // The rest of the body stays unread: the connection cannot serve another request.
      onError: (context) =>
        context.json({ error: 'the body is larger than 1 MiB' }, 413, { connection: 'close' }),
    }),
  );
  app.use('/v1/*', async (context, next) => {
    if (!authorized(context.req.header('authorization'), options.token)) {
      return context.json(
        { error: 'a bearer token is needed: see the file api-token in the data folder' },
        401,
      );
    }
    await next();
  });
  // A store that hangs: a page and a pipeline are told to try again.
  app.get(
    '/v1/*',
    timeout(readingMs, () => new HTTPException(503, { message: 'unavailable, try again' })),
  );
  app.onError((error, context) => {
    if (error instanceof ApiError) return context.json({ error: error.message }, error.status);
    // Hono's own: the body is not JSON.
    if (error instanceof HTTPException) return context.json({ error: error.message }, error.status);
    if (isUnavailable(error)) return context.json({ error: `unavailable, try again: ${error.message}` }, 503);
    console.error(error);
    return context.json({ error: 'internal error; the log says more' }, 500);
  });
  app.notFound((context) =>
    context.json({ error: `there is nothing at ${context.req.path}; see /openapi.json` }, 404),
  );

  addDeploymentRoutes(app, options);
  addCommandRoutes(app, options);
  addAlertRoutes(app, options);
  addOtlpRoutes(app, options);
  addGateRoutes(app, options);
  addIncidentRoutes(app, options);
  addStatistics(app, options);
  addHealth(app, options);
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' });
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'Rollback orchestrator', version: '1' },
    security: [{ token: [] }],
  });
  return app;
}

function authorized(header: string | undefined, token: string): boolean {
  const given = Buffer.from(header?.replace(/^Bearer /, '') ?? '');
  const wanted = Buffer.from(token);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** The SDK says "Failed to start Workflow" and hides gRPC's UNAVAILABLE (14) or DEADLINE_EXCEEDED (4) in the cause. */
function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return (
    code === 14 ||
    code === 4 ||
    /database is locked|disk I\/O|disk is full|unable to open|readonly database|ECONNREFUSED|UNAVAILABLE|did not answer|timeout exceeded when trying to connect|Connection terminated/i.test(
      error.message,
    ) ||
    isUnavailable(error.cause)
  );
}

/** Zod's issues as sentences that name the place. */
function describeIssues(error: {
  issues: readonly { path: readonly PropertyKey[]; message: string }[];
}): string {
  return error.issues
    .map((issue) =>
      issue.path.length === 0 ? issue.message : `${issue.path.map(String).join('.')}: ${issue.message}`,
    )
    .join('; ');
}

function addStatistics(app: App, { store, catalog }: AppOptions): void {
  const route = createRoute({
    method: 'get',
    path: '/v1/statistics',
    request: { query: statisticsQuery },
    responses: {
      200: {
        description: 'The last days in figures',
        content: { 'application/json': { schema: statisticsSchema } },
      },
    },
  });
  app.openapi(route, async (context) => {
    const { days } = context.req.valid('query');
    return context.json(plain(await readStatistics(store, catalog, days)), 200);
  });
}

function addHealth(app: App, { health }: AppOptions): void {
  app.get('/healthz', async (context) => {
    const problems = await health.problems();
    return context.json({ healthy: problems.length === 0, problems }, problems.length === 0 ? 200 : 503);
  });
  app.get('/readyz', async (context) => {
    const ready = await health.ready();
    return context.json(ready, ready.store && ready.temporal ? 200 : 503);
  });
}
