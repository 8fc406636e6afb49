import type { ReadinessCheck } from '../../../domain/readiness.ts';
import type { KubernetesApi } from '../../kubernetes/api.ts';
import { neededResources } from './needs.ts';
import { resourceOf, type WorkloadRef } from './workload.ts';

interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly name?: string;
  /** What is lost without it, where the rollback itself is not. */
  readonly lost?: string;
}

/** One check a right, as the API server itself decides it. Nobody needs a right to ask for his own. */
export async function checkRights(
  api: KubernetesApi,
  ref: WorkloadRef,
  signal: AbortSignal,
): Promise<ReadinessCheck[]> {
  return Promise.all(rightsFor(ref).map((right) => checkRight(api, ref, right, signal)));
}

function rightsFor({ kind, name }: WorkloadRef): Right[] {
  const workload = { group: 'apps', resource: resourceOf(kind), name };
  const revisions = kind === 'Deployment' ? 'replicasets' : 'controllerrevisions';
  const replacing: Right[] =
    kind === 'Deployment'
      ? []
      : [
          { verb: 'delete', group: '', resource: 'pods' },
          { verb: 'create', group: '', resource: 'pods', subresource: 'eviction' },
        ];
  const needs = Object.values(neededResources).map((resource) => ({
    verb: 'get',
    group: '',
    resource,
    lost: `a release whose ${resource} are gone is not recognised`,
  }));
  return [
    { verb: 'get', ...workload },
    { verb: 'patch', ...workload },
    { verb: 'list', group: 'apps', resource: revisions },
    { verb: 'list', group: '', resource: 'pods' },
    ...replacing,
    { verb: 'list', group: '', resource: 'events', lost: 'reasons that only events give are not told' },
    ...needs,
  ];
}

interface Review {
  readonly status?: { readonly allowed?: boolean; readonly reason?: string };
}

async function checkRight(
  api: KubernetesApi,
  ref: WorkloadRef,
  { lost, ...attributes }: Right,
  signal: AbortSignal,
): Promise<ReadinessCheck> {
  const resourceAttributes = { ...attributes, namespace: ref.namespace };
  const review = await api.post<Review>(
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } },
    signal,
  );
  const { verb, resource, subresource, name } = attributes;
  const what = [resource, subresource].filter(Boolean).join('/');
  const title = `may ${verb} ${what}${name === undefined ? '' : ` ${name}`}`;
  if (review.status?.allowed === true)
    return { name: title, ok: true, detail: `in namespace ${ref.namespace}` };
  const detail = `no right to ${verb} ${what} in namespace ${ref.namespace}`;
  if (lost !== undefined) return { name: title, ok: true, detail: `${detail}: ${lost}` };
  return { name: title, ok: false, detail: `${detail}; deploy/kubernetes/rbac.yaml grants it` };
}
