import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createRollbackClient, RollbackApiError } from '../../client/index.ts';
import { afterwards, cleanUp } from '../adapters/temporary.ts';

afterEach(cleanUp);

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** An API that answers each request by the next of these, and from then on by the last. */
async function anApi(...answers: Answer[]) {
  const asked: { method: string; path: string; token: string; body: unknown }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      asked.push({ method, path: url, token: headers.authorization ?? '', body: body && JSON.parse(body) });
      (answers.length > 1 ? answers.shift() : answers[0])?.(request, response, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterwards(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const says =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(status, headers).end(JSON.stringify(body));
const hangsUp: Answer = (request) => void request.socket.destroy();

describe('the client', () => {
  it('comes again when the API is overloaded, as late as it is told', async () => {
    const api = await anApi(
      says(429, { error: 'too many' }, { 'retry-after': '1' }),
      says(200, { products: [] }),
    );
    const client = createRollbackClient({ url: api.url, token: 't' });
    const before = Date.now();
    expect(await client.products()).toEqual({ products: [] });
    expect(Date.now() - before).toBeGreaterThanOrEqual(990);
    expect(api.asked).toHaveLength(2);
  });

  it('comes again when the store is away and when the answer is lost, with the same deployment', async () => {
    const api = await anApi(says(503, { error: 'unavailable' }), hangsUp, says(201, { isNew: true }));
    const client = createRollbackClient({ url: api.url, token: 't' });
    await client.reportDeployment({ product: 'shop', release: 'v1' });
    const ids = api.asked.map(({ body }) => (body as { deployment: string }).deployment);
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^deploy-\d{8}t\d{6}$/);
  });

  it('gives one command one id, whoever sends it how often', async () => {
    const api = await anApi(hangsUp, says(409, { accepted: false, reason: 'nothing is deployed' }));
    const client = createRollbackClient({ url: api.url, token: 't' });
    expect(await client.rollback({ product: 'shop' }, { reason: 'slow' })).toMatchObject({ accepted: false });
    const ids = api.asked.map(({ body }) => (body as { requestId: string }).requestId);
    expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(ids[1]).toBe(ids[0]);
  });

  it('gives up in the end, at once where it shall wait for longer, and never repeats what must not be', async () => {
    const api = await anApi(says(503, { error: 'unavailable, try again' }));
    const refusal = (sent: Promise<unknown>) => sent.catch((error: RollbackApiError) => error);
    const client = createRollbackClient({ url: api.url, token: 't', retryForMs: 900 });
    expect(await refusal(client.products())).toMatchObject({
      status: 503,
      message: 'unavailable, try again',
    });
    expect(api.asked.length).toBeGreaterThan(1);

    const before = api.asked.length;
    expect(await refusal(client.makeToken({ name: 'x', role: 'viewer' }))).toBeInstanceOf(RollbackApiError);
    expect(api.asked.length - before).toBe(1);

    const busy = await anApi(says(429, { error: 'too many' }, { 'retry-after': '60' }));
    const late = createRollbackClient({ url: busy.url, token: 't' });
    expect(await refusal(late.products())).toMatchObject({ status: 429, retryAfterMs: 60_000 });
    expect(busy.asked).toHaveLength(1);

    const off = createRollbackClient({ url: 'http://127.0.0.1:9', token: 't', retryForMs: 0 });
    expect(await refusal(off.products())).toMatchObject({ status: 0 });
  });

  it('asks for its token before each try, for identity tokens live for minutes', async () => {
    const api = await anApi(says(503, {}), says(200, {}));
    let asked = 0;
    const client = createRollbackClient({
      url: api.url,
      token: async () => {
        asked += 1;
        return `token-${asked}`;
      },
    });
    await client.me();
    expect(api.asked.map(({ token }) => token)).toEqual(['Bearer token-1', 'Bearer token-2']);
  });
});
