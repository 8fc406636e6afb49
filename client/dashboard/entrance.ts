import { randomBytes } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { SessionIdentity } from '../../adapters/store/sessions.ts';
import { addressOf } from '../api/access/address.ts';
import type { Authenticator } from '../api/access/authenticate.ts';
import type { ApiEnv } from '../api/access/caller.ts';
import type { createRateLimits } from '../api/access/rate-limits.ts';
import {
  clearSessionCookie,
  isOurOwnPage,
  sessionSecret,
  setSessionCookie,
} from '../api/access/session-cookie.ts';
import { createSignIn, type Leaving } from '../api/access/sign-in.ts';
import { hashOf, tokenId } from '../api/access/tokens.ts';
import { Unproven } from '../api/access/unproven.ts';
import { ApiError } from '../api/api-error.ts';
import type { App, AppOptions } from '../api/app-types.ts';
import type { Assets } from './assets.ts';
import { page } from './layout.ts';
import { signInBody } from './pages/sign-in-page.ts';

export interface EntranceOptions extends AppOptions {
  readonly authenticator: Authenticator;
  readonly count: ReturnType<typeof createRateLimits>;
  readonly assets: Assets;
}

const leavingCookie = 'orchestrator_sign_in';
const leavingMs = 600_000;
/** A session that began with a token. */
const tokenSessionMs = 12 * 3_600_000;

/** Signing in and out of the page: with the identity provider, with an API token, or by a link that a token's holder made. */
export function addEntrance(app: App, options: EntranceOptions): void {
  const { store, access, authenticator, count, assets } = options;
  const provider = createSignIn();

  app.get('/sign-in', (context) => form(context, null));

  app.post('/sign-in', async (context) => {
    const { token, to } = await context.req.parseBody();
    await count('unproven', addressOf(context));
    const secret = typeof token === 'string' ? token.trim() : '';
    try {
      if (secret.split('.').length === 3) throw new Unproven('an identity token of a workload opens no page');
      const { name } = await authenticator.byBearer(secret);
      await begin(context, { by: 'token', token: tokenId(secret) ?? 'local', name }, tokenSessionMs);
      return context.redirect(pathOnly(to), 303);
    } catch (error) {
      if (error instanceof Unproven) return form(context, error.message);
      throw error;
    }
  });

  app.get('/sign-in/provider', async (context) => {
    const { signIn } = await access();
    if (signIn === null) throw new ApiError(404, 'no identity provider is configured: see access.sign_in');
    try {
      const { url, leaving } = await provider.leave(
        signIn,
        await redirectUri(context),
        pathOnly(context.req.query('to')),
      );
      setCookie(context, leavingCookie, JSON.stringify(leaving), {
        httpOnly: true,
        sameSite: 'Lax',
        path: '/sign-in',
        maxAge: leavingMs / 1_000,
        secure: await isSecure(context),
      });
      return context.redirect(url.href, 303);
    } catch (error) {
      if (error instanceof Unproven) return form(context, error.message);
      throw error;
    }
  });

  app.get('/sign-in/back', async (context) => {
    const { signIn } = await access();
    const leaving = leavingOf(getCookie(context, leavingCookie));
    deleteCookie(context, leavingCookie, { path: '/sign-in' });
    if (signIn === null || leaving === null)
      return form(context, 'signing in took too long, or was begun elsewhere: try again');
    try {
      const back = new URL(await redirectUri(context));
      back.search = new URL(context.req.url).search;
      const claims = await provider.comeBack(signIn, back, leaving);
      const identity = { by: 'oidc', issuer: signIn.issuer, claims } as const;
      const person = await authenticator.identify(identity);
      if (person.grants.length === 0)
        return form(
          context,
          `${person.name} is known to ${hostOf(signIn.issuer)} and has no role here: see access.sign_in.roles`,
        );
      await begin(context, identity, signIn.sessionMs);
      return context.redirect(leaving.to, 303);
    } catch (error) {
      if (error instanceof Unproven) return form(context, error.message);
      throw error;
    }
  });

  app.get('/sign-in/:link', async (context) => {
    await count('unproven', addressOf(context));
    const link = await store.sessions.close(hashOf(context.req.param('link')), 'link', Date.now());
    if (link === null || link.expiresAtMs <= Date.now())
      return form(context, 'this link was used already, or is older than two minutes: make another');
    await begin(context, link.identity, tokenSessionMs);
    return context.redirect('/', 303);
  });

  app.post('/sign-out', async (context) => {
    const secret = sessionSecret(context);
    const { csrf } = await context.req.parseBody();
    if (secret !== null && isOurOwnPage(context, secret, typeof csrf === 'string' ? csrf : undefined)) {
      await store.sessions.close(hashOf(secret), 'session', Date.now());
      clearSessionCookie(context);
    }
    return context.redirect('/sign-in', 303);
  });

  async function begin(context: Context<ApiEnv>, identity: SessionIdentity, lastsMs: number): Promise<void> {
    const secret = randomBytes(32).toString('base64url');
    await store.sessions.open({
      hash: hashOf(secret),
      kind: 'session',
      identity,
      expiresAtMs: Date.now() + lastsMs,
    });
    setSessionCookie(context, secret, { secure: await isSecure(context), maxAgeMs: lastsMs });
  }

  async function form(context: Context<ApiEnv>, problem: string | null): Promise<Response> {
    const { signIn } = await access();
    const view = {
      provider: signIn === null ? null : hostOf(signIn.issuer),
      to: pathOnly(context.req.query('to')),
      problem,
    };
    const frame = { title: 'Sign in', section: '', viewer: null, assets, csrf: null };
    return context.html(await page(frame, signInBody(view)), problem === null ? 200 : 401, {
      'cache-control': 'no-store',
    });
  }

  async function redirectUri(context: Context<ApiEnv>): Promise<string> {
    return `${(await access()).publicUrl ?? new URL(context.req.url).origin}/sign-in/back`;
  }

  async function isSecure(context: Context<ApiEnv>): Promise<boolean> {
    return ((await access()).publicUrl ?? context.req.url).startsWith('https:');
  }
}

/** Whoever is not signed in is sent to sign in, and comes back to where they wanted to go. */
export function signedIn({
  authenticator,
  count,
}: Pick<EntranceOptions, 'authenticator' | 'count'>): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    const secret = sessionSecret(context);
    const { pathname, search } = new URL(context.req.url);
    try {
      if (secret === null) throw new Unproven('nobody is signed in');
      const principal = await authenticator.bySession(secret);
      context.set('caller', {
        principal,
        from: addressOf(context),
        again: () => authenticator.bySession(secret),
      });
      await count('read', principal.name);
    } catch (error) {
      if (!(error instanceof Unproven)) throw error;
      if (pathname.startsWith('/live/')) throw new ApiError(401, error.message);
      return context.redirect(`/sign-in?to=${encodeURIComponent(pathname + search)}`, 303);
    }
    return next();
  };
}

/** A path of ours: nobody is sent to a foreign page after signing in. Read as browsers read it, who drop tabs and turn `\` round. */
function pathOnly(given: unknown): string {
  const ours = 'http://ours.invalid';
  if (typeof given !== 'string' || !URL.canParse(given, ours)) return '/';
  const { origin, pathname, search } = new URL(given, ours);
  return origin === ours && !pathname.startsWith('/sign-in') && !pathname.startsWith('//')
    ? pathname + search
    : '/';
}

function leavingOf(cookie: string | undefined): Leaving | null {
  try {
    return cookie === undefined ? null : (JSON.parse(cookie) as Leaving);
  } catch {
    return null;
  }
}

function hostOf(issuer: string): string {
  return new URL(issuer).host;
}
