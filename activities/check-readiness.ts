import { Context } from '@temporalio/activity';
import type { ServiceRelease } from '../domain/deployment.ts';
import type { ProductKey } from '../domain/identity.ts';
import type { Readiness } from '../domain/readiness.ts';
import type { Dependencies } from './dependencies.ts';
import { lookAtReadiness } from './look-at-readiness.ts';
import { readRollbackPlan } from './rollback-plan.ts';

/** No deployment is called so: what shall be deployed has none yet. */
const notDeployed = '';

export function createReadinessActivities({ store, catalog, clock }: Dependencies) {
  return {
    /** Looks at the way back that there would be after a deployment of these releases. */
    async checkReadiness(key: ProductKey, services: ServiceRelease[]): Promise<Readiness> {
      const setup = await catalog.setup(key);
      const plan = await readRollbackPlan(store, setup, {
        key: { ...key, deployment: notDeployed },
        services,
      });
      const signal = Context.current().cancellationSignal;
      const atMs = await clock.now();
      const { readiness } = await lookAtReadiness({ store, key, setup, plan, atMs, signal });
      return readiness;
    },
  };
}
