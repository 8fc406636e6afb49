import { ofProduct } from '../adapters/store/deployments.ts';
import type { Store } from '../adapters/store/store.ts';
import type { ServiceRelease } from '../domain/deployment.ts';
import type { DeploymentKey } from '../domain/identity.ts';
import { rollbackCandidates } from '../domain/last-known-good.ts';
import { type RollbackPlan, type RollbackSettings, usualSwitchMs } from '../domain/rollback.ts';
import type { ProductSetup } from './dependencies.ts';

/** How far back last known good is looked for. */
const deploymentsLookedAt = 200;

/** Where each service of the deployment may go back to, and by which policy. */
export async function readRollbackPlan(
  store: Store,
  setup: ProductSetup,
  deployment: { readonly key: DeploymentKey; readonly services: readonly ServiceRelease[] },
): Promise<RollbackPlan> {
  const history = await store.deployments.list(ofProduct(deployment.key, deploymentsLookedAt));
  const standings = await store.releases.list(deployment.key);
  const { floors = {} } = await store.products.read(deployment.key);
  const services = deployment.services.map(({ service, release }) => {
    const { candidates, rejected } = rollbackCandidates({
      service,
      current: release,
      deployments: history.filter((entry) => entry.deployment !== deployment.key.deployment),
      standings,
      goodAfterMs: setup.policy.monitoring.goodAfterMs,
      floor: floors[service],
    });
    const configured = setup.services.find((entry) => entry.service === service);
    const stepTimeoutMs = configured?.stepTimeoutMs ?? setup.policy.rollback.stepTimeoutMs;
    const barred = rejected.filter((entry) => entry.barred === true).map((entry) => entry.release);
    const shown = rejected
      .slice(0, rejectedKept)
      .map(({ release: name, reason }) => ({ release: name, reason }));
    const way = configured?.way ?? 'replace';
    const switchMs = configured?.switchMs ?? usualSwitchMs;
    return { service, release, candidates, rejected: shown, barred, stepTimeoutMs, way, switchMs };
  });
  return { services: services.reverse(), settings: rollbackSettings(setup) };
}

/** Passed over releases beyond these would fill the workflow's history; people read the first ones. */
const rejectedKept = 20;

function rollbackSettings({ policyVersion, policy, targetQueue }: ProductSetup): RollbackSettings {
  return { policyVersion, policy, targetQueue };
}
