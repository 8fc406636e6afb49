import type { Answers, ChannelKind, MetricsAnswers, ServiceAnswers } from './answers.ts';

export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  /** Of the JSON Schema, as an editor finds it from the folder of the file. */
  readonly schema: string;
}

export interface WrittenConfig {
  readonly text: string;
  /** What is left for a person, one line each. */
  readonly toDo: readonly string[];
}

/** The text of a configuration that `config check` accepts as it is. */
export function writeConfig(answers: Answers, { env, schema }: Surroundings): WrittenConfig {
  const toDo: string[] = [];
  const lines = [
    `# yaml-language-server: $schema=${schema}`,
    '#',
    '# Written by "orchestrator init". Only what differs from a default needs to be here; every key with its default is in',
    '# docs/configuration.md. What is marked TO DO is for you. Then: orchestrator config check, orchestrator up,',
    '# orchestrator doctor. A change takes effect within one check; a file with a mistake changes nothing.',
    '',
    ...policyPart(answers, env, toDo),
    '',
    'products:',
    `  ${answers.product}:`,
    '    # Who is alerted, may pause or command a rollback, and reviews the incident.',
    `    owner: { name: ${quoted(answers.owner)} }`,
    '    services:',
    ...answers.services.flatMap((service) => servicePart(service, answers, toDo)),
    '',
    ...githubPart(answers, env, toDo),
  ];
  return { text: `${lines.join('\n').trimEnd()}\n`, toDo };
}

function policyPart({ mode, channels }: Answers, env: NodeJS.ProcessEnv, toDo: string[]): string[] {
  return [
    'rollback_policy:',
    '  # act: a bad release is rolled back. observe: it is judged and told, and nothing is rolled back by itself.',
    `  mode: ${mode}`,
    '  monitoring:',
    '    # Between two checks.',
    '    check_interval_seconds: 60',
    '    # The new release is measured this long, to know what is normal for it.',
    '    baseline_window_minutes: 5',
    '    # How long a deployment is watched, that included.',
    '    watch_hours: 24',
    '    # After this much traffic without a breach a release may be rolled back to.',
    '    good_after_minutes: 30',
    '  # Who is told of everything. Without any channel, messages go to the console of "orchestrator up".',
    ...(channels.length === 0 ? [] : ['  notifications:']),
    ...channels.flatMap((channel) => channelLines(channel, env, toDo)),
  ];
}

/** A reference to a variable that is not set would be a mistake: it waits as a comment. */
function channelLines(channel: ChannelKind, env: NodeJS.ProcessEnv, toDo: string[]): string[] {
  const [line, variable] = {
    slack: [`slack_webhook: "\${SLACK_WEBHOOK_URL}"`, 'SLACK_WEBHOOK_URL'],
    email: [`email: "\${ALERT_EMAIL}"`, 'ALERT_EMAIL'],
    webhook: [`webhooks: [{ name: on-call, url: "\${ON_CALL_WEBHOOK_URL}" }]`, 'ON_CALL_WEBHOOK_URL'],
  }[channel] as [string, string];
  const mailServer =
    channel === 'email' && !env.SMTP_URL ? ' and SMTP_URL (smtp://user:password@mail:587)' : '';
  if (env[variable] && mailServer === '') return [`    ${line}`];
  toDo.push(`${channel}: set ${variable}${mailServer}, then remove the # before ${line.split(':')[0]}`);
  return [`    # TO DO: set ${variable}${mailServer} and remove the #.`, `    # ${line}`];
}

function servicePart(service: ServiceAnswers, answers: Answers, toDo: string[]): string[] {
  return [
    `      ${service.name}:`,
    ...targetPart(service, answers, toDo),
    ...metricsPart(service, answers.metrics, toDo),
    '        # Asked of every instance with each check.',
    `        health: { path: ${quoted(service.healthPath)} }`,
    '        # User traffic is stopped while a release is put back: see docs/traffic.md for HAProxy, nginx, Kubernetes, AWS.',
    '        # traffic: { kind: …',
    ...(answers.isGitRepository
      ? [
          '        # What an incident report says was deployed: the commits between two releases, which are tags here.',
          '        changes: { kind: git, repository: . }',
        ]
      : []),
  ];
}

function targetPart(
  { name, where, port }: ServiceAnswers,
  { kubeContext }: Answers,
  toDo: string[],
): string[] {
  if (where.kind === 'kubernetes')
    return [
      '        # What is live is read from the workload; a rollback sets its pod template back. See docs/kubernetes.md for the rights.',
      '        deploy_target:',
      '          kind: kubernetes',
      ...(kubeContext === null ? [] : [`          context: ${quoted(kubeContext)}`]),
      `          namespace: ${quoted(where.namespace)}`,
      `          workload: ${quoted(where.workload)}`,
      ...(port === null ? [] : [`          port: ${port}`]),
    ];
  const script = quoted(where.kind === 'systemd' ? '/srv/deploy' : (where.script ?? './deploy.sh'));
  const sudo = where.kind === 'systemd' ? 'sudo, ' : '';
  const missing = where.kind === 'command' && where.script === null;
  if (missing) toDo.push(`${name}: write ./deploy.sh; docs/tutorial.md and docs/systemd.md show one`);
  if (where.kind === 'systemd') toDo.push(`${name}: install /srv/deploy, see docs/systemd.md`);
  return [
    ...(missing
      ? ['        # TO DO: write deploy.sh; docs/tutorial.md and docs/systemd.md show one.']
      : ['        # The script of your pipeline: a rollback does what a deployment does.']),
    '        deploy_target:',
    '          kind: command',
    '          # Prints {"configured": "v1", "instances": [{"id": "web/0", "release": "v1", "running": true, "url": "http://…"}]}',
    `          live: [${script}, live, "{service}"]`,
    '          # Ends with 0 when the release can still be restored.',
    `          restorable: [${script}, restorable, "{service}", "{release}"]`,
    '          # Both may be run again with the same {key}.',
    `          restore: [${sudo}${script}, restore, "{service}", "{release}"]`,
    `          restart: [${sudo}${script}, restart, "{service}", "{key}"]`,
  ];
}

function metricsPart(service: ServiceAnswers, metrics: MetricsAnswers, toDo: string[]): string[] {
  const limit = limitLines(service, toDo);
  if (metrics.kind === 'otlp')
    return [
      '        # The service pushes to POST /v1/metrics of the API, as OpenTelemetry does; see docs/metrics.md.',
      '        metrics:',
      '          kind: otlp',
      ...limit,
    ];
  if (metrics.kind === 'scrape')
    return [
      '        # The /metrics page of each instance: http_requests_total with a label status, and the histogram',
      '        # http_request_duration_seconds; other names can be given in names.',
      '        metrics:',
      '          kind: scrape',
      ...limit,
    ];
  const { url, set, jobs } = metrics;
  const job = jobs.find((name) => name === service.name) ?? jobs.find((name) => name !== 'prometheus');
  return [
    '        metrics:',
    '          kind: prometheus',
    `          url: ${JSON.stringify(url)}`,
    '          # Ready-made queries: prom-client, express, go, spring-boot and others; see docs/metrics.md for your own.',
    `          set: ${set ?? 'prom-client'}`,
    ...(job === undefined || job === service.name
      ? [
          '          # Which series are those of the service; this is the default.',
          `          selector: ${quoted(`job="${service.name}"`)}`,
        ]
      : [
          '          # Which series are those of the service.',
          `          selector: ${quoted(`job="${job}"`)}`,
        ]),
    ...limit,
  ];
}

function limitLines({ name, memoryLimitMb }: ServiceAnswers, toDo: string[]): string[] {
  if (memoryLimitMb !== null) return [`          memory_limit_mb: ${memoryLimitMb}`];
  toDo.push(`${name}: say memory_limit_mb, or the memory trigger is off`);
  return [
    '          # TO DO: what memory is a percentage of, MiB. Without it the memory trigger is off.',
    '          # memory_limit_mb: 512',
  ];
}

function githubPart({ github }: Answers, env: NodeJS.ProcessEnv, toDo: string[]): string[] {
  if (github === null)
    return [
      '# Incident reports are files in the data folder. For GitHub issues: see github in docs/configuration.md.',
    ];
  if (!env.GITHUB_TOKEN)
    toDo.push('github: set GITHUB_TOKEN (may write issues); until then reports are files');
  return [
    '# Incidents become issues here. Without GITHUB_TOKEN, which may write issues, reports stay in the data folder.',
    `github: { owner: ${quoted(github.owner)}, repo: ${quoted(github.repo)}, token: "\${GITHUB_TOKEN}" }`,
  ];
}

/** Plain where YAML and people read it as text. What was found in a folder never becomes a reference to a variable. */
function quoted(text: string): string {
  const isPlain =
    /^[A-Za-z./][\w./-]*$/.test(text) && !/^(true|false|yes|no|null|on|off|y|n|\.+)$/i.test(text);
  return isPlain ? text : JSON.stringify(text.replaceAll('${', () => '$${'));
}
