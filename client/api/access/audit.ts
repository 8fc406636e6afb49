import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { AuditRecords } from '../../../adapters/store/audit.ts';
import { defaultEnvironment } from '../../../domain/identity.ts';
import { addressOf } from './address.ts';
import type { ApiEnv, Caller } from './caller.ts';
import { isMeasurement, isReading } from './protect.ts';

/**
 * Writes down every command with its answer, refused ones, too. It is written afterwards and beside: a store that is down must not keep
 * anybody from rolling back.
 */
export function auditTrail(audit: AuditRecords, failed: (error: unknown) => void): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    await next();
    if (isReading(context) || isMeasurement(context)) return;
    // Now: once it is sent, it cannot be read any more.
    void entryOf(context, context.res.clone())
      .then((entry) => audit.append(entry))
      .catch(failed);
  };
}

async function entryOf(context: Context<ApiEnv>, response: Response) {
  const caller = context.get('caller') as Caller | undefined;
  const asked = await bodyOf(context);
  const answered = recordOf(await response.json().catch(() => null));
  const said = answered.reason ?? answered.error ?? recordOf(answered.deployment).deployment;
  return {
    atMs: Date.now(),
    who: whoOf(caller, textOf(asked.by)),
    kind: caller?.principal.kind ?? 'nobody',
    from: caller?.from ?? addressOf(context),
    call: `${context.req.method} ${(matchedRoutes(context).at(-1)?.path ?? context.req.path).replaceAll(/:(\w+)/g, '{$1}')}`,
    product: context.req.param('product') ?? textOf(asked.product),
    environment: context.req.query('environment') ?? textOf(asked.environment) ?? defaultEnvironment,
    why: whyOf(asked),
    status: response.status,
    answer: (typeof said === 'string' ? said : '').slice(0, 2_000),
  };
}

async function bodyOf({ req }: Context): Promise<Record<string, unknown>> {
  return recordOf(await req.json().catch(() => null));
}

/** Whoever holds a token may be several: the name that came with the command is told, too. */
function whoOf(caller: Caller | undefined, given: string | null): string {
  if (caller === undefined) return 'nobody';
  const { name, kind } = caller.principal;
  return kind === 'token' && given !== null && given !== name ? `${given} (token ${name})` : name;
}

function whyOf({ reason, note, release }: Record<string, unknown>): string | null {
  return textOf(reason) ?? textOf(note) ?? textOf(release);
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value.slice(0, 2_000) : null;
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
