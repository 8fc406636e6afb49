import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createKubernetesGatewayTraffic } from '../../../adapters/traffic/kubernetes-gateway.ts';
import {
  createKubernetesServiceTraffic,
  type KubernetesServiceOptions,
} from '../../../adapters/traffic/kubernetes-service.ts';
import type { TrafficControl } from '../../../adapters/traffic/traffic-control.ts';
import { cleanUp, eventually } from '../../adapters/temporary.ts';
import { aBackend } from '../../adapters/traffic/backends.ts';
import { describeTrafficControl } from '../../adapters/traffic/traffic-control.contract.ts';
import { type Cluster, type Json, startCluster } from './cluster.ts';
import { createNetwork, type Network } from './network.ts';
import { leastRights } from './workloads.ts';

const signal = AbortSignal.timeout(600_000);
const version = 'app.kubernetes.io/version';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
  await cluster.api('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', await httpRouteKind());
  const listed = '/apis/gateway.networking.k8s.io/v1/httproutes';
  await eventually(async () => (await cluster.api('GET', listed).catch(() => null)) !== null);
});
afterAll(() => cluster?.stop());

/** Gateway API's own definition, from its Go module. */
async function httpRouteKind(): Promise<Json> {
  const module = process.env.TEST_GATEWAY_API;
  if (module === undefined)
    throw new Error('TEST_GATEWAY_API is not set; npm run test:integration gets Gateway API and sets it');
  const file = join(module, 'config/crd/standard/gateway.networking.k8s.io_httproutes.yaml');
  return parse(await readFile(file, 'utf8'));
}

/** Before traffic is resumed to instances the deploy target has made pods of them. */
function withPods(traffic: TrafficControl, network: Network): TrafficControl {
  return {
    ...traffic,
    async resume(service, request) {
      request.signal.throwIfAborted();
      const labels = { app: 'web', [version]: request.release };
      const instances = await Promise.all(
        request.instances.map((instance) => network.addPod(instance, labels)),
      );
      await traffic.resume(service, { ...request, instances });
    },
  };
}

async function aNetwork(
  maintenance = true,
): Promise<{ namespace: string; network: Network; kubeconfig: string }> {
  const namespace = await cluster.namespace();
  const network = createNetwork(cluster, namespace);
  if (maintenance) {
    const backend = await aBackend('maintenance', (_request, response) => {
      response.writeHead(503, { 'retry-after': '30' }).end('back soon');
    });
    await network.addPod(backend, { app: 'maintenance' });
  }
  return { namespace, network, kubeconfig: await leastRights(cluster, namespace) };
}

async function addService(namespace: string, name: string, selector: Json): Promise<() => Promise<Json>> {
  const services = `/api/v1/namespaces/${namespace}/services`;
  await cluster.api('POST', services, { metadata: { name }, spec: { selector, ports: [{ port: 80 }] } });
  return () => cluster.api('GET', `${services}/${name}`);
}

async function aService(selector: Json, options: Partial<KubernetesServiceOptions> = {}) {
  const { namespace, network, kubeconfig } = await aNetwork(options.maintenance !== undefined);
  const read = await addService(namespace, 'web', selector);
  const traffic = createKubernetesServiceTraffic({ kubeconfig, namespace, service: 'web', ...options });
  return {
    namespace,
    network,
    read,
    traffic: withPods(traffic, network),
    url: await network.serviceUrl('web'),
  };
}

describeTrafficControl(
  'kubernetes-service',
  () => aService({ app: 'web', [version]: 'v0' }, { maintenance: { app: 'maintenance' } }),
  { fixedPage: true, standInNetwork: true },
);

async function aRoute(weights: readonly number[] = [1, 0, 0]) {
  const { namespace, network, kubeconfig } = await aNetwork();
  const names = ['web-v1', 'web-v2', 'back-soon'];
  for (const release of ['v1', 'v2'])
    await addService(namespace, `web-${release}`, { app: 'web', [version]: release });
  await addService(namespace, 'back-soon', { app: 'maintenance' });
  const routes = `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/httproutes`;
  const backendRefs = names.map((name, index) => ({ name, port: 80, weight: weights[index] }));
  await cluster.api('POST', routes, {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'shop' },
    spec: { parentRefs: [{ name: 'edge' }], rules: [{ backendRefs }] },
  });
  const options = { kubeconfig, namespace, route: 'shop', maintenance: 'back-soon' };
  return {
    namespace,
    network,
    options,
    read: () => cluster.api('GET', `${routes}/shop`),
    traffic: withPods(createKubernetesGatewayTraffic(options), network),
    url: await network.routeUrl('shop'),
  };
}

describeTrafficControl('kubernetes-gateway', () => aRoute(), {
  fixedPage: true,
  withoutReleases: true,
  standInNetwork: true,
});

const stop = { reason: 'going back to v0', retryAfterSeconds: 30, signal };
const resumeTo = async (release: string) => ({ release, instances: [await aBackend(release)], signal });

describe('kubernetes-service', { timeout: 30_000 }, () => {
  afterEach(cleanUp);

  it('refuses connections in maintenance where nobody is to answer, and gives the selector back', async () => {
    const { traffic, url, read } = await aService({ app: 'web' });
    await traffic.resume('api', await resumeTo('v1'));
    expect(await (await fetch(url)).text()).toBe('v1');
    await traffic.stop('api', stop);
    await expect(fetch(url)).rejects.toThrow('fetch failed');
    const stopped = await read();
    expect(stopped.metadata.annotations).toMatchObject({
      'rollback-orchestrator/selector': '{"app":"web"}',
      'rollback-orchestrator/maintenance': 'going back to v0',
    });
    await traffic.resume('api', await resumeTo('v1'));
    const resumed = await read();
    expect(resumed.spec.selector).toEqual({ app: 'web' });
    expect(resumed.metadata.annotations ?? {}).toEqual({});
  });

  it('never puts a release into a selector that named none: the next one would get no traffic', async () => {
    const { traffic, read } = await aService({ app: 'web' });
    await traffic.resume('api', await resumeTo('v1'));
    expect((await read()).spec.selector).toEqual({ app: 'web' });
    expect(await traffic.state('api', signal)).toEqual({ maintenance: false, weights: {} });
  });

  it('says that it does not know the way back when its note is gone', async () => {
    const { traffic, namespace } = await aService({ app: 'web' });
    await traffic.stop('api', stop);
    const annotations = { 'rollback-orchestrator/selector': null };
    const path = `/api/v1/namespaces/${namespace}/services/web`;
    await cluster.api('PATCH', path, { metadata: { annotations } }, 'application/merge-patch+json');
    await expect(traffic.resume('api', await resumeTo('v1'))).rejects.toThrow(
      /is gone: set its selector by hand/,
    );
  });

  it('waits for the pods to be behind it, and says which are not', async () => {
    const { traffic, network } = await aService({ app: 'web' }, { inForceWithinMs: 500 });
    const stranger = await network.addPod(await aBackend('other'), { app: 'other' });
    await expect(traffic.resume('api', { release: 'v1', instances: [stranger], signal })).rejects.toThrow(
      `service/web is not in force after 0.5 s: it does not send to ${stranger.id}`,
    );
  });

  it('is checked for its rights and for somebody who answers in maintenance', async () => {
    const { traffic, namespace } = await aService({ app: 'web' }, { maintenance: { app: 'maintenance' } });
    expect(((await traffic.checks?.('api', signal)) ?? []).filter(({ ok }) => !ok)).toEqual([]);
    const kubeconfig = await leastRights(
      cluster,
      namespace,
      ({ resources }) => !resources.includes('services'),
    );
    const options = { kubeconfig, namespace, service: 'web', maintenance: { app: 'nobody' } };
    const less = (await createKubernetesServiceTraffic(options).checks?.('api', signal)) ?? [];
    expect(less.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual([
      'may get services web',
      'may patch services web',
    ]);
  });

  it('says that there is no such Service', async () => {
    const { namespace, kubeconfig } = await aNetwork(false);
    const traffic = createKubernetesServiceTraffic({ kubeconfig, namespace, service: 'web' });
    await expect(traffic.stop('api', stop)).rejects.toThrow(
      `there is no service/web in namespace ${namespace}`,
    );
  });
});

describe('kubernetes-gateway', { timeout: 30_000 }, () => {
  afterEach(cleanUp);
  const weightsOf = (route: Json) => route.spec.rules[0].backendRefs.map(({ weight }: Json) => weight);

  it('gives the backend of the release the weight that it had', async () => {
    const { traffic, read } = await aRoute([70, 30, 0]);
    await traffic.stop('api', stop);
    expect(weightsOf(await read())).toEqual([0, 0, 100]);
    await traffic.resume('api', await resumeTo('v1'));
    expect(weightsOf(await read())).toEqual([70, 0, 0]);
    expect((await read()).metadata.annotations ?? {}).toEqual({});
  });

  it('needs a backend for maintenance: Gateway API has no answer of its own', async () => {
    const { options } = await aRoute();
    const traffic = createKubernetesGatewayTraffic({ ...options, maintenance: 'nobody' });
    await expect(traffic.stop('api', stop)).rejects.toThrow(
      'no rule of httproute/shop has the backend nobody: add it to each with weight 0',
    );
  });

  it('says when no gateway takes the change', async () => {
    const { options, namespace } = await aRoute();
    const routes = `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/httproutes`;
    const backendRefs = [{ name: 'back-soon', port: 80, weight: 0 }];
    await cluster.api('POST', routes, {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'alone' },
      spec: { rules: [{ backendRefs }] },
    });
    const traffic = createKubernetesGatewayTraffic({ ...options, route: 'alone', inForceWithinMs: 400 });
    await expect(traffic.stop('api', stop)).rejects.toThrow(
      'httproute/alone is not in force after 0.4 s: no gateway has accepted it',
    );
  });
});
