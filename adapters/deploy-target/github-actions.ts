import type { LiveService } from '../../domain/live.ts';
import { fillIn } from '../command-arguments.ts';
import { GitHubRefusal, type GitHubRepository } from '../github/connect.ts';
import type { DeployTarget, Restorable, StepContext } from './deploy-target.ts';
import { type AskGitHub, createAsk } from './github-actions/ask.ts';
import { workflowChecks, workflowFinding } from './github-actions/checks.ts';
import { type DeploymentReleaseFrom, newestSuccess, recordRestored } from './github-actions/deployments.ts';
import { askInstances, type InstancePages } from './github-actions/instances.ts';
import { findRun, runOf, untilSucceeded } from './github-actions/runs.ts';
import { refuseReleaseName } from './image-name.ts';

export interface GitHubActionsOptions extends GitHubRepository {
  /** File of the deploy workflow, `deploy.yml`. */
  readonly workflow: string;
  /** The branch or tag that is dispatched; `{release}` and `{service}` are replaced. */
  readonly ref: string;
  /** Of the workflow; `{release}`, `{service}` and `{key}` are replaced. One of them is given `{key}`, and `run-name` shows it. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Tag, branch or commit that is there as long as a release can be restored; default `{release}`. */
  readonly releaseRef?: string;
  /** GitHub's environment, whose deployments are read and told of the rollback. */
  readonly environment?: string;
  /** Default `ref`. */
  readonly releaseFrom?: DeploymentReleaseFrom;
  /** Asked what they run; without them what is live is what GitHub was told. */
  readonly instances?: InstancePages;
  /** For one thing asked of GitHub, rate limits included; default 10,000 milliseconds. */
  readonly timeoutMs?: number;
  /** Between two looks at a run; default 10,000 milliseconds. */
  readonly pollMs?: number;
}

interface Reach {
  readonly ask: AskGitHub;
  readonly options: GitHubActionsOptions;
  readonly pollMs: number;
}

/** Whatever the team's own deploy workflow on GitHub deploys to: a rollback dispatches it for the old release. */
export function createGitHubActionsTarget(options: GitHubActionsOptions): DeployTarget {
  refuseGaps(options);
  const reach = { ask: createAsk(options), options, pollMs: options.pollMs ?? 10_000 };
  return {
    live: (service, signal) => lookAround(reach, service, signal),
    async restorable(service, release, signal) {
      refuseReleaseName(release);
      return restorableAt(reach, { service, release }, signal);
    },
    async restore(service, release, step) {
      step.signal.throwIfAborted();
      refuseReleaseName(release);
      const found = await restorableAt(reach, { service, release }, step.signal);
      if (!found.restorable) throw new Error(`cannot restore ${release}: ${found.reason}`);
      const { configured } = await lookAround(reach, service, step.signal);
      if (configured === release) return step.heartbeat(`${release} is configured already`);
      await deploy(reach, { service, release }, step);
    },
    async restart(service, step) {
      step.signal.throwIfAborted();
      const { configured } = await lookAround(reach, service, step.signal);
      if (configured !== null) return deploy(reach, { service, release: configured }, step);
      // What was restored may have ended since; then it is its run that counts.
      const run = await findRun(
        reach.ask,
        { workflow: options.workflow, mark: markOf(service, step) },
        step.signal,
      );
      if (run === null) throw new Error(`nobody tells which release of ${service} is to be deployed again`);
      await untilSucceeded(reach.ask, run, { step, pollMs: reach.pollMs });
    },
    checks: (_service, signal) => workflowChecks(reach.ask, options, signal),
  };
}

function refuseGaps({ inputs, environment, instances }: GitHubActionsOptions): void {
  if (!Object.values(inputs).some((value) => value.includes('{key}')))
    throw new Error(
      'github-actions: one of inputs must be given {key}, and run-name of the workflow must show it: else a repeated step would deploy twice',
    );
  if (environment === undefined && instances === undefined)
    throw new Error('github-actions: either environment or instance_urls must say what is live');
}

interface Names {
  readonly service: string;
  readonly release: string;
}

/** The instances know; what GitHub was told counts only where they cannot be asked, do not answer or do not agree. */
async function lookAround(
  { ask, options }: Reach,
  service: string,
  signal: AbortSignal,
): Promise<LiveService> {
  const { instances: pages, environment, releaseFrom = 'ref' } = options;
  const asked = pages === undefined ? null : await askInstances(pages, signal);
  const [release, other] = new Set(asked?.flatMap((instance) => instance.release ?? []));
  if (release !== undefined && other === undefined) return { configured: release, instances: asked ?? [] };
  if (environment === undefined) return { configured: null, instances: asked ?? [] };
  const told = await newestSuccess(ask, { environment, releaseFrom }, signal);
  const configured = told?.release ?? null;
  const unseen = configured === null ? [] : [{ id: service, release: configured, running: true, url: null }];
  return { configured, instances: asked ?? unseen };
}

async function restorableAt({ ask, options }: Reach, names: Names, signal: AbortSignal): Promise<Restorable> {
  const { owner, repo, releaseRef = '{release}' } = options;
  const ref = fillIn(releaseRef, { ...names });
  try {
    const { sha } = await ask(`commit ${ref}`, signal, (rest, place) =>
      rest.repos.getCommit({ ...place, ref }),
    );
    if (typeof sha !== 'string') throw new Error(`GitHub told no commit of ${ref}`);
    await workflowFinding(ask, options, signal);
    return { restorable: true, reason: `${ref} is ${sha.slice(0, 12)}, and ${options.workflow} is active` };
  } catch (error) {
    const status = error instanceof GitHubRefusal ? error.status : null;
    // GitHub says 422 of a ref that it does not know, 404 of a repository or workflow.
    if (status === 404 || status === 422)
      return {
        restorable: false,
        reason: `${ref} or ${options.workflow} is not in ${owner}/${repo}: ${(error as Error).message}`,
      };
    throw error;
  }
}

/** Several services of a product share a step's key, and perhaps a workflow. */
const markOf = (service: string, { key }: StepContext) => `${key}/${service}`;

/** Dispatches the workflow once a step, waits for it, and tells GitHub which deployment is good. */
async function deploy({ ask, options, pollMs }: Reach, names: Names, step: StepContext): Promise<void> {
  const { workflow, environment, releaseFrom = 'ref' } = options;
  const mark = markOf(names.service, step);
  const filled = (text: string) => fillIn(text, { ...names, key: mark });
  const inputs = Object.fromEntries(
    Object.entries(options.inputs).map(([name, text]) => [name, filled(text)]),
  );
  const ref = filled(options.ref);
  const run = await runOf(ask, { workflow, ref, inputs, mark }, { step, pollMs });
  await untilSucceeded(ask, run, { step, pollMs });
  if (environment === undefined) return;
  const restored = {
    release: names.release,
    ref: fillIn(options.releaseRef ?? '{release}', { ...names }),
    run,
    mark,
  };
  try {
    step.heartbeat(await recordRestored(ask, { environment, releaseFrom }, restored, step.signal));
  } catch (error) {
    step.signal.throwIfAborted();
    // Where the instances tell themselves what runs, a missing note does not make a good rollback a failed one.
    if (options.instances === undefined) throw error;
    step.heartbeat(`GitHub was not told of the rollback: ${(error as Error).message}`);
  }
}
