import type { Writable } from 'node:stream';
import { createCdEventsNotifier } from '../adapters/notify/cdevents.ts';
import { createConsoleNotifier } from '../adapters/notify/console.ts';
import { createEmailNotifier } from '../adapters/notify/email.ts';
import type { Notifier } from '../adapters/notify/notifier.ts';
import { createPagerDutyNotifier } from '../adapters/notify/pagerduty.ts';
import { createSlackAppNotifier } from '../adapters/notify/slack-app.ts';
import { createSlackWebhookNotifier } from '../adapters/notify/slack-webhook.ts';
import { createWebhookNotifier } from '../adapters/notify/webhook.ts';
import { createSlackApi } from '../adapters/slack/api.ts';
import type { ThreadRecords } from '../adapters/store/threads.ts';
import type { Config } from '../config/load.ts';
import type { Env } from '../config/references.ts';
import type { ProductSettings } from '../config/schema/product.ts';
import { calledBack } from '../domain/message.ts';

export interface ChannelSurroundings {
  readonly env: Env;
  readonly stdout: Writable;
  /** Where stories began in chats; absent: each message stands alone. */
  readonly threads?: ThreadRecords | undefined;
}

interface Channel {
  readonly name: string;
  /** Address or URL: two channels with one target would tell the same people twice. */
  readonly target: string;
  /** Why nothing can be sent over it. */
  readonly broken: Error | null;
  readonly notifier: Notifier;
}

/** Who is meant by `owner`, `everyone` and by a channel's name, for one product. */
export function createChannels(
  config: Config,
  product: ProductSettings,
  surroundings: ChannelSurroundings,
): (whom: string) => readonly Notifier[] {
  const { env, stdout } = surroundings;
  const {
    ceo_alert = true,
    slack_webhook,
    slack_app,
    pagerduty,
    cdevents,
    email,
    webhooks = [],
  } = config.data.rollback_policy?.notifications ?? {};
  const slackChannel = (name: string, written: string | undefined) =>
    channel(name, written, (url) => createSlackWebhookNotifier({ url }), config, env);
  const emailChannel = (name: string, written: string | undefined) =>
    env.SMTP_URL ? channel(name, written, (to) => emailNotifier(to, env), config, env) : [];

  const ceo = ceo_alert ? [...slackChannel('slack', slack_webhook), ...emailChannel('email', email)] : [];
  const own = [
    ...slackChannel('owner-slack', product.owner?.slack_webhook),
    ...emailChannel('owner-email', product.owner?.email),
    ...pagerDutyChannel('owner-pagerduty', product.owner?.pagerduty, config, env),
  ];
  const ours = [
    ...slackAppChannel(slack_app, config, surroundings),
    ...pagerDutyChannel('pagerduty', pagerduty, config, env),
  ];
  const machines = channel(
    'cdevents',
    cdevents?.url,
    (url) => createCdEventsNotifier({ url, secret: textOrNull(cdevents?.secret, config, env) }),
    config,
    env,
  );
  const hooks = webhooks.flatMap(({ name, url, secret }) =>
    channel(`webhook:${name}`, url, (resolved) => webhook(resolved, secret, config, env), config, env),
  );
  const terminal: Channel = {
    name: 'console',
    target: 'console',
    broken: null,
    notifier: createConsoleNotifier({ stream: stdout }),
  };

  const owner = [...ceo, ...own, ...ours];
  const followers = owner.filter(({ name }) => /^(slack_app|(owner-)?pagerduty)$/.test(name));
  const everyone = [...owner, ...hooks];
  return (whom) => {
    const callback = calledBack(whom);
    if (callback !== null)
      return hooks.filter(({ name }) => name === `webhook:${callback}`).map(({ notifier }) => notifier);
    // Whoever has none of these misses nothing that they were told the beginning of.
    if (whom === 'followers') return [...distinct(followers), ...machines].map(({ notifier }) => notifier);
    const named = [...everyone, terminal].filter(({ name }) => name === whom);
    // A name that is gone since the escalation began must not leave it unheard.
    const meant = whom === 'owner' && owner.length > 0 ? owner : named.length > 0 ? named : everyone;
    const reachable = meant.some(({ broken }) => broken === null);
    // Machines hear everything, and count for nobody.
    const told = [...distinct(reachable ? meant : [...meant, terminal]), ...machines];
    return told.map(({ notifier }) => notifier);
  };
}

/** None where nothing is written. One that cannot be made fails when it is used, so that the others still work. */
function channel(
  name: string,
  written: string | undefined,
  create: (resolved: string) => Notifier,
  config: Config,
  env: Env,
): Channel[] {
  if (written === undefined) return [];
  try {
    const target = config.text(written, env);
    const inner = create(target);
    return [
      {
        name,
        target,
        broken: null,
        notifier: { name, send: (message, signal) => inner.send(message, signal) },
      },
    ];
  } catch (error) {
    const broken = new Error(`${name} cannot be used: ${(error as Error).message}`);
    return [{ name, target: name, broken, notifier: { name, send: () => Promise.reject(broken) } }];
  }
}

function slackAppChannel(
  settings: NonNullable<NotificationSettings>['slack_app'],
  config: Config,
  { env, threads = noThreads }: ChannelSurroundings,
): Channel[] {
  if (settings === undefined) return [];
  const create = (channelId: string) => {
    const botToken = config.text(settings.bot_token, env);
    const apiUrl = settings.api_url === undefined ? undefined : config.text(settings.api_url, env);
    return createSlackAppNotifier({ api: createSlackApi({ botToken, apiUrl }), channel: channelId, threads });
  };
  return channel('slack_app', settings.channel, create, config, env);
}

type NotificationSettings = NonNullable<Config['data']['rollback_policy']>['notifications'];

const noThreads: ThreadRecords = {
  read: async () => null,
  open: async (_thread, _channel, place) => place,
};

function pagerDutyChannel(
  name: string,
  settings: { readonly routing_key: string; readonly url?: string | undefined } | undefined,
  config: Config,
  env: Env,
): Channel[] {
  const create = (routingKey: string) => {
    const url = settings?.url === undefined ? undefined : config.text(settings.url, env);
    return createPagerDutyNotifier({ routingKey, url });
  };
  return channel(name, settings?.routing_key, create, config, env);
}

function textOrNull(written: string | undefined, config: Config, env: Env): string | null {
  return written === undefined ? null : config.text(written, env);
}

function emailNotifier(to: string, env: Env): Notifier {
  const addresses = to.split(',').map((address) => address.trim());
  if (!addresses.every((address) => /^[^\s@]+@[^\s@]+$/.test(address)))
    throw new Error('the e-mail address is not valid');
  const from = env.SMTP_FROM || 'rollback-orchestrator@localhost';
  return createEmailNotifier({ smtpUrl: env.SMTP_URL ?? '', from, to: addresses });
}

function webhook(url: string, secret: string | undefined, config: Config, env: Env): Notifier {
  return createWebhookNotifier({ url, secret: textOrNull(secret, config, env) });
}

function distinct(channels: readonly Channel[]): Channel[] {
  const targets = channels.map(({ target }) => target);
  return channels.filter(({ target }, index) => targets.indexOf(target) === index);
}
