import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openWatch } from '../../activities/open-watch.ts';
import { openStore, type Store } from '../../adapters/store/store.ts';
import { noTotals } from '../../domain/baseline.ts';
import type { DeploymentOrigin } from '../../domain/deployment.ts';
import { defaultPolicy } from '../../domain/policy.ts';
import { noCounts } from '../../domain/sample.ts';
import { aDeployment, aTick, aWatch, shop } from '../adapters/store/builders.ts';
import { afterwards, cleanUp, temporaryFolder } from '../adapters/temporary.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const nowMs = Date.UTC(2026, 2, 1, 3);

describe('what a new watch compares with', () => {
  let store: Store;
  beforeEach(async () => {
    store = await openStore(join(await temporaryFolder(), 'store.db'));
    afterwards(() => store.close());
  });
  afterEach(cleanUp);

  it('is what last known good showed over all of its watch', async () => {
    await served('v1', { hoursAgo: 48, requests: 800, errors: 2 });
    await served('v2', { hoursAgo: 24, requests: 9_000, errors: 3 });
    expect(await references('v3')).toEqual([
      {
        kind: 'last_known_good',
        label: 'v2',
        requests: 9_000,
        errors: 3,
        durationMs: hourMs,
        latency: { boundsMs: [100], counts: [8_000, 1_000] },
      },
    ]);
  });

  it('is no release that is quarantined, was too short live, or is the one that is watched', async () => {
    await served('v1', { hoursAgo: 96 });
    await served('v2', { hoursAgo: 72 });
    await store.releases.set(shop, {
      service: 'web',
      release: 'v2',
      standing: 'quarantined',
      author: 'ana',
      reason: 'leaks',
      atMs: nowMs,
    });
    await served('v3', { hoursAgo: 48, goodMs: 5 * minuteMs });
    await served('v4', { hoursAgo: 24 });
    expect(await references('v4')).toMatchObject([{ kind: 'last_known_good', label: 'v1' }]);
  });

  it('is an older good release where the newest one saw no traffic', async () => {
    await served('v1', { hoursAgo: 48, requests: 800 });
    await served('v2', { hoursAgo: 24, requests: 0 });
    expect(await references('v3')).toMatchObject([{ label: 'v1', requests: 800 }]);
  });

  it('is also the minutes just before the deployment, as the previous deployment saw them', async () => {
    const previous = await served('v1', { hoursAgo: 24, goodMs: 0 });
    const tick = (minutesAgo: number, service = 'web', kind: 'sample' | 'blind' | 'gap' = 'sample') => {
      const { sample } = aTick(nowMs - minutesAgo * minuteMs);
      return { service, kind, sample: { ...sample, ...noCounts, requests: 100, errors: 1 } };
    };
    await store.watches.record(previous, aWatch(nowMs), [
      ...[6, 4, 3, 1].map((minutesAgo) => tick(minutesAgo)),
      tick(3, 'jobs'),
      tick(2, 'web', 'gap'),
      // It was measured after the new release had come.
      tick(-1),
    ]);
    expect(await references('v2')).toEqual([
      {
        kind: 'before_deployment',
        label: 'the minutes before the deployment',
        requests: 300,
        errors: 3,
        durationMs: 3 * minuteMs,
        latency: null,
      },
    ]);
  });

  it('is nothing where nothing is known', async () => {
    expect(await references('v1')).toEqual([]);
    await store.deployments.register(aDeployment('unwatched', { deployedAtMs: nowMs - hourMs }));
    expect(await references('v3')).toEqual([]);
  });

  it('is, for a restored release, that release itself', async () => {
    await served('v1', { hoursAgo: 48, requests: 800 });
    await served('v2', { hoursAgo: 24, requests: 9_000 });
    expect(await references('v1', 'rollback')).toMatchObject([
      { kind: 'last_known_good', label: 'v1', requests: 800 },
    ]);
    // The same release deployed again by a pipeline is compared with another one.
    expect(await references('v1', 'reported')).toMatchObject([{ label: 'v2', requests: 9_000 }]);
  });

  /** A release that was deployed, watched without a breach for a while, and saw so much traffic meanwhile. */
  async function served(
    release: string,
    { hoursAgo, goodMs = hourMs, requests = 1_000, errors = 0 }: Served,
  ): Promise<typeof shop & { deployment: string }> {
    const key = { ...shop, deployment: `deploy-${release}` };
    const services = [{ service: 'web', release }];
    const deployedAtMs = nowMs - hoursAgo * hourMs;
    await store.deployments.register(aDeployment(key.deployment, { services, deployedAtMs }));
    await store.deployments.setGood(key, goodMs);
    const latency = { boundsMs: [100], counts: [8_000, 1_000] };
    const good = { ...noTotals, requests, errors, durationMs: hourMs, latency };
    const state = aWatch(deployedAtMs + hourMs);
    const watched = state.services.map((service) => ({ ...service, release, good }));
    await store.watches.record(key, { ...state, services: watched }, []);
    return key;
  }

  /** Of the watch of a release that is deployed now. */
  async function references(release: string, origin: DeploymentOrigin = 'reported') {
    const key = { ...shop, deployment: 'deploy-now' };
    const services = [{ service: 'web', release }];
    const opening = { key, services, origin, deployedAtMs: nowMs, neighbours: [] };
    const watch = await openWatch(store, opening, defaultPolicy);
    return watch.services[0]?.references;
  }
});

interface Served {
  readonly hoursAgo: number;
  readonly goodMs?: number;
  readonly requests?: number;
  readonly errors?: number;
}
