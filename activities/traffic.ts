import { Context } from '@temporalio/activity';
import type { ProductKey } from '../domain/identity.ts';
import { type Instance, liveReleases } from '../domain/live.ts';
import type { Move } from '../domain/rollback.ts';
import type { Dependencies, ServiceSetup } from './dependencies.ts';
import { serviceSetup } from './service-setup.ts';
import { messageOf } from './within.ts';

export function createTrafficActivities({ catalog }: Dependencies) {
  return {
    /** Maintenance mode for every service that has a traffic control. */
    async stopTraffic(
      key: ProductKey,
      services: string[],
      page: { readonly reason: string; readonly retryAfterSeconds: number },
    ): Promise<{ detail: string; controlled: boolean }> {
      const setup = await catalog.setup(key);
      const controlled: string[] = [];
      for (const service of services) {
        const { traffic } = serviceSetup(setup, service);
        if (traffic === null) continue;
        await traffic.stop(service, { ...page, signal: Context.current().cancellationSignal });
        controlled.push(service);
      }
      return controlled.length === 0
        ? { detail: uncontrolled, controlled: false }
        : { detail: `Maintenance mode ON for ${controlled.join(', ')}`, controlled: true };
    },

    /** Ends maintenance: all traffic goes to the instances that run the given release. */
    async resumeTraffic(key: ProductKey, releases: Pick<Move, 'service' | 'to' | 'way'>[]): Promise<string> {
      const setup = await catalog.setup(key);
      const controlled: string[] = [];
      for (const { service, to } of releases) {
        const reach = serviceSetup(setup, service);
        if (reach.traffic === null) continue;
        await resume(reach, await runningInstances(reach), to);
        controlled.push(service);
      }
      if (controlled.length === 0) return uncontrolled;
      const names = releases.map(({ service, to }) => (releases.length === 1 ? to : `${service} ${to}`));
      return releases.every(({ way }) => way === 'shift')
        ? `Traffic moved to ${names.join(', ')}`
        : 'Maintenance mode OFF';
    },

    /** Ends maintenance with things as they are: traffic goes to whatever runs, the configured release before others. */
    async resumeAsIs(key: ProductKey, services: string[]): Promise<string> {
      const setup = await catalog.setup(key);
      const resumed: string[] = [];
      for (const service of services) {
        const reach = serviceSetup(setup, service);
        if (reach.traffic === null) continue;
        const { configured } = await reach.target.live(service, Context.current().cancellationSignal);
        const running = await runningInstances(reach);
        const preferred = running.find(({ release }) => release === configured) ?? running[0];
        const release = preferred?.release ?? configured ?? 'unknown';
        await resume(reach, running, release);
        resumed.push(`${service} to ${release}`);
      }
      return resumed.length === 0 ? uncontrolled : `Maintenance mode OFF, traffic of ${resumed.join(', ')}`;
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

const uncontrolled = 'no traffic control is configured';

async function runningInstances({ service, target }: ServiceSetup): Promise<Instance[]> {
  const live = await target.live(service, Context.current().cancellationSignal);
  return live.instances.filter((instance) => instance.running);
}

async function resume(
  { service, traffic }: ServiceSetup,
  running: readonly Instance[],
  release: string,
): Promise<void> {
  const instances = running.filter((instance) => instance.release === release);
  if (instances.length === 0) throw new Error(`no running instance of ${service} runs ${release}`);
  await traffic?.resume(service, { release, instances, signal: Context.current().cancellationSignal });
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
