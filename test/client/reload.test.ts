import { readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openStore } from '../../adapters/store/store.ts';
import { createRollbackClient } from '../../client/rollback-client.ts';
import type { Message } from '../../domain/message.ts';
import { freePort } from '../../worker/free-port.ts';
import { startReceiver } from '../adapters/notify/receiver.ts';
import { afterwards, cleanUp, eventually, temporaryFolder } from '../adapters/temporary.ts';
import { aProduct } from '../config/builders.ts';
import { startCli } from './run-cli.ts';

afterEach(cleanUp);

describe('a running orchestrator whose configuration file changes', { timeout: 90_000 }, () => {
  it('takes a good change as a new version, and uses it', async () => {
    const { client, store, write } = await start();
    expect(await client.products()).toMatchObject({ products: [{ product: 'shop' }] });
    await write('  till: { services: {} }\n');
    await eventually(async () =>
      (await client.products()).products.some(({ product }) => product === 'till'),
    );
    expect(await store.policies.newest()).toMatchObject({
      version: 2,
      source: expect.stringContaining('till:'),
    });
  });

  it('keeps the old version at a bad change, and tells the owners file and line of the mistake', async () => {
    const { client, store, write, file, told } = await start();
    const before = await store.policies.newest();
    await write('    polcy: { enabled: false }\n');
    const { text, ...message } = await eventually(() => told()[0]);
    expect(message).toMatchObject({
      product: 'shop',
      severity: 'warning',
      title: 'The changed configuration is not valid',
    });
    const line = (await readFile(file, 'utf8')).split('\n').findIndex((row) => row.includes('polcy')) + 1;
    expect(text).toContain('The version before it stays in force.\n');
    expect(text).toContain(`${file}:${line}: found the unknown key "polcy" (did you mean "policy"?)`);
    expect(await store.policies.newest()).toEqual(before);
    expect(await client.products()).toMatchObject({ products: [{ product: 'shop' }] });
    // Once mended it counts again, and nobody is told twice.
    await write('    policy: { enabled: false }\n');
    await eventually(async () => (await store.policies.newest())?.version === 2);
    expect(told()).toHaveLength(1);
  });
});

/** `orchestrator up` as a process of its own, with a shop whose owner has a webhook. */
async function start() {
  const receiver = await startReceiver((_one, response) => void response.writeHead(204).end());
  afterwards(() => receiver.close());
  const folder = await temporaryFolder();
  const file = join(folder, 'rollback-config.yml');
  const hook = `rollback_policy: { notifications: { webhooks: [{ name: owner, url: "${receiver.origin}" }] } }`;
  const write = (more: string) => writeFile(file, `${hook}\n${aProduct()}${more}`);
  await write('');
  const data = join(folder, 'data');
  const ports = await Promise.all(
    ['--port', '--ui-port', '--temporal-port', '--metrics-port'].map(async (flag) => [
      flag,
      String(await freePort()),
    ]),
  );
  // The program of the embedded server is in this machine's cache.
  const env = { HOME: homedir(), XDG_CACHE_HOME: process.env.XDG_CACHE_HOME };
  const up = startCli(['up', '--config', file, '--data', data, ...ports.flat()], env, folder);
  afterwards(async () => {
    up.child.kill('SIGTERM');
    await up.ended;
  });
  await eventually(() => up.said().includes('ready\n') || up.child.exitCode !== null, 60_000);
  const { url } = JSON.parse(await readFile(join(data, 'api.json'), 'utf8')) as { url: string };
  const token = (await readFile(join(data, 'api-token'), 'utf8')).trim();
  const store = await openStore(join(data, 'store.db'));
  afterwards(() => store.close());
  return {
    client: createRollbackClient({ url, token }),
    store,
    file,
    write,
    told: () => receiver.received.map(({ body }) => JSON.parse(body) as Message),
  };
}
