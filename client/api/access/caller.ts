import type { Context } from 'hono';
import { may, type Permission, type Principal, productsOf, refusalOf } from '../../../domain/access.ts';
import { ApiError } from '../api-error.ts';
import { localName } from './authenticate.ts';
import { Unproven } from './unproven.ts';

/** Who asks, as every route finds it. */
export interface Caller {
  readonly principal: Principal;
  /** Address of the caller. */
  readonly from: string;
  /** Who they are now: an answer that lasts for hours must end with the right to it. Throws `Unproven`. */
  readonly again: () => Promise<Principal>;
}

export interface ApiEnv {
  Variables: { caller: Caller; from?: string };
}

/** Asks once more who it is that a stream goes to; `false`: nobody any more, and it ends. */
export async function isStillKnown(context: Context<ApiEnv>): Promise<boolean> {
  const caller = context.get('caller');
  try {
    context.set('caller', { ...caller, principal: await caller.again() });
    return true;
  } catch (error) {
    // A store that does not answer now says nothing of anybody.
    return !(error instanceof Unproven);
  }
}

/** Throws 403 with the reason where the caller may not do this with the product. */
export function demand(context: Context<ApiEnv>, permission: Permission, product: string | null): void {
  const { principal } = context.get('caller');
  if (!may(principal, permission, product))
    throw new ApiError(403, refusalOf(principal, permission, product));
}

/** The products that a list may show: the one asked for, or all that the caller may read; `undefined`: every one. */
export function readable(
  context: Context<ApiEnv>,
  product: string | undefined,
): readonly string[] | undefined {
  if (product !== undefined) {
    demand(context, 'read', product);
    return [product];
  }
  return productsOf(context.get('caller').principal, 'read') ?? undefined;
}

export function mayRead(context: Context<ApiEnv>, product: string): boolean {
  return may(context.get('caller').principal, 'read', product);
}

/**
 * How the timeline calls whoever gave a command. A person who signed in is who the provider says. A token is held by whoever has it: the
 * name that is given with it is told beside the token's own.
 */
export function callerName(context: Context<ApiEnv>, given: string | undefined): string {
  const { name, kind } = context.get('caller').principal;
  if (kind !== 'token' || given === undefined || given === name) return name;
  return name === localName ? given : `${given} (token ${name})`;
}

/** The same where an author is needed: the holder of the data folder's token has no name but the one that is given. */
export function authorName(context: Context<ApiEnv>, given: string | undefined): string {
  const name = callerName(context, given);
  if (name === localName)
    throw new ApiError(400, 'by: found nothing; allowed: the name of who answers for it');
  return name;
}
