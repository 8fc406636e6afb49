import { Context } from '@temporalio/activity';
import type { ProductKey } from '../domain/identity.ts';
import type { Dependencies } from './dependencies.ts';
import { serviceSetup } from './service-setup.ts';

export function createTrafficActivities({ catalog }: Dependencies) {
  return {
    /** Maintenance mode for every service that has a traffic control. Returns the time at which it was in force. */
    async stopTraffic(key: ProductKey, services: string[], reason: string): Promise<string> {
      const setup = await catalog.setup(key);
      const controlled: string[] = [];
      for (const service of services) {
        const { traffic } = serviceSetup(setup, service);
        if (traffic === null) continue;
        await traffic.stop(service, {
          reason,
          retryAfterSeconds: setup.policy.rollback.retryAfterSeconds,
          signal: Context.current().cancellationSignal,
        });
        controlled.push(service);
      }
      return controlled.length === 0
        ? 'no traffic control is configured'
        : `Maintenance mode ON for ${controlled.join(', ')}`;
    },

    /** Ends maintenance: all traffic goes to the instances that run the given release. */
    async resumeTraffic(key: ProductKey, releases: { service: string; to: string }[]): Promise<string> {
      const setup = await catalog.setup(key);
      const signal = Context.current().cancellationSignal;
      const controlled: string[] = [];
      for (const { service, to } of releases) {
        const { traffic, target } = serviceSetup(setup, service);
        if (traffic === null) continue;
        const live = await target.live(service, signal);
        const instances = live.instances.filter((instance) => instance.running && instance.release === to);
        if (instances.length === 0) throw new Error(`no running instance of ${service} runs ${to}`);
        await traffic.resume(service, { release: to, instances, signal });
        controlled.push(service);
      }
      return controlled.length === 0 ? 'no traffic control is configured' : 'Maintenance mode OFF';
    },

    async describeTraffic(key: ProductKey, services: string[]): Promise<string> {
      const setup = await catalog.setup(key);
      const states = await Promise.all(
        services.map(async (service) => {
          const { traffic } = serviceSetup(setup, service);
          if (traffic === null) return `${service}: no traffic control`;
          const state = await traffic.state(service, Context.current().cancellationSignal);
          if (state.maintenance) return `${service}: in maintenance`;
          const weights = Object.entries(state.weights).map(([release, weight]) => `${release} ${weight} %`);
          return `${service}: traffic to ${weights.join(', ') || 'its instances'}`;
        }),
      );
      return states.join('; ');
    },
  };
}
