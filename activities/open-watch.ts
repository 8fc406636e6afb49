import { ofProduct } from '../adapters/store/deployments.ts';
import type { Store } from '../adapters/store/store.ts';
import { addToTotals, asReference, noTotals } from '../domain/baseline.ts';
import {
  type Deployment,
  type DeploymentOrigin,
  releaseOf,
  type ServiceRelease,
} from '../domain/deployment.ts';
import type { Reference } from '../domain/detection/reference.ts';
import type { DeploymentKey, ProductKey } from '../domain/identity.ts';
import { type ReleaseStanding, rollbackCandidates } from '../domain/last-known-good.ts';
import type { Policy } from '../domain/policy.ts';
import { newWatch, type WatchState } from '../domain/watch.ts';
import { learnFromStore } from './learn-habits.ts';

interface Opening {
  readonly key: DeploymentKey;
  readonly services: readonly ServiceRelease[];
  readonly origin: DeploymentOrigin;
  readonly deployedAtMs: number;
  readonly neighbours: readonly ProductKey[];
}

/** A new watch with what it will be compared with: last known good, and the minutes before the deployment. */
export async function openWatch(store: Store, opening: Opening, policy: Policy): Promise<WatchState> {
  const history = await store.deployments.list(ofProduct(opening.key, 50));
  const earlier = history.filter((deployment) => deployment.deployment !== opening.key.deployment);
  const services = await Promise.all(
    opening.services.map(async ({ service, release }) => ({
      service,
      release,
      references: await referencesFor(store, { ...opening, service, release }, earlier, policy),
      calibration: await learnFromStore(
        store,
        {
          ...opening.key,
          service,
          label: labelOf(earlier[0], service),
          untilMs: opening.deployedAtMs,
          neighbours: opening.neighbours,
        },
        policy,
      ),
    })),
  );
  return newWatch(services);
}

/** How sentences call what was before: `v2.4.0 at this hour`. */
function labelOf(previous: Deployment | undefined, service: string): string {
  const release = previous === undefined ? null : releaseOf(previous, service);
  return `${release ?? 'before'} at this hour`;
}

async function referencesFor(
  store: Store,
  watched: Opening & ServiceRelease,
  earlier: readonly Deployment[],
  policy: Policy,
): Promise<Reference[]> {
  const standings = await store.releases.list(watched.key);
  const good = await goodReference(store, watched, earlier, standings, policy);
  const before = await minutesBefore(store, watched, earlier[0], policy);
  return [good, before].filter((reference) => reference !== null);
}

/** What last known good showed over all of its breach-free watch; a restored release is compared with itself. */
export async function goodReference(
  store: Store,
  watched: ServiceRelease & Pick<Opening, 'origin'>,
  earlier: readonly Deployment[],
  standings: readonly ReleaseStanding[],
  policy: Policy,
): Promise<Reference | null> {
  const releases =
    watched.origin === 'rollback'
      ? [watched.release]
      : rollbackCandidates({
          service: watched.service,
          current: watched.release,
          deployments: earlier,
          standings,
          goodAfterMs: policy.monitoring.goodAfterMs,
        }).candidates.map((candidate) => candidate.release);
  for (const release of releases) {
    for (const deployment of earlier) {
      if (releaseOf(deployment, watched.service) !== release) continue;
      const watch = await store.watches.read(deployment);
      const totals = watch?.services.find((entry) => entry.service === watched.service)?.good;
      if (totals !== undefined && totals.requests > 0) return asReference(totals, 'last_known_good', release);
    }
  }
  return null;
}

/** The minutes just before the deployment, as the previous deployment's monitor saw them. */
async function minutesBefore(
  store: Store,
  watched: Opening & ServiceRelease,
  previous: Deployment | undefined,
  policy: Policy,
): Promise<Reference | null> {
  if (previous === undefined) return null;
  const range = {
    sinceMs: watched.deployedAtMs - policy.monitoring.baselineWindowMs,
    untilMs: watched.deployedAtMs,
  };
  const ticks = await store.watches.samples(previous, range);
  const totals = ticks
    .filter(
      (tick) => tick.service === watched.service && tick.kind === 'sample' && tick.sample.durationMs > 0,
    )
    .reduce((sum, tick) => addToTotals(sum, tick.sample), noTotals);
  if (totals.requests === 0) return null;
  return asReference(totals, 'before_deployment', 'the minutes before the deployment');
}
