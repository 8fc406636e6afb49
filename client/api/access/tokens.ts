import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { TokenRecord } from '../../../adapters/store/tokens.ts';
import type { Principal } from '../../../domain/access.ts';

/** A new token: `secret` is shown once, `hash` is kept. The prefix lets scanners of repositories know one that leaked. */
export function newToken(): { readonly id: string; readonly secret: string; readonly hash: string } {
  const id = randomBytes(6).toString('hex');
  const secret = `rbo_${id}_${randomBytes(32).toString('base64url')}`;
  return { id, secret, hash: hashOf(secret) };
}

/** The id in a token, by which its record is found; `null`: it is none of ours. */
export function tokenId(secret: string): string | null {
  return /^rbo_([0-9a-f]{12})_[\w-]{43}$/.exec(secret)?.[1] ?? null;
}

export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Whether both are the same, without telling by the time it takes where they differ. */
export function same(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
}

/** Why a token does not serve; `null`: it does. */
export function tokenProblem(token: TokenRecord, atMs: number): string | null {
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  if (token.revokedAtMs !== null)
    return `the token ${token.name} was revoked on ${day(token.revokedAtMs)}: ask for another`;
  if (token.expiresAtMs !== null && token.expiresAtMs <= atMs)
    return `the token ${token.name} expired on ${day(token.expiresAtMs)}: ask for another`;
  return null;
}

export function tokenPrincipal({ name, role, product }: TokenRecord): Principal {
  return { name, kind: 'token', grants: [{ role, product }] };
}
