import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { includeText } from '../../adapters/traffic/nginx/include-file.ts';
import { createNginxTraffic, type NginxOptions } from '../../adapters/traffic/nginx.ts';
import type { ReadinessCheck } from '../../domain/readiness.ts';
import { cleanUp, startNode } from '../adapters/temporary.ts';
import { aBackend, listenOn } from '../adapters/traffic/backends.ts';
import { startLoad } from '../adapters/traffic/load.ts';
import { describeTrafficControl } from '../adapters/traffic/traffic-control.contract.ts';
import { anNginx, startNginx } from './nginx-process.ts';

const signal = AbortSignal.timeout(600_000);
const stop = { reason: 'back soon', retryAfterSeconds: 30, signal };
const resumeWith = async (release: string) => ({ release, instances: [await aBackend(release)], signal });

describeTrafficControl('a real nginx', () => anNginx(), { closesKeptConnections: true });

describe('nginx', { timeout: 60_000 }, () => {
  afterEach(cleanUp);

  it('begins in maintenance with the file that is delivered', async () => {
    const { traffic, url, options } = await anNginx();
    const page5 = { reason: 'nothing serves yet', retryAfterSeconds: 5 };
    const first = { mark: 'first', page: page5, release: null, addresses: [] };
    expect(await readFile(options.file, 'utf8')).toBe(includeText('api', first));
    expect(await traffic.state('api', signal)).toEqual({ maintenance: true, weights: {} });
    const page = await fetch(url);
    expect([page.status, page.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await page.text()).toBe('Back soon: nothing serves yet\n');
  });

  it.for([
    `it's "v1"; back to $host or \${x} {é} #1 \\ soon`,
    'two\nlines',
    `${'$'.repeat(900)} and more`,
    'x'.repeat(5_000),
  ])('shows the reason as it was given, whatever is in it: text %#', async (reason) => {
    const { traffic, url } = await anNginx();
    await traffic.stop('api', { reason, retryAfterSeconds: 0.5, signal });
    const page = await fetch(url);
    expect(await page.text()).toBe(`Back soon: ${reason.slice(0, 1_000).replace('\n', ' ')}\n`);
    expect([page.headers.get('retry-after'), page.headers.get('cache-control')]).toEqual(['1', 'no-store']);
  });

  it('takes a release of hundreds of instances', async () => {
    const { traffic, url } = await anNginx();
    const instances = await Promise.all(Array.from({ length: 300 }, () => aBackend('v1')));
    await traffic.resume('api', { release: 'v1', instances, signal });
    expect(await traffic.state('api', signal)).toEqual({ maintenance: false, weights: { v1: 100 } });
    expect(await (await fetch(url)).text()).toBe('v1');
  });

  it('does not reload for what is in force already', async () => {
    const { traffic, options } = await anNginx();
    const v1 = await resumeWith('v1');
    await traffic.resume('api', v1);
    const before = await readFile(options.file, 'utf8');
    await createNginxTraffic({ ...options, reloadCommand: ['false'] }).resume('api', v1);
    expect(await readFile(options.file, 'utf8')).toBe(before);
  });

  it('fails nobody but clients whose kept connection a reload closes', async () => {
    const { traffic, url } = await anNginx();
    const [v1, v2] = [await resumeWith('v1'), await resumeWith('v2')];
    await traffic.resume('api', v1);
    const load = startLoad(url, 8);
    for (const release of [v2, v1, v2, v1]) await traffic.resume('api', release);
    const { lost, answered } = await load.stop();
    expect(lost.filter((what) => !/other side closed|ECONNRESET/.test(what))).toEqual([]);
    expect(lost.length).toBeLessThan(answered / 20);
  });

  it('returns when requests under way have ended, or their time is over', async () => {
    const { url, options } = await anNginx();
    const instance = await aBackend('v1', (request, response) => {
      setTimeout(() => response.end('slow'), request.url === '/slow' ? 1_500 : 0);
    });
    const timeOf = async (drainMs: number) => {
      const traffic = createNginxTraffic({ ...options, drainMs });
      await traffic.resume('api', { release: 'v1', instances: [instance], signal });
      const underWay = fetch(`${url}/slow`).then((response) => response.text());
      await sleep(100);
      const startedMs = performance.now();
      await traffic.stop('api', stop);
      const tookMs = performance.now() - startedMs;
      expect((await fetch(url)).status).toBe(503);
      expect(await underWay).toBe('slow');
      return tookMs;
    };
    expect(await timeOf(10_000)).toBeGreaterThan(1_200);
    expect(await timeOf(100)).toBeLessThan(1_200);
  });

  it('goes on as before when another part of the configuration is broken, and says what nginx said', async () => {
    const { traffic, url, folder, options } = await anNginx();
    await traffic.resume('api', await resumeWith('v1'));
    const before = await readFile(options.file, 'utf8');
    const site = join(folder, 'api.conf');
    const whole = await readFile(site, 'utf8');
    await writeFile(site, `${whole}\nserver { listne 80; }\n`);
    await expect(traffic.stop('api', stop)).rejects.toThrow(
      /-t" exited with 1: .*unknown directive "listne" in .*api\.conf:\d+/s,
    );
    expect(await readFile(options.file, 'utf8')).toBe(before);
    expect(await (await fetch(url)).text()).toBe('v1');
    const failing = (await traffic.checks?.('api', signal))?.filter(({ ok }) => !ok) ?? [];
    expect(failing.map(({ name }) => name)).toEqual(['nginx: the configuration is valid']);
    await writeFile(site, whole);
    await traffic.stop('api', stop);
    expect((await fetch(url)).status).toBe(503);
  });

  it('notices a reload that nginx was told and did not do', async () => {
    const { url, folder, options } = await anNginx();
    const traffic = createNginxTraffic({ ...options, timeoutMs: 1_500 });
    await traffic.resume('api', await resumeWith('v1'));
    const before = await readFile(options.file, 'utf8');
    // Valid, but the port is taken: "nginx -t" does not see it, the master refuses it, and the reload command succeeds.
    const taken = await listenOn(createServer());
    const site = join(folder, 'api.conf');
    await writeFile(site, `${await readFile(site, 'utf8')}\nserver { listen 127.0.0.1:${taken}; }\n`);
    const quietTest = createNginxTraffic({ ...options, timeoutMs: 1_500, testCommand: ['true'] });
    await expect(quietTest.stop('api', stop)).rejects.toThrow(
      /kept 2 of its 2 workers for 1500 ms after the reload: it refused the configuration/,
    );
    expect(await readFile(options.file, 'utf8')).toBe(before);
    expect(await (await fetch(url)).text()).toBe('v1');
  });

  it('notices that nginx does not include the file', async () => {
    const { folder, options } = await anNginx();
    const elsewhere = join(folder, 'elsewhere.conf');
    await writeFile(elsewhere, await readFile(options.file, 'utf8'));
    const traffic = createNginxTraffic({ ...options, file: elsewhere });
    await expect(traffic.stop('api', stop)).rejects.toThrow(
      /does not show the new state: does its configuration include .*elsewhere.conf\?/,
    );
  });

  it('tells what is in force, not what is on the disk', async () => {
    const { traffic, options } = await anNginx();
    await traffic.resume('api', await resumeWith('v1'));
    await writeFile(
      options.file,
      (await readFile(options.file, 'utf8')).replace(/server 127.*;/, 'server 127.0.0.1:1;'),
    );
    expect(await traffic.state('api', signal)).toEqual({ maintenance: false, weights: { v1: 100 } });
    const failing = (await traffic.checks?.('api', signal))?.filter(({ ok }) => !ok) ?? [];
    expect(failing.map(({ detail }) => detail).join()).toMatch(
      /is not what is in force: somebody changed it/,
    );
    await traffic.resume('api', await resumeWith('v1'));
    const checks = await traffic.checks?.('api', signal);
    expect(checks?.filter(({ ok }) => !ok)).toEqual([]);
  });
});

describe('nginx, when it cannot be switched', { timeout: 60_000 }, () => {
  afterEach(cleanUp);

  const failingChecks = async (options: NginxOptions) =>
    ((await createNginxTraffic(options).checks?.('api', signal)) ?? [])
      .filter(({ ok }) => !ok)
      .map(({ name, detail }) => `${name}: ${detail}`);

  it('says so when nginx is gone', async () => {
    const { traffic, child, options } = await anNginx();
    child.kill('SIGTERM');
    await sleep(300);
    await expect(traffic.state('api', signal)).rejects.toThrow(/nginx at http:.*ECONNREFUSED/);
    await expect(traffic.stop('api', stop)).rejects.toThrow(/ECONNREFUSED/);
    expect((await failingChecks(options)).join('\n')).toMatch(/pid file cannot be read .*does nginx run/);
  });

  it('says so when it does not answer, and stops with the step', async () => {
    const { options } = await startNginx((text) =>
      text.replace('return 200 $api_state;', 'proxy_pass http://127.0.0.1:1/;'),
    );
    await expect(createNginxTraffic(options).state('api', signal)).rejects.toThrow(
      /answered 502: .*needs "return 200"/s,
    );
    const silent = createServer(() => undefined);
    const stateUrl = `http://127.0.0.1:${await listenOn(silent)}/api`;
    const traffic = createNginxTraffic({ ...options, stateUrl, timeoutMs: 300 });
    await expect(traffic.state('api', signal)).rejects.toThrow(/did not answer within 300 ms/);
    const patient = createNginxTraffic({ ...options, stateUrl });
    await expect(patient.state('api', AbortSignal.timeout(200))).rejects.toThrow(/timeout/);
  });

  it.for([
    ['404', 'text/plain', 'not here', /answered 404: "not here"/],
    ['200', 'text/html', '<h1>Welcome</h1>', /answered 200: "<h1>Welcome/],
    ['200', 'text/plain', 'eyJtYXJrIjoi', /answered 200: "eyJtYXJrIjoi"/],
    ['200', 'text/plain', 'x'.repeat(10_000_000), /answered 200: "xxx/],
  ] as const)('refuses in place of the state an answer %s %s', async ([status, type, body, words]) => {
    const page = createServer((_request, response) =>
      response.writeHead(Number(status), { 'content-type': type }).end(body),
    );
    const stateUrl = `http://127.0.0.1:${await listenOn(page)}/api`;
    const traffic = createNginxTraffic({ file: '/nowhere', upstream: 'api', stateUrl });
    await expect(traffic.state('api', signal)).rejects.toThrow(words);
  });

  it('says which command failed, timed out, or is not there, and keeps the old file', async () => {
    const { options, url } = await anNginx();
    const before = await readFile(options.file, 'utf8');
    const given: [Partial<NginxOptions>, RegExp][] = [
      [{ reloadCommand: ['sh', '-c', 'echo no permission >&2; exit 3'] }, /exited with 3: no permission/],
      [{ reloadCommand: ['/no/such/nginx'] }, /could not be started: .*ENOENT/],
      [{ testCommand: ['sleep', '10'], timeoutMs: 300 }, /was stopped at its limit of 300 ms/],
    ];
    for (const [change, words] of given) {
      const traffic = createNginxTraffic({ ...options, ...change });
      await expect(traffic.resume('api', await resumeWith('v1'))).rejects.toThrow(words);
      expect(await readFile(options.file, 'utf8')).toBe(before);
    }
    expect((await fetch(url)).status).toBe(503);
  });

  it('restores the old file when the step is over in the middle', async () => {
    const { options } = await anNginx();
    const before = await readFile(options.file, 'utf8');
    const traffic = createNginxTraffic({ ...options, testCommand: ['sleep', '20'] });
    const over = AbortSignal.timeout(500);
    await expect(traffic.resume('api', { ...(await resumeWith('v1')), signal: over })).rejects.toThrow(
      /timeout/,
    );
    expect(await readFile(options.file, 'utf8')).toBe(before);
  });

  it('finds in its checks what is missing: the file, the pid, the right to write and to signal', async () => {
    const { options, folder } = await anNginx();
    await createNginxTraffic(options).resume('api', await resumeWith('v1'));
    const otherPid = join(folder, 'other.pid');
    await writeFile(otherPid, String(process.pid));
    expect((await failingChecks({ ...options, pidFile: otherPid })).join()).toMatch(
      /is no master process of nginx/,
    );
    const root = process.getuid?.() === 0;
    await chmod(folder, 0o755);
    if (!root) await chmod(join(folder, 'rollback'), 0o555);
    const found = (await checksAsNobody(options)).filter(({ ok }) => !ok).map(({ detail }) => detail);
    if (!root) await chmod(join(folder, 'rollback'), 0o755);
    expect(found.join('\n')).toMatch(/EACCES: permission denied, access '.*rollback'/);
    if (root) expect(found.join('\n')).toMatch(/may not signal the master process \d+: .*reload_command/);
    await rm(options.file);
    expect((await failingChecks(options)).join('\n')).toMatch(/the included file can be replaced: ENOENT/);
  });

  it('refuses a name that nginx could not use', () => {
    const named = (upstream: string) => () =>
      createNginxTraffic({ file: '/x', upstream, stateUrl: 'http://127.0.0.1:1' });
    expect(named('my-api')).toThrow(
      'nginx: upstream is "my-api"; allowed are lower-case letters, digits and "_"',
    );
  });
});

async function checksAsNobody(options: NginxOptions): Promise<ReadinessCheck[]> {
  const child = startNode([join(import.meta.dirname, 'nginx-checks-as-nobody.ts'), JSON.stringify(options)]);
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString()) as ReadinessCheck[];
}
