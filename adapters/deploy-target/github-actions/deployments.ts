import type { AskGitHub } from './ask.ts';
import type { Run } from './runs.ts';

/** What of a GitHub deployment is the release. */
export type DeploymentReleaseFrom = 'ref' | 'payload' | 'sha';

export interface Environment {
  readonly environment: string;
  readonly releaseFrom: DeploymentReleaseFrom;
}

export interface GitHubDeployment {
  readonly id: number;
  readonly ref: string;
  readonly sha: string;
  readonly payload: { readonly [key: string]: unknown } | string;
  readonly created_at: string;
}

/** Deployments that are looked through for the newest successful one: each is a question of its own. */
const deploymentsLookedAt = 10;
const longestDescription = 140;
const shaLength = 12;

/** The newest deployment of the environment that somebody reported as successful, and its release. */
export async function newestSuccess(
  ask: AskGitHub,
  where: Environment,
  signal: AbortSignal,
): Promise<{ readonly deployment: GitHubDeployment; readonly release: string | null } | null> {
  for (const deployment of await newest(ask, where, signal))
    if ((await stateOf(ask, deployment, signal)) === 'success')
      return { deployment, release: releaseOf(deployment, where) };
  return null;
}

async function newest(
  ask: AskGitHub,
  { environment }: Environment,
  signal: AbortSignal,
): Promise<readonly GitHubDeployment[]> {
  const deployments = await ask(`the deployments to ${environment}`, signal, (rest, place) =>
    rest.repos.listDeployments({ ...place, environment, per_page: deploymentsLookedAt }),
  );
  if (!Array.isArray(deployments)) throw new Error(`GitHub told no deployments to ${environment}`);
  return deployments;
}

async function stateOf(
  ask: AskGitHub,
  { id }: GitHubDeployment,
  signal: AbortSignal,
): Promise<string | null> {
  const [last] = await ask(`the statuses of deployment ${id}`, signal, (rest, place) =>
    rest.repos.listDeploymentStatuses({ ...place, deployment_id: id, per_page: 1 }),
  );
  return last?.state ?? null;
}

function releaseOf({ ref, sha, payload }: GitHubDeployment, { releaseFrom }: Environment): string | null {
  if (releaseFrom === 'ref') return ref;
  if (releaseFrom === 'sha') return sha.slice(0, shaLength);
  const { release } = payloadOf(payload);
  return typeof release === 'string' && release !== '' ? release : null;
}

/** GitHub hands back what it was given: an object, or its text. */
function payloadOf(payload: GitHubDeployment['payload']): Readonly<Record<string, unknown>> {
  if (typeof payload !== 'string') return payload ?? {};
  try {
    return (JSON.parse(payload) ?? {}) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}

export interface Restored {
  readonly release: string;
  readonly ref: string;
  readonly run: Run;
  readonly mark: string;
}

/**
 * Writes down what happened: the deployment that was live has failed, the restored release is the successful one. A workflow whose job names
 * the environment has its deployment made by GitHub; otherwise one is made here, once.
 */
export async function recordRestored(
  ask: AskGitHub,
  where: Environment,
  restored: Restored,
  signal: AbortSignal,
): Promise<string> {
  const deployments = await newest(ask, where, signal);
  const states = new Map<number, string | null>();
  for (const deployment of deployments) states.set(deployment.id, await stateOf(ask, deployment, signal));
  const ours = deployments.find((deployment) => isOf(deployment, where, restored));
  const bad = deployments.find(
    (deployment) =>
      states.get(deployment.id) === 'success' && releaseOf(deployment, where) !== restored.release,
  );
  if (bad !== undefined)
    await say(ask, bad.id, 'failure', `rolled back to ${restored.release}`, restored, where, signal);
  const id = ours?.id ?? (await create(ask, where, restored, signal));
  if (ours === undefined || states.get(ours.id) !== 'success')
    await say(ask, id, 'success', `restored by a rollback, ${restored.mark}`, restored, where, signal);
  const failed = bad === undefined ? '' : `, deployment ${bad.id} failed`;
  return `GitHub was told: deployment ${id} of ${restored.release} to ${where.environment} succeeded${failed}`;
}

/** Made by this run, or by an earlier attempt of this step. */
function isOf(deployment: GitHubDeployment, where: Environment, { release, run, mark }: Restored): boolean {
  if (payloadOf(deployment.payload).rollback === mark) return true;
  return (
    releaseOf(deployment, where) === release &&
    Date.parse(deployment.created_at) >= Date.parse(run.created_at)
  );
}

async function create(
  ask: AskGitHub,
  { environment }: Environment,
  { release, ref, mark }: Restored,
  signal: AbortSignal,
): Promise<number> {
  const made = await ask<unknown>('the new deployment', signal, (rest, place) =>
    rest.repos.createDeployment({
      ...place,
      ref,
      environment,
      payload: { release, rollback: mark },
      description: `Rolled back to ${release}`.slice(0, longestDescription),
      // What is restored was deployed before: neither merged with anything nor held up by checks.
      auto_merge: false,
      required_contexts: [],
      request: { ...place.request, retries: 0 },
    }),
  );
  const { id } = made as { readonly id?: number };
  if (typeof id !== 'number') throw new Error(`GitHub made no deployment of ${ref} to ${environment}`);
  return id;
}

async function say(
  ask: AskGitHub,
  deployment_id: number,
  state: 'success' | 'failure',
  description: string,
  { run }: Restored,
  { environment }: Environment,
  signal: AbortSignal,
): Promise<void> {
  await ask(`a status of deployment ${deployment_id}`, signal, (rest, place) =>
    rest.repos.createDeploymentStatus({
      ...place,
      deployment_id,
      state,
      environment,
      description: description.slice(0, longestDescription),
      log_url: run.html_url,
      auto_inactive: true,
    }),
  );
}
