import type { SessionRecord } from '../../../adapters/store/sessions.ts';
import type { Store } from '../../../adapters/store/store.ts';
import type { TokenRecord } from '../../../adapters/store/tokens.ts';
import type { AccessSettings, SignInSettings } from '../../../config/access.ts';
import { type Claims, grantsOfClaims, type Principal } from '../../../domain/access.ts';
import { hashOf, same, tokenId, tokenPrincipal, tokenProblem } from './tokens.ts';
import { Unproven } from './unproven.ts';
import { createWorkloadCheck, looksLikeIdentityToken } from './workloads.ts';

export interface AuthenticatorOptions {
  readonly store: Pick<Store, 'tokens' | 'sessions'>;
  /** The data folder's own token: its holder can read the store anyway, and is admin. */
  readonly localToken: string;
  readonly settings: () => Promise<AccessSettings>;
}

/** How the holder of the data folder's token is called where a request does not say. */
export const localName = 'a person';

/** Finds out who calls. Throws {@link Unproven} with the reason where nobody can be named. */
export function createAuthenticator({ store, localToken, settings }: AuthenticatorOptions) {
  const workload = createWorkloadCheck();
  /** What worked lately: a store that is down must not keep people from rolling back. */
  const lately = new Map<string, TokenRecord>();
  const marked = new Map<string, number>();

  return { byBearer, bySession, identify };

  async function byBearer(secret: string): Promise<Principal> {
    if (same(secret, localToken)) return localPrincipal(localName);
    if (looksLikeIdentityToken(secret)) return workload(secret, (await settings()).workloads);
    const id = tokenId(secret);
    if (id === null) throw new Unproven('the bearer token is none of this installation');
    const token = await readToken(id);
    if (token === null || !same(token.hash, hashOf(secret)))
      throw new Unproven('the bearer token is none of this installation');
    return usable(token);
  }

  /** @param secret what the browser holds */
  async function bySession(secret: string): Promise<Principal> {
    const session = await store.sessions.read(hashOf(secret), Date.now());
    if (session === null) throw new Unproven('you are not signed in, or no longer');
    return identify(session.identity);
  }

  /** What somebody who signed in may do now: a token that is revoked, or a role that is taken away, counts at once. */
  async function identify(identity: SessionRecord['identity']): Promise<Principal> {
    if (identity.by === 'token') {
      if (identity.token === 'local') return localPrincipal(identity.name);
      const token = await readToken(identity.token);
      if (token === null) throw new Unproven('the token of this sign-in is not known any more');
      return usable(token);
    }
    const { signIn } = await settings();
    if (signIn === null || signIn.issuer !== identity.issuer)
      throw new Unproven(`sign-in with ${identity.issuer} is not configured any more`);
    return personOf(identity.claims, signIn);
  }

  async function readToken(id: string): Promise<TokenRecord | null> {
    try {
      const found = await store.tokens.read(id);
      if (found !== null) lately.set(id, found);
      else lately.delete(id);
      return found;
    } catch (error) {
      const known = lately.get(id);
      if (known === undefined) throw error;
      return known;
    }
  }

  function usable(token: TokenRecord): Principal {
    const atMs = Date.now();
    const problem = tokenProblem(token, atMs);
    if (problem !== null) throw new Unproven(problem);
    if (atMs - (marked.get(token.id) ?? 0) > markEveryMs) {
      marked.set(token.id, atMs);
      void store.tokens.markUsed(token.id, atMs).catch(() => undefined);
    }
    return tokenPrincipal(token);
  }
}

export type Authenticator = ReturnType<typeof createAuthenticator>;

/** The last use is for people who tidy up: a minute is exact enough. */
const markEveryMs = 60_000;

export function localPrincipal(name: string): Principal {
  return { name, kind: 'token', grants: [{ role: 'admin', product: null }] };
}

export function personOf(claims: Claims, { rules, defaultGrant, nameClaim }: SignInSettings): Principal {
  const grants = grantsOfClaims(claims, rules);
  const called = [nameClaim === null ? undefined : claims[nameClaim], claims.email, claims.sub];
  const name = called.find((value) => typeof value === 'string' && value !== '');
  return {
    name: typeof name === 'string' ? name : 'somebody without a name',
    kind: 'person',
    grants: defaultGrant === null ? grants : [...grants, defaultGrant],
  };
}
