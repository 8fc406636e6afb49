import type { ReadinessCheck } from '../../domain/readiness.ts';
import type { KubernetesApi } from './api.ts';

export interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly name?: string;
  /** What is lost without it, where the rollback itself is not. */
  readonly lost?: string;
}

interface Review {
  readonly status?: { readonly allowed?: boolean };
}

/** One check a right, as the API server itself decides it. Nobody needs a right to ask for his own. */
export async function checkRights(
  api: KubernetesApi,
  namespace: string,
  rights: readonly Right[],
  signal: AbortSignal,
): Promise<ReadinessCheck[]> {
  return Promise.all(rights.map((right) => checkRight(api, namespace, right, signal)));
}

async function checkRight(
  api: KubernetesApi,
  namespace: string,
  { lost, ...attributes }: Right,
  signal: AbortSignal,
): Promise<ReadinessCheck> {
  const resourceAttributes = { ...attributes, namespace };
  const review = await api.post<Review>(
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } },
    signal,
  );
  const { verb, resource, subresource, name } = attributes;
  const what = [resource, subresource].filter(Boolean).join('/');
  const title = `may ${verb} ${what}${name === undefined ? '' : ` ${name}`}`;
  if (review.status?.allowed === true) return { name: title, ok: true, detail: `in namespace ${namespace}` };
  const detail = `no right to ${verb} ${what} in namespace ${namespace}`;
  if (lost !== undefined) return { name: title, ok: true, detail: `${detail}: ${lost}` };
  return { name: title, ok: false, detail: `${detail}; deploy/kubernetes/rbac.yaml grants it` };
}
