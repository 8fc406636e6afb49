import type { Writable } from 'node:stream';
import type { Catalog, ProductSetup } from '../activities/dependencies.ts';
import { within } from '../activities/within.ts';
import { createFolderIssues } from '../adapters/issues/folder-issues.ts';
import { createGitHubIssues } from '../adapters/issues/github-issues.ts';
import type { IssueTracker } from '../adapters/issues/issue-tracker.ts';
import { createWebhookNotifier } from '../adapters/notify/webhook.ts';
import type { ThreadRecords } from '../adapters/store/threads.ts';
import { type AccessSettings, accessOf } from '../config/access.ts';
import { ConfigError, configError } from '../config/findings.ts';
import { type Config, parseConfig } from '../config/load.ts';
import { policyOf } from '../config/policy.ts';
import type { Env } from '../config/references.ts';
import type { ProductSettings } from '../config/schema/product.ts';
import { secretsOf } from '../config/secrets.ts';
import { defaultEnvironment, type ProductKey, productName } from '../domain/identity.ts';
import type { Redactor } from '../domain/redaction.ts';
import type { PushedReading } from './adapters/metrics-source.ts';
import { serviceAdapters } from './adapters/service.ts';
import type { Written } from './adapters/written.ts';
import { createChannels } from './channels.ts';
import { type GitHubHookSettings, gitHubHookSettings } from './github-hook-settings.ts';
import { redactedSetup } from './redacting.ts';
import { type SlackAppSettings, slackAppSettings } from './slack-app-settings.ts';

/** A version of the configuration as the store has it. */
export interface ConfigVersion {
  readonly version: number;
  readonly source: string;
  /** Where the text came from: relative paths start at its folder. */
  readonly file: string;
}

export interface CatalogOptions {
  /** The newest version, or `null` while there is none. */
  read(): Promise<ConfigVersion | null>;
  readonly env: Env;
  /** Where reports go when the file does not say; an absolute path. */
  readonly incidentsFolder: string;
  readonly queues: { readonly control: string; readonly watch: string };
  /** Where metrics that are pushed to the API are kept. */
  readonly pushed?: PushedReading | undefined;
  /** Where stories began in chats. */
  readonly threads?: ThreadRecords | undefined;
  /** Takes messages to people where no channel is configured, and what is wrong with a version. */
  readonly stdout: Writable;
  /** Learns the secrets of each version, and keeps them out of what the products say and are told. */
  readonly redactor?: Redactor | undefined;
}

/** How long the store may take; after that the last known version holds. */
const patienceMs = 2_000;
/** For this long after that it is not asked again. */
const believedDownMs = 5_000;

export interface ConfiguredCatalog extends Catalog {
  /** The dead-man switch, called while every watch works; `null`: none is configured. */
  watchdogUrl(): Promise<string | null>;
  /** `null`: no Slack app is configured, or one of its variables is not set. */
  slackApp(): Promise<SlackAppSettings | null>;
  /** Who may sign in, and which pipelines are known. */
  access(): Promise<AccessSettings>;
  /** `null`: nothing is taken from GitHub's webhooks, or their secret is not set. */
  gitHubHook(): Promise<GitHubHookSettings | null>;
}

/** The products of the newest valid version of the configuration, each with its adapters. */
export function createCatalog(options: CatalogOptions): ConfiguredCatalog {
  let seen: ConfigVersion | null = null;
  let inForce: InForce | null = null;
  let reading: Promise<ConfigVersion | null> | null = null;
  let downUntilMs = 0;
  /** By product: what the file once said of one that it names no more. Its monitors and rollbacks still run. */
  const retired = new Map<string, ProductSetup>();

  async function newest(): Promise<InForce> {
    // A store that hangs is not waited for by every step of a rollback.
    if (inForce !== null && Date.now() < downUntilMs) return inForce;
    // Thousands of monitors ask at once: one answer serves them all.
    reading ??= within(patienceMs, 'the store', () => options.read()).finally(() => {
      reading = null;
    });
    try {
      const found = await reading;
      if (found !== null) take(found);
    } catch (error) {
      // A store that is down must not hold up a rollback.
      if (inForce === null) throw error;
      downUntilMs = Date.now() + believedDownMs;
    }
    if (inForce !== null) return inForce;
    if (seen === null) throw new ConfigError('no configuration has been stored yet; load one with --config');
    throw configError(parseConfig(seen.source, { file: seen.file }).problems);
  }

  function take(found: ConfigVersion): void {
    if (seen?.version === found.version && seen.source === found.source && seen.file === found.file) return;
    seen = found;
    const { config, problems } = parseConfig(found.source, { file: found.file });
    const { redactor } = options;
    redactor?.learn(secretsOf(found.source, options.env));
    if (config !== null && problems.length === 0) {
      const setups = setupsOf(config, found.version, options);
      const shown = redactor === undefined ? setups : setups.map((setup) => redactedSetup(setup, redactor));
      inForce = replaced(inForce, { config, setups: shown });
    } else options.stdout.write(rejection(found.version, inForce, configError(problems)));
  }

  function replaced(before: InForce | null, after: InForce): InForce {
    for (const setup of before?.setups ?? []) retired.set(productName(setup), setup);
    for (const setup of after.setups) retired.delete(productName(setup));
    return after;
  }

  return {
    async setup(key) {
      const { setups } = await newest();
      const found = setups.find(
        ({ product, environment }) => product === key.product && environment === key.environment,
      );
      if (found !== undefined) return found;
      const gone = retired.get(productName(key));
      if (gone !== undefined) return gone;
      const names = setups.map(productName).join(', ') || 'none';
      throw new Error(`unknown product ${productName(key)}; known: ${names}`);
    },
    async products() {
      return (await newest()).setups.map(
        ({ product, environment }): ProductKey => ({ product, environment }),
      );
    },
    async slackApp() {
      return slackAppSettings((await newest()).config, options.env);
    },
    async watchdogUrl() {
      const { config } = await newest();
      return known(config, config.data.rollback_policy?.notifications?.watchdog_url, options.env) ?? null;
    },
    async gitHubHook() {
      return gitHubHookSettings((await newest()).config, options.env);
    },
    async access() {
      return accessOf((await newest()).config, options.env);
    },
  };
}

/** The newest valid version. */
interface InForce {
  readonly config: Config;
  readonly setups: readonly ProductSetup[];
}

function rejection(version: number, kept: InForce | null, error: ConfigError): string {
  const instead = kept === null ? '' : '; the version before it stays in force';
  return `version ${version} of the configuration is not valid${instead}:\n${error.message}\n`;
}

function setupsOf(config: Config, version: number, options: CatalogOptions): ProductSetup[] {
  const products = Object.entries(config.data.products ?? {});
  const shared = { issues: issuesOf(config, options.env), incidentsFolder: folderOf(config, options) };
  return products.map(([product, settings]) => ({
    product,
    environment: settings.environment ?? defaultEnvironment,
    policy: policyOf(config.data, product),
    policyVersion: version,
    owner: known(config, settings.owner?.name, options.env) ?? 'the owner',
    services: servicesOf(config, settings, options),
    neighbours: neighboursOf(config, settings),
    pageUrl: pageUrlOf(config, options.env),
    notifiers: createChannels(config, settings, options),
    ...shared,
    assigneesFor: (cause) => assigneesFor(config, settings, cause, options.env),
    targetQueue: queueOf(options.queues.control, settings),
    watchQueue: queueOf(options.queues.watch, settings),
  }));
}

/** A variable that is not set is told elsewhere; it costs a link, not a message. */
function pageUrlOf(config: Config, env: Env): string | null {
  return known(config, config.data.access?.public_url, env)?.replace(/\/+$/, '') ?? null;
}

function servicesOf(config: Config, settings: ProductSettings, { env, pushed }: CatalogOptions) {
  const { environment = defaultEnvironment } = settings;
  const written: Written = { text: (text) => config.text(text, env), path: (text) => config.path(text, env) };
  return Object.entries(settings.services)
    .filter(([, { enabled = true }]) => enabled)
    .map(([service, serviceSettings]) =>
      serviceAdapters(service, serviceSettings, { written, environment, pushed }),
    );
}

/** A neighbour's environment is its own. */
function neighboursOf({ data }: Config, { neighbours = [] }: ProductSettings): ProductKey[] {
  return neighbours.map((product) => ({
    product,
    environment: data.products?.[product]?.environment ?? defaultEnvironment,
  }));
}

/** A worker group has queues of its own, for the steps that need its network. */
function queueOf(queue: string, { worker_group: group }: ProductSettings): string {
  return group === undefined ? queue : `${queue}/${group}`;
}

function issuesOf({ data, text }: Config, env: Env): IssueTracker | null {
  const { owner, repo, token, base_url: baseUrl } = data.github ?? {};
  if (owner === undefined || repo === undefined || token === undefined) return null;
  try {
    return createGitHubIssues({
      owner: text(owner, env),
      repo: text(repo, env),
      token: text(token, env),
      baseUrl: baseUrl === undefined ? undefined : text(baseUrl, env),
    });
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}

function folderOf(config: Config, { env, incidentsFolder }: CatalogOptions): IssueTracker {
  const written = config.data.incidents_folder;
  try {
    return createFolderIssues({
      folder: written === undefined ? incidentsFolder : config.path(written, env),
    });
  } catch (error) {
    // A report in another place is better than none.
    if (error instanceof ConfigError) return createFolderIssues({ folder: incidentsFolder });
    throw error;
  }
}

const supportEngineer = 'Support Engineer';

function assigneesFor(config: Config, { owner }: ProductSettings, cause: string, env: Env) {
  const { assign, support_engineer: support } = config.data;
  const text = (written: string | undefined) => known(config, written, env);
  const assigned = Object.entries(assign ?? {}).find(([key]) => key === cause)?.[1];
  if (assigned !== undefined) {
    const [github, label, role] = [text(assigned.github), text(assigned.label), text(assigned.role)];
    return {
      assignees: listOf(github),
      labels: listOf(label),
      role: role ?? github ?? label ?? supportEngineer,
      webhook: webhookOf(text(assigned.webhook)),
    };
  }
  if (typeof support === 'string')
    return { assignees: [], labels: [], role: text(support) ?? supportEngineer };
  const assignee = text(support === undefined ? owner?.github : support.github);
  return { assignees: listOf(assignee), labels: [], role: text(support?.name) ?? supportEngineer };
}

function webhookOf(url: string | undefined) {
  return url === undefined ? undefined : createWebhookNotifier({ url, secret: null });
}

/** The text, or `undefined` where it is left out or one of its variables is not set. */
function known(config: Config, written: string | undefined, env: Env): string | undefined {
  try {
    return written === undefined ? undefined : config.text(written, env);
  } catch {
    return undefined;
  }
}

function listOf(value: string | undefined): string[] {
  return value === undefined ? [] : [value];
}
