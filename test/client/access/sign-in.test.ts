import { afterEach, describe, expect, it } from 'vitest';
import type { SignInSettings } from '../../../config/access.ts';
import { cleanUp } from '../../adapters/temporary.ts';
import { aBrowser, aForm, csrfIn } from './browser-without-eyes.ts';
import { anIdentityProvider } from './identity-provider.ts';
import { aServedApi, localToken } from './served-api.ts';

afterEach(cleanUp);

async function withProvider(more: Partial<SignInSettings> = {}) {
  const api = await aServedApi();
  const provider = await anIdentityProvider(`${api.url}/sign-in/back`);
  const signIn: SignInSettings = {
    issuer: provider.issuer,
    clientId: provider.clientId,
    clientSecret: provider.clientSecret,
    scopes: 'openid email groups',
    nameClaim: null,
    rules: [{ claim: 'groups', value: 'sre', role: 'operator', product: null }],
    defaultGrant: null,
    sessionMs: 3_600_000,
    ...more,
  };
  api.use({ signIn });
  return { api, provider, signIn };
}

describe('signing in with an identity provider', () => {
  it('leads back to where somebody wanted to go, with the role of their group', async () => {
    const { api } = await withProvider();
    const browser = aBrowser();
    const first = await browser.go(`${api.url}/incidents?product=shop`);
    expect(first.url).toBe(`${api.url}/sign-in?to=%2Fincidents%3Fproduct%3Dshop`);
    const link = /href="(\/sign-in\/provider\?to=[^"]+)"/.exec(first.text)?.[1]?.replaceAll('&amp;', '&');
    const back = await browser.go(`${api.url}${link}`);
    expect([back.status, back.url]).toEqual([200, `${api.url}/incidents?product=shop`]);
    expect(back.text).toContain('ada@shop.example');
    expect(back.text).toContain('<p>operator</p>');
    const said = await browser.go(
      `${api.url}/products/shop/rollback`,
      aForm({ csrf: csrfIn(back.text), reason: 'UI broken', by: 'Somebody Else' }),
    );
    expect(said.text).toContain('written down');
    expect(api.reached).toEqual(['rollback shop ada@shop.example']);
  });

  it('ends for whoever has no role here, with the reason', async () => {
    const { api, provider } = await withProvider();
    provider.account = { id: 'eve', claims: { email: 'eve@shop.example', groups: ['guests'] } };
    const { status, text } = await aBrowser().go(`${api.url}/sign-in/provider`);
    expect(status).toBe(401);
    expect(text).toContain('eve@shop.example is known to');
    expect(text).toContain('and has no role here: see access.sign_in.roles');
  });

  it('counts no longer when the role is taken away, or sign-in is switched off', async () => {
    const { api, signIn } = await withProvider();
    const browser = aBrowser();
    expect((await browser.go(`${api.url}/sign-in/provider`)).url).toBe(`${api.url}/`);
    api.use({ signIn: { ...signIn, rules: [] } });
    expect((await browser.go(`${api.url}/incidents`)).text).not.toContain('<p>operator</p>');
    api.use({ signIn: null });
    expect((await browser.go(`${api.url}/incidents`)).url).toContain('/sign-in?to=');
  });

  it('refuses an answer that was not asked for here, and one that the provider does not know', async () => {
    const { api } = await withProvider();
    const stranger = await aBrowser().go(`${api.url}/sign-in/back?code=x&state=y`);
    expect(stranger.text).toContain('signing in took too long, or was begun elsewhere: try again');
    const browser = aBrowser();
    browser
      .cookies(api.url)
      .set(
        'orchestrator_sign_in',
        encodeURIComponent(JSON.stringify({ state: 's', nonce: 'n', verifier: 'v'.repeat(43), to: '/' })),
      );
    const forged = await browser.go(`${api.url}/sign-in/back?code=x&state=other`);
    expect(forged.status).toBe(401);
    expect(forged.text).toContain('signing in failed');
  });

  it('says so when the provider is away', async () => {
    const { api, signIn } = await withProvider();
    api.use({ signIn: { ...signIn, issuer: 'http://127.0.0.1:9' } });
    const { text } = await aBrowser().go(`${api.url}/sign-in/provider`);
    expect(text).toContain('the identity provider http://127.0.0.1:9 cannot be used');
  });
});

describe('signing in with a token', () => {
  it('has the role of the token, and ends when the token is revoked', async () => {
    const api = await aServedApi();
    const token = await api.tokenFor('viewer', 'shop');
    const browser = aBrowser();
    const page = await browser.go(`${api.url}/sign-in`, aForm({ token, to: '/incidents' }));
    expect(page.url).toBe(`${api.url}/incidents`);
    expect(page.text).toContain('viewer of shop');
    expect(page.text).not.toContain('href="/access"');
    expect((await browser.go(`${api.url}/access`)).status).toBe(403);
    await api.call('DELETE', '/v1/tokens/token-1');
    expect((await browser.go(`${api.url}/incidents`)).url).toContain('/sign-in?to=');
  });

  it('is refused with the reason', async () => {
    const api = await aServedApi();
    const page = await aBrowser().go(`${api.url}/sign-in`, aForm({ token: 'wrong', to: '/' }));
    expect([page.status, page.text.includes('the bearer token is none of this installation')]).toEqual([
      401,
      true,
    ]);
  });

  it('goes to no foreign page', async () => {
    const api = await aServedApi();
    for (const to of [
      'https://evil.example/',
      '//evil.example/',
      '/\\evil.example',
      '/\t/evil.example',
      '/.//evil.example',
      'javascript:alert(1)',
    ]) {
      const page = await aBrowser().go(`${api.url}/sign-in`, aForm({ token: localToken, to }));
      expect(page.url).toBe(`${api.url}/`);
    }
  });

  it('works by a link that is good once, and its cookie is out of reach of scripts', async () => {
    const api = await aServedApi();
    const { body, status } = await api.call('POST', '/v1/sign-in-links', { body: { by: 'Ada' } });
    expect(status).toBe(201);
    const browser = aBrowser();
    const page = await browser.go(body.url as string);
    expect([page.url, page.text.includes('<summary>Ada</summary>')]).toEqual([`${api.url}/`, true]);
    const again = await aBrowser().go(body.url as string);
    expect(again.text).toContain('this link was used already, or is older than two minutes');
    const { headers } = await api.call('POST', '/sign-in', {
      token: '',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(headers.get('set-cookie')).toBeNull();
    const raw = await fetch(`${api.url}/sign-in`, {
      ...aForm({ token: localToken, to: '/' }),
      redirect: 'manual',
    });
    expect(raw.headers.get('set-cookie')).toMatch(
      /^orchestrator_session=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Lax$/,
    );
  });

  it('over https keeps its cookie to https and to this host', async () => {
    const api = await aServedApi();
    api.use({ publicUrl: 'https://rollback.shop.example' });
    const raw = await fetch(`${api.url}/sign-in`, {
      ...aForm({ token: localToken, to: '/' }),
      redirect: 'manual',
    });
    expect(raw.headers.get('set-cookie')).toMatch(/^__Host-orchestrator_session=[\w-]{43}; .*Secure/);
  });

  it('ends with signing out', async () => {
    const api = await aServedApi();
    const browser = aBrowser();
    const page = await browser.go(`${api.url}/sign-in`, aForm({ token: localToken, to: '/' }));
    const cookie = [...browser.cookies(api.url)].map(([name, value]) => `${name}=${value}`).join('; ');
    await browser.go(`${api.url}/sign-out`, aForm({ csrf: csrfIn(page.text) }));
    const stolen = await fetch(`${api.url}/v1/me`, { headers: { cookie } });
    expect(stolen.status).toBe(401);
  });
});

describe('a command with a cookie', () => {
  it('counts only from our own page', async () => {
    const api = await aServedApi();
    const browser = aBrowser();
    const page = await browser.go(`${api.url}/sign-in`, aForm({ token: localToken, to: '/' }));
    const cookie = [...browser.cookies(api.url)].map(([name, value]) => `${name}=${value}`).join('; ');
    const command = (headers: Record<string, string>) =>
      api.call('POST', '/v1/products/shop/pause', {
        token: '',
        body: { reason: 'x' },
        headers: { cookie, ...headers },
      });
    expect((await command({})).status).toBe(403);
    expect((await command({ 'x-csrf-token': 'guess' })).status).toBe(403);
    const token = csrfIn(page.text);
    expect((await command({ 'x-csrf-token': token, 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await command({ 'x-csrf-token': token, 'sec-fetch-site': 'same-origin' })).status).toBe(200);
    const form = await browser.go(`${api.url}/products/shop/pause`, aForm({ reason: 'x', csrf: 'guess' }));
    expect(form.status).toBe(403);
    expect(api.reached).toHaveLength(1);
  });
});
