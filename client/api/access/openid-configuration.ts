import { askJson } from '../../../adapters/http/ask-json.ts';

export interface OpenIdConfiguration {
  /** As it calls itself, and its tokens say; `null`: it does not say. */
  readonly issuer: string | null;
  readonly keysUrl: string;
}

/** What an issuer publishes about itself, as OpenID Connect Discovery has it; throws the reason in a few words. */
export async function openIdConfiguration(issuer: string): Promise<OpenIdConfiguration> {
  const answer = await askJson({
    method: 'GET',
    url: `${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`,
    timeoutMs: 5_000,
    maxBytes: 200_000,
    signal: AbortSignal.timeout(5_000),
  });
  if (answer.kind !== 'answered') throw new Error(answer.found);
  const found = answer.value as { issuer?: unknown; jwks_uri?: unknown } | null | undefined;
  if (typeof found?.jwks_uri !== 'string') throw new Error('no jwks_uri');
  return { issuer: typeof found.issuer === 'string' ? found.issuer : null, keysUrl: found.jwks_uri };
}
