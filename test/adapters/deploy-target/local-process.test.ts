import { once } from 'node:events';
import { mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { LocalService } from '../../../adapters/deploy-target/local-process/slots.ts';
import { createLocalProcessTarget } from '../../../adapters/deploy-target/local-process.ts';
import { groupMembers, processTable } from '../../../adapters/process-table.ts';
import {
  afterwards,
  cleanUp,
  eventually,
  freePorts,
  kill,
  processesIn,
  startNode,
  temporaryFolder,
} from '../temporary.ts';
import { describeDeployTarget } from './deploy-target.contract.ts';
import { folderHarness } from './folder-harness.ts';
import { aStep, ask, layRelease, sampleCommand } from './sample-service.ts';

const signal = AbortSignal.timeout(600_000);

describeDeployTarget('local-process', async () => {
  const { root, target } = await makeHarness();
  return folderHarness(root, target);
});

async function makeHarness(change: Partial<LocalService> = {}) {
  const root = await temporaryFolder();
  const service = { command: sampleCommand, instances: 2, basePort: await freePorts(4), ...change };
  const options = { root, services: { api: service } };
  return { root, options, service, target: createLocalProcessTarget(options) };
}

type Harness = Awaited<ReturnType<typeof makeHarness>>;

async function deploy({ root, target }: Harness, release = 'v1', code?: string): Promise<void> {
  await layRelease(root, 'api', release, code);
  await target.restore('api', release, aStep(`deploy ${release}`));
  await target.restart('api', aStep(`deploy ${release}`));
}

async function recordOf({ root }: Harness, index: number): Promise<{ pid: number; startTime: string }> {
  return JSON.parse(await readFile(join(root, 'api', 'run', `${index}.json`), 'utf8'));
}

const processesOf = ({ root }: Harness) => processesIn(root);

const ascending = (numbers: number[]) => numbers.toSorted((a, b) => a - b);

/** A worker process of its own that runs one restart and then lives on. */
function startWorker({ options }: Harness, key: string) {
  const module = join(import.meta.dirname, '../../../adapters/deploy-target/local-process.ts');
  const code = `
    import { createLocalProcessTarget } from ${JSON.stringify(module)};
    const target = createLocalProcessTarget(${JSON.stringify(options)});
    const signal = AbortSignal.timeout(60_000);
    await target.restart('api', { key: ${JSON.stringify(key)}, signal, heartbeat: (word) => console.log(word) });
    console.log('restarted');
    setInterval(() => {}, 1_000);
  `;
  return startNode(['--input-type=module', '--eval', code]);
}

describe('local-process', { timeout: 30_000 }, () => {
  afterEach(cleanUp);

  it('points current at the release by a relative link, so that the folder may be moved', async () => {
    const harness = await makeHarness();
    await deploy(harness);
    expect(await readlink(join(harness.root, 'api', 'current'))).toBe(join('releases', 'v1'));
    expect((await readdir(join(harness.root, 'api'))).sort()).toEqual(['current', 'log', 'releases', 'run']);
  });

  it('keeps the secrets of the worker from its instances', async () => {
    const harness = await makeHarness({ env: { COLOUR: 'green' } });
    process.env.ROLLBACK_TEST_SECRET = 'hush';
    afterwards(() => delete process.env.ROLLBACK_TEST_SECRET);
    await deploy(harness);
    const url = `http://127.0.0.1:${harness.service.basePort}`;
    const { env, service, release, cwd } = await eventually(() => ask(url).catch(() => null));
    expect({ service, release, cwd }).toEqual({
      service: 'api',
      release: 'v1',
      cwd: join(harness.root, 'api', 'releases', 'v1'),
    });
    expect(env).toMatchObject({ COLOUR: 'green', PATH: process.env.PATH });
    expect(
      Object.keys(env)
        .filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name))
        .sort(),
    ).toEqual(['COLOUR', 'HOME', 'PATH', 'PORT', 'RELEASE', 'SERVICE'].filter((name) => name in env));
  });

  it('lets instances live on when the worker is killed, and a repeated step leaves them alone', async () => {
    const harness = await makeHarness();
    await deploy(harness);
    const worker = startWorker(harness, 'step');
    await eventually(
      async () => (await recordOf(harness, 1)) && String(worker.stdout?.read() ?? '').includes('restarted'),
    );
    const before = [await recordOf(harness, 0), await recordOf(harness, 1)];
    await kill(worker);
    await harness.target.restart('api', aStep('step'));
    expect([await recordOf(harness, 0), await recordOf(harness, 1)]).toEqual(before);
    expect(processesOf(harness)).toEqual(ascending(before.map(({ pid }) => pid)));
  });

  it('leaves exactly one process per slot wherever in a step the worker is killed', async () => {
    const harness = await makeHarness();
    await deploy(harness);
    for (let round = 0; round < 12; round += 1) {
      const worker = startWorker(harness, `round ${round}`);
      await once(worker.stdout ?? worker, 'data');
      await sleep(round * 4);
      await kill(worker);
      await harness.target.restart('api', aStep(`round ${round}`));
      const recorded = [(await recordOf(harness, 0)).pid, (await recordOf(harness, 1)).pid];
      await eventually(() => processesOf(harness).length === 2);
      expect(processesOf(harness)).toEqual(ascending(recorded));
    }
  });

  it('runs nothing that it could not put on record', async () => {
    const harness = await makeHarness({ instances: 1 });
    await mkdir(join(harness.root, 'api', 'run', '0.json'), { recursive: true });
    await expect(deploy(harness)).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    await eventually(() => processesOf(harness).length === 0);
    await rm(join(harness.root, 'api', 'run', '0.json'), { recursive: true });
    await deploy(harness);
    expect(processesOf(harness)).toEqual([(await recordOf(harness, 0)).pid]);
  });

  it('leaves exactly one process per slot when restarts with one key run side by side', async () => {
    const harness = await makeHarness({ instances: 3 });
    await deploy(harness);
    const others = [startWorker(harness, 'same'), startWorker(harness, 'same')];
    await Promise.all([
      harness.target.restart('api', aStep('same')),
      harness.target.restart('api', aStep('same')),
      createLocalProcessTarget(harness.options).restart('api', aStep('same')),
      ...others.map((worker) => eventually(() => String(worker.stdout?.read() ?? '').includes('restarted'))),
    ]);
    const recorded = await Promise.all([0, 1, 2].map(async (index) => (await recordOf(harness, index)).pid));
    expect(processesOf(harness)).toEqual(ascending(recorded));
  });

  it('breaks the lock of a dead worker, also when its pid went to another process', async () => {
    const harness = await makeHarness();
    await deploy(harness);
    const lock = join(harness.root, 'api', 'restart.lock');
    await writeFile(lock, JSON.stringify({ pid: process.pid, startTime: 'long ago' }));
    await harness.target.restart('api', aStep('k'));
    expect(await readdir(join(harness.root, 'api'))).not.toContain('restart.lock');
  });

  it('waits for the lock of a living worker, and no longer than its step may', async () => {
    const harness = await makeHarness();
    await deploy(harness);
    const self = JSON.stringify(processTable.find(process.pid));
    await writeFile(join(harness.root, 'api', 'restart.lock'), self);
    const before = await recordOf(harness, 0);
    const step = aStep('k', AbortSignal.timeout(400));
    await expect(harness.target.restart('api', step)).rejects.toThrow(/timeout/);
    expect(step.heard).toContain(`waiting for another restart of api by pid ${process.pid}`);
    expect(await recordOf(harness, 0)).toEqual(before);
  });

  it('takes a pid that went to another process for an instance that is gone', async () => {
    const harness = await makeHarness({ instances: 1 });
    await deploy(harness);
    const stranger = startNode(['--eval', 'setInterval(() => {}, 1_000)']);
    const file = join(harness.root, 'api', 'run', '0.json');
    const record = await recordOf(harness, 0);
    process.kill(record.pid, 'SIGKILL');
    await writeFile(file, JSON.stringify({ ...record, pid: stranger.pid }));
    expect((await harness.target.live('api', signal)).instances[0]?.running).toBe(false);
    await harness.target.restart('api', aStep('deploy v1'));
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
    expect((await harness.target.live('api', signal)).instances[0]?.running).toBe(true);
  });

  it('kills an instance that ignores SIGTERM, with its children', async () => {
    const harness = await makeHarness({ instances: 1, stopTimeoutMs: 300 });
    const stubborn = `
      import { spawn } from 'node:child_process';
      process.on('SIGTERM', () => {});
      spawn('/bin/sh', ['-c', 'trap "" TERM; while :; do sleep 0.1; done']);
      setInterval(() => {}, 1_000);
    `;
    await deploy(harness, 'v1', stubborn);
    const { pid } = await recordOf(harness, 0);
    await eventually(() => groupMembers(pid).length >= 2);
    await deploy(harness, 'v2');
    expect(groupMembers(pid)).toEqual([]);
    expect(processesOf(harness)).toEqual([(await recordOf(harness, 0)).pid]);
  });

  it('frees the port that a child of a crashed instance still holds', async () => {
    const harness = await makeHarness({ instances: 1 });
    const wrapper = `
      import { spawn } from 'node:child_process';
      spawn(process.execPath, ['--eval', "require('http').createServer((q, r) => r.end('{}')).listen(process.env.PORT, '127.0.0.1')"]);
      setInterval(() => {}, 1_000);
    `;
    await deploy(harness, 'v1', wrapper);
    const url = `http://127.0.0.1:${harness.service.basePort}`;
    await eventually(() => ask(url).catch(() => null));
    process.kill((await recordOf(harness, 0)).pid, 'SIGKILL');
    await deploy(harness, 'v2');
    const answer = await eventually(() => ask(url).catch(() => null));
    expect(answer.release).toBe('v2');
  });

  it('stops instances beyond the configured number', async () => {
    const harness = await makeHarness({ instances: 3 });
    await deploy(harness);
    const { root, service } = harness;
    const fewer = createLocalProcessTarget({ root, services: { api: { ...service, instances: 1 } } });
    await fewer.restart('api', aStep('fewer'));
    expect((await fewer.live('api', signal)).instances).toHaveLength(1);
    expect(processesOf(harness)).toHaveLength(1);
  });

  it('shows an instance that was never started as one that does not run', async () => {
    const harness = await makeHarness({ instances: 1 });
    await deploy(harness);
    const { root, service } = harness;
    const more = createLocalProcessTarget({ root, services: { api: { ...service, instances: 2 } } });
    expect((await more.live('api', signal)).instances[1]).toEqual({
      id: 'api/1',
      release: null,
      running: false,
      url: null,
    });
  });

  it('fails with the last words of an instance that ends at once', async () => {
    const harness = await makeHarness({ instances: 1 });
    await expect(deploy(harness, 'v1', "throw new Error('no database')")).rejects.toThrow(
      /ended within.*no database/s,
    );
  });

  it('fails with a clear word when the program does not exist', async () => {
    const harness = await makeHarness({ instances: 1, command: ['/no/such/program'] });
    await expect(deploy(harness)).rejects.toThrow(/ended within.*no\/such\/program/s);
  });

  it('stops nothing when the configured release is gone', async () => {
    const harness = await makeHarness();
    await deploy(harness);
    const before = processesOf(harness);
    await rm(join(harness.root, 'api', 'releases', 'v1'), { recursive: true });
    await expect(harness.target.restart('api', aStep('k'))).rejects.toThrow(/releases\/v1 does not exist/);
    await mkdir(join(harness.root, 'api', 'releases', 'v1'));
    await expect(harness.target.restart('api', aStep('k'))).rejects.toThrow(/releases\/v1 is empty/);
    expect(before).toHaveLength(2);
    expect((await harness.target.live('api', signal)).instances.map(({ running }) => running)).toEqual([
      true,
      true,
    ]);
  });

  it('stops waiting for an instance to end when the step is cancelled', async () => {
    const harness = await makeHarness({ instances: 1, stopTimeoutMs: 60_000 });
    await deploy(harness, 'v1', "process.on('SIGTERM', () => {}); setInterval(() => {}, 1_000)");
    await eventually(async () => processTable.find((await recordOf(harness, 0)).pid));
    const step = aStep('k', AbortSignal.timeout(500));
    await expect(harness.target.restart('api', step)).rejects.toThrow(/timeout/);
    expect(step.heard.some((word) => word.startsWith('stopping v1 of api/0'))).toBe(true);
    expect(await readdir(join(harness.root, 'api'))).not.toContain('restart.lock');
  });

  it.for(['../v1', 'a/b', '.', '..', 'v1\0'])(
    'refuses the release %j as the name of a folder',
    async (release) => {
      const { target } = await makeHarness();
      await expect(target.restorable('api', release, signal)).rejects.toThrow(
        /cannot be the name of a folder/,
      );
    },
  );

  it('names the services it knows when asked for another', async () => {
    const { target } = await makeHarness();
    await expect(target.live('web', signal)).rejects.toThrow('unknown service web; known: api');
  });
});
