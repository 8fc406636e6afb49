import { identifierPattern, type ProductKey } from './identity.ts';

/** Which deployments of a repository are which product's. */
export interface DeploymentMapping extends ProductKey {
  /** `acme/shop` */
  readonly repository: string;
  readonly gitHubEnvironment: string;
  /** `null`: the product's only one. */
  readonly service: string | null;
  readonly release: 'ref' | 'sha' | 'payload';
}

/** What of GitHub's `deployment_status` counts here. */
export interface DeploymentStatusEvent {
  readonly repository: string;
  readonly environment: string;
  readonly state: string;
  readonly description: string;
  readonly deployment: number;
  readonly ref: string;
  readonly sha: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface HookReport extends ProductKey {
  readonly deployment: string;
  /** By service; `null` stands for the product's only one. */
  readonly releases: readonly { readonly service: string | null; readonly release: string }[];
}

export type HookDecision =
  | { readonly kind: 'report'; readonly reports: readonly HookReport[] }
  | { readonly kind: 'ignore'; readonly reason: string };

const shaLength = 12;

/** What a deployment's new state means; what is not reported is told with its reason, which GitHub shows beside the delivery. */
export function decideHook(
  event: DeploymentStatusEvent,
  mappings: readonly DeploymentMapping[],
): HookDecision {
  const { repository, environment, state, payload } = event;
  const ignore = (reason: string): HookDecision => ({ kind: 'ignore', reason });
  if (state !== 'success')
    return ignore(`deployment ${event.deployment} is ${state}; only success is reported`);
  // Told to GitHub by our own rollback: taken for a deployment, it would end the very rollback that made it.
  if (payload.rollback !== undefined || event.description.startsWith('restored by a rollback'))
    return ignore('this deployment was made by a rollback');
  const ofRepository = mappings.filter(
    (entry) => entry.repository.toLowerCase() === repository.toLowerCase(),
  );
  if (ofRepository.length === 0) return ignore(`no entry of github.deployments is for ${repository}`);
  const serving = ofRepository.filter(
    (entry) =>
      entry.gitHubEnvironment === environment &&
      (payload.product === undefined || payload.product === entry.product),
  );
  if (serving.length === 0) {
    const product = payload.product === undefined ? '' : ` and the product ${String(payload.product)}`;
    return ignore(
      `no entry of github.deployments is for ${repository} with the environment ${environment}${product}`,
    );
  }
  const named = serving.map((entry) => ({ entry, release: releaseOf(event, entry) }));
  const wrong = named.find(({ release }) => !identifierPattern.test(release));
  if (wrong !== undefined)
    return ignore(
      `the ${wrong.entry.release} ${JSON.stringify(wrong.release)} cannot be a release's name: small letters, digits, ".", "_" and "-"; take release: sha`,
    );
  return { kind: 'report', reports: byProduct(event.deployment, named) };
}

function releaseOf(
  { ref, sha, payload }: DeploymentStatusEvent,
  { release, service }: DeploymentMapping,
): string {
  if (release === 'ref') return ref.replace(/^refs\/(heads|tags)\//, '');
  if (release === 'sha') return sha.slice(0, shaLength);
  const { services } = payload;
  const ofService =
    typeof services === 'object' && services !== null && service !== null
      ? (services as Record<string, unknown>)[service]
      : undefined;
  return String(ofService ?? payload.release ?? '');
}

function byProduct(
  id: number,
  named: readonly { readonly entry: DeploymentMapping; readonly release: string }[],
): HookReport[] {
  const reports = new Map<string, HookReport>();
  for (const { entry, release } of named) {
    const { product, environment, service } = entry;
    const key = `${product}/${environment}`;
    const releases = [...(reports.get(key)?.releases ?? []), { service, release }];
    reports.set(key, { product, environment, deployment: `github-${id}`, releases });
  }
  return [...reports.values()];
}
