import { fieldManager, type KubernetesApi } from '../../kubernetes/api.ts';
import type { FieldSet, ManagedFields, Workload } from './objects.ts';
import type { WorkloadRef } from './workload.ts';

const attempts = 5;

/**
 * Gives the fields of the restored template to whoever deploys by server-side apply. As ours they would make the team's next
 * `kubectl apply --server-side` fail with conflicts, and what only the restored release has would stay for ever. Kubernetes' own
 * move from client-side to server-side apply (client-go's csaupgrade) edits the owners in the same way. Where nobody
 * applies by server there is nobody to give them to, and nothing that could conflict.
 *
 * @returns the sentence for people when it did not work, or `null`
 */
export async function handOver(
  api: KubernetesApi,
  ref: WorkloadRef,
  workload: Workload,
  signal: AbortSignal,
): Promise<string | null> {
  let newest: Workload | null = workload;
  let problem = 'it changes all the time';
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const owners = handedOver(newest?.metadata.managedFields ?? []);
    if (newest === null || owners === null) return null;
    const patch = [
      { op: 'test', path: '/metadata/resourceVersion', value: newest.metadata.resourceVersion },
      { op: 'replace', path: '/metadata/managedFields', value: owners },
    ];
    try {
      await api.patch(ref.path, 'json-patch', patch, signal);
      return null;
    } catch (error) {
      signal.throwIfAborted();
      problem = (error as Error).message;
    }
    // The controller has written its status meanwhile; the owners of the template are the same.
    newest = await api.get<Workload>(ref.path, signal);
  }
  // The release is restored all the same: that must not fail for the comfort of the next deployment.
  return `the next server-side apply will meet conflicts with ${fieldManager} (${problem})`;
}

/** `null`: there is nothing to give, or not exactly one to give it to. */
export function handedOver(owners: readonly ManagedFields[]): ManagedFields[] | null {
  const ours = owners.find((entry) => isOurs(entry) && templateOf(entry) !== undefined);
  const appliers = owners.filter((entry) => entry.operation === 'Apply' && !isOurs(entry) && isOfSpec(entry));
  const [applier] = appliers;
  if (ours === undefined || applier === undefined || appliers.length > 1) return null;
  const given: FieldSet = { 'f:spec': { 'f:template': templateOf(ours) ?? {} } };
  return owners.flatMap((entry) => {
    if (entry === ours) return withoutTemplate(entry);
    if (entry === applier) return [{ ...entry, fieldsV1: merged(entry.fieldsV1 ?? {}, given) }];
    return [entry];
  });
}

const isOurs = ({ manager }: ManagedFields) => manager === fieldManager;
const isOfSpec = ({ fieldsV1, subresource }: ManagedFields) =>
  subresource === undefined && fieldsV1?.['f:spec'] !== undefined;
const templateOf = ({ fieldsV1 }: ManagedFields) => fieldsV1?.['f:spec']?.['f:template'];

function withoutTemplate(entry: ManagedFields): ManagedFields[] {
  const { 'f:spec': spec = {}, ...others } = entry.fieldsV1 ?? {};
  const { 'f:template': _given, ...rest } = spec;
  const kept = Object.keys(rest).length === 0 ? others : { ...others, 'f:spec': rest };
  return Object.keys(kept).length === 0 ? [] : [{ ...entry, fieldsV1: kept }];
}

function merged(a: FieldSet, b: FieldSet): FieldSet {
  const result: Record<string, FieldSet> = { ...a };
  for (const [path, below] of Object.entries(b)) result[path] = merged(result[path] ?? {}, below);
  return result;
}
