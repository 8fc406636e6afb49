import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Beside } from '../../../adapters/deploy-target/deploy-target.ts';
import type { LocalService } from '../../../adapters/deploy-target/local-process/slots.ts';
import { createLocalProcessTarget } from '../../../adapters/deploy-target/local-process.ts';
import { createProxyTraffic } from '../../../adapters/traffic/proxy.ts';
import type { Instance } from '../../../domain/live.ts';
import { afterwards, cleanUp, eventually, freePorts, temporaryFolder } from '../temporary.ts';
import { aProxyProcess, proxyFiles } from '../traffic/backends.ts';
import { startLoad } from '../traffic/load.ts';
import { aStep, ask, layRelease, sampleCommand } from './sample-service.ts';

const signal = AbortSignal.timeout(600_000);

/** v2 is live in two instances, and v1 is there. */
async function aTarget(change: Partial<LocalService> = {}) {
  const root = await temporaryFolder();
  const service = { command: sampleCommand, instances: 2, basePort: await freePorts(4), ...change };
  const target = createLocalProcessTarget({ root, services: { api: service } });
  for (const release of ['v1', 'v2']) await layRelease(root, 'api', release);
  await target.restore('api', 'v2', aStep('deploy v2'));
  await target.restart('api', aStep('deploy v2'));
  const running = async () => (await target.live('api', signal)).instances.filter((entry) => entry.running);
  const of = async (release: string) => (await running()).filter((entry) => entry.release === release);
  /** As the instances say themselves. */
  const pids = async (instances: readonly Instance[]) =>
    (await eventually(() => Promise.all(instances.map(({ url }) => ask(url))).catch(() => null))).map(
      ({ pid }) => pid,
    );
  return { root, service, target, beside: target.beside as Beside, running, of, pids };
}

const ports = (instances: readonly Instance[]) =>
  instances.map(({ url }) => Number(new URL(url as string).port)).toSorted((a, b) => a - b);

describe('two releases of local processes at once', { timeout: 60_000 }, () => {
  afterEach(cleanUp);

  it('starts the old release on ports of its own, and touches neither what runs nor what is configured', async () => {
    const { service, target, beside, of, pids } = await aTarget();
    const before = await pids(await of('v2'));
    await beside.start('api', 'v1', aStep('k'));
    expect(ports(await of('v1'))).toEqual([service.basePort + 2, service.basePort + 3]);
    expect(await pids(await of('v2'))).toEqual(before);
    expect((await target.live('api', signal)).configured).toBe('v2');
    expect((await pids(await of('v1'))).length).toBe(2);
  });

  it('keeps what it started when the step is repeated, and starts again what crashed', async () => {
    const { beside, of, pids } = await aTarget();
    await beside.start('api', 'v1', aStep('k'));
    const first = await pids(await of('v1'));
    await beside.start('api', 'v1', aStep('k'));
    await beside.start('api', 'v1', aStep('another key'));
    expect(await pids(await of('v1'))).toEqual(first);
    process.kill(first[0] as number, 'SIGKILL');
    await eventually(async () => (await of('v1')).length === 1);
    await beside.start('api', 'v1', aStep('k'));
    const second = await pids(await of('v1'));
    expect(second).toHaveLength(2);
    expect(second).toContain(first[1]);
  });

  it('settles on the old release: it is configured, and nothing else runs; again is no harm', async () => {
    const { target, beside, of, running, pids } = await aTarget();
    await beside.start('api', 'v1', aStep('k'));
    const old = await pids(await of('v1'));
    await beside.settle('api', 'v1', aStep('k'));
    await beside.settle('api', 'v1', aStep('k'));
    expect(await pids(await running())).toEqual(old);
    const { configured, instances } = await target.live('api', signal);
    expect({ configured, releases: instances.map(({ release }) => release) }).toEqual({
      configured: 'v1',
      releases: ['v1', 'v1'],
    });
  });

  it('is at home there afterwards: the next deployment and the next shift know', async () => {
    const { service, target, beside, of, running } = await aTarget();
    await beside.start('api', 'v1', aStep('k'));
    await beside.settle('api', 'v1', aStep('k'));
    await target.restart('api', aStep('in place'));
    expect(ports(await running())).toEqual([service.basePort + 2, service.basePort + 3]);
    await beside.start('api', 'v2', aStep('k2'));
    expect(ports(await of('v2'))).toEqual([service.basePort, service.basePort + 1]);
    await beside.settle('api', 'v2', aStep('k2'));
    expect(ports(await running())).toEqual([service.basePort, service.basePort + 1]);
  });

  it('gives up what was started beside, and nothing else', async () => {
    const { target, beside, running, of, pids } = await aTarget();
    const before = await pids(await of('v2'));
    await beside.start('api', 'v1', aStep('k'));
    await beside.giveUp('api', 'v1', aStep('k'));
    await beside.giveUp('api', 'v1', aStep('k'));
    await beside.giveUp('api', 'v2', aStep('k'));
    expect(await pids(await running())).toEqual(before);
    expect((await target.live('api', signal)).instances).toHaveLength(2);
  });

  it('refuses to settle on a release that does not run, and leaves what does', async () => {
    const { beside, running, of } = await aTarget();
    await expect(beside.settle('api', 'v1', aStep('k'))).rejects.toThrow('no instance of v1 of api runs');
    expect(await running()).toEqual(await of('v2'));
  });

  it('refuses a release that is not there', async () => {
    const { beside } = await aTarget();
    await expect(beside.start('api', 'v0', aStep('k'))).rejects.toThrow(
      /cannot start v0 of api: .*v0 does not exist/,
    );
  });

  it('a restart in place ends what was started beside', async () => {
    const { target, beside, running } = await aTarget();
    await beside.start('api', 'v1', aStep('k'));
    await target.restore('api', 'v1', aStep('k2'));
    await target.restart('api', aStep('k2'));
    const found = await running();
    expect(found.map(({ release }) => release)).toEqual(['v1', 'v1']);
  });

  it('listens where it is told to', async () => {
    const besideBasePort = await freePorts(2);
    const { beside, of } = await aTarget({ besideBasePort });
    await beside.start('api', 'v1', aStep('k'));
    expect(ports(await of('v1'))).toEqual([besideBasePort, besideBasePort + 1]);
  });

  it('says beforehand whether there is room for a second release', async () => {
    const besideBasePort = await freePorts(2);
    const { target, beside } = await aTarget({ besideBasePort });
    const room = async () => (await target.checks?.('api', signal)) ?? [];
    expect(await room()).toMatchObject([{ ok: true, detail: 'ports of 2 more instances are free' }]);
    await beside.start('api', 'v1', aStep('k'));
    expect(await room()).toMatchObject([{ ok: true }]);
    await beside.giveUp('api', 'v1', aStep('k'));
    const other = createServer().listen(besideBasePort + 1, '127.0.0.1');
    afterwards(() => other.close());
    await eventually(() => other.listening);
    expect(await room()).toMatchObject([
      { ok: false, detail: `somebody else listens on ${besideBasePort + 1}; see beside_base_port` },
    ]);
    const inPlace = await aTarget();
    expect(await inPlace.target.checks?.('api', signal)).toEqual([]);
  });

  it('loses no request behind the proxy, from the bad release to the old one', async () => {
    const { root, beside, of, pids } = await aTarget();
    const { url, controlUrl, tokenFile } = await aProxyProcess(proxyFiles(await temporaryFolder()));
    const traffic = createProxyTraffic({ controlUrl, tokenFile });
    await traffic.resume('api', { release: 'v2', instances: await of('v2'), signal });
    const load = startLoad(url, 8);
    const releases = new Set<string>();
    const look = async () => releases.add((await ask(url)).release);
    await look();
    await beside.start('api', 'v1', aStep('k'));
    await pids(await of('v1'));
    await traffic.resume('api', { release: 'v1', instances: await of('v1'), signal });
    await beside.settle('api', 'v1', aStep('k'));
    await look();
    const { lost, answered } = await load.stop();
    expect(lost).toEqual([]);
    expect(answered).toBeGreaterThan(50);
    expect([...releases]).toEqual(['v2', 'v1']);
    expect(await readFile(join(root, 'api', 'run', 'home'), 'utf8')).toBe('1');
  });
});
