import { z } from '@hono/zod-openapi';
import { monitorWorkflowId, productName } from '../../domain/identity.ts';
import { phaseOf } from '../../domain/product-phase.ts';
import { authorName, callerName, demand, mayRead, readable } from './access/caller.ts';
import { guarded } from './access/guarded.ts';
import { ApiError } from './api-error.ts';
import { type App, type AppOptions, problems } from './app-types.ts';
import { heldBack, incidentOf, sentenceOf } from './reading/now.ts';
import {
  deployment,
  deploymentReport,
  listQuery,
  plain,
  productPath,
  productStatus,
  reported,
  scope,
  timelineEntry,
} from './schemas.ts';
import { serviceReleases } from './service-releases.ts';

export function addDeploymentRoutes(
  app: App,
  { operations, store, catalog, temporalUi, health }: AppOptions,
): void {
  const report = guarded('report', {
    method: 'post',
    path: '/v1/deployments',
    request: { body: { required: true, content: { 'application/json': { schema: deploymentReport } } } },
    responses: {
      201: {
        description: 'Recorded, its monitor runs',
        content: { 'application/json': { schema: reported } },
      },
      200: { description: 'Known already', content: { 'application/json': { schema: reported } } },
      ...problems,
    },
  });
  app.openapi(report, async (context) => {
    const body = context.req.valid('json');
    demand(context, 'report', body.product);
    // A pipeline reports; whether a release is good is somebody's word.
    if (body.good !== undefined) demand(context, 'vouch', body.product);
    const deployedAtMs = body.deployedAt === undefined ? Date.now() : Date.parse(body.deployedAt);
    const services = await serviceReleases(catalog, body, body);
    const id =
      body.deployment ??
      `deploy-${new Date(deployedAtMs).toISOString().slice(0, 19).replace(/[-:]/g, '').toLowerCase()}`;
    const key = { product: body.product, environment: body.environment, deployment: id };
    const floor =
      body.rollbackFloor === undefined
        ? null
        : {
            services: await serviceReleases(catalog, body, body.rollbackFloor),
            by: callerName(context, body.rollbackFloor.by ?? 'the deployment'),
            reason: body.rollbackFloor.reason,
          };
    const good = body.good === undefined ? null : { ...body.good, by: authorName(context, body.good.by) };
    const changedAtMs = body.changedAt === undefined ? null : Date.parse(body.changedAt);
    const isIdGiven = body.deployment !== undefined;
    const report = {
      key,
      isIdGiven,
      services,
      deployedAtMs,
      changedAtMs,
      callback: body.callback,
      good,
      floor,
    };
    const result = await operations.report(report);
    const workflowId = monitorWorkflowId(result.deployment);
    const link = temporalUi === null ? null : `${temporalUi}/workflows/${encodeURIComponent(workflowId)}`;
    const answer = {
      ...result,
      deployment: plain(result.deployment),
      notes: [...result.notes],
      workflowId,
      link,
    };
    return result.isNew ? context.json(answer, 201) : context.json(answer, 200);
  });

  const list = guarded('read', {
    method: 'get',
    path: '/v1/deployments',
    request: { query: listQuery },
    responses: {
      200: {
        description: 'Newest first',
        content: { 'application/json': { schema: z.object({ deployments: z.array(deployment) }) } },
      },
      ...problems,
    },
  });
  app.openapi(list, async (context) => {
    const { product, ...query } = context.req.valid('query');
    const found = await store.deployments.list({ ...query, products: readable(context, product) });
    return context.json({ deployments: found.map((entry) => plain(entry)) }, 200);
  });

  const one = guarded('read', {
    method: 'get',
    path: '/v1/deployments/{product}/{deployment}',
    request: { params: productPath.extend({ deployment: z.string() }), query: scope },
    responses: {
      200: {
        description: 'With its timeline',
        content: {
          'application/json': { schema: z.object({ deployment, timeline: z.array(timelineEntry) }) },
        },
      },
      ...problems,
    },
  });
  app.openapi(one, async (context) => {
    const key = { ...context.req.valid('param'), ...context.req.valid('query') };
    const found = await store.deployments.read(key);
    if (found === null)
      throw new ApiError(404, `deployment ${key.deployment} of ${productName(key)} is not known`);
    return context.json(
      { deployment: plain(found), timeline: plain(await store.timeline.list({ ...key, limit: 1_000 })) },
      200,
    );
  });

  const status = guarded('read', {
    method: 'get',
    path: '/v1/products/{product}',
    request: { params: productPath, query: scope },
    responses: {
      200: {
        description: 'What is live and what is going on',
        content: { 'application/json': { schema: productStatus } },
      },
      ...problems,
    },
  });
  app.openapi(status, async (context) => {
    const key = { ...context.req.valid('param'), ...context.req.valid('query') };
    const { policy } = await catalog.setup(key).catch((error: unknown) => {
      throw new ApiError(404, error instanceof Error ? error.message : String(error));
    });
    const row = await store.products.read(key);
    const current =
      row.currentDeployment === null
        ? null
        : await store.deployments.read({ ...key, deployment: row.currentDeployment });
    const watch = current === null ? null : await store.watches.read(current);
    const timeline = await store.timeline.list({ ...key, limit: 50 });
    const incident = row.rollback === null ? null : await incidentOf(store, key, row);
    const { monitoring } = policy;
    return context.json(
      {
        ...key,
        phase: phaseOf(row, current, watch, incident?.status ?? null),
        endsAtMs: current?.status === 'watching' ? current.deployedAtMs + monitoring.watchMs : null,
        current: current === null ? null : plain(current),
        rollback:
          row.rollback === null
            ? null
            : {
                ...row.rollback,
                phase: await health.rollbackPhase(key),
                reason: incident?.reason ?? null,
              },
        ...heldBack(row, Date.now()),
        floors: { ...row.floors },
        readiness: plain(await store.wayBack.readiness(key)),
        lastCheck:
          watch === null || watch.lastAtMs === null
            ? null
            : { atMs: watch.lastAtMs, sentence: sentenceOf(current, watch) },
        timeline: plain(timeline),
      },
      200,
    );
  });

  const products = guarded('read', {
    method: 'get',
    path: '/v1/products',
    responses: {
      200: {
        description: 'Every configured product',
        content: {
          'application/json': {
            schema: z.object({
              products: z.array(z.object({ product: z.string(), environment: z.string() })),
            }),
          },
        },
      },
      ...problems,
    },
  });
  app.openapi(products, async (context) =>
    context.json(
      {
        products: (await catalog.products())
          .filter(({ product }) => mayRead(context, product))
          .map(({ product, environment }) => ({
            product,
            environment,
          })),
      },
      200,
    ),
  );
}
