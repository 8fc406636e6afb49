import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import { eventually } from '../../adapters/temporary.ts';
import type { Cluster, Json } from './cluster.ts';

export type Kind = 'Deployment' | 'StatefulSet' | 'DaemonSet';

export const pathOf = (namespace: string, kind: Kind = 'Deployment') =>
  `/apis/apps/v1/namespaces/${namespace}/${kind.toLowerCase()}s/web`;

/** A pod template of the release, as a team might write it; pods become ready at once. */
export function aTemplate(
  release: string,
  change: { pod?: Json; container?: Json; annotations?: Json } = {},
) {
  return {
    metadata: { labels: { app: 'web' }, ...(change.annotations && { annotations: change.annotations }) },
    spec: {
      containers: [{ name: 'web', image: `registry.example/web:${release}`, ...change.container }],
      ...change.pod,
    },
  };
}

export function aWorkload(template: Json, spec: Json = {}, kind: Kind = 'Deployment', metadata: Json = {}) {
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'web', ...metadata },
    spec: {
      ...(kind !== 'DaemonSet' && { replicas: 2 }),
      ...(kind === 'StatefulSet' && { serviceName: 'web' }),
      selector: { matchLabels: { app: 'web' } },
      template,
      ...spec,
    },
  };
}

/** A status as a kubelet writes it, to be given to the pods of a template by {@link scripted}. */
export const crashLoop = podStatus({
  ready: false,
  restartCount: 4,
  state: {
    waiting: { reason: 'CrashLoopBackOff', message: 'back-off 1m20s restarting failed container=web' },
  },
  lastState: { terminated: { exitCode: 137, reason: 'OOMKilled', message: 'no database' } },
});

export const imagePull = podStatus({
  ready: false,
  restartCount: 0,
  state: {
    waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image "registry.example/web:v2"' },
  },
});

/** It runs, and its readiness probe fails. */
export const notReady = podStatus({ ready: false, restartCount: 0, state: { running: {} } });

function podStatus(container: Json): Json {
  return {
    hostIP: '10.0.0.1',
    podIP: '10.0.0.77',
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'False' }],
    containerStatuses: [{ name: 'web', image: 'x', imageID: 'x', ...container }],
  };
}

export const scripted = (status: Json) => ({ annotations: { 'test/status': JSON.stringify(status) } });

/** Waits until the controllers have put this object's template everywhere. */
export async function rolledOut(cluster: Cluster, path: string): Promise<Json> {
  return eventually(async () => {
    const object = await cluster.api('GET', path);
    const { metadata, spec, status } = object;
    const wanted = status.desiredNumberScheduled ?? spec.replicas;
    const updated = status.updatedReplicas ?? status.updatedNumberScheduled ?? 0;
    const ready = status.readyReplicas ?? status.numberReady ?? 0;
    const all = status.currentNumberScheduled ?? status.replicas;
    const done = status.observedGeneration === metadata.generation && updated === wanted;
    return done && ready === wanted && all === wanted && wanted > 0 ? object : null;
  }, 30_000);
}

/** Living pods of the app, by name. */
export async function livingPods(cluster: Cluster, namespace: string): Promise<Json[]> {
  const { items } = await cluster.api('GET', `/api/v1/namespaces/${namespace}/pods?labelSelector=app%3Dweb`);
  return items
    .filter(({ metadata }: Json) => metadata.deletionTimestamp === undefined)
    .toSorted((a: Json, b: Json) => a.metadata.name.localeCompare(b.metadata.name));
}

/** A kubeconfig of the account of `deploy/kubernetes/rbac.yaml`, applied to the namespace; without the rules that are filtered out. */
export async function leastRights(
  cluster: Cluster,
  namespace: string,
  keep: (rule: Json) => boolean = () => true,
): Promise<string> {
  const file = new URL('../../../deploy/kubernetes/rbac.yaml', import.meta.url);
  const written = (await readFile(file, 'utf8')).replaceAll('namespace: shop', `namespace: ${namespace}`);
  for (const document of parseAllDocuments(written)) {
    const object = document.toJSON();
    if (object.rules !== undefined) object.rules = object.rules.filter(keep);
    const group = object.apiVersion === 'v1' ? '/api/v1' : `/apis/${object.apiVersion}`;
    const resource = `${object.kind.toLowerCase()}s`;
    await cluster.apply(`${group}/namespaces/${namespace}/${resource}/${object.metadata.name}`, object);
  }
  return cluster.kubeconfig(await cluster.token(namespace, 'rollback-orchestrator'));
}
