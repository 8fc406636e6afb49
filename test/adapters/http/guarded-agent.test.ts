import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';
import { afterAll, describe, expect, it } from 'vitest';
import { createGuardedAgent, isRefused, refuseLinkLocal } from '../../../adapters/http/guarded-agent.ts';

const agent = createGuardedAgent();
afterAll(() => agent.close());

describe('addresses of this link', () => {
  it.each([
    '169.254.169.254',
    '169.254.170.2',
    '::ffff:169.254.169.254',
    'fe80::1',
    '[fe80::1]',
    'fd00:ec2::254',
    '100.100.100.200',
  ])('are refused: %s', (address) => expect(isRefused(address)).toBe(true));

  it.each(['127.0.0.1', '10.0.0.7', '192.168.1.4', '::1', 'fd00::1', '169.253.0.1', 'prometheus'])(
    'are not: %s',
    (address) => expect(isRefused(address)).toBe(false),
  );

  it('are not asked, however they are written', async () => {
    for (const host of [
      '169.254.169.254',
      '[::ffff:169.254.169.254]',
      '2852039166',
      '0xA9FEA9FE',
      '169.254.43518',
    ])
      await expect(request(`http://${host}/latest/meta-data/`, { dispatcher: agent }), host).rejects.toThrow(
        /is a link-local address, where clouds keep their metadata: it is not asked/,
      );
  });

  it('are found by a lookup of one’s own as well', async () => {
    const own = createGuardedAgent({
      connect: { lookup: (_host, _options, tell) => tell(null, [{ address: '169.254.1.1', family: 4 }]) },
    });
    await expect(request('http://shop.example/', { dispatcher: own })).rejects.toThrow(
      'shop.example (169.254.1.1) is a link-local address',
    );
    await own.close();
  });

  it('are found before a client is made that has connections of its own', async () => {
    for (const host of ['169.254.1.1:8000', '[fe80::1]', '[::ffff:169.254.1.1]', '2851995905'])
      await expect(refuseLinkLocal(`http://${host}/`), host).rejects.toThrow(/is a link-local address/);
    for (const host of ['127.0.0.1:8000', 'localhost', 'nowhere.invalid'])
      await expect(refuseLinkLocal(`http://${host}/`), host).resolves.toBeUndefined();
  });

  it('leave everything else as it is', async () => {
    const server = createServer((_request, response) => response.end('fine'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    for (const host of ['127.0.0.1', 'localhost']) {
      const { body } = await request(`http://${host}:${port}/`, { dispatcher: agent });
      expect(await body.text()).toBe('fine');
    }
    server.closeAllConnections();
    server.close();
  });
});
