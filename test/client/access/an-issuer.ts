import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterwards } from '../../adapters/temporary.ts';

/** What a CI platform is: an issuer with keys, that makes out identity tokens with GitHub's claims. */
export async function anIssuer() {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' };
  let up = true;
  const server = createServer((request, response) => {
    if (!up) return void response.writeHead(500).end();
    const body = request.url?.endsWith('/jwks') ? { keys: [jwk] } : { issuer: url, jwks_uri: `${url}/jwks` };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterwards(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const claims = {
    repository: 'acme/shop',
    ref: 'refs/heads/main',
    workflow: 'deploy',
    actor: 'ada',
  };
  const sign = (more: object = {}, key = privateKey, expires = '5m') =>
    new SignJWT({ ...claims, ...more })
      .setProtectedHeader({ alg: 'RS256', kid: 'one' })
      .setIssuer((more as { iss?: string }).iss ?? url)
      .setSubject('repo:acme/shop:ref:refs/heads/main')
      .setAudience((more as { aud?: string }).aud ?? 'rollback-orchestrator')
      .setIssuedAt()
      .setExpirationTime(expires)
      .sign(key);
  return {
    url,
    sign,
    stop: () => {
      up = false;
    },
  };
}
