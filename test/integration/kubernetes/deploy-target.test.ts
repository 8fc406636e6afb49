import { afterAll, beforeAll } from 'vitest';
import { createKubernetesTarget } from '../../../adapters/deploy-target/kubernetes.ts';
import { describeDeployTarget } from '../../adapters/deploy-target/deploy-target.contract.ts';
import { eventually } from '../../adapters/temporary.ts';
import { type Cluster, type Json, startCluster } from './cluster.ts';
import { aTemplate, aWorkload, type Kind, leastRights, livingPods, pathOf, rolledOut } from './workloads.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster?.stop());

/** The whole contract with no more rights than deploy/kubernetes/rbac.yaml grants. */
function harnessOf(kind: Kind, spec: Json = {}) {
  return async () => {
    const namespace = await cluster.namespace();
    const kubeconfig = await leastRights(cluster, namespace);
    const path = pathOf(namespace, kind);
    const target = createKubernetesTarget({
      kubeconfig,
      namespace,
      workloads: { api: `${kind.toLowerCase()}/web` },
      port: 8080,
    });
    return {
      target,
      restoreRollsOut: spec.updateStrategy?.type !== 'OnDelete',
      async lay(release: string) {
        await cluster.apply(path, aWorkload(aTemplate(release), spec, kind));
        // The platform remembers what its controller has seen.
        await eventually(async () => {
          const { metadata, status } = await cluster.api('GET', path);
          return status?.observedGeneration === metadata.generation;
        });
      },
      missing: (release: string) => `no revision of ${kind.toLowerCase()}/web runs ${release}`,
      async whoIs({ id }: { readonly id: string }) {
        const pod = await cluster.api('GET', `/api/v1/namespaces/${namespace}/pods/${id}`);
        return { identity: pod.metadata.uid, release: pod.spec.containers[0].image.split(':')[1] };
      },
      async crash(identity: string) {
        const pods = await livingPods(cluster, namespace);
        const pod = pods.find(({ metadata }) => metadata.uid === identity);
        await cluster.api('DELETE', `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}`, {
          gracePeriodSeconds: 0,
        });
        await rolledOut(cluster, path);
      },
    };
  };
}

describeDeployTarget('kubernetes deployment', harnessOf('Deployment'));
describeDeployTarget('kubernetes statefulset', harnessOf('StatefulSet'));
describeDeployTarget('kubernetes daemonset', harnessOf('DaemonSet'));
describeDeployTarget(
  'kubernetes statefulset that is updated on delete',
  harnessOf('StatefulSet', { updateStrategy: { type: 'OnDelete' } }),
);
describeDeployTarget(
  'kubernetes daemonset that is updated on delete',
  harnessOf('DaemonSet', { updateStrategy: { type: 'OnDelete' } }),
);
