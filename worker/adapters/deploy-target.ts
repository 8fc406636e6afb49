import { createAwsEcsTarget } from '../../adapters/deploy-target/aws-ecs.ts';
import { createCommandTarget } from '../../adapters/deploy-target/command.ts';
import type { DeployTarget } from '../../adapters/deploy-target/deploy-target.ts';
import { createGitHubActionsTarget } from '../../adapters/deploy-target/github-actions.ts';
import { createHttpDeployerTarget } from '../../adapters/deploy-target/http-deployer.ts';
import type { ReleaseFrom } from '../../adapters/deploy-target/kubernetes/release-name.ts';
import { createKubernetesTarget } from '../../adapters/deploy-target/kubernetes.ts';
import { createLocalProcessTarget } from '../../adapters/deploy-target/local-process.ts';
import { createRevertPullRequests } from '../../adapters/github/revert-pull-request.ts';
import type { DeployTargetSettings } from '../../config/schema/deploy-targets.ts';
import { clusterOf } from './cluster.ts';
import { ms, text, texts, type Written } from './written.ts';

type GitHubActionsSettings = Extract<DeployTargetSettings, { readonly kind: 'github-actions' }>;
type KubernetesSettings = Extract<DeployTargetSettings, { readonly kind: 'kubernetes' }>;

export function targetOf(service: string, settings: DeployTargetSettings, written: Written): DeployTarget {
  const argv = (list: readonly string[]) => list.map(written.text);
  switch (settings.kind) {
    case 'local-process': {
      const { root, command, instances = 1, base_port: basePort, beside_base_port: besidePort } = settings;
      const local = {
        command: argv(command),
        instances,
        basePort,
        besideBasePort: settings.way === 'shift' ? (besidePort ?? basePort + instances) : besidePort,
        env: texts(settings.env ?? {}, written),
        stopTimeoutMs: ms(settings.stop_timeout_seconds),
      };
      return createLocalProcessTarget({ root: written.path(root), services: { [service]: local } });
    }
    case 'command':
      return createCommandTarget({
        live: argv(settings.live),
        restorable: argv(settings.restorable),
        restore: argv(settings.restore),
        restart: argv(settings.restart),
        cwd: written.path(settings.cwd ?? '.'),
        env: texts(settings.env ?? {}, written),
        timeLimitMs: ms(settings.time_limit_seconds),
      });
    case 'kubernetes':
      return createKubernetesTarget({
        ...clusterOf(settings, written),
        namespace: written.text(settings.namespace),
        workloads: { [service]: written.text(settings.workload) },
        port: settings.port,
        container: text(settings.container, written),
        releaseFrom: releaseFromOf(settings.release_from),
        gitops: settings.gitops,
        argocdNamespace: text(settings.argocd_namespace, written),
        reverts: revertsOf(settings, written),
        timeoutMs: ms(settings.timeout_seconds),
      });
    case 'http':
      return createHttpDeployerTarget({
        url: written.text(settings.url),
        secret: written.text(settings.secret),
        bearerToken: text(settings.bearer_token, written),
        timeoutMs: ms(settings.timeout_seconds),
        pollMs: ms(settings.poll_seconds),
      });
    case 'aws-ecs':
      return createAwsEcsTarget({
        service: written.text(settings.service),
        port: settings.port,
        container: text(settings.container, written),
        from: settings.release_from,
        timeoutMs: ms(settings.timeout_seconds),
        pollMs: ms(settings.poll_seconds),
      });
    case 'github-actions':
      return githubActionsOf(settings, written);
  }
}

function revertsOf({ gitops_repository: repository }: KubernetesSettings, written: Written) {
  if (repository == null) return undefined;
  return createRevertPullRequests({
    owner: written.text(repository.owner),
    repo: written.text(repository.repo),
    token: written.text(repository.token),
    baseUrl: text(repository.base_url, written),
  });
}

function githubActionsOf(settings: GitHubActionsSettings, written: Written): DeployTarget {
  const urls = settings.instance_urls?.map(written.text);
  return createGitHubActionsTarget({
    owner: written.text(settings.owner),
    repo: written.text(settings.repo),
    token: written.text(settings.token),
    baseUrl: text(settings.base_url, written),
    workflow: written.text(settings.workflow),
    ref: written.text(settings.ref),
    inputs: texts(settings.inputs, written),
    releaseRef: text(settings.release_ref, written),
    environment: text(settings.environment, written),
    releaseFrom: settings.release_from,
    ...(urls !== undefined && {
      instances: {
        urls,
        path: text(settings.version_path, written),
        field: text(settings.version_field, written),
      },
    }),
    timeoutMs: ms(settings.timeout_seconds),
    pollMs: ms(settings.poll_seconds),
  });
}

/** The schema lets exactly one of them through. */
function releaseFromOf(from: KubernetesSettings['release_from']): ReleaseFrom | undefined {
  if (from?.label !== undefined) return { label: from.label };
  if (from?.annotation !== undefined) return { annotation: from.annotation };
  return from?.image === undefined ? undefined : { image: from.image };
}
