import { ofProduct } from '../adapters/store/deployments.ts';
import type { Store } from '../adapters/store/store.ts';
import type { ServiceRelease } from '../domain/deployment.ts';
import type { DeploymentKey } from '../domain/identity.ts';
import { rollbackCandidates } from '../domain/last-known-good.ts';
import type { RollbackPlan, RollbackSettings } from '../domain/rollback.ts';
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
  const services = deployment.services.map(({ service, release }) => ({
    service,
    release,
    ...rollbackCandidates({
      service,
      current: release,
      deployments: history.filter((entry) => entry.deployment !== deployment.key.deployment),
      standings,
      goodAfterMs: setup.policy.monitoring.goodAfterMs,
    }),
  }));
  return { services: services.reverse(), settings: rollbackSettings(setup) };
}

export function rollbackSettings(setup: ProductSetup): RollbackSettings {
  return {
    policyVersion: setup.policyVersion,
    rollback: setup.policy.rollback,
    escalation: setup.policy.escalation,
    checkIntervalMs: setup.policy.monitoring.checkIntervalMs,
    blindAlertMs: setup.policy.monitoring.blindAlertMs,
    blindEscalateMs: setup.policy.monitoring.blindEscalateMs,
    targetQueue: setup.targetQueue,
  };
}
