import type { Finding } from './findings.ts';
import { readFreezeWindow } from './freeze-windows.ts';
import { memoryLack, metricsProblems, percentileLack } from './metrics-checks.ts';
import { policyOf } from './policy.ts';
import type { Env } from './references.ts';
import type { ConfigFile } from './schema/config-file.ts';
import type { ProductSettings } from './schema/product.ts';
import type { Path, YamlFile } from './yaml-file.ts';

/** What one key says about another. */
export interface Checks {
  readonly problems: readonly Finding[];
  readonly warnings: readonly Finding[];
}

export interface Surroundings {
  /** Without it nothing is said about variables. */
  readonly env?: Env;
  /** Where the store is: `postgres://…` or the file of SQLite. Without it nothing is said about it. */
  readonly store?: string;
}

export function crossCheck(file: ConfigFile, yaml: YamlFile, { env, store }: Surroundings): Checks {
  const products = Object.entries(file.products ?? {});
  return {
    problems: [
      ...policyProblems(file, yaml, undefined),
      ...channelProblems(file, yaml),
      ...slackUserProblems(file, yaml),
      ...gitHubProblems(file, yaml),
      ...products.flatMap(([product]) => policyProblems(file, yaml, product)),
      ...products.flatMap(([product, settings]) => groupProblems(product, settings, yaml, store)),
      ...products.flatMap(([product]) => neighbourProblems(file, product, yaml)),
      ...products.flatMap(([product, settings]) => metricsProblems(product, settings, yaml)),
      ...products.flatMap(([product, settings]) => wayProblems(product, settings, yaml)),
      ...products.flatMap(([product, settings]) => gitopsProblems(product, settings, yaml)),
    ],
    warnings: [
      ...(env === undefined || env.SMTP_URL ? [] : emailWarnings(file, yaml)),
      ...slackWarnings(file, yaml),
      ...products.flatMap(([product, settings]) => memoryWarnings(file, yaml, product, settings)),
      ...products.flatMap(([product, settings]) => percentileWarnings(file, yaml, product, settings)),
      ...products.flatMap(([product, settings]) => enabledWarnings(file, yaml, product, settings)),
      ...windowWarnings(file, yaml),
    ],
  };
}

function policyProblems(file: ConfigFile, yaml: YamlFile, product: string | undefined): Finding[] {
  const own = product === undefined ? null : file.products?.[product]?.policy;
  if (product !== undefined && own == null) return [];
  const at: Path = product === undefined ? ['rollback_policy'] : ['products', product, 'policy'];
  const { monitoring } = policyOf(file, product);
  const problems: Finding[] = [];
  if (monitoring.baselineWindowMs >= monitoring.watchMs) {
    const message = 'found a baseline window as long as the watch; allowed: less than watch_hours';
    problems.push(yaml.at([...at, 'monitoring', 'baseline_window_minutes'], message));
  }
  if (monitoring.blindEscalateMs < monitoring.blindAlertMs) {
    const message = 'found less than blind_alert_minutes; allowed: that or more';
    problems.push(yaml.at([...at, 'monitoring', 'blind_escalate_minutes'], message));
  }
  const windows = (product === undefined ? file.rollback_policy : own)?.freeze_windows ?? [];
  for (const [index, written] of windows.entries()) {
    const window = readFreezeWindow(written);
    if (typeof window === 'string')
      problems.push(yaml.at([...at, 'freeze_windows', index, 'until'], `found ${window}`));
  }
  const allowed = channelNames(file);
  const levels = (product === undefined ? file.rollback_policy?.escalation : own?.escalation) ?? [];
  for (const [index, { notify }] of levels.entries()) {
    if (allowed.includes(notify)) continue;
    const message = `found ${JSON.stringify(notify.slice(0, 70))}, which is no channel in use; allowed: ${allowed.join(', ')}`;
    problems.push(yaml.at([...at, 'escalation', index, 'notify'], message));
  }
  return problems;
}

/** A level that names a channel nobody set up would call nobody. */
function channelNames(file: ConfigFile): string[] {
  const {
    ceo_alert = true,
    slack_webhook,
    slack_app,
    pagerduty,
    email,
    webhooks = [],
  } = file.rollback_policy?.notifications ?? {};
  return [
    'owner',
    'everyone',
    'console',
    ...(ceo_alert && slack_webhook !== undefined ? ['slack'] : []),
    ...(ceo_alert && email !== undefined ? ['email'] : []),
    ...(slack_app !== undefined ? ['slack_app'] : []),
    ...(pagerduty !== undefined ? ['pagerduty'] : []),
    ...webhooks.map(({ name }) => `webhook:${name}`),
  ];
}

function channelProblems(file: ConfigFile, yaml: YamlFile): Finding[] {
  const names = (file.rollback_policy?.notifications?.webhooks ?? []).map(({ name }) => name);
  return names.flatMap((name, index) => {
    if (names.indexOf(name) === index) return [];
    const path = ['rollback_policy', 'notifications', 'webhooks', index, 'name'];
    return [yaml.at(path, `found ${JSON.stringify(name)} a second time; allowed: a name of its own`)];
  });
}

/** A role for a product that does not exist lets nobody do anything, and nobody would notice before the night. */
function slackUserProblems(file: ConfigFile, yaml: YamlFile): Finding[] {
  const known = Object.keys(file.products ?? {});
  const users = Object.entries(file.rollback_policy?.notifications?.slack_app?.users ?? {});
  return users.flatMap(([id, { product }]) => {
    if (product === undefined || known.includes(product)) return [];
    const path = ['rollback_policy', 'notifications', 'slack_app', 'users', id, 'product'];
    const message = `found ${JSON.stringify(product)}; allowed: a product of this file (${known.join(', ') || 'there is none'})`;
    return [yaml.at(path, message)];
  });
}

/** Half of what opens an issue opens none, and a deployment that nobody can prove is never taken. */
function gitHubProblems({ github, products }: ConfigFile, yaml: YamlFile): Finding[] {
  if (github == null) return [];
  const { owner, repo, token, webhook_secret: secret, deployments } = github;
  const given = [owner, repo, token].filter((value) => value !== undefined).length;
  const problems: Finding[] = [];
  if (given > 0 && given < 3)
    problems.push(
      yaml.at(['github'], 'found only some of owner, repo and token; allowed: all three, or none'),
    );
  if (given === 0 && secret === undefined)
    problems.push(
      yaml.at(['github'], 'found nothing to do; allowed: owner, repo and token, or webhook_secret'),
    );
  if (deployments !== undefined && secret === undefined)
    problems.push(
      yaml.at(['github', 'deployments'], 'found no webhook_secret; allowed: with github.webhook_secret'),
    );
  const known = Object.keys(products ?? {});
  for (const [index, { product }] of (deployments ?? []).entries())
    if (!known.includes(product))
      problems.push(
        yaml.at(
          ['github', 'deployments', index, 'product'],
          `found ${JSON.stringify(product)}; allowed: a product of this file (${known.join(', ') || 'there is none'})`,
        ),
      );
  return problems;
}

function slackWarnings(file: ConfigFile, yaml: YamlFile): Finding[] {
  const app = file.rollback_policy?.notifications?.slack_app;
  if (app === undefined) return [];
  const path: Path = ['rollback_policy', 'notifications', 'slack_app'];
  const deaf =
    app.app_token === undefined && app.signing_secret === undefined
      ? ['buttons and commands reach nobody: set app_token (Socket Mode) or signing_secret (HTTP)']
      : [];
  const powerless =
    app.users === undefined && (app.default_role ?? 'viewer') === 'viewer'
      ? ['nobody may act from Slack: every member is a viewer; name some in users, or set default_role']
      : [];
  return [...deaf, ...powerless].map((message) => yaml.at(path, message, 'key'));
}

/** A neighbour that nobody watches says nothing. */
function neighbourProblems(file: ConfigFile, product: string, yaml: YamlFile): Finding[] {
  const others = Object.keys(file.products ?? {}).filter((name) => name !== product);
  return (file.products?.[product]?.neighbours ?? []).flatMap((name, index) =>
    others.includes(name)
      ? []
      : [
          yaml.at(
            ['products', product, 'neighbours', index],
            `found ${JSON.stringify(name)}; allowed: another product of this file (${others.join(', ') || 'there is none'})`,
          ),
        ],
  );
}

/** What stands in braces in a user's own PromQL. */
/** Traffic has to move to where the old release was started. */
function wayProblems(product: string, settings: ProductSettings, yaml: YamlFile): Finding[] {
  return Object.entries(settings.services).flatMap(([service, { deploy_target: target, traffic }]) => {
    if (!('way' in target) || target.way !== 'shift' || traffic !== undefined) return [];
    const path: Path = ['products', product, 'services', service, 'deploy_target', 'way'];
    return [yaml.at(path, 'found shift without traffic to move; allowed: replace, or shift with traffic')];
  });
}

/** Without it the answer would be to refuse, at night. */
function gitopsProblems(product: string, settings: ProductSettings, yaml: YamlFile): Finding[] {
  return Object.entries(settings.services).flatMap(([service, { deploy_target: target }]) => {
    if (target.kind !== 'kubernetes' || target.gitops !== 'pull_request' || target.gitops_repository != null)
      return [];
    const path: Path = ['products', product, 'services', service, 'deploy_target', 'gitops'];
    return [yaml.at(path, 'found pull_request without a repository; allowed: with gitops_repository')];
  });
}

function groupProblems(
  product: string,
  settings: ProductSettings,
  yaml: YamlFile,
  store?: string,
): Finding[] {
  if (settings.worker_group === undefined || store === undefined || /^postgres(ql)?:/.test(store)) return [];
  const message =
    `found the worker group ${JSON.stringify(settings.worker_group)} with a SQLite store, which workers on other ` +
    'hosts cannot reach; allowed: a worker group with a PostgreSQL store';
  return [yaml.at(['products', product, 'worker_group'], message)];
}

function emailWarnings(file: ConfigFile, yaml: YamlFile): Finding[] {
  const message = 'e-mail needs SMTP_URL, which is not set: other channels carry the messages';
  const { ceo_alert = true, email } = file.rollback_policy?.notifications ?? {};
  const owners = Object.entries(file.products ?? {}).filter(([, { owner }]) => owner?.email !== undefined);
  return [
    ...(ceo_alert && email !== undefined
      ? [yaml.at(['rollback_policy', 'notifications', 'email'], message)]
      : []),
    ...owners.map(([product]) => yaml.at(['products', product, 'owner', 'email'], message)),
  ];
}

function memoryWarnings(
  file: ConfigFile,
  yaml: YamlFile,
  product: string,
  settings: ProductSettings,
): Finding[] {
  if (!policyOf(file, product).triggers.memory.enabled) return [];
  return Object.entries(settings.services).flatMap(([service, { enabled = true, metrics }]) => {
    if (!enabled || (metrics !== undefined && 'memory_limit_mb' in metrics)) return [];
    const lack = memoryLack(metrics);
    if (lack === null) return [];
    const message = `the memory trigger is off for ${product}/${service}: ${lack}`;
    return [yaml.at(['products', product, 'services', service, 'metrics'], message, 'key')];
  });
}

function percentileWarnings(
  file: ConfigFile,
  yaml: YamlFile,
  product: string,
  settings: ProductSettings,
): Finding[] {
  const { enabled, metric } = policyOf(file, product).triggers.latency;
  return Object.entries(settings.services).flatMap(([service, { metrics }]) => {
    const lack = enabled ? percentileLack(metrics, metric) : null;
    return lack === null ? [] : [yaml.at(['products', product, 'services', service, 'metrics'], lack, 'key')];
  });
}

/** Checks that a rule needs before it can breach at all. */
const checksNeeded = { error_rate: 3, database: 2 } as const;

/** A window that holds too few checks never breaches, and nobody would notice. */
function windowWarnings(file: ConfigFile, yaml: YamlFile): Finding[] {
  const { monitoring, triggers } = policyOf(file);
  const windows = { error_rate: triggers.errorRate, database: triggers.database };
  return Object.entries(windows).flatMap(([name, { enabled, windowMs }]) => {
    const needed = checksNeeded[name as keyof typeof checksNeeded];
    if (!enabled || windowMs >= needed * monitoring.checkIntervalMs) return [];
    const found = Math.floor(windowMs / monitoring.checkIntervalMs);
    const message = `the window of ${name} holds ${found} checks and can never breach: ${needed} are needed`;
    return [yaml.at(['rollback_policy', 'triggers', name, 'window_minutes'], message)];
  });
}

function enabledWarnings(
  file: ConfigFile,
  yaml: YamlFile,
  product: string,
  settings: ProductSettings,
): Finding[] {
  if (file.rollback_policy?.enabled !== false || settings.policy?.enabled !== true) return [];
  const message = `${product} is only observed: rollback_policy.enabled is false, and that switches off every product`;
  return [yaml.at(['products', product, 'policy', 'enabled'], message)];
}
