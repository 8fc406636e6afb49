import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import { afterwards } from '../../adapters/temporary.ts';

export interface IdentityProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Who signs in next, with these claims. */
  account: { id: string; claims: Record<string, unknown> };
}

/** A real OpenID Connect provider on this machine; whoever comes is signed in as `account` without being asked. */
export async function anIdentityProvider(
  redirectUri: string,
  clientSecret = 'a-secret-of-the-client',
): Promise<IdentityProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const known: IdentityProvider = {
    issuer,
    clientId: 'orchestrator',
    clientSecret,
    account: { id: 'ada', claims: { email: 'ada@shop.example', groups: ['sre'] } },
  };
  const provider = new Provider(issuer, {
    clients: [{ client_id: known.clientId, client_secret: known.clientSecret, redirect_uris: [redirectUri] }],
    scopes: ['openid', 'profile', 'email', 'groups'],
    claims: { openid: ['sub'], email: ['email'], groups: ['groups'] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...known.account.claims }) }),
    cookies: { keys: ['a key for tests'] },
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    const work = request.url?.startsWith('/interaction/')
      ? signInAndConsent(provider, known, request, response)
      : answer(request, response);
    Promise.resolve(work).catch(() => response.destroy());
  });
  return known;
}

async function signInAndConsent(
  provider: Provider,
  { account, clientId }: IdentityProvider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { prompt, grantId, params } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login')
    return provider.interactionFinished(request, response, { login: { accountId: account.id } });
  const grant =
    (grantId === undefined ? undefined : await provider.Grant.find(grantId)) ??
    new provider.Grant({ accountId: account.id, clientId });
  grant.addOIDCScope(String(params.scope));
  return provider.interactionFinished(
    request,
    response,
    { consent: { grantId: await grant.save() } },
    { mergeWithLastSubmission: true },
  );
}
