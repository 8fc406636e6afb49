import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { csrfToken } from '../../../client/api/access/session-cookie.ts';
import { type Role, roles } from '../../../domain/access.ts';
import { anIncident } from '../../adapters/store/builders.ts';
import { cleanUp } from '../../adapters/temporary.ts';
import { aServedApi, type ServedApi } from './served-api.ts';

let api: ServedApi;
const tokens = new Map<string, string>();
/** The same grants, signed in to the page. */
const sessions = new Map<string, Session>();

interface Session extends Record<string, string> {
  readonly cookie: string;
  readonly 'x-csrf-token': string;
}
beforeAll(async () => {
  const plenty = 100_000;
  api = await aServedApi(undefined, { read: plenty, command: plenty, unproven: plenty });
  await api.store.incidents.save(anIncident('inc-1', { product: 'shop', endedAtMs: 3_000 }));
  for (const role of roles) {
    tokens.set(`${role} of every product`, await api.tokenFor(role));
    tokens.set(`${role} of shop`, await api.tokenFor(role, 'shop'));
    tokens.set(`${role} of billing`, await api.tokenFor(role, 'billing'));
  }
  for (const [who, token] of tokens) sessions.set(`${who} by a cookie`, await signedIn(token));
});
afterAll(cleanUp);

async function signedIn(token: string): Promise<Session> {
  const body = new URLSearchParams({ token });
  const answer = await fetch(`${api.url}/sign-in`, { method: 'POST', redirect: 'manual', body });
  const cookie = /orchestrator_session=[^;]+/.exec(answer.headers.get('set-cookie') ?? '')?.[0] ?? '';
  return { cookie, 'x-csrf-token': csrfToken(cookie.slice(cookie.indexOf('=') + 1)) };
}

interface Call {
  readonly method: string;
  /** As the OpenAPI document has it. */
  readonly path: string;
  readonly query?: string;
  readonly body?: unknown;
  readonly roles: readonly Role[];
  /** `shop`: about that product. `any`: a list, of which everybody sees their part. `system`: about none. */
  readonly about: 'shop' | 'any' | 'system';
}

const everybody = roles;
const reporters = ['pipeline', 'operator', 'owner', 'admin'] as const;
const actors = ['operator', 'owner', 'admin'] as const;
const owners = ['owner', 'admin'] as const;
const by = { by: 'Ada', reason: 'a test' };

/** Every call there is and who may make it: written by hand, so that a slip in the code is seen. */
const calls: readonly Call[] = [
  { method: 'get', path: '/v1/me', roles: everybody, about: 'any' },
  { method: 'post', path: '/v1/sign-in-links', body: {}, roles: everybody, about: 'any' },
  { method: 'get', path: '/v1/products', roles: everybody, about: 'any' },
  { method: 'get', path: '/v1/overview', roles: everybody, about: 'any' },
  { method: 'get', path: '/v1/events', roles: everybody, about: 'any' },
  { method: 'get', path: '/v1/deployments', roles: everybody, about: 'any' },
  { method: 'get', path: '/v1/deployments', query: '?product=shop', roles: everybody, about: 'shop' },
  { method: 'get', path: '/v1/incidents', roles: everybody, about: 'any' },
  { method: 'get', path: '/v1/incidents', query: '?product=shop', roles: everybody, about: 'shop' },
  // Of another product it is not known.
  { method: 'get', path: '/v1/incidents/{incident}', roles: everybody, about: 'any' },
  { method: 'get', path: '/v1/lessons', roles: everybody, about: 'any' },
  { method: 'get', path: '/v1/lessons', query: '?product=shop', roles: everybody, about: 'shop' },
  { method: 'get', path: '/v1/statistics', roles: everybody, about: 'any' },
  { method: 'get', path: '/v1/statistics', query: '?product=shop', roles: everybody, about: 'shop' },
  { method: 'get', path: '/v1/deployments/{product}/{deployment}', roles: everybody, about: 'shop' },
  { method: 'get', path: '/v1/deployments/{product}/{deployment}/series', roles: everybody, about: 'shop' },
  { method: 'get', path: '/v1/products/{product}', roles: everybody, about: 'shop' },
  { method: 'get', path: '/v1/products/{product}/rollback', roles: everybody, about: 'shop' },
  { method: 'get', path: '/v1/products/{product}/readiness', roles: everybody, about: 'shop' },
  {
    method: 'post',
    path: '/v1/deployments',
    body: { product: 'shop', release: 'v1' },
    roles: reporters,
    about: 'shop',
  },
  {
    method: 'post',
    path: '/v1/deployments',
    body: { product: 'shop', release: 'v1', good: by },
    roles: owners,
    about: 'shop',
  },
  { method: 'post', path: '/v1/products/{product}/gate', body: {}, roles: reporters, about: 'shop' },
  {
    method: 'post',
    path: '/v1/products/{product}/gate',
    body: { override: by },
    roles: owners,
    about: 'shop',
  },
  { method: 'post', path: '/v1/alerts/alertmanager', body: { alerts: [] }, roles: reporters, about: 'any' },
  { method: 'post', path: '/v1/products/{product}/rollback', body: by, roles: actors, about: 'shop' },
  { method: 'post', path: '/v1/products/{product}/pause', body: by, roles: actors, about: 'shop' },
  { method: 'post', path: '/v1/products/{product}/veto', body: by, roles: actors, about: 'shop' },
  { method: 'post', path: '/v1/products/{product}/resume', body: {}, roles: actors, about: 'shop' },
  { method: 'post', path: '/v1/products/{product}/acknowledge', body: {}, roles: actors, about: 'shop' },
  { method: 'post', path: '/v1/products/{product}/retry', body: {}, roles: actors, about: 'shop' },
  { method: 'post', path: '/v1/products/{product}/resolve', body: {}, roles: actors, about: 'shop' },
  { method: 'post', path: '/v1/products/{product}/abort', body: {}, roles: actors, about: 'shop' },
  { method: 'post', path: '/v1/products/{product}/handover', body: {}, roles: actors, about: 'shop' },
  {
    method: 'post',
    path: '/v1/products/{product}/traffic',
    body: { state: 'resume' },
    roles: actors,
    about: 'shop',
  },
  {
    method: 'post',
    path: '/v1/products/{product}/releases/{release}',
    body: { ...by, standing: 'good' },
    roles: owners,
    about: 'shop',
  },
  {
    method: 'post',
    path: '/v1/products/{product}/floor',
    body: { ...by, release: 'v1' },
    roles: owners,
    about: 'shop',
  },
  { method: 'post', path: '/v1/incidents/{incident}/review', body: {}, roles: owners, about: 'shop' },
  { method: 'get', path: '/v1/tokens', roles: ['admin'], about: 'system' },
  {
    method: 'post',
    path: '/v1/tokens',
    body: { name: 'one-more', role: 'viewer' },
    roles: ['admin'],
    about: 'system',
  },
  { method: 'delete', path: '/v1/tokens/{token}', roles: ['admin'], about: 'system' },
  { method: 'get', path: '/v1/audit', roles: ['admin'], about: 'system' },
];

const nameOf = ({ method, path, query = '', body }: Call) =>
  `${method.toUpperCase()} ${path}${query}${body !== undefined && 'good' in (body as object) ? ' with good' : ''}${body !== undefined && 'override' in (body as object) ? ' with override' : ''}`;

function isAllowed({ roles: allowed, about }: Call, role: Role, product: string): boolean {
  if (!allowed.includes(role)) return false;
  if (about === 'any') return true;
  return about === 'shop' ? product !== 'billing' : product === 'every product';
}

/** Makes a call with a token, with the cookie of a session and the word of our own page, or with nothing. */
async function made(call: Call, proof: string | Session) {
  const path = call.path
    .replace('{product}', 'shop')
    .replace('{deployment}', 'd1')
    .replace('{release}', 'v1')
    .replace('{incident}', 'inc-1')
    .replace('{token}', 'nobody');
  return api.call(call.method, `${path}${call.query ?? ''}`, {
    ...(typeof proof === 'string' ? { token: proof } : { token: '', headers: proof }),
    ...(call.body === undefined ? {} : { body: call.body }),
  });
}

describe('roles and calls', () => {
  for (const call of calls)
    it(`${nameOf(call)} is for ${call.roles.join(', ')}`, async () => {
      for (const [who, proof] of [...tokens, ...sessions]) {
        const [role, , ...product] = who.replace(' by a cookie', '').split(' ');
        const { status, body } = await made(call, proof);
        const expected = isAllowed(call, role as Role, product.join(' '));
        expect(status !== 403, `${who}: ${status} ${JSON.stringify(body).slice(0, 200)}`).toBe(expected);
        if (!expected) expect(body.error, who).toMatch(/this needs one of the roles/);
        expect(status, who).not.toBe(401);
        expect(status, who).toBeLessThan(500);
      }
    });

  it('let nobody in who is not known, nor a cookie without the word of our own page', async () => {
    const forged = {
      ...(sessions.get('admin of every product by a cookie') as Session),
      'x-csrf-token': 'x',
    };
    for (const call of calls) {
      expect((await made(call, '')).status, nameOf(call)).toBe(401);
      if (call.method !== 'get') expect((await made(call, forged)).status, nameOf(call)).toBe(403);
    }
  });

  it.each<[path: string, allowed: (role: Role, product: string) => boolean, otherwise: number]>([
    ['/', () => true, 0],
    ['/deployments', () => true, 0],
    ['/incidents', () => true, 0],
    ['/incidents?product=shop', (_, product) => product !== 'billing', 403],
    ['/incidents/inc-1', (_, product) => product !== 'billing', 404],
    ['/incidents/inc-1.md', (_, product) => product !== 'billing', 404],
    ['/statistics', () => true, 0],
    ['/statistics?product=shop', (_, product) => product !== 'billing', 403],
    ['/access', (role, product) => role === 'admin' && product === 'every product', 403],
  ])('open the page %s for whom it is for', async (path, allowed, otherwise) => {
    const page = (headers: Record<string, string>) =>
      fetch(`${api.url}${path}`, { redirect: 'manual', headers: { accept: 'text/html', ...headers } });
    for (const [who, session] of sessions) {
      const [role, , ...product] = who.replace(' by a cookie', '').split(' ');
      const expected = allowed(role as Role, product.join(' ')) ? 200 : otherwise;
      expect((await page(session)).status, who).toBe(expected);
    }
    const stranger = await page({});
    expect(stranger.status).toBe(303);
    expect(stranger.headers.get('location')).toMatch(/^\/sign-in\?to=/);
  });

  it('leave no documented call out, and none without what it takes', async () => {
    const { body } = await api.call('GET', '/openapi.json');
    const paths = body.paths as Record<string, Record<string, Record<string, unknown>>>;
    const documented = Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
    );
    const tested = new Set(calls.map(({ method, path }) => `${method} ${path}`));
    expect(documented.map(({ name }) => name).filter((name) => !tested.has(name))).toEqual([]);
    for (const { name, operation } of documented)
      expect(operation['x-permission'], name).toBeTypeOf('string');
  });

  it('of one product see nothing of another', async () => {
    await api.store.incidents.save(anIncident('inc-2', { product: 'billing' }));
    const token = tokens.get('viewer of billing') as string;
    const ids = async (path: string) =>
      ((await api.call('GET', path, { token })).body.incidents as { id: string }[]).map(({ id }) => id);
    expect(await ids('/v1/incidents')).toEqual(['inc-2']);
    const { body } = await api.call('GET', '/v1/products', { token });
    expect(body.products).toEqual([{ product: 'billing', environment: 'production' }]);
    expect((await api.call('GET', '/v1/incidents/inc-1', { token })).status).toBe(404);
  });

  it('let no one push measurements or alerts for a product that is not theirs', async () => {
    const token = tokens.get('pipeline of billing') as string;
    const alert = {
      status: 'firing',
      labels: { alertname: 'Slow', product: 'shop' },
      startsAt: '2026-11-24T10:00:00Z',
    };
    const { body } = await api.call('POST', '/v1/alerts/alertmanager', { token, body: { alerts: [alert] } });
    expect(body).toEqual({
      received: 0,
      ignored: [expect.stringMatching(/^Slow: token-\d+ has pipeline of billing; this needs .* for shop$/)],
    });
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop/web' } }] };
    const pushed = await api.call('POST', '/v1/metrics', {
      token,
      body: { resourceMetrics: [{ resource, scopeMetrics: [] }] },
    });
    expect(pushed.status).toBe(200);
  });
});
