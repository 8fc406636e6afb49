import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { compress } from 'hono/compress';
import { HTTPException } from 'hono/http-exception';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { secureHeaders } from 'hono/secure-headers';
import { timeout } from 'hono/timeout';
import { loadAssets } from '../dashboard/assets.ts';
import { addFormCommands } from '../dashboard/commands.ts';
import { addDashboard, problemPage } from '../dashboard/dashboard.ts';
import { addEntrance, signedIn } from '../dashboard/entrance.ts';
import { addAccessRoutes } from './access/access-routes.ts';
import { noteAddress } from './access/address.ts';
import { auditTrail } from './access/audit.ts';
import { createAuthenticator } from './access/authenticate.ts';
import type { ApiEnv, Caller } from './access/caller.ts';
import { protect } from './access/protect.ts';
import { createRateLimits, TooManyRequests } from './access/rate-limits.ts';
import { addAlertRoutes } from './alert-routes.ts';
import { ApiError } from './api-error.ts';
import type { App, AppOptions } from './app-types.ts';
import { addCommandRoutes } from './command-routes.ts';
import { addDeploymentRoutes } from './deployment-routes.ts';
import { openApiDocument } from './document/openapi-document.ts';
import { addGateRoutes } from './gate-routes.ts';
import { addGitHubHook } from './github-hook.ts';
import { addIncidentRoutes } from './incident-routes.ts';
import { addLessonRoutes } from './lesson-routes.ts';
import { addOtlpRoutes } from './otlp-routes.ts';
import { createFeed } from './reading/feed.ts';
import { addReadingRoutes } from './reading-routes.ts';
import { addSlackHooks } from './slack-hook.ts';
import { addStatisticsRoutes } from './statistics-routes.ts';

/** What of the page nobody sees without signing in. */
const pagePaths = ['/', '/deployments/*', '/incidents/*', '/statistics', '/access', '/live/*'] as const;

/** Nothing from elsewhere, nothing inline, and nobody frames the buttons. */
const contentSecurityPolicy = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  formAction: ["'self'"],
  baseUri: ["'none'"],
  frameAncestors: ["'none'"],
};

/** A question of the API to the store takes no longer. */
const readingMs = 5_000;

/** The HTTP API: reports from pipelines, commands from people, everything else read from the store. */
export function createApp(options: AppOptions): App {
  const app: App = new OpenAPIHono({
    defaultHook: (result, context) => {
      if (!result.success) return context.json({ error: describeIssues(result.error) }, 400);
    },
  });
  app.use(noteAddress(async () => (await options.access()).trustedProxies));
  app.use(secureHeaders({ contentSecurityPolicy, referrerPolicy: 'same-origin' }));
  app.use(compress());
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (context, methods) =>
        context.json({ error: `found ${context.req.method}; allowed: ${methods.join(', ')}` }, 405, {
          allow: methods.join(', '),
        }),
    }),
  );
  app.use(
    bodyLimit({
      maxSize: 1024 * 1024,
      // The rest of the body stays unread: the connection cannot serve another request.
      onError: (context) =>
        context.json({ error: 'the body is larger than 1 MiB' }, 413, { connection: 'close' }),
    }),
  );
  const authenticator = createAuthenticator({
    store: options.store,
    localToken: options.token,
    settings: options.access,
  });
  const assets = loadAssets();
  const protection = { authenticator, count: createRateLimits(options.limits) };
  app.use(
    '/v1/*',
    auditTrail(options.store.audit, (error) => console.error('the audit trail was not written:', error)),
  );
  app.use('/v1/*', protect(protection));
  app.use('/static/*', async (context) => assets.serve(context));
  for (const path of pagePaths) app.get(path, signedIn(protection));
  // A store that hangs: a pipeline is told to try again.
  const inTime = timeout(readingMs, () => new HTTPException(503, { message: 'unavailable, try again' }));
  // Of no method by itself: a path that cannot be read must still answer 405.
  app.use('/v1/*', (context, next) =>
    context.req.method === 'GET' && context.req.path !== '/v1/events' ? inTime(context, next) : next(),
  );
  app.onError(async (error, context) => {
    const answer = problemOf(error, context);
    if (!wantsPage(context)) return answer;
    const { error: message } = (await answer.json()) as { error: string };
    const viewer = (context.get('caller') as Caller | undefined)?.principal ?? null;
    return context.html(await problemPage(assets, viewer, answer.status, message), answer.status as 500);
  });
  function problemOf(error: Error, context: Context<ApiEnv>) {
    if (error instanceof TooManyRequests) context.header('retry-after', String(error.retryAfterSeconds));
    if (error instanceof ApiError) return context.json({ error: error.message }, error.status);
    // Hono's own: the body is not JSON.
    if (error instanceof HTTPException) return context.json({ error: error.message }, error.status);
    if (isUnavailable(error)) return context.json({ error: `unavailable, try again: ${error.message}` }, 503);
    console.error(error);
    return context.json({ error: 'internal error; the log says more' }, 500);
  }
  app.notFound(async (context) => {
    const message = `there is nothing at ${context.req.path}; see /openapi.json`;
    if (!wantsPage(context)) return context.json({ error: message }, 404);
    return context.html(await problemPage(assets, null, 404, message), 404);
  });

  addDeploymentRoutes(app, options);
  addCommandRoutes(app, options);
  addAlertRoutes(app, options);
  addOtlpRoutes(app, options);
  addGateRoutes(app, options);
  addIncidentRoutes(app, options);
  addLessonRoutes(app, options);
  addAccessRoutes(app, options);
  addStatisticsRoutes(app, options);
  addHealth(app, options);
  if (options.slack !== undefined) addSlackHooks(app, options.slack);
  addGitHubHook(app, { ...options, ...protection });
  addEntrance(app, { ...options, ...protection, assets });
  addFormCommands(app);
  const feed = createFeed(options.store);
  addReadingRoutes(app, { ...options, feed });
  addDashboard(app, { ...options, feed, assets });
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' });
  app.get('/openapi.json', (context) => context.json(openApiDocument(app)));
  return app;
}

/** A browser that goes somewhere, as opposed to a program that asks. */
function wantsPage({ req }: Context): boolean {
  return !req.path.startsWith('/v1/') && (req.header('accept') ?? '').includes('text/html');
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
