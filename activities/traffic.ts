import { Context } from '@temporalio/activity';
import type { ProductKey } from '../domain/identity.ts';
import { liveReleases } from '../domain/live.ts';
import type { Dependencies, ServiceSetup } from './dependencies.ts';
import { serviceSetup } from './service-setup.ts';
import { messageOf } from './within.ts';

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

    /** What is live and where traffic goes, in a sentence for people; what does not answer is said to be unknown. */
    async describeState(key: ProductKey, services: string[]): Promise<string> {
      const setup = await catalog.setup(key);
      const { cancellationSignal } = Context.current();
      const states = services.map(async (service) => {
        const reach = serviceSetup(setup, service);
        const live = await liveSentence(reach, cancellationSignal).catch(unknown('live release'));
        const traffic = await trafficSentence(reach, cancellationSignal).catch(unknown('traffic state'));
        return `${service}: ${live}, ${traffic}`;
      });
      return (await Promise.all(states)).join('; ');
    },
  };
}

async function liveSentence({ service, target }: ServiceSetup, signal: AbortSignal): Promise<string> {
  const live = await target.live(service, signal);
  const running = live.instances.filter((instance) => instance.running).length;
  const releases = liveReleases(live).join(' and ') || 'no release';
  return `${releases} is live (${running} of ${live.instances.length} instances running)`;
}

async function trafficSentence({ service, traffic }: ServiceSetup, signal: AbortSignal): Promise<string> {
  if (traffic === null) return 'no traffic control';
  const state = await traffic.state(service, signal);
  if (state.maintenance) return 'in maintenance';
  const weights = Object.entries(state.weights).map(([release, weight]) => `${release} ${weight} %`);
  return `traffic to ${weights.join(', ') || 'its instances'}`;
}

function unknown(what: string): (error: unknown) => string {
  return (error) => `${what} unknown (${messageOf(error)})`;
}
