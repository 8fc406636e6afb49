import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, eventually } from '../../adapters/temporary.ts';
import { aServedApi, localToken } from './served-api.ts';

afterEach(cleanUp);

describe('an API token', () => {
  it('is shown once, kept as a hash, and serves until it is revoked', async () => {
    const api = await aServedApi();
    const wanted = { name: 'ci', role: 'pipeline', product: 'shop', days: 30 };
    const { status, body } = await api.call('POST', '/v1/tokens', { body: wanted });
    expect(status).toBe(201);
    const secret = body.secret as string;
    expect(secret).toMatch(/^rbo_[0-9a-f]{12}_[\w-]{43}$/);
    const [kept] = await api.store.tokens.list();
    expect(JSON.stringify(kept)).not.toContain(secret.slice(-43));
    expect(kept).toMatchObject({ name: 'ci', role: 'pipeline', product: 'shop', createdBy: 'a person' });
    expect(await api.call('GET', '/v1/me', { token: secret })).toMatchObject({
      status: 200,
      body: { name: 'ci', kind: 'token', grants: [{ role: 'pipeline', product: 'shop' }] },
    });
    expect(await api.call('DELETE', '/v1/tokens/ci')).toMatchObject({
      status: 200,
      body: { reason: 'the token ci serves no longer' },
    });
    expect(await api.call('GET', '/v1/me', { token: secret })).toMatchObject({
      status: 401,
      body: {
        error: expect.stringMatching(/^the token ci was revoked on \d{4}-\d\d-\d\d: ask for another$/),
      },
    });
    expect((await api.call('DELETE', '/v1/tokens/ci')).status).toBe(404);
  });

  it('serves no longer than its days, and says so', async () => {
    const api = await aServedApi();
    const secret = await api.tokenFor('viewer', null, { days: 0.000_001 });
    await eventually(async () => (await api.call('GET', '/v1/me', { token: secret })).status === 401, 3_000);
    const { body } = await api.call('GET', '/v1/me', { token: secret });
    expect(body.error).toMatch(/^the token token-1 expired on /);
  });

  it('tells when it was used last', async () => {
    const api = await aServedApi();
    const secret = await api.tokenFor('viewer');
    await api.call('GET', '/v1/me', { token: secret });
    await eventually(async () => (await api.store.tokens.list())[0]?.lastUsedAtMs != null, 3_000);
  });

  it('of a name that serves already is not made', async () => {
    const api = await aServedApi();
    const wanted = { name: 'ci', role: 'viewer' };
    expect((await api.call('POST', '/v1/tokens', { body: wanted })).status).toBe(201);
    expect(await api.call('POST', '/v1/tokens', { body: wanted })).toMatchObject({
      status: 409,
      body: { error: 'there is a token named ci already: revoke it, or choose another name' },
    });
    await api.call('DELETE', '/v1/tokens/ci');
    expect((await api.call('POST', '/v1/tokens', { body: wanted })).status).toBe(201);
  });

  it('that is wrong in any place is none of ours', async () => {
    const api = await aServedApi();
    const secret = await api.tokenFor('viewer');
    const last = secret.at(-1) === 'A' ? 'B' : 'A';
    for (const token of [
      '',
      'x',
      localToken.slice(1),
      `${secret.slice(0, -1)}${last}`,
      `rbo_000000000000_${secret.slice(-43)}`,
    ])
      expect((await api.call('GET', '/v1/me', { token })).status, token).toBe(401);
  });

  it('that worked lately works on while the store is down: a rollback must not wait for it', async () => {
    const api = await aServedApi();
    const secret = await api.tokenFor('operator');
    await api.call('GET', '/v1/me', { token: secret });
    const { read } = api.store.tokens;
    (api.store.tokens as { read: unknown }).read = () => Promise.reject(new Error('database is locked'));
    const asked = { token: secret, body: { reason: 'UI broken' } };
    expect((await api.call('POST', '/v1/products/shop/rollback', asked)).status).toBe(200);
    const other = await api.call('GET', '/v1/me', {
      token: secret.replace(/^rbo_(.)/, (_, first) => `rbo_${first === '0' ? '1' : '0'}`),
    });
    expect([401, 503]).toContain(other.status);
    (api.store.tokens as { read: unknown }).read = read;
  });
});

describe('who gave a command', () => {
  it('is the name that came with it, and the token it came with', async () => {
    const api = await aServedApi();
    const operator = await api.tokenFor('operator');
    await api.call('POST', '/v1/products/shop/rollback', { body: { by: 'Ada', reason: 'x' } });
    await api.call('POST', '/v1/products/shop/rollback', {
      token: operator,
      body: { by: 'Ada', reason: 'x' },
    });
    await api.call('POST', '/v1/products/shop/rollback', { token: operator, body: { reason: 'x' } });
    expect(api.reached).toEqual([
      'rollback shop Ada',
      'rollback shop Ada (token token-1)',
      'rollback shop token-1',
    ]);
  });

  it('must be said where somebody answers for it', async () => {
    const api = await aServedApi();
    const unnamed = { standing: 'good', reason: 'tested' };
    expect(await api.call('POST', '/v1/products/shop/releases/v1', { body: unnamed })).toMatchObject({
      status: 400,
      body: { error: 'by: found nothing; allowed: the name of who answers for it' },
    });
  });
});

describe('the audit trail', () => {
  it('has every command with who, from where, why and the answer; refused ones, too', async () => {
    const api = await aServedApi();
    const viewer = await api.tokenFor('viewer', 'shop');
    await api.call('POST', '/v1/products/shop/rollback', { body: { by: 'Ada', reason: 'UI broken' } });
    await api.call('POST', '/v1/products/shop/pause', { token: viewer, body: { reason: 'migration' } });
    await api.call('POST', '/v1/products/shop/resume', { token: 'wrong', body: {} });
    const entries = await eventually(async () => {
      const { body } = await api.call('GET', '/v1/audit?limit=3');
      const found = body.entries as { call: string }[];
      return found.length === 3 && found[0]?.call.endsWith('/resume') ? found : undefined;
    }, 3_000);
    expect(entries).toMatchObject([
      { who: 'nobody', kind: 'nobody', call: 'POST /v1/products/{product}/resume', status: 401 },
      {
        who: 'token-1',
        kind: 'token',
        from: '127.0.0.1',
        call: 'POST /v1/products/{product}/pause',
        product: 'shop',
        why: 'migration',
        status: 403,
        answer: expect.stringContaining('this needs one of the roles operator, owner, admin for shop'),
      },
      { who: 'Ada (token a person)', product: 'shop', why: 'UI broken', status: 200, answer: 'written down' },
    ]);
  });

  it('holds no secret, and no reading', async () => {
    const api = await aServedApi();
    const secret = await api.tokenFor('viewer');
    await api.call('GET', '/v1/products', { token: secret });
    await eventually(async () => (await api.store.audit.list({ limit: 10 })).length > 0, 3_000);
    const entries = await api.store.audit.list({ limit: 10 });
    expect(entries.map(({ call }) => call)).toEqual(['POST /v1/tokens']);
    expect(JSON.stringify(entries)).not.toContain(secret.slice(-20));
  });
});

describe('limits', () => {
  it('slow down whoever guesses', async () => {
    const api = await aServedApi();
    const statuses = [];
    for (let i = 0; i < 32; i += 1)
      statuses.push((await api.call('GET', '/v1/me', { token: 'guess' })).status);
    expect(statuses.slice(0, 30).every((status) => status === 401)).toBe(true);
    const { status, headers, body } = await api.call('GET', '/v1/me', { token: 'guess' });
    expect(status).toBe(429);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(body.error).toMatch(/^too many requests: 30 a minute are allowed; try again in \d+ s$/);
    expect((await api.call('GET', '/v1/me')).status).toBe(200);
  });

  it('count commands apart from readings, so that a page left open bars no rollback', async () => {
    const api = await aServedApi(':memory:', { read: 50, command: 120, unproven: 30 });
    const operator = await api.tokenFor('operator');
    const readings = await Promise.all(
      Array.from({ length: 60 }, async () => (await api.call('GET', '/v1/me', { token: operator })).status),
    );
    expect(readings).toContain(429);
    const rollback = { token: operator, body: { reason: 'UI broken' } };
    expect((await api.call('POST', '/v1/products/shop/rollback', rollback)).status).toBe(200);
  });
});
