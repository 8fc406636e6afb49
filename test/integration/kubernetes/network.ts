import { createServer, type ServerResponse } from 'node:http';
import type { Instance } from '../../../domain/live.ts';
import { afterwards, eventually } from '../../adapters/temporary.ts';
import { listenOn } from '../../adapters/traffic/backends.ts';
import type { Cluster, Json } from './cluster.ts';

/**
 * What kube-proxy and a gateway do, as far as these tests go: requests follow the EndpointSlices that the real controllers write. The
 * addresses of the pods are made up, and stand for servers of the test.
 */
export interface Network {
  /** A pod with these labels that stands for the instance; as the deploy target would tell of it. */
  addPod(instance: Instance, labels: Readonly<Record<string, string>>): Promise<Instance>;
  /** Where users of a Service come in. */
  serviceUrl(service: string): Promise<string>;
  /** Where users of an HTTPRoute come in; the gateway takes its changes as they come. */
  routeUrl(route: string): Promise<string>;
}

export function createNetwork(cluster: Cluster, namespace: string): Network {
  const servers = new Map<string, string>();
  const pods = `/api/v1/namespaces/${namespace}/pods`;

  const listen = async (pick: () => Promise<string | null>): Promise<string> => {
    const server = createServer((_request, response) => void forward(pick, response));
    return `http://127.0.0.1:${await listenOn(server)}`;
  };
  const pickOf = async (service: string): Promise<string | null> => {
    const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
    const { items } = await cluster.api(
      'GET',
      `${slices}?labelSelector=kubernetes.io%2Fservice-name%3D${service}`,
    );
    const ready = items
      .flatMap(({ endpoints }: Json) => endpoints ?? [])
      .filter(({ conditions }: Json) => conditions.ready);
    const addresses: string[] = ready.flatMap((endpoint: Json) => endpoint.addresses);
    turn += 1;
    return servers.get(addresses[turn % addresses.length] ?? '') ?? null;
  };

  return {
    async addPod({ id, url, running, release }, labels) {
      const name = id.replaceAll('/', '-');
      if (url === null) throw new Error(`${id} has no address`);
      if ([...servers.values()].includes(url)) return { id: name, url, running, release };
      const podIP = nextAddress();
      servers.set(podIP, url);
      const status = {
        phase: 'Running',
        hostIP: '10.0.0.1',
        podIP,
        podIPs: [{ ip: podIP }],
        conditions: [{ type: 'Ready', status: running ? 'True' : 'False' }],
      };
      await cluster.api('POST', pods, {
        metadata: { name, labels, annotations: { 'test/status': JSON.stringify(status) } },
        spec: { containers: [{ name: 'web', image: 'web:1' }] },
      });
      await eventually(async () => (await cluster.api('GET', `${pods}/${name}`)).status.podIP === podIP);
      return { id: name, url, running, release };
    },
    serviceUrl: (service) => listen(() => pickOf(service)),
    async routeUrl(route) {
      const backends = startGateway(cluster, namespace, route);
      return listen(async () => {
        const service = pickByWeight(backends());
        return service === null ? null : pickOf(service);
      });
    },
  };
}

let turn = 0;
let address = 0;

function nextAddress(): string {
  address += 1;
  return `10.7.${Math.floor(address / 250)}.${(address % 250) + 1}`;
}

/** Nobody behind it: the connection is refused, here closed. */
async function forward(pick: () => Promise<string | null>, response: ServerResponse): Promise<void> {
  const url = await pick();
  if (url === null) {
    response.destroy();
    return;
  }
  const answer = await fetch(url);
  response.writeHead(answer.status).end(await answer.text());
}

/** Takes each generation a moment after it is written, and says so in the status, as gateways do. */
function startGateway(cluster: Cluster, namespace: string, route: string): () => Json[] {
  const path = `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/httproutes/${route}`;
  let backends: Json[] = [];
  let taken = 0;
  let stopped = false;
  const takeOver = async () => {
    while (!stopped) {
      const { metadata, spec } = await cluster.api('GET', path);
      if (metadata.generation !== taken) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        backends = spec.rules[0].backendRefs;
        taken = metadata.generation;
        await cluster.api('PATCH', `${path}/status`, statusOf(taken), 'application/merge-patch+json');
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const running = takeOver();
  afterwards(async () => {
    stopped = true;
    await running;
  });
  return () => backends;
}

function statusOf(observedGeneration: number): Json {
  const condition = {
    status: 'True',
    lastTransitionTime: new Date().toISOString(),
    reason: 'Accepted',
    message: '',
  };
  const conditions = [{ ...condition, type: 'Accepted', observedGeneration }];
  const parentRef = { name: 'edge' };
  return { status: { parents: [{ parentRef, controllerName: 'example.com/test', conditions }] } };
}

function pickByWeight(backends: readonly Json[]): string | null {
  const all = backends.flatMap(({ name, weight }) => Array<string>(weight ?? 1).fill(name));
  turn += 1;
  return all[turn % all.length] ?? null;
}
