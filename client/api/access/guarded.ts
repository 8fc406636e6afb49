import { createRoute, type RouteConfig } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { may, type Permission, productsOf, refusalOf } from '../../../domain/access.ts';
import { ApiError } from '../api-error.ts';
import { problems } from '../app-types.ts';
import type { ApiEnv } from './caller.ts';

type Route<Path extends string> = Omit<RouteConfig, 'path'> & { path: Path };

/**
 * A route and what it takes to call it, checked before its handler and told in the OpenAPI document. Where the product is part of
 * the path, the caller needs the permission for that one; elsewhere for any, and the handler looks at which.
 */
export function guarded<const Path extends string, const Given extends Route<Path>>(
  permission: Permission,
  route: Given,
): ReturnType<typeof createRoute<Path, Given>> {
  const { 401: unproven, 403: refused, 429: tooMany } = problems;
  const guardedRoute = {
    ...route,
    'x-permission': permission,
    middleware: checked(permission),
    responses: { 401: unproven, 403: refused, 429: tooMany, ...route.responses },
  };
  return createRoute<Path, Given>(guardedRoute);
}

function checked(permission: Permission): MiddlewareHandler<ApiEnv> {
  return async (context: Context<ApiEnv>, next) => {
    const { principal } = context.get('caller');
    const product = context.req.param('product') ?? null;
    const allowed =
      product !== null || permission === 'administer'
        ? may(principal, permission, product)
        : productsOf(principal, permission)?.length !== 0;
    if (!allowed) throw new ApiError(403, refusalOf(principal, permission, product));
    await next();
  };
}
