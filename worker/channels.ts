import type { Writable } from 'node:stream';
import { createConsoleNotifier } from '../adapters/notify/console.ts';
import { createEmailNotifier } from '../adapters/notify/email.ts';
import type { Notifier } from '../adapters/notify/notifier.ts';
import { createSlackWebhookNotifier } from '../adapters/notify/slack-webhook.ts';
import { createWebhookNotifier } from '../adapters/notify/webhook.ts';
import type { Config } from '../config/load.ts';
import type { Env } from '../config/references.ts';
import type { ProductSettings } from '../config/schema/product.ts';

export interface ChannelSurroundings {
  readonly env: Env;
  readonly stdout: Writable;
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
  { env, stdout }: ChannelSurroundings,
): (whom: string) => readonly Notifier[] {
  const {
    ceo_alert = true,
    slack_webhook,
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
  ];
  const hooks = webhooks.flatMap(({ name, url, secret }) =>
    channel(`webhook:${name}`, url, (resolved) => webhook(resolved, secret, config, env), config, env),
  );
  const terminal: Channel = {
    name: 'console',
    target: 'console',
    broken: null,
    notifier: createConsoleNotifier({ stream: stdout }),
  };

  const owner = [...ceo, ...own];
  const everyone = [...owner, ...hooks];
  return (whom) => {
    const named = [...everyone, terminal].filter(({ name }) => name === whom);
    // A name that is gone since the escalation began must not leave it unheard.
    const meant = whom === 'owner' && owner.length > 0 ? owner : named.length > 0 ? named : everyone;
    const reachable = meant.some(({ broken }) => broken === null);
    return distinct(reachable ? meant : [...meant, terminal]).map(({ notifier }) => notifier);
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

function emailNotifier(to: string, env: Env): Notifier {
  const addresses = to.split(',').map((address) => address.trim());
  if (!addresses.every((address) => /^[^\s@]+@[^\s@]+$/.test(address)))
    throw new Error('the e-mail address is not valid');
  const from = env.SMTP_FROM || 'rollback-orchestrator@localhost';
  return createEmailNotifier({ smtpUrl: env.SMTP_URL ?? '', from, to: addresses });
}

function webhook(url: string, secret: string | undefined, config: Config, env: Env): Notifier {
  return createWebhookNotifier({ url, secret: secret === undefined ? null : config.text(secret, env) });
}

function distinct(channels: readonly Channel[]): Channel[] {
  const targets = channels.map(({ target }) => target);
  return channels.filter(({ target }, index) => targets.indexOf(target) === index);
}
