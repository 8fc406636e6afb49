import { createRemoteJWKSet, decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';
import type { WorkloadRule } from '../../../config/access.ts';
import { claimsMatch, type Principal } from '../../../domain/access.ts';
import { openIdConfiguration } from './openid-configuration.ts';
import { Unproven } from './unproven.ts';

/** An identity token has three parts with dots between. */
export function looksLikeIdentityToken(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

/** Recognizes pipelines by the identity token that their platform signs; throws {@link Unproven} with the reason. */
export function createWorkloadCheck() {
  const keys = new Map<string, Promise<ReturnType<typeof createRemoteJWKSet>>>();

  return async function principalOf(token: string, rules: readonly WorkloadRule[]): Promise<Principal> {
    const issuer = issuerIn(token);
    const known = rules.filter((rule) => rule.issuer === issuer);
    if (known.length === 0)
      throw new Unproven(
        `identity tokens of ${issuer ?? 'an issuer without a name'} are not accepted: see access.workloads`,
      );
    const claims = await verified(token, known);
    const serving = known.filter(
      (rule) => audiences(claims).includes(rule.audience) && claimsMatch(claims, rule.claims),
    );
    if (serving.length === 0)
      throw new Unproven(
        `no entry of access.workloads fits this identity token of ${issuer} (subject ${claims.sub ?? 'none'}, audience ${audiences(claims).join(', ') || 'none'})`,
      );
    const grants = serving.map(({ role, product }) => ({ role, product }));
    return { name: nameOf(claims), kind: 'workload', grants };
  };

  async function verified(token: string, rules: readonly WorkloadRule[]): Promise<JWTPayload> {
    const [{ issuer }] = rules as [WorkloadRule];
    const keySet = keys.get(issuer) ?? keySetOf(issuer);
    keys.set(issuer, keySet);
    try {
      const { payload } = await jwtVerify(token, await keySet, {
        issuer,
        audience: [...new Set(rules.map((rule) => rule.audience))],
        algorithms: ['RS256', 'RS384', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA'],
        requiredClaims: ['exp', 'sub'],
        clockTolerance: 30,
      });
      return payload;
    } catch (error) {
      if (error instanceof Unproven) {
        // It is asked again next time.
        keys.delete(issuer);
        throw error;
      }
      if (error instanceof errors.JOSEError)
        throw new Unproven(`this identity token is not valid: ${error.message}`);
      throw new Unproven(`the keys of ${issuer} cannot be read: ${String(error)}`);
    }
  }
}

async function keySetOf(issuer: string): Promise<ReturnType<typeof createRemoteJWKSet>> {
  const { keysUrl } = await openIdConfiguration(issuer).catch((error: Error) => {
    throw new Unproven(`the keys of ${issuer} cannot be read: ${error.message}`);
  });
  return createRemoteJWKSet(new URL(keysUrl), { timeoutDuration: 5_000, cooldownDuration: 10_000 });
}

function issuerIn(token: string): string | null {
  try {
    return decodeJwt(token).iss ?? null;
  } catch {
    return null;
  }
}

function audiences({ aud }: JWTPayload): string[] {
  return aud === undefined ? [] : Array.isArray(aud) ? aud : [aud];
}

/** GitHub's tokens name the workflow's run and who caused it. */
function nameOf(claims: JWTPayload): string {
  const { repository, workflow, actor } = claims as Readonly<Record<string, unknown>>;
  if (typeof repository !== 'string') return claims.sub ?? 'a workload';
  const what = typeof workflow === 'string' ? ` (${workflow})` : '';
  const who = typeof actor === 'string' ? ` for ${actor}` : '';
  return `${repository}${what}${who}`;
}
