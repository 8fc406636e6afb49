import { generateKeyPair } from 'jose';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp } from '../../adapters/temporary.ts';
import { anIssuer } from './an-issuer.ts';
import { aServedApi } from './served-api.ts';

afterEach(cleanUp);

const rule = {
  audience: 'rollback-orchestrator',
  claims: { repository: 'acme/shop', ref: 'refs/heads/*' },
  role: 'pipeline' as const,
  product: 'shop',
};

describe('a pipeline with an identity token of its platform', () => {
  it('reports its deployments, and is called by its repository', async () => {
    const api = await aServedApi();
    const issuer = await anIssuer();
    api.use({ workloads: [{ ...rule, issuer: issuer.url }] });
    const token = await issuer.sign();
    expect((await api.call('GET', '/v1/me', { token })).body).toEqual({
      name: 'acme/shop (deploy) for ada',
      kind: 'workload',
      grants: [{ role: 'pipeline', product: 'shop' }],
    });
    const report = { product: 'shop', release: 'v1' };
    expect((await api.call('POST', '/v1/deployments', { token, body: report })).status).toBe(201);
    const other = { product: 'billing', release: 'v1' };
    expect((await api.call('POST', '/v1/deployments', { token, body: other })).status).toBe(403);
    expect((await api.call('POST', '/v1/products/shop/rollback', { token, body: {} })).status).toBe(403);
    expect((await api.call('POST', '/v1/sign-in-links', { token, body: {} })).status).toBe(403);
  });

  it.each([
    [
      'of another repository',
      { repository: 'acme/shop-fork' },
      /no entry of access\.workloads fits this identity token/,
    ],
    ['of a ref that is not a branch', { ref: 'refs/pull/1/merge' }, /no entry of access\.workloads fits/],
    ['made out to somebody else', { aud: 'another-service' }, /is not valid: unexpected "aud" claim value/],
    [
      'of an issuer nobody named',
      { iss: 'https://elsewhere.example' },
      /identity tokens of https:\/\/elsewhere\.example are not accepted/,
    ],
  ])('%s is refused', async (_name, claims, said) => {
    const api = await aServedApi();
    const issuer = await anIssuer();
    api.use({ workloads: [{ ...rule, issuer: issuer.url }] });
    const { status, body } = await api.call('GET', '/v1/me', { token: await issuer.sign(claims) });
    expect(status).toBe(401);
    expect(body.error).toMatch(said);
  });

  it('is refused when somebody else signed it, when it has expired, and when it claims no signature', async () => {
    const api = await aServedApi();
    const issuer = await anIssuer();
    api.use({ workloads: [{ ...rule, issuer: issuer.url }] });
    const { privateKey } = await generateKeyPair('RS256');
    const good = await issuer.sign();
    const [, payload] = good.split('.');
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.x`;
    for (const token of [
      await issuer.sign({}, privateKey),
      await issuer.sign({}, undefined, '-2m'),
      unsigned,
    ]) {
      const { status, body } = await api.call('GET', '/v1/me', { token });
      expect(status).toBe(401);
      expect(body.error).toMatch(/^this identity token is not valid/);
    }
  });

  it('is told when its platform cannot be asked, and served when it can again', async () => {
    const api = await aServedApi();
    const issuer = await anIssuer();
    api.use({ workloads: [{ ...rule, issuer: 'http://127.0.0.1:9' }] });
    const token = await issuer.sign({ iss: 'http://127.0.0.1:9' });
    const { status, body } = await api.call('GET', '/v1/me', { token });
    expect([status, body.error]).toEqual([
      401,
      'the keys of http://127.0.0.1:9 cannot be read: connection refused',
    ]);
  });
});
