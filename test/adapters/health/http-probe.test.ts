import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpProbe, type HttpProbeOptions } from '../../../adapters/health/http-probe.ts';
import type { Instance } from '../../../domain/live.ts';
import { afterwards, cleanUp, freePorts } from '../temporary.ts';

async function serving(listener: RequestListener): Promise<Instance> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  return anInstance(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

const anInstance = (url: string | null, change: Partial<Instance> = {}): Instance => ({
  id: 'api/0',
  release: 'v1',
  running: true,
  url,
  ...change,
});

async function probe(
  instance: Instance,
  options: HttpProbeOptions = {},
  signal = AbortSignal.timeout(30_000),
) {
  const [answer] = await createHttpProbe(options).probe([instance], signal);
  return answer;
}

describe('http-probe', () => {
  afterEach(cleanUp);

  it('finds an instance healthy that answers 200', async () => {
    const instance = await serving((request, response) => {
      response.statusCode = request.url === '/healthz' ? 200 : 404;
      response.end('ok');
    });
    expect(await probe(instance)).toEqual({
      instance: 'api/0',
      healthy: true,
      detail: expect.stringMatching(/^200 in \d+ ms$/),
    });
  });

  it('asks the configured path below the address of the instance', async () => {
    const instance = await serving((request, response) => response.end(request.url));
    const nested = anInstance(`${instance.url}/app/`);
    expect(await probe(nested, { path: '/up', expectStatus: [500] })).toMatchObject({
      detail: expect.stringMatching(/^200 in \d+ ms: \/app\/up$/),
    });
  });

  it('finds an instance unhealthy that answers another status, and shows its first words', async () => {
    const instance = await serving((_request, response) => response.writeHead(503).end('no database\nmore'));
    const answer = await probe(instance);
    expect(answer?.healthy).toBe(false);
    expect(answer?.detail).toMatch(/^503 in \d+ ms: no database$/);
  });

  it('accepts exactly the expected statuses where they are given', async () => {
    const instance = await serving((_request, response) => response.writeHead(429).end());
    expect((await probe(instance, { expectStatus: [200, 429] }))?.healthy).toBe(true);
    expect((await probe(instance, { expectStatus: [200] }))?.healthy).toBe(false);
  });

  it('does not follow a redirect', async () => {
    const instance = await serving((_request, response) =>
      response.writeHead(302, { location: '/login' }).end(),
    );
    expect((await probe(instance))?.healthy).toBe(false);
  });

  it('finds an instance unhealthy that does not run, without asking it', async () => {
    const answer = await probe(anInstance('http://127.0.0.1:9', { running: false }));
    expect(answer).toEqual({ instance: 'api/0', healthy: false, detail: 'not running' });
    const trouble = 'CrashLoopBackOff: back-off 5m0s';
    const crashing = await probe(anInstance(null, { running: false, trouble }));
    expect(crashing).toEqual({ instance: 'api/0', healthy: false, detail: trouble });
  });

  it('finds a running instance without an address healthy', async () => {
    expect((await probe(anInstance(null)))?.healthy).toBe(true);
  });

  it('says that a connection was refused', async () => {
    const answer = await probe(anInstance(`http://127.0.0.1:${await freePorts(1)}`));
    expect(answer).toEqual({ instance: 'api/0', healthy: false, detail: 'connection refused' });
  });

  it('says that a connection was closed without an answer', async () => {
    const server = createTcpServer((socket) => socket.destroy());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    afterwards(() => server.close());
    const answer = await probe(anInstance(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
    expect(answer?.healthy).toBe(false);
  });

  it.for([
    ['never answers', () => undefined],
    ['hangs in its body', (_q, response) => void response.write('o')],
    ['answers a byte at a time', (_q, response) => void setInterval(() => response.write('o'), 50).unref()],
  ] as [string, RequestListener][])('gives up in time on an instance that %s', async ([, listener]) => {
    const instance = await serving(listener);
    const startedMs = performance.now();
    const answer = await probe(instance, { timeoutMs: 300 });
    expect(answer).toEqual({ instance: 'api/0', healthy: false, detail: 'no answer in 300 ms' });
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });

  it('stops reading an endless body', async () => {
    const instance = await serving((_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(16_384)));
      };
      response.on('drain', more);
      more();
    });
    expect((await probe(instance))?.healthy).toBe(true);
  });

  it('never throws, whatever the address and also when cancelled', async () => {
    expect((await probe(anInstance('not an address')))?.healthy).toBe(false);
    expect(await probe(anInstance('http://127.0.0.1:9'), {}, AbortSignal.abort())).toMatchObject({
      healthy: false,
      detail: 'the probe was cancelled',
    });
  });

  it('asks all instances at the same time, and answers in their order', async () => {
    const slow = await serving((_request, response) => void setTimeout(() => response.end(), 300));
    const many = Array.from({ length: 10 }, (_, index) => ({ ...slow, id: `api/${index}` }));
    const startedMs = performance.now();
    const answers = await createHttpProbe().probe(many, AbortSignal.timeout(30_000));
    expect(performance.now() - startedMs).toBeLessThan(1_500);
    expect(answers.map(({ instance }) => instance)).toEqual(many.map(({ id }) => id));
  });
});
