import { createHmac } from 'node:crypto';
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { same } from './tokens.ts';

const name = 'orchestrator_session';

/** What the browser holds of a sign-in; `null`: nothing. */
export function sessionSecret(context: Context): string | null {
  // The prefixed first: the other can be planted by whoever answers for a neighbouring name.
  return getCookie(context, `__Host-${name}`) ?? getCookie(context, name) ?? null;
}

/** @param secure whether the page is reached by https: only then a browser may be told to send it nowhere else */
export function setSessionCookie(context: Context, secret: string, { secure, maxAgeMs }: CookieTerms): void {
  const common = {
    httpOnly: true,
    sameSite: 'Lax',
    path: '/',
    maxAge: Math.floor(maxAgeMs / 1_000),
  } as const;
  if (secure) setCookie(context, name, secret, { ...common, secure: true, prefix: 'host' });
  else setCookie(context, name, secret, common);
}

export interface CookieTerms {
  readonly secure: boolean;
  readonly maxAgeMs: number;
}

export function clearSessionCookie(context: Context): void {
  deleteCookie(context, name, { path: '/' });
  deleteCookie(context, name, { path: '/', secure: true, prefix: 'host' });
}

/** The word that a form of ours carries and a foreign page cannot know. */
export function csrfToken(secret: string): string {
  return createHmac('sha256', secret).update('csrf').digest('base64url');
}

/**
 * Whether a command that came with a cookie was sent by our own page: browsers send cookies along with whatever a foreign page
 * submits.
 * @param given what the form or the header `x-csrf-token` carried
 */
export function isOurOwnPage(context: Context, secret: string, given: string | undefined): boolean {
  const site = context.req.header('sec-fetch-site');
  if (site !== undefined && site !== 'same-origin') return false;
  return given !== undefined && same(given, csrfToken(secret));
}
