import { z } from 'zod';
import {
  about,
  byKind,
  duration,
  environmentVariables,
  mapping,
  second,
  section,
  text,
  texts,
  url,
  wholeNumber,
} from './fields.ts';

const stepTimeout = duration(
  'seconds',
  'Restore and restart of this service may take, each; default rollback.step_timeout_seconds',
).optional();

const localProcess = mapping({
  kind: z.literal('local-process').describe('Plain processes on this machine'),
  root: text('Holds <service>/releases/<release>/ and <service>/current', 'a folder'),
  command: texts('Program and arguments, run without a shell in the folder of the release'),
  instances: wholeNumber('Processes', 1, 1_000, 1).optional(),
  base_port: wholeNumber('Instance i listens on this port + i, told by PORT', 1, 65_535),
  way: z
    .enum(['replace', 'shift'], 'replace, shift')
    .meta(
      about(
        'replace: one release at a time, users see a maintenance page meanwhile; shift: the old release is started and healthy beside the new one before traffic moves (needs traffic)',
        'replace',
      ),
    )
    .optional(),
  beside_base_port: wholeNumber(
    'way shift: where the second set of processes listens; default base_port + instances',
    1,
    65_535,
  ).optional(),
  env: environmentVariables('With PATH and HOME the whole environment of the processes').optional(),
  stop_timeout_seconds: duration('seconds', 'From SIGTERM to SIGKILL', 5 * second).optional(),
  step_timeout_seconds: stepTimeout,
});

const command = mapping({
  kind: z.literal('command').describe('Whatever a script can deploy to'),
  live: texts('Prints the live release, or JSON with configured and instances'),
  restorable: texts('Exit code 0: the release can be restored'),
  restore: texts('Makes {release} the configured one; may be run again with the same {key}'),
  restart: texts('Makes the service run the configured release; may be run again with the same {key}'),
  cwd: text('Where the commands run; default the folder of this file', 'a folder').optional(),
  env: environmentVariables('With PATH and HOME the whole environment of the commands').optional(),
  time_limit_seconds: duration('seconds', 'For each command', 300 * second).optional(),
  step_timeout_seconds: stepTimeout,
});

const releaseFrom = mapping({
  label: text('Of the pod template', 'the name of a label').optional(),
  annotation: text('Of the pod template', 'the name of an annotation').optional(),
  image: z
    .enum(['tag', 'digest'], 'tag, digest')
    .describe('Of the container; of a digest the first 12 characters')
    .optional(),
})
  .refine((value) => Object.keys(value).length === 1, 'one of label, annotation, image')
  .describe(
    'What a release is called; default the label app.kubernetes.io/version, else the tag of the image',
  );

const kubernetes = mapping({
  kind: z.literal('kubernetes').describe('A Deployment, StatefulSet or DaemonSet'),
  namespace: text('Where the workload is', 'a namespace'),
  workload: z
    .string('deployment/NAME, statefulset/NAME or daemonset/NAME')
    .regex(
      /^(deployment|statefulset|daemonset)\/[^/]+$|\$\{/,
      'deployment/NAME, statefulset/NAME or daemonset/NAME',
    )
    .describe('As kubectl takes it, like deployment/web'),
  port: wholeNumber(
    'Where pods answer HTTP; without it their readiness says how they are',
    1,
    65_535,
  ).optional(),
  container: text('Whose image is the release, where there are several containers').optional(),
  release_from: releaseFrom.optional(),
  kubeconfig: text(
    'Default: the service account of the pod, else KUBECONFIG or ~/.kube/config',
    'a file',
  ).optional(),
  context: text('Of the kubeconfig; default its current one').optional(),
  gitops: z
    .enum(['refuse', 'suspend', 'pull_request'], 'refuse, suspend, pull_request')
    .meta(about('When Argo CD or Flux would put the bad release back', 'refuse'))
    .optional(),
  gitops_repository: section('On GitHub, where a revert of the release is asked for by pull request.', {
    owner: text('Organization or user', 'a GitHub organization or user'),
    repo: text('Repository', 'the name of a GitHub repository'),
    token: text('May write contents and pull requests (a secret)'),
    base_url: url('Of a GitHub Enterprise Server').optional(),
  }),
  argocd_namespace: text('Where Argo CD keeps its Applications; default argocd', 'a namespace').optional(),
  timeout_seconds: duration('seconds', 'For one question to the API server', 5 * second).optional(),
  step_timeout_seconds: stepTimeout,
});

const http = mapping({
  kind: z.literal('http').describe("A deploy service of the team's own, as docs/deployers.md shows"),
  url: url('What stands before /live, /restorable, /restore and /restart; no secret in it'),
  secret: text('Signs what makes it act, as Standard Webhooks (a secret)'),
  bearer_token: text('Sent with everything (a secret)').optional(),
  timeout_seconds: duration(
    'seconds',
    'Of one answer; longer work is answered by 202',
    10 * second,
  ).optional(),
  poll_seconds: duration('seconds', 'Between two looks at work that goes on', 2 * second).optional(),
  step_timeout_seconds: stepTimeout,
});

const awsEcs = mapping({
  kind: z.literal('aws-ecs').describe('A service of Amazon ECS'),
  service: text('Of the service, with its cluster in it', 'an ARN'),
  port: wholeNumber(
    'Where tasks answer HTTP, with awsvpc; without it the health check of their container counts',
    1,
    65_535,
  ).optional(),
  container: text('Whose image is the release, where there are several containers').optional(),
  release_from: z
    .enum(['tag', 'digest', 'revision'], 'tag, digest, revision')
    .meta(about('Of the image; or the revision of the task definition', 'tag'))
    .optional(),
  timeout_seconds: duration('seconds', 'Of one call of AWS, retries included', 20 * second).optional(),
  poll_seconds: duration('seconds', 'Between two looks at a rollout', 5 * second).optional(),
  step_timeout_seconds: stepTimeout,
});

const githubActions = mapping({
  kind: z.literal('github-actions').describe("The team's own deploy workflow on GitHub"),
  owner: text('Of the repository'),
  repo: text('Whose workflow deploys'),
  token: text('May dispatch workflows, and read and write deployments (a secret)'),
  base_url: url('Of a GitHub Enterprise Server').optional(),
  workflow: text('In .github/workflows, like deploy.yml', 'the name of a file'),
  ref: text('That is dispatched, {release} and {service} replaced', 'a branch or tag'),
  inputs: environmentVariables(
    'Of the workflow, {release}, {service} and {key} replaced; its run-name shows the one that is given {key}',
  ).refine(
    (inputs) => Object.values(inputs).some((value) => value.includes('{key}')),
    'at least one text with {key}, which the run-name of the workflow shows',
  ),
  release_ref: text(
    'That is there as long as a release can be restored; default {release}',
    'a tag, branch or commit',
  ).optional(),
  environment: text('On GitHub, whose deployments are read and told of the rollback').optional(),
  release_from: z
    .enum(['ref', 'payload', 'sha'], 'ref, payload, sha')
    .meta(
      about("Of a GitHub deployment; payload: its key release; sha: the commit's first 12 characters", 'ref'),
    )
    .optional(),
  instance_urls: texts('Asked what they run; without them what is live is what GitHub was told').optional(),
  version_path: text('Of an instance, answers JSON; default /version', 'a path').optional(),
  version_field: text('Of that JSON; default version', 'the name of a key').optional(),
  timeout_seconds: duration('seconds', 'For one thing asked of GitHub', 10 * second).optional(),
  poll_seconds: duration('seconds', 'Between two looks at a run', 10 * second).optional(),
  step_timeout_seconds: stepTimeout,
});

export const deployTarget = byKind([localProcess, command, kubernetes, http, awsEcs, githubActions]).describe(
  'Where the service runs. {service}, {release} and {key} are replaced within arguments of commands.',
);

export type DeployTargetSettings = z.infer<typeof deployTarget>;
