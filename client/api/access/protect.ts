import type { Context, MiddlewareHandler } from 'hono';
import { ApiError } from '../api-error.ts';
import { addressOf } from './address.ts';
import type { Authenticator } from './authenticate.ts';
import type { ApiEnv } from './caller.ts';
import type { createRateLimits } from './rate-limits.ts';
import { isOurOwnPage, sessionSecret } from './session-cookie.ts';
import { Unproven } from './unproven.ts';

export interface Protection {
  readonly authenticator: Authenticator;
  readonly count: ReturnType<typeof createRateLimits>;
}

/** Lets only callers through whose name is proven: by a bearer token, or by the cookie of the page. */
export function protect({ authenticator, count }: Protection): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    const from = addressOf(context);
    const principal = await proven(context, authenticator).catch(async (error: unknown) => {
      if (!(error instanceof Unproven)) throw error;
      // Whoever guesses is slowed down.
      await count('unproven', from);
      throw new ApiError(401, error.message);
    });
    context.set('caller', { principal, from, again: () => proven(context, authenticator) });
    if (!isMeasurement(context)) await count(isReading(context) ? 'read' : 'command', principal.name);
    await next();
  };
}

async function proven(context: Context<ApiEnv>, authenticator: Authenticator) {
  const bearer = /^Bearer (.+)$/.exec(context.req.header('authorization') ?? '')?.[1];
  if (bearer !== undefined) return authenticator.byBearer(bearer.trim());
  const secret = sessionSecret(context);
  if (secret === null)
    throw new Unproven('a bearer token is needed: make one with "orchestrator token create", or sign in');
  const principal = await authenticator.bySession(secret);
  if (!isReading(context) && !isOurOwnPage(context, secret, context.req.header('x-csrf-token')))
    throw new ApiError(403, 'this command did not come from our own page; load it again and repeat it');
  return principal;
}

export function isReading({ req }: Context): boolean {
  return req.method === 'GET' || req.method === 'HEAD';
}

/** Pushed by every instance every few seconds. */
export function isMeasurement({ req }: Context): boolean {
  return req.path === '/v1/metrics' || req.path.startsWith('/v1/alerts/');
}
