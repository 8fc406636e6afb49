import type { ServiceSetup } from '../../../activities/dependencies.ts';
import type { ServiceSettings } from '../../../config/schema/service.ts';
import type { ProductKey } from '../../../domain/identity.ts';
import type { ReadinessCheck } from '../../../domain/readiness.ts';
import type { System } from '../system.ts';
import { type Finding, looker } from './finding.ts';

const patienceMs = 15_000;

/** Target, metrics, health and traffic of every service, as a check and a rollback would use them. */
export async function lookAtProducts({ catalog, config }: System): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const key of await catalog.products()) {
    const { services } = await catalog.setup(key);
    for (const setup of services) {
      const settings = config.data.products?.[key.product]?.services[setup.service];
      if (settings !== undefined) findings.push(...(await lookAtService(key, setup, settings)));
    }
  }
  return findings;
}

async function lookAtService(
  key: ProductKey,
  { service, target, metrics, probe, traffic }: ServiceSetup,
  settings: ServiceSettings,
): Promise<Finding[]> {
  const look = looker('products');
  const name = `${key.product}/${service}`;
  const signal = AbortSignal.timeout(patienceMs);
  const reached = await look(
    `${name} target`,
    async () => {
      const live = await target.live(service, signal);
      return `${live.configured ?? 'nothing'} configured, ${live.instances.filter((instance) => instance.running).length} instances running`;
    },
    mendTarget(service, settings),
  );
  // What instances there are, nobody knows: one failure, not four.
  if (!reached.ok) return [reached];
  const findings = [
    reached,
    ...(await checksOf(`${name} target`, mendTarget(service, settings), () =>
      target.checks?.(service, signal),
    )),
    await look(
      `${name} metrics`,
      async () => {
        const { instances } = await target.live(service, signal);
        const answer = await metrics.measure({ ...key, service, instances, cursor: null, signal });
        if (answer.kind !== 'measured') throw new Error(`${answer.kind}: ${answer.reason}`);
        return 'readable';
      },
      mendMetrics(settings),
    ),
    await look(
      `${name} health`,
      async () => {
        const { instances } = await target.live(service, signal);
        const sick = (await probe.probe(instances, signal)).filter((entry) => !entry.healthy);
        if (sick.length > 0)
          throw new Error(sick.map((entry) => `${entry.instance} ${entry.detail}`).join(', '));
        return `${instances.length} instances healthy`;
      },
      `see that ${settings.health?.path ?? '/healthz'} of each instance answers 2xx in time, or say another health.path`,
    ),
  ];
  if (traffic === null) return findings;
  return [
    ...findings,
    await look(
      `${name} traffic`,
      async () => ((await traffic.state(service, signal)).maintenance ? 'in maintenance' : 'serving'),
      mendTraffic(settings),
    ),
    ...(await checksOf(`${name} traffic`, mendTraffic(settings), () => traffic.checks?.(service, signal))),
  ];
}

async function checksOf(
  what: string,
  mend: string,
  ask: () => Promise<readonly ReadinessCheck[]> | undefined,
): Promise<Finding[]> {
  const look = looker('products');
  try {
    const checks = (await ask()) ?? [];
    return await Promise.all(
      checks.map(({ name, ok, detail }) =>
        look(
          `${what}: ${name}`,
          () => {
            if (ok) return detail;
            throw new Error(detail);
          },
          mend,
        ),
      ),
    );
  } catch (error) {
    return [
      await look(
        what,
        () => {
          throw error;
        },
        mend,
      ),
    ];
  }
}

function mendTarget(service: string, { deploy_target: target }: ServiceSettings): string {
  switch (target.kind) {
    case 'command':
      return `run "${target.live.join(' ').replaceAll('{service}', service)}" by hand: it must end with 0 and print the live release`;
    case 'local-process':
      return `lay a release into ${target.root}/${service}/releases, make current a link to it, and see that ports from ${target.base_port} on are free`;
    case 'kubernetes':
      return `try "kubectl get ${target.workload} --namespace ${target.namespace}" with the same context; the rights that are needed are in docs/kubernetes.md`;
    case 'http':
      return 'see that the deploy service answers as docs/deployers.md says, and that the secret is the same on both sides';
    case 'aws-ecs':
      return 'see that credentials, region and ARN are right; the rights that are needed are in docs/aws-ecs.md';
    case 'github-actions':
      return 'see that the token may dispatch the workflow, and that its run-name shows the key: docs/github-actions.md';
  }
}

function mendMetrics({ metrics }: ServiceSettings): string {
  switch (metrics?.kind) {
    case 'prometheus':
      return `see that ${metrics.url} answers and that set and selector fit what is there: try the query in its web page; docs/metrics.md`;
    case 'json':
      return 'see that the page answers and that the dotted paths in metrics.values are on it: docs/metrics.md';
    case 'datadog':
      return 'see that api_key, application_key and site are right and the queries give something in Datadog: docs/metrics.md';
    case 'cloudwatch':
      return 'see that credentials and region are right and the metrics are there: docs/metrics.md';
    case 'otlp':
      return 'let the service push to POST /v1/metrics of the API, with its token and service.name: docs/metrics.md';
    default:
      return `see that ${metrics?.path ?? '/metrics'} of each instance shows http_requests_total, or say other names in metrics.names: docs/configuration.md`;
  }
}

function mendTraffic({ traffic }: ServiceSettings): string {
  if (traffic?.kind === 'proxy')
    return `start the proxy, and see that ${traffic.control_url} and the token file are its own`;
  const page = traffic?.kind.startsWith('kubernetes') ? 'docs/kubernetes.md#traffic' : 'docs/traffic.md';
  return `set ${traffic?.kind ?? 'it'} up as ${page} says, and see that this machine may change it`;
}
