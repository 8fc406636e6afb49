import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  fetchUserInfo,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import type { SignInSettings } from '../../../config/access.ts';
import type { Claims } from '../../../domain/access.ts';
import { Unproven } from './unproven.ts';

/** What has to be remembered between sending somebody to the provider and their coming back. */
export interface Leaving {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** Path to go on to. */
  readonly to: string;
}

/** Signing in with an OpenID Connect provider: authorization code with PKCE. */
export function createSignIn() {
  const known = new Map<string, Promise<Configuration>>();

  return {
    /** Where to send the browser. */
    async leave(
      settings: SignInSettings,
      redirectUri: string,
      to: string,
    ): Promise<{ url: URL; leaving: Leaving }> {
      const provider = await discovered(settings);
      const leaving = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier(), to };
      const url = buildAuthorizationUrl(provider, {
        redirect_uri: redirectUri,
        scope: settings.scopes,
        state: leaving.state,
        nonce: leaving.nonce,
        code_challenge: await calculatePKCECodeChallenge(leaving.verifier),
        code_challenge_method: 'S256',
      });
      return { url, leaving };
    },

    /** @param url what the provider sent the browser back to */
    async comeBack(settings: SignInSettings, url: URL, leaving: Leaving): Promise<Claims> {
      const provider = await discovered(settings);
      try {
        const tokens = await authorizationCodeGrant(provider, url, {
          pkceCodeVerifier: leaving.verifier,
          expectedState: leaving.state,
          expectedNonce: leaving.nonce,
          idTokenExpected: true,
        });
        const claims = tokens.claims();
        if (claims === undefined) throw new Unproven('the provider sent no identity token');
        return { ...(await moreOf(provider, tokens.access_token, claims.sub)), ...claims };
      } catch (error) {
        if (error instanceof Unproven) throw error;
        throw new Unproven(`signing in failed: ${sentenceOf(error)}`);
      }
    },
  };

  async function discovered(settings: SignInSettings): Promise<Configuration> {
    const key = JSON.stringify([settings.issuer, settings.clientId, settings.clientSecret]);
    const found = known.get(key) ?? discover(settings);
    known.set(key, found);
    return found.catch((error: unknown) => {
      known.delete(key);
      throw new Unproven(`the identity provider ${settings.issuer} cannot be used: ${sentenceOf(error)}`);
    });
  }
}

function discover({ issuer, clientId, clientSecret }: SignInSettings): Promise<Configuration> {
  const url = new URL(issuer);
  // A provider on this machine: for trying out, and for tests.
  const isLocal = url.protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  return discovery(url, clientId, clientSecret ?? undefined, undefined, {
    timeout: 10,
    ...(isLocal ? { execute: [allowInsecureRequests] } : {}),
  });
}

/** Many providers put groups and e-mail here and not into the identity token. */
async function moreOf(provider: Configuration, accessToken: string, subject: string): Promise<Claims> {
  if (provider.serverMetadata().userinfo_endpoint === undefined) return {};
  return fetchUserInfo(provider, accessToken, subject).catch(() => ({}));
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { error_description: described, code } = error as { error_description?: unknown; code?: unknown };
  const more = typeof described === 'string' ? described : typeof code === 'string' ? code : '';
  return more === '' ? error.message : `${error.message} (${more})`;
}
