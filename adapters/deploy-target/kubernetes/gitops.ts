import type { RevertPullRequests } from '../../github/revert-pull-request.ts';
import { type KubernetesApi, KubernetesError } from '../../kubernetes/api.ts';
import type { OwnerReference, Workload } from './objects.ts';
import type { WorkloadRef } from './workload.ts';

/** What is done when the workload is written in a repository that a controller applies again and again. */
export type GitOpsAnswer = 'suspend' | 'pull_request' | 'refuse';

export interface GitOpsOptions {
  readonly answer: GitOpsAnswer;
  /** Where the revert is asked for; needed for `pull_request`. */
  readonly reverts?: RevertPullRequests | undefined;
  /** Where Argo CD keeps its Applications; default `argocd`. */
  readonly argocdNamespace?: string;
}

/** Whoever would put the bad release back. */
export interface GitOpsOwner {
  /** `Argo CD Application argocd/shop`. */
  readonly shown: string;
  readonly path: string;
  /** Where the release is written, for the revert: repository, folder, revision. */
  readonly source: string;
  /** The same for a pull request; `null`: it is not one folder of a git repository. */
  readonly origin: GitOpsOrigin | null;
  /** Why it cannot be suspended; `null`: it can. */
  readonly obstacle: string | null;
  /** Switches the automatic off, and notes what was there. */
  readonly suspension: object;
}

export interface GitOpsOrigin {
  /** `null`: not known, whatever is configured is meant. */
  readonly repository: string | null;
  readonly path: string;
  readonly branch: string | null;
  /** The commit that was applied. */
  readonly revision: string | null;
}

const wasAnnotation = 'rollback-orchestrator/automated-sync-was';

/** `null`: nobody applies it by himself, as far as the marks on the workload say. */
export async function gitOpsOwner(
  api: KubernetesApi,
  ref: WorkloadRef,
  workload: Workload,
  { argocdNamespace = 'argocd' }: GitOpsOptions,
  signal: AbortSignal,
): Promise<GitOpsOwner | null> {
  const argo = await argoOwner(api, ref, workload, argocdNamespace, signal);
  return argo ?? fluxOwner(api, workload, signal);
}

/** Why a rollback of it is refused; `null`: it may go on. */
export function refusalBy(owner: GitOpsOwner | null, { answer, reverts }: GitOpsOptions): string | null {
  if (owner === null) return null;
  const revert = `revert the release in ${owner.source}`;
  if (answer === 'pull_request') {
    const why = originProblem(owner, reverts);
    return why === null ? null : `a pull request against ${owner.shown} is not possible (${why}): ${revert}`;
  }
  if (answer === 'refuse')
    return `${owner.shown} would put the bad release back: ${revert}, or configure gitops: suspend`;
  return owner.obstacle === null ? null : `${owner.shown} cannot be suspended (${owner.obstacle}): ${revert}`;
}

function originProblem({ origin }: GitOpsOwner, reverts: RevertPullRequests | undefined): string | null {
  if (reverts === undefined) return 'gitops_repository is not configured';
  if (origin === null) return 'it is not one folder of a git repository';
  return origin.repository === null || reverts.knows(origin.repository)
    ? null
    : `it is in ${origin.repository}, not in gitops_repository`;
}

export interface RevertAsked {
  readonly from: string | null;
  readonly to: string;
  readonly workload: string;
  readonly key: string;
}

/** Opens the pull request that takes the bad release out of the repository, or finds the one of this step. */
export async function askForRevert(
  { origin, shown }: GitOpsOwner,
  reverts: RevertPullRequests,
  { from, to, workload, key }: RevertAsked,
  signal: AbortSignal,
): Promise<string> {
  if (origin === null) throw new Error(`${shown} is not one folder of a git repository`);
  const bad = from ?? 'the release that is live';
  const title = `Roll back ${workload} from ${bad} to ${to}`;
  const body = `${bad} is being rolled back (${key}). While this is not merged, ${shown} would put it back.`;
  const { path, branch, revision } = origin;
  return reverts.open({ path, branch, revision, key, title, body }, signal);
}

/** Said in progress, since a person has to take it back: going on before the revert would bring the bad release again. */
export async function suspend(api: KubernetesApi, owner: GitOpsOwner, signal: AbortSignal): Promise<string> {
  await api.patch(owner.path, 'merge-patch', owner.suspension, signal);
  return `${owner.shown} is suspended; revert the release in ${owner.source} before it goes on`;
}

interface Application {
  readonly metadata: { readonly ownerReferences?: readonly OwnerReference[] };
  readonly spec: {
    readonly source?: ArgoSource;
    readonly sources?: readonly ArgoSource[];
    readonly syncPolicy?: { readonly automated?: { readonly enabled?: boolean } | null };
  };
  readonly status?: {
    readonly sync?: { readonly revision?: string };
    readonly resources?: readonly {
      readonly kind?: string;
      readonly namespace?: string;
      readonly name?: string;
    }[];
  };
}

interface ArgoSource {
  readonly repoURL?: string;
  readonly path?: string;
  readonly chart?: string;
  readonly targetRevision?: string;
}

const argoTracking = 'argocd.argoproj.io/tracking-id';
const argoInstance = 'argocd.argoproj.io/instance';
const commonInstance = 'app.kubernetes.io/instance';

/** Helm sets the common label as well: there the Application itself must say that the workload is one of its resources. */
async function argoOwner(
  api: KubernetesApi,
  ref: WorkloadRef,
  { metadata: { annotations = {}, labels = {} } }: Workload,
  folder: string,
  signal: AbortSignal,
): Promise<GitOpsOwner | null> {
  const tracked = annotations[argoTracking]?.split(':')[0];
  const certain = tracked ?? labels[argoInstance];
  const id = certain ?? labels[commonInstance];
  if (id === undefined || id === '') return null;
  // Applications outside Argo CD's own namespace are written namespace_name.
  const [namespace, name] = id.includes('_') ? (id.split('_', 2) as [string, string]) : [folder, id];
  const path = `/apis/argoproj.io/v1alpha1/namespaces/${namespace}/applications/${name}`;
  const shown = `Argo CD Application ${namespace}/${name}`;
  const found = await readOwner<Application>(api, path, signal);
  if (typeof found === 'string') return certain === undefined ? null : unseenOwner(shown, path, found);
  const lists = found.status?.resources?.some(
    (entry) => entry.kind === ref.kind && entry.name === ref.name && entry.namespace === ref.namespace,
  );
  if (certain === undefined && lists !== true) return null;
  const { automated } = found.spec.syncPolicy ?? {};
  if (automated === undefined || automated === null || automated.enabled === false) return null;
  return {
    shown,
    path,
    source: (found.spec.sources ?? [found.spec.source ?? {}]).map(sourceText).join(' and '),
    origin: argoOrigin(found),
    obstacle: parentOf(found.metadata.ownerReferences),
    suspension: {
      metadata: { annotations: { [wasAnnotation]: JSON.stringify(automated) } },
      spec: { syncPolicy: { automated: null } },
    },
  };
}

function argoOrigin({ spec: { source, sources }, status }: Application): GitOpsOrigin | null {
  if (sources !== undefined || source?.repoURL === undefined || source.path === undefined) return null;
  const { repoURL: repository, path, targetRevision } = source;
  const branch = targetRevision === undefined || targetRevision === 'HEAD' ? null : targetRevision;
  return { repository, path, branch, revision: commitIn(status?.sync?.revision) };
}

/** Flux writes `main@sha1:0a1b…`. */
function commitIn(revision: string | undefined): string | null {
  return /[0-9a-f]{40}/.exec(revision ?? '')?.[0] ?? null;
}

function sourceText({ repoURL, path, chart, targetRevision }: ArgoSource): string {
  return (
    [repoURL, path ?? chart, targetRevision && `at ${targetRevision}`].filter(Boolean).join(' ') ||
    'its source'
  );
}

/** An ApplicationSet writes its Applications anew, sync policy included. */
function parentOf(owners: readonly OwnerReference[] = []): string | null {
  const parent = owners.find(({ kind }) => kind === 'ApplicationSet');
  return parent === undefined ? null : `ApplicationSet ${parent.name} would switch it on again`;
}

interface FluxObject {
  readonly spec: {
    readonly suspend?: boolean;
    readonly path?: string;
    readonly sourceRef?: { readonly kind?: string; readonly name?: string };
    readonly chart?: { readonly spec?: { readonly chart?: string; readonly version?: string } };
  };
  readonly status?: { readonly lastAppliedRevision?: string };
}

const fluxKinds = [
  ['Kustomization', 'kustomize.toolkit.fluxcd.io', 'v1', 'kustomizations'],
  ['HelmRelease', 'helm.toolkit.fluxcd.io', 'v2', 'helmreleases'],
] as const;

async function fluxOwner(
  api: KubernetesApi,
  { metadata: { labels = {} } }: Workload,
  signal: AbortSignal,
): Promise<GitOpsOwner | null> {
  for (const [kind, group, version, resource] of fluxKinds) {
    const [name, namespace] = [labels[`${group}/name`], labels[`${group}/namespace`]];
    if (name === undefined || namespace === undefined) continue;
    const path = `/apis/${group}/${version}/namespaces/${namespace}/${resource}/${name}`;
    const shown = `Flux ${kind} ${namespace}/${name}`;
    const found = await readOwner<FluxObject>(api, path, signal);
    if (typeof found === 'string') return unseenOwner(shown, path, found);
    if (found.spec.suspend === true) continue;
    const { sourceRef, chart } = found.spec;
    const from =
      sourceRef === undefined ? `chart ${chart?.spec?.chart}` : `${sourceRef.kind} ${sourceRef.name}`;
    return {
      shown,
      path,
      source: [from, found.spec.path].filter(Boolean).join(' '),
      origin: fluxOrigin(kind, found),
      obstacle: null,
      suspension: {
        metadata: {
          annotations: { [wasAnnotation]: JSON.stringify({ suspend: found.spec.suspend ?? null }) },
        },
        spec: { suspend: true },
      },
    };
  }
  return null;
}

/** Its repository stands in another object; the branch is taken from what was applied. */
function fluxOrigin(kind: string, { spec, status }: FluxObject): GitOpsOrigin | null {
  if (kind !== 'Kustomization' || spec.sourceRef?.kind !== 'GitRepository') return null;
  const { lastAppliedRevision: applied } = status ?? {};
  const branch = applied?.includes('@') ? (applied.split('@')[0] ?? null) : null;
  return { repository: null, path: spec.path ?? '', branch, revision: commitIn(applied) };
}

/** Without the right to read it a mark that is certain still counts: better refused than put back and forth. */
async function readOwner<T>(api: KubernetesApi, path: string, signal: AbortSignal): Promise<T | string> {
  try {
    return (await api.get<T>(path, signal)) ?? 'it is not to be found';
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 403) return 'there is no right to read it';
    throw error;
  }
}

function unseenOwner(shown: string, path: string, obstacle: string): GitOpsOwner {
  return { shown, path, source: 'its source', origin: null, obstacle, suspension: {} };
}
