import type { Right } from '../../kubernetes/rights.ts';
import { neededResources } from './needs.ts';
import { resourceOf, type WorkloadRef } from './workload.ts';

/** What a rollback of this kind of workload needs; deploy/kubernetes/rbac.yaml grants it. */
export function rightsFor({ kind, name }: WorkloadRef): Right[] {
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
