import { setTimeout as sleep } from 'node:timers/promises';
import type { ReadinessCheck } from '../../domain/readiness.ts';
import type { RevertPullRequests } from '../github/revert-pull-request.ts';
import { createKubernetesApi, type KubernetesApi, type KubernetesApiOptions } from '../kubernetes/api.ts';
import { checkRights } from '../kubernetes/rights.ts';
import type { DeployTarget, Restorable, StepContext } from './deploy-target.ts';
import { refuseReleaseName } from './image-name.ts';
import { type FoundTemplate, findTemplate } from './kubernetes/find-template.ts';
import {
  askForRevert,
  type GitOpsAnswer,
  type GitOpsOptions,
  gitOpsOwner,
  refusalBy,
  suspend,
} from './kubernetes/gitops.ts';
import { lookAtWorkload } from './kubernetes/look.ts';
import { lookForNeeds } from './kubernetes/needs.ts';
import type { Workload } from './kubernetes/objects.ts';
import { putBack } from './kubernetes/put-back.ts';
import { sameTemplate } from './kubernetes/recipe.ts';
import {
  imageOf,
  movableImage,
  type ReleaseFrom,
  type ReleaseNaming,
  releaseOf,
} from './kubernetes/release-name.ts';
import { type Patience, replacePods } from './kubernetes/replace-pods.ts';
import { revisionsOf } from './kubernetes/revisions.ts';
import { rightsFor } from './kubernetes/rights.ts';
import { missingSentence, readWorkload, type WorkloadRef, workloadRef } from './kubernetes/workload.ts';

const defaultPatience: Patience = { littleMs: 20_000, someMs: 120_000 };

export interface KubernetesTargetOptions extends KubernetesApiOptions {
  readonly namespace: string;
  /** By service: `deployment/web`, `statefulset/db`, `daemonset/agent`. */
  readonly workloads: Readonly<Record<string, string>>;
  /** Where pods answer HTTP; without it their readiness alone says how they are. */
  readonly port?: number;
  readonly releaseFrom?: ReleaseFrom;
  /** Whose image counts; needed where there are several. */
  readonly container?: string;
  /** Default `refuse`. */
  readonly gitops?: GitOpsAnswer;
  readonly argocdNamespace?: string;
  /** Where the revert of a release is asked for. */
  readonly reverts?: RevertPullRequests | undefined;
  /** How long a restart looks on at pods that do not start. */
  readonly patience?: Partial<Patience>;
}

interface Place {
  readonly api: KubernetesApi;
  readonly ref: WorkloadRef;
  readonly naming: ReleaseNaming;
  readonly gitops: GitOpsOptions;
}

/** Deployments, StatefulSets and DaemonSets: a release is a pod template. */
export function createKubernetesTarget(options: KubernetesTargetOptions): DeployTarget {
  const api = createKubernetesApi(options);
  const naming = { from: options.releaseFrom, container: options.container };
  const { gitops: answer = 'refuse', argocdNamespace, reverts } = options;
  const gitops = { answer, argocdNamespace, reverts };
  const patience = { ...defaultPatience, ...options.patience };
  const placeOf = (service: string): Place => ({ api, ref: refOf(options, service), naming, gitops });

  return {
    live: async (service, signal) =>
      lookAtWorkload(api, refOf(options, service), { ...naming, port: options.port }, signal),
    restorable: async (service, release, signal, recipe) =>
      restorableAt(placeOf(service), release, recipe, signal),
    restore: async (service, release, step) => restoreAt(placeOf(service), release, step),
    async restart(service, step) {
      step.signal.throwIfAborted();
      await replacePods(api, refOf(options, service), { naming, patience }, step);
    },
    checks: async (service, signal) => checksAt(placeOf(service), signal),
  };
}

function refOf({ namespace, workloads }: KubernetesTargetOptions, service: string): WorkloadRef {
  const workload = Object.hasOwn(workloads, service) ? workloads[service] : undefined;
  if (workload === undefined) {
    throw new Error(`unknown service ${service}; known: ${Object.keys(workloads).join(', ')}`);
  }
  return workloadRef(namespace, workload);
}

async function restorableAt(
  place: Place,
  release: string,
  recipe: string | null | undefined,
  signal: AbortSignal,
): Promise<Restorable> {
  refuseReleaseName(release);
  const { api, ref } = place;
  const workload = await api.get<Workload>(ref.path, signal);
  if (workload === null) return { restorable: false, reason: missingSentence(ref) };
  const found = await findTemplate(api, ref, workload, { release, recipe, naming: place.naming }, signal);
  const problem =
    found === null
      ? forgotten(ref, workload, release)
      : ((await templateProblem(place, found, signal)) ?? (await gitOpsProblem(place, workload, signal)));
  return { restorable: problem === null, reason: problem ?? `${release} is ${found?.from}` };
}

async function restoreAt(place: Place, release: string, step: StepContext): Promise<void> {
  step.signal.throwIfAborted();
  refuseReleaseName(release);
  const { api, ref, naming } = place;
  const { recipe, signal } = step;
  const workload = await readWorkload(api, ref, signal);
  const found = await findTemplate(api, ref, workload, { release, recipe, naming }, signal);
  if (found === null) throw new Error(`cannot restore: ${forgotten(ref, workload, release)}`);
  if (sameTemplate(found.template, workload.spec.template))
    return step.heartbeat(`${release} is configured already`);
  const problem = await templateProblem(place, found, signal);
  if (problem !== null) throw new Error(`cannot restore ${release}: ${problem}`);
  if (await holdGitOps(place, workload, release, step)) return waitForMerge(place, release, step);
  const note = await putBack(api, ref, workload, found.template, step);
  const paused = workload.spec.paused === true ? '; its rollout was paused and goes on' : '';
  const left = note === null ? '' : `; ${note}`;
  step.heartbeat(`${ref.shown} is configured to run ${release}, ${found.from}${paused}${left}`);
}

/** Before the template: a controller that is not held puts the bad one back within seconds. */
async function holdGitOps(
  { api, ref, gitops, naming }: Place,
  workload: Workload,
  release: string,
  step: StepContext,
): Promise<boolean> {
  const owner = await gitOpsOwner(api, ref, workload, gitops, step.signal);
  const refusal = refusalBy(owner, gitops);
  if (refusal !== null) throw new Error(refusal);
  if (owner === null) return false;
  const { answer, reverts } = gitops;
  if (answer === 'suspend') step.heartbeat(await suspend(api, owner, step.signal));
  if (reverts === undefined) return false;
  const asked = {
    from: releaseOf(workload.spec.template, naming),
    to: release,
    workload: ref.shown,
    // Attempts of one rollback mean the same revert.
    key: step.key.split('/')[0] ?? step.key,
  };
  const url = await askForRevert(owner, reverts, asked, step.signal).catch((error: Error) => {
    // Suspended, it is not needed before somebody switches the sync on again.
    if (answer === 'pull_request') throw error;
    return `none: ${error.message}`;
  });
  step.heartbeat(`the revert's pull request: ${url}`);
  return answer === 'pull_request';
}

/** The controller brings the release back when the revert is merged; nothing is done past it. */
async function waitForMerge({ api, ref, naming }: Place, release: string, step: StepContext): Promise<void> {
  for (;;) {
    const workload = await readWorkload(api, ref, step.signal);
    if (releaseOf(workload.spec.template, naming) === release)
      return step.heartbeat(`${ref.shown} is configured to run ${release}: the revert was merged`);
    step.heartbeat(`waiting until the revert is merged and ${ref.shown} is configured to run ${release}`);
    await sleep(2_000, undefined, { signal: step.signal }).catch(() => undefined);
    step.signal.throwIfAborted();
  }
}

function forgotten(ref: WorkloadRef, { spec }: Workload, release: string): string {
  return (
    `no revision of ${ref.shown} runs ${release}, and none was recorded ` +
    `(Kubernetes keeps ${spec.revisionHistoryLimit ?? 10}: revisionHistoryLimit)`
  );
}

async function templateProblem(
  { api, ref }: Place,
  { template }: FoundTemplate,
  signal: AbortSignal,
): Promise<string | null> {
  const { missing } = await lookForNeeds(api, ref.namespace, template.spec, signal);
  if (missing.length === 0) return null;
  return `its pods need ${missing.join(', ')}, which ${missing.length > 1 ? 'are' : 'is'} gone from namespace ${ref.namespace}`;
}

async function gitOpsProblem({ api, ref, gitops }: Place, workload: Workload, signal: AbortSignal) {
  return refusalBy(await gitOpsOwner(api, ref, workload, gitops, signal), gitops);
}

async function checksAt(place: Place, signal: AbortSignal): Promise<readonly ReadinessCheck[]> {
  const { api, ref, naming } = place;
  const rights = await checkRights(api, ref.namespace, rightsFor(ref), signal);
  if (rights.some(({ ok }) => !ok)) return rights;
  const workload = await api.get<Workload>(ref.path, signal);
  if (workload === null) return [...rights, { name: ref.shown, ok: false, detail: missingSentence(ref) }];
  const problem = await gitOpsProblem(place, workload, signal);
  return [
    ...rights,
    {
      name: 'nobody puts the bad release back',
      ok: problem === null,
      detail: problem ?? 'no Argo CD, no Flux',
    },
    await releasesDiffer(api, ref, workload, naming, signal),
  ];
}

/** A chart's `appVersion` is often the same for years, and `latest` always. */
async function releasesDiffer(
  api: KubernetesApi,
  ref: WorkloadRef,
  workload: Workload,
  naming: ReleaseNaming,
  signal: AbortSignal,
): Promise<ReadinessCheck> {
  const name = 'releases can be told apart';
  const { template } = workload.spec;
  const release = releaseOf(template, naming);
  const movable = movableImage(template, naming);
  if (release === null)
    return { name, ok: false, detail: `the template of ${ref.shown} names no release; see release_from` };
  if (movable !== null)
    return {
      name,
      ok: false,
      detail: `image ${movable} may be another one tomorrow; deploy a tag or a digest`,
    };
  const revisions = await revisionsOf(api, ref, workload, signal);
  const alike = revisions.filter((revision) => releaseOf(revision.template, naming) === release);
  const images = new Set(alike.map((revision) => imageOf(revision.template, naming.container).written));
  return images.size > 1
    ? {
        name,
        ok: false,
        detail: `${images.size} images are all called ${release}; name them apart in release_from`,
      }
    : { name, ok: true, detail: `${ref.shown} runs ${release}` };
}
