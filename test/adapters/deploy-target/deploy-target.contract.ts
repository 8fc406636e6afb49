import { afterEach, describe, expect, it } from 'vitest';
import type { DeployTarget } from '../../../adapters/deploy-target/deploy-target.ts';
import type { Instance, LiveService } from '../../../domain/live.ts';
import { cleanUp, eventually } from '../temporary.ts';
import { aStep } from './sample-service.ts';

/** What an instance says of itself, asked past the target. */
export interface Self {
  /** Differs between an instance and the one that replaces it: a pid, a pod's uid. */
  readonly identity: string;
  readonly release: string;
}

/** A target with the service `api` in two instances, where nothing was deployed yet, and what the platform behind it can tell. */
export interface DeployTargetHarness {
  readonly target: DeployTarget;
  /** Whether `restore` alone already has the platform replace what runs. */
  readonly restoreRollsOut: boolean;
  /** Makes a release known, so that it can be restored: lays its folder, has it run once, registers it. */
  lay(release: string): Promise<void>;
  /** Something of that name is there, and no release. Absent: nothing of the kind is possible. */
  layUnusable?(release: string): Promise<void>;
  /** What the reason must name when a release that was never laid is not restorable. */
  missing(release: string): string;
  whoIs(instance: Instance): Promise<Self>;
  /** Ends one instance from outside; returns when the platform has noticed. */
  crash(identity: string): Promise<void>;
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

    it('configures a release, and touches what runs only where the platform rolls out by itself', async () => {
      const harness = await deployed(makeHarness, 'v1');
      const { target, restoreRollsOut } = harness;
      const before = await identities(harness);
      await target.restore('api', 'v2', aStep('k2'));
      expect((await target.live('api', signal)).configured).toBe('v2');
      if (!restoreRollsOut) expect(await identities(harness)).toEqual(before);
    });

    it('replaces every instance by one of the configured release', async () => {
      const harness = await deployed(makeHarness, 'v1');
      const { target, whoIs } = harness;
      const before = await identities(harness);
      await target.restore('api', 'v2', aStep('k2'));
      await target.restart('api', aStep('k2'));
      const live = await answering(harness);
      expect(live.instances.map(({ release, running }) => ({ release, running }))).toEqual([
        { release: 'v2', running: true },
        { release: 'v2', running: true },
      ]);
      expect((await Promise.all(live.instances.map(whoIs))).map(({ release }) => release)).toEqual([
        'v2',
        'v2',
      ]);
      expect((await identities(harness)).filter((identity) => before.includes(identity))).toEqual([]);
    });

    it('does not restart an instance twice for the same key', async () => {
      const harness = await deployed(makeHarness, 'v1');
      const { target } = harness;
      const before = await identities(harness);
      await target.restart('api', aStep('again'));
      const first = await identities(harness);
      expect(first.filter((identity) => before.includes(identity))).toEqual([]);
      await target.restart('api', aStep('again'));
      expect(await identities(harness)).toEqual(first);
      await target.restart('api', aStep('another key'));
      expect((await identities(harness)).filter((identity) => first.includes(identity))).toEqual([]);
    });

    it('starts an instance that crashed, also for a key that started it before, and only that one', async () => {
      const harness = await deployed(makeHarness, 'v1');
      const [crashed = '', spared] = await identities(harness);
      await harness.crash(crashed);
      await harness.target.restart('api', aStep('deploy v1'));
      const after = await identities(harness);
      expect(after).toHaveLength(2);
      expect(after).toContain(spared);
      expect(after).not.toContain(crashed);
    });

    it('restores the configured release again without harm', async () => {
      const { target } = await deployed(makeHarness, 'v1');
      await target.restore('api', 'v1', aStep('k'));
      expect((await target.live('api', signal)).configured).toBe('v1');
    });

    it('says what is missing when a release is not restorable', async () => {
      const { target, missing, layUnusable } = await deployed(makeHarness, 'v1');
      expect((await target.restorable('api', 'v1', signal)).restorable).toBe(true);
      const gone = await target.restorable('api', 'v0', signal);
      expect(gone.restorable).toBe(false);
      expect(gone.reason).toContain(missing('v0'));
      if (layUnusable === undefined) return;
      await layUnusable('v0');
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
      const harness = await deployed(makeHarness, 'v1');
      const { target } = harness;
      const before = await identities(harness);
      const over = AbortSignal.abort(new Error('the step is over'));
      await expect(target.restart('api', aStep('late', over))).rejects.toThrow('the step is over');
      await expect(target.restore('api', 'v2', aStep('late', over))).rejects.toThrow('the step is over');
      expect((await target.live('api', signal)).configured).toBe('v1');
      expect(await identities(harness)).toEqual(before);
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
  for (const version of ['v1', 'v2']) await harness.lay(version);
  await harness.target.restore('api', release, aStep(`deploy ${release}`));
  await harness.target.restart('api', aStep(`deploy ${release}`));
  await answering(harness);
  return harness;
}

/** What is live once every running instance answers for itself. */
async function answering({ target, whoIs }: DeployTargetHarness): Promise<LiveService> {
  return eventually(async () => {
    const live = await target.live('api', signal);
    const running = live.instances.filter((instance) => instance.running);
    const answers = await Promise.allSettled(running.map(whoIs));
    return answers.every(({ status }) => status === 'fulfilled') && running.length > 0 ? live : null;
  });
}

/** Of the running instances, as they say themselves. */
async function identities(harness: DeployTargetHarness): Promise<string[]> {
  const { instances } = await answering(harness);
  const running = instances.filter((instance) => instance.running);
  return Promise.all(running.map(async (instance) => (await harness.whoIs(instance)).identity));
}
