import { authorName, demand } from './access/caller.ts';
import { guarded } from './access/guarded.ts';
import { ApiError } from './api-error.ts';
import { type App, type AppOptions, problems } from './app-types.ts';
import { gateAnswer, gateRequest, plain, productPath, readiness, scope } from './schemas.ts';
import { serviceReleases } from './service-releases.ts';

export function addGateRoutes(app: App, { operations, store, catalog }: AppOptions): void {
  const gate = guarded('report', {
    method: 'post',
    path: '/v1/products/{product}/gate',
    request: {
      params: productPath,
      query: scope,
      body: { required: true, content: { 'application/json': { schema: gateRequest } } },
    },
    responses: {
      200: {
        description: 'Open: it may be deployed',
        content: { 'application/json': { schema: gateAnswer } },
      },
      ...problems,
      409: {
        description: 'Shut, with the reasons and the ways past them',
        content: { 'application/json': { schema: gateAnswer } },
      },
    },
  });
  app.openapi(gate, async (context) => {
    const key = { ...context.req.valid('param'), ...context.req.valid('query') };
    const { override: wanted, performance = null, ...named } = context.req.valid('json');
    if (wanted !== undefined) demand(context, 'vouch', key.product);
    const override = wanted === undefined ? null : { ...wanted, by: authorName(context, wanted.by) };
    const services = await serviceReleases(catalog, key, named);
    const answer = plain(await operations.gate(key, { services, override, performance }));
    return answer.open ? context.json(answer, 200) : context.json(answer, 409);
  });

  const ready = guarded('read', {
    method: 'get',
    path: '/v1/products/{product}/readiness',
    request: { params: productPath, query: scope },
    responses: {
      200: {
        description: 'Whether a rollback would work, as it was last looked at',
        content: { 'application/json': { schema: readiness } },
      },
      ...problems,
    },
  });
  app.openapi(ready, async (context) => {
    const key = { ...context.req.valid('param'), ...context.req.valid('query') };
    const found = await store.wayBack.readiness(key);
    if (found === null) throw new ApiError(404, `nobody has looked at the way back of ${key.product} yet`);
    return context.json(plain(found), 200);
  });
}
