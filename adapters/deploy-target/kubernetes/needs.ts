import { type KubernetesApi, KubernetesError } from '../../kubernetes/api.ts';
import type { Container, PodSpec, Ref } from './objects.ts';

type NeededKind = 'ConfigMap' | 'Secret' | 'ServiceAccount' | 'PersistentVolumeClaim';

interface Need {
  readonly kind: NeededKind;
  readonly name: string;
}

export const neededResources: Readonly<Record<NeededKind, string>> = {
  ConfigMap: 'configmaps',
  Secret: 'secrets',
  ServiceAccount: 'serviceaccounts',
  PersistentVolumeClaim: 'persistentvolumeclaims',
};

export interface Needs {
  /** What is gone: a pod of the template would hang in `CreateContainerConfigError`, or not be made at all. */
  readonly missing: readonly string[];
  /** What could not be looked at, for want of a right. */
  readonly unseen: readonly string[];
}

/** Old templates name old objects, and generated ConfigMaps of old releases are what clean-ups delete first. */
export async function lookForNeeds(
  api: KubernetesApi,
  namespace: string,
  spec: PodSpec,
  signal: AbortSignal,
): Promise<Needs> {
  const missing: string[] = [];
  const unseen: string[] = [];
  await Promise.all(
    neededBy(spec).map(async ({ kind, name }) => {
      const path = `/api/v1/namespaces/${namespace}/${neededResources[kind]}/${name}`;
      try {
        if (!(await api.exists(path, signal))) missing.push(`${kind} ${name}`);
      } catch (error) {
        if (!(error instanceof KubernetesError) || error.status !== 403) throw error;
        unseen.push(`${kind} ${name}`);
      }
    }),
  );
  return { missing: missing.toSorted(), unseen: unseen.toSorted() };
}

export function neededBy(spec: PodSpec): Need[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const needs = [
    ...containers.flatMap(ofContainer),
    ...(spec.volumes ?? []).flatMap((volume) => [
      ...need('ConfigMap', volume.configMap),
      ...need('Secret', volume.secret && { ...volume.secret, name: volume.secret.secretName }),
      ...need(
        'PersistentVolumeClaim',
        volume.persistentVolumeClaim && { name: volume.persistentVolumeClaim.claimName },
      ),
      ...(volume.projected?.sources ?? []).flatMap((source) => [
        ...need('ConfigMap', source.configMap),
        ...need('Secret', source.secret),
      ]),
    ]),
    ...need('ServiceAccount', { name: spec.serviceAccountName }),
    ...(spec.imagePullSecrets ?? []).flatMap((secret) => need('Secret', secret)),
  ];
  return [...new Map(needs.map((entry) => [`${entry.kind} ${entry.name}`, entry])).values()];
}

function ofContainer({ env = [], envFrom = [] }: Container): Need[] {
  return [
    ...env.flatMap(({ valueFrom }) => [
      ...need('ConfigMap', valueFrom?.configMapKeyRef),
      ...need('Secret', valueFrom?.secretKeyRef),
    ]),
    ...envFrom.flatMap(({ configMapRef, secretRef }) => [
      ...need('ConfigMap', configMapRef),
      ...need('Secret', secretRef),
    ]),
  ];
}

function need(kind: NeededKind, ref: Ref | undefined): Need[] {
  return ref?.name === undefined || ref.name === '' || ref.optional === true
    ? []
    : [{ kind, name: ref.name }];
}
