import { once } from 'node:events';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createHaproxyTraffic } from '../../adapters/traffic/haproxy.ts';
import { afterwards, cleanUp, freePorts, kill, temporaryFolder } from '../adapters/temporary.ts';
import { aBackend } from '../adapters/traffic/backends.ts';
import { startLoad } from '../adapters/traffic/load.ts';
import { describeTrafficControl } from '../adapters/traffic/traffic-control.contract.ts';
import { aHaproxy, say, startHaproxy } from './haproxy-process.ts';

const signal = AbortSignal.timeout(600_000);
const stop = { reason: 'going back to v1; é "soon" <<', retryAfterSeconds: 30, signal };

describeTrafficControl('HAProxy at its UNIX socket', () => aHaproxy());

describeTrafficControl('HAProxy over TCP', async () => {
  const { options, url, address } = await overTcp();
  return { url, traffic: createHaproxyTraffic({ ...options, sockets: [address] }) };
});

async function overTcp(level = 'admin') {
  const address = `127.0.0.1:${await freePorts(1)}`;
  const line = `  stats socket ipv4@${address} level ${level}\n`;
  return { ...(await startHaproxy((text) => text.replace('global\n', `global\n${line}`))), address };
}

describe('HAProxy', { timeout: 60_000 }, () => {
  afterEach(cleanUp);

  it('shows the reason as it was given, whatever is in it', async () => {
    const { traffic, url } = await aHaproxy();
    await traffic.stop('api', stop);
    const page = await fetch(url);
    expect(await page.text()).toBe('Back soon: going back to v1; é "soon" <<');
    expect(page.headers.get('cache-control')).toBe('no-store');
    await traffic.stop('api', { ...stop, reason: 'two\nlines', retryAfterSeconds: 0.4 });
    const again = await fetch(url);
    expect([await again.text(), again.headers.get('retry-after')]).toEqual(['Back soon: two lines', '1']);
  });

  it('keeps release and maintenance through a reload, and loses no request in it', async () => {
    const { traffic, url, reload } = await aHaproxy();
    await traffic.resume('api', {
      release: 'v1',
      instances: [await aBackend('v1'), await aBackend('v1')],
      signal,
    });
    const load = startLoad(url, 4);
    await reload();
    expect(await traffic.state('api', signal)).toEqual({ maintenance: false, weights: { v1: 100 } });
    expect(await (await fetch(url)).text()).toBe('v1');
    await traffic.stop('api', stop);
    await reload();
    expect(await traffic.state('api', signal)).toEqual({ maintenance: true, weights: { v1: 100 } });
    const page = await fetch(url);
    expect([page.status, page.headers.get('retry-after')]).toEqual([503, '30']);
    // The old process closes the connections that clients keep, as HTTP lets it: undici then asks again only what may be repeated.
    const { lost } = await load.stop();
    expect(lost.filter((what) => !what.includes('other side closed'))).toEqual([]);
  });

  it('answers "back soon" after a reload that nothing was kept for, and says so before', async () => {
    const { traffic, url, reload, options } = await aHaproxy();
    const keepsNothing = createHaproxyTraffic({ ...options, files: undefined });
    await keepsNothing.resume('api', { release: 'v1', instances: [await aBackend('v1')], signal });
    const warned = (await keepsNothing.checks?.('api', signal))?.filter(({ ok }) => !ok) ?? [];
    expect(warned.map(({ detail }) => detail)).toEqual([
      'a reload puts every server into maintenance: set map_file and server_state_file',
    ]);
    await reload();
    expect(await traffic.state('api', signal)).toEqual({ maintenance: true, weights: {} });
    const page = await fetch(url);
    expect([page.status, page.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await page.text()).toBe('Back soon: nothing serves at the moment');
  });

  it('does its work where the files cannot be written, and says that a reload would undo it', async () => {
    const { traffic, url, options } = await aHaproxy();
    await rm(join(options.map, '..'), { recursive: true });
    await traffic.resume('api', { release: 'v1', instances: [await aBackend('v1')], signal });
    await traffic.stop('api', stop);
    expect((await fetch(url)).status).toBe(503);
    const warned = (await traffic.checks?.('api', signal))?.filter(({ ok }) => !ok) ?? [];
    expect(warned.map(({ detail }) => detail).join()).toMatch(
      /a reload would not read what is in force from .*api\.map and .*api: can/,
    );
  });

  it('does not claim to know a release when somebody has let other servers in by hand', async () => {
    const { traffic, socket } = await aHaproxy();
    await traffic.resume('api', { release: 'v1', instances: [await aBackend('v1')], signal });
    await say(socket, 'set server api/slot5 state ready');
    expect(await traffic.state('api', signal)).toEqual({ maintenance: false, weights: {} });
    await traffic.resume('api', { release: 'v1', instances: [await aBackend('v1')], signal });
    expect(await traffic.state('api', signal)).toEqual({ maintenance: false, weights: { v1: 100 } });
  });

  it('gives every instance its share, also where somebody lowered a weight by hand', async () => {
    const { traffic, socket, url } = await aHaproxy();
    const instances = [await aBackend('one'), await aBackend('two')];
    await traffic.resume('api', { release: 'v1', instances, signal });
    await say(socket, 'set server api/slot1 weight 0');
    await traffic.resume('api', { release: 'v1', instances, signal });
    const answers = await Promise.all(Array.from({ length: 10 }, async () => (await fetch(url)).text()));
    expect(answers.filter((answer) => answer === 'one')).toHaveLength(5);
  });

  it('finds an instance that is named, not numbered', async () => {
    const { traffic, url } = await aHaproxy();
    const { url: numbered, ...v1 } = await aBackend('v1');
    const instances = [{ ...v1, url: numbered.replace('127.0.0.1', 'localhost') }];
    await traffic.resume('api', { release: 'v1', instances, signal });
    expect(await (await fetch(url)).text()).toBe('v1');
    expect((await traffic.state('api', signal)).weights).toEqual({ v1: 100 });
  });

  it('returns from stop and resume when requests under way have ended, or their time is over', async () => {
    const { url, options } = await aHaproxy();
    const instance = await aBackend('v1', (request, response) => {
      setTimeout(() => response.end('slow'), request.url === '/slow' ? 800 : 0);
    });
    const timeOf = async (drainMs: number) => {
      const traffic = createHaproxyTraffic({ ...options, drainMs });
      await traffic.resume('api', { release: 'v1', instances: [instance], signal });
      const underWay = fetch(`${url}/slow`).then((response) => response.text());
      await sleep(100);
      const startedMs = performance.now();
      await traffic.stop('api', stop);
      const tookMs = performance.now() - startedMs;
      expect(await underWay).toBe('slow');
      return tookMs;
    };
    expect(await timeOf(10_000)).toBeGreaterThan(500);
    expect(await timeOf(200)).toBeLessThan(600);
  });

  it('leaves traffic as it is when an instance does not pass the health check of HAProxy', async () => {
    const { url, options } = await aHaproxy();
    const traffic = createHaproxyTraffic({ ...options, upWithinMs: 4_000 });
    await traffic.resume('api', { release: 'v1', instances: [await aBackend('v1')], signal });
    let recovered = false;
    const sick = await aBackend('v2', (_request, response) =>
      response.writeHead(recovered ? 200 : 500).end('v2'),
    );
    await expect(traffic.resume('api', { release: 'v2', instances: [sick], signal })).rejects.toThrow(
      /sends nothing to api: slot2 \(127\.0\.0\.1:\d+\) is DOWN: L7STS.*traffic stays as it is/s,
    );
    recovered = true;
    await sleep(2_500);
    const answers = await Promise.all(Array.from({ length: 6 }, async () => (await fetch(url)).text()));
    expect(new Set(answers)).toEqual(new Set(['v1']));
    expect(await traffic.state('api', signal)).toEqual({ maintenance: false, weights: { v1: 100 } });
  });

  it('answers "back soon" also before the first release, while its instances are only being checked', async () => {
    const { url, options } = await aHaproxy();
    const traffic = createHaproxyTraffic({ ...options, upWithinMs: 2_500 });
    const sick = await aBackend('v1', (_request, response) => response.writeHead(500).end('v1'));
    const resumed = traffic.resume('api', { release: 'v1', instances: [await aBackend('v1'), sick], signal });
    resumed.catch(() => undefined);
    for (let i = 0; i < 10; i += 1) {
      const page = await fetch(url);
      expect([page.status, page.headers.get('retry-after')]).toEqual([503, '5']);
      await sleep(200);
    }
    expect((await traffic.state('api', signal)).maintenance).toBe(true);
    await expect(resumed).rejects.toThrow(/slot2 .* is DOWN/);
  });

  it('takes servers that HAProxy does not check', async () => {
    const { traffic, url } = await aHaproxy((text) => text.replace('check inter 1s ', ''));
    for (const release of ['v1', 'v2', 'v1']) {
      await traffic.resume('api', { release, instances: [await aBackend(release)], signal });
      expect(await (await fetch(url)).text()).toBe(release);
      expect((await traffic.state('api', signal)).weights).toEqual({ [release]: 100 });
    }
  });

  it('says how many servers are missing for the instances', async () => {
    const { traffic } = await aHaproxy();
    const instances = await Promise.all(Array.from({ length: 9 }, () => aBackend('v1')));
    await expect(traffic.resume('api', { release: 'v1', instances, signal })).rejects.toThrow(
      'has 8 servers in backend api for 9 instances: its server-template needs more',
    );
    await traffic.resume('api', { release: 'v1', instances: instances.slice(0, 5), signal });
    const checks = await traffic.checks?.('api', signal);
    expect(checks?.find(({ ok }) => !ok)?.detail).toContain('5 of 8 servers of backend api are in use');
    // Too few are free for a release beside the other one: its servers are taken over one by one.
    await traffic.resume('api', { release: 'v2', instances: instances.slice(2, 8), signal });
    expect((await traffic.state('api', signal)).weights).toEqual({ v2: 100 });
  });
});

describe('several HAProxy', { timeout: 60_000 }, () => {
  afterEach(cleanUp);

  async function two() {
    const shared = await temporaryFolder();
    const map = join(shared, 'api.map');
    const named = (text: string) => text.replaceAll(/map\([^,)]*/g, `map(${map}`);
    await writeFile(map, '');
    const [one, other] = [await startHaproxy(named), await startHaproxy(named)];
    const sockets = [one.socket, other.socket];
    return { one, other, map, traffic: createHaproxyTraffic({ sockets, backend: 'api', map }) };
  }

  it('are switched alike', async () => {
    const { one, other, traffic } = await two();
    await traffic.resume('api', { release: 'v1', instances: [await aBackend('v1')], signal });
    for (const { url } of [one, other]) expect(await (await fetch(url)).text()).toBe('v1');
    await traffic.stop('api', stop);
    for (const { url } of [one, other]) expect((await fetch(url)).status).toBe(503);
    expect(await traffic.state('api', signal)).toEqual({ maintenance: true, weights: { v1: 100 } });
  });

  it('are not called in maintenance while one of them lets users through', async () => {
    const { one, map, traffic } = await two();
    await traffic.resume('api', { release: 'v1', instances: [await aBackend('v1')], signal });
    await traffic.stop('api', stop);
    await say(one.socket, `del map ${map} api`);
    expect((await traffic.state('api', signal)).maintenance).toBe(false);
  });

  it('stay as they are when one is gone, and the error says which', async () => {
    const { one, other, traffic } = await two();
    await traffic.resume('api', { release: 'v1', instances: [await aBackend('v1')], signal });
    await kill(other.child());
    const v2 = { release: 'v2', instances: [await aBackend('v2')], signal };
    await expect(traffic.resume('api', v2)).rejects.toThrow(
      `1 of 2 HAProxy did as they were told; HAProxy at ${other.socket} refuses connections`,
    );
    for (const _time of [1, 2, 3, 4]) expect(await (await fetch(one.url)).text()).toBe('v1');
    await expect(traffic.stop('api', stop)).rejects.toThrow('1 of 2 HAProxy did as they were told');
    expect((await fetch(one.url)).status).toBe(503);
  });
});

describe('HAProxy, when it cannot be asked', { timeout: 30_000 }, () => {
  afterEach(cleanUp);

  const options = { backend: 'api', map: '/m', timeoutMs: 400 };
  const stateOf = (address: string) =>
    createHaproxyTraffic({ ...options, sockets: [address] }).state('api', signal);

  it.for([
    [
      '/nowhere/rollback.sock',
      /HAProxy at \/nowhere\/rollback.sock is not there: haproxy.cfg needs "stats socket"/,
    ],
    ['127.0.0.1:1', /HAProxy at 127.0.0.1:1 refuses connections/],
    ['no-such-host.invalid:1', /HAProxy at no-such-host.invalid:1 cannot be asked: .*ENOTFOUND|EAI_AGAIN/],
  ] as const)('says so of %s', async ([address, words]) => {
    await expect(stateOf(address)).rejects.toThrow(words);
  });

  it('says so of a socket that this user may not open', async () => {
    const { socket, folder } = await startHaproxy();
    await chmod(folder, 0o755);
    await chmod(socket, 0o600);
    const root = process.geteuid?.() === 0;
    if (root) process.seteuid?.(65_534);
    else await chmod(socket, 0);
    try {
      await expect(stateOf(socket)).rejects.toThrow(/may not be opened by this user: .*"mode 660"/);
    } finally {
      if (root) process.seteuid?.(0);
    }
  });

  it('needs level admin, which its checks prove without changing anything', async () => {
    const { options: given, address } = await overTcp('operator');
    const traffic = createHaproxyTraffic({ ...given, sockets: [address] });
    const checks = await traffic.checks?.('api', signal);
    expect(checks?.find(({ name }) => name.endsWith('may switch servers'))).toMatchObject({
      ok: false,
      detail: 'level operator: its stats socket needs "level admin" in haproxy.cfg',
    });
    const v1 = { release: 'v1', instances: [await aBackend('v1')], signal };
    await expect(traffic.resume('api', v1)).rejects.toThrow(
      /"Permission denied" to "set server .*needs "level admin"/,
    );
  });

  it('names a backend and a map that are not there', async () => {
    const { options: given } = await startHaproxy();
    const backend = createHaproxyTraffic({ ...given, backend: 'nope' });
    await expect(backend.state('api', signal)).rejects.toThrow(
      /has no backend "nope": it needs "backend nope"/,
    );
    const map = createHaproxyTraffic({ ...given, map: '/etc/nope.map' });
    await expect(map.stop('api', stop)).rejects.toThrow(
      /has no map "\/etc\/nope.map": no rule of haproxy.cfg uses it/,
    );
    const failing = (await map.checks?.('api', signal))?.filter(({ ok }) => !ok) ?? [];
    expect(failing.map(({ name }) => name.split(': ')[1])).toContain('the maintenance page has its map');
  });

  it('gives up on one that hangs, and on a step that is over', async () => {
    const { options: given, child } = await startHaproxy();
    child().kill('SIGSTOP');
    afterwards(() => child().kill('SIGCONT'));
    const traffic = createHaproxyTraffic({ ...given, timeoutMs: 300 });
    await expect(traffic.state('api', signal)).rejects.toThrow(/did not answer "show map .*" within 300 ms/);
    const patient = createHaproxyTraffic({ ...given, timeoutMs: 20_000 });
    const startedMs = performance.now();
    await expect(patient.state('api', AbortSignal.timeout(200))).rejects.toThrow(/timeout/);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });

  it.for([
    [
      'is cut off in the middle',
      '0x1 api 30\n0x2 api.rea',
      /broke off its answer to "show map \/m" after 22 bytes/,
    ],
    ['is empty', '', /broke off its answer to "show map \/m" after 0 bytes/],
    ['is no map', 'HTTP/1.1 400 Bad Request\r\nserver: x\n\n', /answered "HTTP\/1.1 400 Bad Request/],
    ['is endless', 'x'.repeat(17_000_000), /answers more than 16777216 bytes/],
  ] as const)('refuses an answer that %s', async ([, answer, words]) => {
    await expect(stateOf(await aTcpServer((socket) => socket.end(answer)))).rejects.toThrow(words);
  });

  it.for([
    ['[[{"field":{"name":"svname"},"val', /broke off/],
    [
      '[[{"field":{"name":"svname"},"value":{"value":"slot1"}}]]\n\n',
      /answered "\[\[.*" to "show stat api 4 -1 json"/,
    ],
    ['{"error":"x"}\n\n', /answered "\{.*" to "show stat/],
  ] as const)('refuses statistics like %s', async ([answer, words]) => {
    const answers = [
      ['show map', '\n'],
      ['show servers', '1\n# be_id be_name srv_id srv_name srv_admin_state\n3 api 1 slot1 4\n\n'],
    ] as const;
    const address = await aTcpServer((socket, command) =>
      socket.end(answers.find(([begin]) => command.startsWith(begin))?.[1] ?? answer),
    );
    await expect(stateOf(address)).rejects.toThrow(words);
  });

  it('refuses a table of servers of another version', async () => {
    const answer = '2\n# be_id be_name srv_id srv_name srv_admin_state\n3 api 1 slot1 4\n\n';
    const address = await aTcpServer((socket, command) =>
      socket.end(command.startsWith('show map') ? '\n' : answer),
    );
    await expect(stateOf(address)).rejects.toThrow(/answered "2" to "show servers state api"/);
  });

  it('gives up on an answer that drips', async () => {
    const address = await aTcpServer((socket) => {
      const drip = setInterval(() => socket.write('0'), 50);
      socket.on('close', () => clearInterval(drip));
    });
    await expect(stateOf(address)).rejects.toThrow(/within 400 ms/);
  });
});

async function aTcpServer(answer: (socket: Socket, command: string) => void): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (command) => answer(socket, command.toString()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterwards(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
