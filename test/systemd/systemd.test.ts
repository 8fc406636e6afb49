import { copyFile, mkdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createCommandTarget } from '../../adapters/deploy-target/command.ts';
import { processTable } from '../../adapters/process-table.ts';
import { describeDeployTarget } from '../adapters/deploy-target/deploy-target.contract.ts';
import { folderHarness } from '../adapters/deploy-target/folder-harness.ts';
import { aStep, layRelease } from '../adapters/deploy-target/sample-service.ts';
import { cleanUp, eventually, freePorts, temporaryFolder } from '../adapters/temporary.ts';
import { startSystemd } from './systemd-manager.ts';

const recipe = join(import.meta.dirname, '../../examples/systemd');
const signal = AbortSignal.timeout(600_000);

/** The recipe as its page has it set up, below a folder in place of /srv, under a systemd of its own. */
async function makeHarness() {
  const root = await temporaryFolder();
  const systemd = await startSystemd(await temporaryFolder());
  for (const script of ['deploy', 'start']) await copyFile(join(recipe, script), join(root, script));
  const unit = await readFile(join(recipe, 'shop@.service'), 'utf8');
  await writeFile(join(systemd.units, 'api@.service'), unit.replace('/srv/', `${root}/`));
  await mkdir(join(root, 'api'));
  const settings = await readFile(join(recipe, 'settings'), 'utf8');
  const port = await freePorts(3);
  await writeFile(
    join(root, 'api', 'settings'),
    settings.replace('4100', String(port)).replace('server.js', 'server.mjs'),
  );
  await systemd.systemctl('daemon-reload');

  const config = parse(await readFile(join(recipe, 'rollback-config.yml'), 'utf8'));
  const { live, restorable, restore, restart } = config.products.shop.services.shop.deploy_target;
  const argv = (list: string[]) =>
    list.filter((word) => word !== 'sudo').map((word) => word.replace('/srv', root));
  const target = createCommandTarget({
    live: argv(live),
    restorable: argv(restorable),
    restore: argv(restore),
    restart: argv(restart),
    env: {
      ...systemd.env,
      SYSTEMCTL: systemd.command.join(' '),
      RUNTIME_ROOT: systemd.runtime,
      SETTLE_SECONDS: '0.3',
    },
  });
  return { root, systemd, target };
}

describeDeployTarget('systemd by command', async () => {
  const { root, target } = await makeHarness();
  return {
    ...folderHarness(root, target),
    async crash(identity) {
      process.kill(Number(identity), 'SIGKILL');
      await eventually(() => processTable.find(Number(identity)) === null);
    },
  };
});

describe('the recipe for systemd', { timeout: 60_000 }, () => {
  afterEach(cleanUp);

  it('says why a release does not stay up, and what became of it', async () => {
    const { root, target } = await makeHarness();
    await layRelease(root, 'api', 'v1', 'process.exit(7)');
    await target.restore('api', 'v1', aStep('k'));
    await expect(target.restart('api', aStep('k'))).rejects.toThrow(
      /api@1\.service does not stay up: result exit-code, exit status 7/,
    );
    const { instances } = await target.live('api', signal);
    expect(instances[0]).toMatchObject({
      id: 'api@1',
      running: false,
      trouble: expect.stringContaining('exit status 7'),
    });
  });

  it('starts an instance again by itself, with the release that is configured then', async () => {
    const { root, systemd, target } = await makeHarness();
    for (const release of ['v1', 'v2']) await layRelease(root, 'api', release);
    await target.restore('api', 'v1', aStep('k'));
    await target.restart('api', aStep('k'));
    await target.restore('api', 'v2', aStep('k2'));
    expect(await readlink(join(root, 'api', 'current'))).toBe('releases/v2');
    process.kill(
      Number(await systemd.systemctl('show', 'api@1', '--property=MainPID', '--value')),
      'SIGKILL',
    );
    await eventually(async () => {
      const { instances } = await target.live('api', signal);
      return instances[0]?.release === 'v2' && instances[0].running && instances[1]?.release === 'v1';
    });
  });

  it('is tested without touching the rest of the machine', async () => {
    const mine = () => readFile('/proc/self/cgroup', 'utf8');
    const before = await mine();
    await makeHarness();
    expect(await mine()).toBe(before);
  });

  it('refuses names that lead elsewhere', async () => {
    const { target } = await makeHarness();
    for (const name of ['../api', 'a b', '.hidden', 'a$(reboot)'])
      await expect(target.restore('api', name, aStep('k'))).rejects.toThrow(
        /cannot be the name of a service or release/,
      );
  });
});
