import { z } from '@hono/zod-openapi';
import { type RollbackCommandName, rollbackCommands } from '../../workflows/messages.ts';
import { authorName, callerName } from './access/caller.ts';
import { guarded } from './access/guarded.ts';
import { ApiError } from './api-error.ts';
import { type App, type AppOptions, problems } from './app-types.ts';
import type { CommandAnswer } from './rollback-operations.ts';
import {
  answer,
  byRequest,
  commandRequest,
  floorRequest,
  json,
  pauseRequest,
  plain,
  productPath,
  rollbackPlan,
  rollbackRequest,
  scope,
  standingRequest,
  vetoRequest,
} from './schemas.ts';

const answers = {
  200: { description: 'Accepted', ...json(answer) },
  202: { description: 'Queued: no worker is polling now', ...json(answer) },
  409: { description: 'Refused, with the reason', ...json(answer) },
  400: problems[400],
  404: problems[404],
  503: problems[503],
};

function statusOf({ queued, accepted }: CommandAnswer): 200 | 202 | 409 {
  return queued ? 202 : accepted ? 200 : 409;
}

/** `handOver` is written `handover` in paths. */
export function commandPath(name: RollbackCommandName): string {
  return name.toLowerCase();
}

export function addCommandRoutes(app: App, { operations }: AppOptions): void {
  const request = { params: productPath, query: scope };
  const rollback = guarded('act', {
    method: 'post',
    path: '/v1/products/{product}/rollback',
    request: { ...request, body: { required: true, ...json(rollbackRequest) } },
    responses: answers,
  });
  app.openapi(rollback, async (context) => {
    const key = { ...context.req.valid('param'), ...context.req.valid('query') };
    const body = context.req.valid('json');
    const given = await operations.rollBack(key, { ...body, by: callerName(context, body.by) });
    return context.json(given, statusOf(given));
  });

  const plan = guarded('read', {
    method: 'get',
    path: '/v1/products/{product}/rollback',
    request,
    responses: { 200: { description: 'What a rollback would do now', ...json(rollbackPlan) }, ...problems },
  });
  app.openapi(plan, async (context) => {
    const key = { ...context.req.valid('param'), ...context.req.valid('query') };
    return context.json(plain(await operations.planRollback(key)), 200);
  });

  const pause = guarded('act', {
    method: 'post',
    path: '/v1/products/{product}/pause',
    request: { ...request, body: { required: true, ...json(pauseRequest) } },
    responses: answers,
  });
  app.openapi(pause, async (context) => {
    const key = { ...context.req.valid('param'), ...context.req.valid('query') };
    const { reason, minutes, until, ...body } = context.req.valid('json');
    const by = callerName(context, body.by);
    const untilMs =
      until !== undefined ? Date.parse(until) : minutes !== undefined ? Date.now() + minutes * 60_000 : null;
    if (untilMs !== null && untilMs <= Date.now())
      throw new ApiError(400, `until: ${until} has passed; allowed is a time to come`);
    await operations.pause(key, { by, reason, untilMs });
    const end = untilMs === null ? 'until resumed' : `until ${new Date(untilMs).toISOString()}`;
    return context.json(
      { accepted: true, reason: `automatic rollback of ${key.product} is paused ${end}` },
      200,
    );
  });

  const veto = guarded('act', {
    method: 'post',
    path: '/v1/products/{product}/veto',
    request: { ...request, body: { required: true, ...json(vetoRequest) } },
    responses: answers,
  });
  app.openapi(veto, async (context) => {
    const key = { ...context.req.valid('param'), ...context.req.valid('query') };
    const body = context.req.valid('json');
    const given = await operations.veto(key, { ...body, by: callerName(context, body.by) });
    return context.json(given, statusOf(given));
  });

  const resume = guarded('act', {
    method: 'post',
    path: '/v1/products/{product}/resume',
    request: { ...request, body: { required: true, ...json(byRequest) } },
    responses: answers,
  });
  app.openapi(resume, async (context) => {
    const key = { ...context.req.valid('param'), ...context.req.valid('query') };
    await operations.resume(key, callerName(context, context.req.valid('json').by));
    return context.json({ accepted: true, reason: `automatic rollback of ${key.product} is resumed` }, 200);
  });

  for (const name of rollbackCommands) {
    const command = guarded('act', {
      method: 'post',
      path: `/v1/products/{product}/${commandPath(name)}` as '/v1/products/{product}/command',
      request: { ...request, body: { required: true, ...json(commandRequest) } },
      responses: answers,
    });
    app.openapi(command, async (context) => {
      const key = { ...context.req.valid('param'), ...context.req.valid('query') };
      const body = context.req.valid('json');
      const given = await operations.command(key, name, { ...body, by: callerName(context, body.by) });
      return context.json(given, statusOf(given));
    });
  }

  const standing = guarded('vouch', {
    method: 'post',
    path: '/v1/products/{product}/releases/{release}',
    request: {
      params: productPath.extend({ release: z.string() }),
      query: scope,
      body: { required: true, ...json(standingRequest) },
    },
    responses: answers,
  });
  app.openapi(standing, async (context) => {
    const { product, release } = context.req.valid('param');
    const { standing: word, by, reason, service } = context.req.valid('json');
    const value = word === 'good' ? 'good' : 'quarantined';
    await operations.setStanding(
      { product, ...context.req.valid('query') },
      { release, standing: value, author: authorName(context, by), reason },
      service ?? null,
    );
    return context.json({ accepted: true, reason: `${release} of ${product} is ${value} now` }, 200);
  });

  const floor = guarded('vouch', {
    method: 'post',
    path: '/v1/products/{product}/floor',
    request: { ...request, body: { required: true, ...json(floorRequest) } },
    responses: answers,
  });
  app.openapi(floor, async (context) => {
    const key = { ...context.req.valid('param'), ...context.req.valid('query') };
    const { service, ...body } = context.req.valid('json');
    const wanted = { ...body, by: authorName(context, body.by) };
    const notes = await operations.setFloor(key, wanted, service ?? null);
    const what = wanted.release === null ? 'lifted' : `${wanted.release}: no older release is restored`;
    const reason = [`rollback floor of ${key.product} ${what}`, ...notes].join('; ');
    return context.json({ accepted: true, reason }, 200);
  });
}
