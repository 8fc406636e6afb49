import { Context } from '@temporalio/activity';
import type { ServiceRelease } from '../domain/deployment.ts';
import type { DeploymentKey } from '../domain/identity.ts';
import type { LiveService } from '../domain/live.ts';
import { missingReadiness } from '../domain/readiness.ts';
import { isReadinessDue, type ReadinessSeen, type WatchState } from '../domain/watch.ts';
import type { Dependencies, ProductSetup } from './dependencies.ts';
import { lookAtReadiness } from './look-at-readiness.ts';
import { readRollbackPlan } from './rollback-plan.ts';
import { within } from './within.ts';

/** The attempt has to end in time: whatever takes longer would keep a rollback waiting, too. */
const patienceMs = 15_000;
const storePatienceMs = 2_000;

interface Watched {
  readonly key: DeploymentKey;
  readonly services: readonly ServiceRelease[];
}

/**
 * Whether a rollback of the watched deployment would work, looked at on deployment and then hourly; `null` when it is not time.
 * What was found is kept for whoever asks, with how each release is put there. The store being away says nothing of the way back.
 */
export async function lookAtWayBack(
  { store, clock }: Dependencies,
  { key, services }: Watched,
  setup: ProductSetup,
  state: WatchState,
): Promise<ReadinessSeen | null> {
  const atMs = await clock.now();
  if (!isReadinessDue(state, atMs, setup.policy.monitoring.checkIntervalMs)) return null;
  const patient = <Result>(work: () => Promise<Result>) => within(storePatienceMs, 'the store', work);
  const plan = await patient(() => readRollbackPlan(store, setup, { key, services })).catch(() => null);
  if (plan === null) return null;
  const signal = AbortSignal.any([Context.current().cancellationSignal, AbortSignal.timeout(patienceMs)]);
  const look = await within(patienceMs, 'the way back', () =>
    lookAtReadiness({ store, key, setup, plan, atMs, signal }),
  ).catch(() => null);
  if (look === null)
    return { atMs, missing: `the way back could not be looked at within ${patienceMs / 1_000} s` };
  const { readiness, live } = look;
  await patient(async () => {
    await store.wayBack.saveReadiness(key, readiness);
    for (const recipe of recipesOf(services, live)) await store.wayBack.keepRecipe(key, { ...recipe, atMs });
  }).catch(() => undefined);
  return { atMs, missing: missingReadiness(readiness) };
}

/** A recipe is that of the configured release: one that is not ours any more must not be kept under our name. */
function recipesOf(services: readonly ServiceRelease[], live: Readonly<Record<string, LiveService>>) {
  return services.flatMap(({ service, release }) => {
    const found = live[service];
    if (found?.recipe === undefined || found.configured !== release) return [];
    return [{ service, release, recipe: found.recipe }];
  });
}
