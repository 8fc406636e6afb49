import * as clack from '@clack/prompts';
import { referencesIn } from '../../../config/references.ts';
import { identifierPattern } from '../../../domain/identity.ts';
import { CommandFailure, exitCode } from '../exit-codes.ts';
import {
  type Answers,
  assumed,
  type ChannelKind,
  type MetricsAnswers,
  type ServiceAnswers,
} from './answers.ts';
import type { Found, Where } from './found.ts';

/** Asks what cannot be known; what was found is the answer that Enter gives. */
export async function askPeople(found: Found, account: string): Promise<Answers> {
  const first = assumed(found, account);
  clack.intro('orchestrator init');
  clack.note(found.lines.join('\n') || 'nothing that says how it is deployed', 'Found in this folder');
  const product = await asName('What is it called, as a product?', first.product);
  const owner = await asText('Who owns it: whom should alerts name?', first.owner);
  const services: ServiceAnswers[] = [];
  for (const service of await chosen(first.services))
    services.push(await askService(service, found.namespace));
  const metrics = await askMetrics(first.metrics);
  const channels = await askChannels();
  const github = await askGitHub(first.github);
  const mode = await askMode();
  return { ...first, product, owner, services, metrics, channels, github, mode };
}

/** The last word before a file is written over or written at all. */
export async function confirmed(message: string): Promise<boolean> {
  return answer(await clack.confirm({ message }));
}

export function say(text: string, title?: string): void {
  if (title === undefined) clack.outro(text);
  else clack.note(text, title);
}

async function chosen(services: readonly ServiceAnswers[]): Promise<readonly ServiceAnswers[]> {
  if (services.length < 2) return services;
  const names = answer(
    await clack.multiselect({
      message: 'Which of them shall be watched?',
      options: services.map(({ name }) => ({ value: name, label: name })),
      initialValues: services.map(({ name }) => name),
      required: true,
    }),
  );
  return services.filter(({ name }) => names.includes(name));
}

async function askService(service: ServiceAnswers, namespace: string): Promise<ServiceAnswers> {
  const name = await asName('What is the service called?', service.name);
  const where = await askWhere(name, service.where, namespace);
  const port =
    where.kind === 'kubernetes'
      ? await asNumber(`Which port do pods of ${name} answer HTTP on?`, service.port)
      : null;
  const healthPath = await asText(`Which path says that ${name} is healthy?`, service.healthPath);
  const memoryLimitMb = await asNumber(`How much memory may ${name} use, MiB?`, service.memoryLimitMb);
  return { name, where, port, healthPath, memoryLimitMb };
}

async function askWhere(name: string, where: Where, namespace: string): Promise<Where> {
  const kind = answer(
    await clack.select<Where['kind']>({
      message: `How is ${name} deployed?`,
      options: [
        { value: 'command', label: 'by a script of ours', hint: 'anything a script can deploy to' },
        { value: 'kubernetes', label: 'on Kubernetes' },
        { value: 'systemd', label: 'as systemd units', hint: 'docs/systemd.md' },
      ],
      initialValue: where.kind,
    }),
  );
  if (kind === 'systemd') return { kind };
  if (kind === 'command') {
    const script = where.kind === 'command' ? where.script : null;
    const typed = await asText('Which script?', script ?? './deploy.sh');
    return { kind, script: typed === './deploy.sh' ? script : typed };
  }
  const known = where.kind === 'kubernetes' ? where : { namespace, workload: `deployment/${name}` };
  return {
    kind,
    namespace: await asText('In which namespace?', known.namespace),
    workload: await asText('Which workload, as kubectl takes it?', known.workload, (text) =>
      /^(deployment|statefulset|daemonset)\/[^/\s]+$/.test(text) ? undefined : 'like deployment/web',
    ),
  };
}

async function askMetrics(metrics: MetricsAnswers): Promise<MetricsAnswers> {
  const kind = answer(
    await clack.select<MetricsAnswers['kind']>({
      message: 'Where are errors and latency measured?',
      options: [
        { value: 'scrape', label: 'a /metrics page of each instance' },
        { value: 'prometheus', label: 'Prometheus', hint: 'also Thanos, Mimir, VictoriaMetrics' },
        { value: 'otlp', label: 'the service pushes by OpenTelemetry' },
      ],
      initialValue: metrics.kind,
    }),
  );
  if (kind !== 'prometheus') return { kind };
  const known =
    metrics.kind === 'prometheus' ? metrics : { url: 'http://127.0.0.1:9090', set: null, jobs: [] };
  const url = await asText('Where does Prometheus answer?', known.url, urlProblem);
  return { kind, url, set: known.set, jobs: known.jobs };
}

function urlProblem(text: string): string | undefined {
  const unset = referencesIn(text).find(({ name }) => !process.env[name]);
  if (unset !== undefined) return `${unset.name} is not set`;
  return /^https?:\/\/|\$\{/.test(text)
    ? undefined
    : `an http or https URL, or a reference like \${PROMETHEUS_URL}`;
}

async function askChannels(): Promise<readonly ChannelKind[]> {
  return answer(
    await clack.multiselect<ChannelKind>({
      message: 'How are people told? (space chooses; secrets stay in variables)',
      options: [
        { value: 'slack', label: 'Slack', hint: 'SLACK_WEBHOOK_URL' },
        { value: 'email', label: 'e-mail', hint: 'ALERT_EMAIL and SMTP_URL' },
        { value: 'webhook', label: 'a webhook', hint: 'ON_CALL_WEBHOOK_URL' },
      ],
      required: false,
    }),
  );
}

async function askGitHub(github: Answers['github']): Promise<Answers['github']> {
  if (github === null) return null;
  const message = `Open an issue in ${github.owner}/${github.repo} for each incident?`;
  return (await confirmed(message)) ? github : null;
}

async function askMode(): Promise<Answers['mode']> {
  return answer(
    await clack.select<Answers['mode']>({
      message: 'May it roll back by itself?',
      options: [
        { value: 'act', label: 'yes' },
        { value: 'observe', label: 'not yet', hint: 'it judges and tells, and rolls nothing back' },
      ],
      initialValue: 'act',
    }),
  );
}

async function asName(message: string, initialValue: string): Promise<string> {
  return asText(message, initialValue, (text) =>
    identifierPattern.test(text) ? undefined : 'lower-case letters, digits, ".", "_" and "-"',
  );
}

async function asText(
  message: string,
  initialValue: string,
  problem: (text: string) => string | undefined = () => undefined,
): Promise<string> {
  const validate = (text: string | undefined) => (text?.trim() ? problem(text.trim()) : 'say something');
  return answer(await clack.text({ message, initialValue, validate })).trim();
}

/** Empty: not known. */
async function asNumber(message: string, initial: number | null): Promise<number | null> {
  const text = answer(
    await clack.text({
      message,
      initialValue: initial === null ? '' : String(initial),
      placeholder: 'not known',
      validate: (typed) => (/^\d{0,6}$/.test(typed?.trim() ?? '') ? undefined : 'a whole number, or nothing'),
    }),
  );
  return Number(text) > 0 ? Number(text) : null;
}

function answer<Given>(given: Given): Exclude<Given, symbol> {
  if (!clack.isCancel(given)) return given as Exclude<Given, symbol>;
  throw new CommandFailure(exitCode.interrupted, 'nothing was written');
}
