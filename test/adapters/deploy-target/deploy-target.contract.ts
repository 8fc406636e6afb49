import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { DeployTarget } from '../../../adapters/deploy-target/deploy-target.ts';
import type { LiveService } from '../../../domain/live.ts';
import { cleanUp, eventually } from '../temporary.ts';
import { aStep, ask, layRelease } from './sample-service.ts';

/** A target over `<root>/<service>/releases/<release>/`, with the service `api` in two instances. */
export interface DeployTargetHarness {
  readonly root: string;
  readonly target: DeployTarget;
}

const signal = AbortSignal.timeout(600_000);

/** What every deploy target promises. */
export function describeDeployTarget(name: string, makeHarness: () => Promise<DeployTargetHarness>): void {
  describe(`${name} as a deploy target`, { timeout: 30_000 }, () => {
    afterEach(cleanUp);

    it('has nothing configured and nothing running before the first deployment', async () => {
      const { target } = await makeHarness();
      const live = await target.live('api', signal);
      expect(live.configured).toBeNull();
      expect(live.instances.filter(({ running }) => running)).toEqual([]);
    });

    it('configures a release without touching what runs', async () => {
      const { target } = await deployed(makeHarness, 'v1');
      const before = await pids(target);
      await target.restore('api', 'v2', aStep('k2'));
      expect((await target.live('api', signal)).configured).toBe('v2');
      expect(await pids(target)).toEqual(before);
    });

    it('replaces every instance by one of the configured release', async () => {
      const { target } = await deployed(makeHarness, 'v1');
      const before = await pids(target);
      await target.restore('api', 'v2', aStep('k2'));
      await target.restart('api', aStep('k2'));
      const live = await answering(target);
      expect(live.instances.map(({ release, running }) => ({ release, running }))).toEqual([
        { release: 'v2', running: true },
        { release: 'v2', running: true },
      ]);
      expect(
        (await Promise.all(live.instances.map(({ url }) => ask(url)))).map(({ release }) => release),
      ).toEqual(['v2', 'v2']);
      expect((await pids(target)).filter((pid) => before.includes(pid))).toEqual([]);
    });

    it('does not restart an instance twice for the same key', async () => {
      const { target } = await deployed(makeHarness, 'v1');
      await target.restart('api', aStep('again'));
      const first = await pids(target);
      await target.restart('api', aStep('again'));
      expect(await pids(target)).toEqual(first);
      await target.restart('api', aStep('another key'));
      expect((await pids(target)).filter((pid) => first.includes(pid))).toEqual([]);
    });

    it('starts an instance that crashed, also for a key that started it before, and only that one', async () => {
      const { target } = await deployed(makeHarness, 'v1');
      const [crashed = 0, spared] = await pids(target);
      process.kill(crashed, 'SIGKILL');
      await eventually(async () =>
        (await target.live('api', signal)).instances.some(({ running }) => !running),
      );
      await target.restart('api', aStep('deploy v1'));
      const after = await pids(target);
      expect(after).toHaveLength(2);
      expect(after).toContain(spared);
      expect(after).not.toContain(crashed);
    });

    it('restores the configured release again without harm', async () => {
      const { target } = await deployed(makeHarness, 'v1');
      await target.restore('api', 'v1', aStep('k'));
      expect((await target.live('api', signal)).configured).toBe('v1');
    });

    it('says which folder is missing or empty when a release is not restorable', async () => {
      const { target, root } = await deployed(makeHarness, 'v1');
      expect((await target.restorable('api', 'v1', signal)).restorable).toBe(true);
      const gone = await target.restorable('api', 'v0', signal);
      expect(gone.restorable).toBe(false);
      expect(gone.reason).toContain(join('api', 'releases', 'v0'));
      await mkdir(join(root, 'api', 'releases', 'v0'));
      expect((await target.restorable('api', 'v0', signal)).restorable).toBe(false);
    });

    it('refuses to restore a release that is not there, and keeps the configured one', async () => {
      const { target } = await deployed(makeHarness, 'v1');
      await expect(target.restore('api', 'v0', aStep('k'))).rejects.toThrow(/v0/);
      expect((await target.live('api', signal)).configured).toBe('v1');
    });

    it.for(['--force', '', '-rf'])('refuses the release %j', async (release) => {
      const { target } = await deployed(makeHarness, 'v1');
      await expect(target.restore('api', release, aStep('k'))).rejects.toThrow(/cannot be/);
      await expect(target.restorable('api', release, signal)).rejects.toThrow(/cannot be/);
    });

    it('does nothing for a step that is over', async () => {
      const { target } = await deployed(makeHarness, 'v1');
      const before = await pids(target);
      const over = AbortSignal.abort(new Error('the step is over'));
      await expect(target.restart('api', aStep('late', over))).rejects.toThrow('the step is over');
      await expect(target.restore('api', 'v2', aStep('late', over))).rejects.toThrow('the step is over');
      expect((await target.live('api', signal)).configured).toBe('v1');
      expect(await pids(target)).toEqual(before);
    });

    it('tells by heartbeat what it does', async () => {
      const { target } = await deployed(makeHarness, 'v1');
      const step = aStep('k');
      await target.restart('api', step);
      expect(step.heard.length).toBeGreaterThan(0);
    });
  });
}

async function deployed(
  makeHarness: () => Promise<DeployTargetHarness>,
  release: string,
): Promise<DeployTargetHarness> {
  const harness = await makeHarness();
  for (const version of ['v1', 'v2']) await layRelease(harness.root, 'api', version);
  await harness.target.restore('api', release, aStep(`deploy ${release}`));
  await harness.target.restart('api', aStep(`deploy ${release}`));
  await answering(harness.target);
  return harness;
}

async function answering(target: DeployTarget): Promise<LiveService> {
  return eventually(async () => {
    const live = await target.live('api', signal);
    const running = live.instances.filter((instance) => instance.running);
    const answers = await Promise.allSettled(running.map(({ url }) => ask(url)));
    return answers.every(({ status }) => status === 'fulfilled') && running.length > 0 ? live : null;
  });
}

/** Pids of the running instances, as they say themselves. */
async function pids(target: DeployTarget): Promise<number[]> {
  const { instances } = await answering(target);
  const running = instances.filter((instance) => instance.running);
  return Promise.all(running.map(async ({ url }) => (await ask(url)).pid));
}
