import type { ReadinessCheck } from '../../../domain/readiness.ts';
import type { GitHubActionsOptions } from '../github-actions.ts';
import type { AskGitHub } from './ask.ts';

/** What a rollback will need, as far as GitHub tells it. A dispatch cannot be tried without deploying. */
export async function workflowChecks(
  ask: AskGitHub,
  options: GitHubActionsOptions,
  signal: AbortSignal,
): Promise<ReadinessCheck[]> {
  const { environment } = options;
  const looks: [string, () => Promise<string>][] = [
    ['the workflow can be dispatched', () => workflowFinding(ask, options, signal)],
    ['a repeated step finds its run', () => runNameFinding(ask, options, signal)],
  ];
  if (environment !== undefined)
    looks.push(['nobody has to approve', () => approvalFinding(ask, environment, signal)]);
  const found = looks.map(async ([name, look]) => {
    const finding = await look().then(
      (detail) => ({ ok: true, detail }),
      (error: Error) => ({ ok: false, detail: error.message }),
    );
    return { name: `GitHub Actions: ${name}`, ...finding };
  });
  const truth =
    options.instances === undefined
      ? 'what is live is what GitHub was told, not what runs: give instance_urls to have the instances asked themselves'
      : `${options.instances.urls.length} instances are asked themselves`;
  return [...(await Promise.all(found)), { name: 'GitHub Actions: what is live', ok: true, detail: truth }];
}

/** Active, where GitHub has not switched it off for inactivity. */
export async function workflowFinding(
  ask: AskGitHub,
  { workflow }: GitHubActionsOptions,
  signal: AbortSignal,
): Promise<string> {
  const found = await ask(`workflow ${workflow}`, signal, (rest, place) =>
    rest.actions.getWorkflow({ ...place, workflow_id: workflow }),
  );
  if (found?.state !== 'active')
    throw new Error(
      `workflow ${workflow} is ${found?.state}; it must be active: gh workflow enable ${workflow}`,
    );
  return `${workflow} is active; not proven: that the token may dispatch it (actions: write)`;
}

/** The workflow's own text is looked at as text: what it comes to is GitHub's business. */
async function runNameFinding(
  ask: AskGitHub,
  { workflow, ref, inputs }: GitHubActionsOptions,
  signal: AbortSignal,
): Promise<string> {
  const [input] = Object.entries(inputs).find(([, value]) => value.includes('{key}')) ?? [''];
  const file = await ask(`the text of ${workflow}`, signal, (rest, place) =>
    rest.repos.getContent({
      ...place,
      path: `.github/workflows/${workflow}`,
      // A tag of a release may not be there yet: then the default branch says how it is now.
      ...(ref.includes('{') ? {} : { ref }),
    }),
  );
  const { content = '' } = file as { readonly content?: string };
  const text = Buffer.from(content, 'base64').toString();
  const runName = /^run-name:.*$/m.exec(text)?.[0] ?? 'it has no run-name';
  if (!runName.includes(`inputs.${input}`))
    throw new Error(
      `the run-name of ${workflow} must show inputs.${input}, or a repeated step would deploy twice; found: ${runName.slice(0, 200)}`,
    );
  return `the run-name of ${workflow} shows inputs.${input}`;
}

/** At night nobody approves; a rollback would wait until its time is over. */
async function approvalFinding(
  ask: AskGitHub,
  environment_name: string,
  signal: AbortSignal,
): Promise<string> {
  const found = await ask(`environment ${environment_name}`, signal, (rest, place) =>
    rest.repos.getEnvironment({ ...place, environment_name }),
  );
  const rules = (found.protection_rules ?? []).map(({ type }) => type);
  const holding = rules.filter((type) => type === 'required_reviewers' || type === 'wait_timer');
  if (holding.length === 0) return `${environment_name} has no required reviewers and no wait timer`;
  throw new Error(
    `environment ${environment_name} has ${holding.join(' and ')}: a rollback would wait for them; dispatch a workflow for rollbacks that uses an environment without`,
  );
}
