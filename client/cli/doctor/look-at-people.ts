import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { createTransport } from 'nodemailer';
import { octokitFor, withinDeadline } from '../../../adapters/github/connect.ts';
import { guardedPlace } from '../../../adapters/http/guarded-agent.ts';
import { createSlackApi } from '../../../adapters/slack/api.ts';
import type { Config } from '../../../config/load.ts';
import { openIdConfiguration } from '../../api/access/openid-configuration.ts';
import { type Finding, looker, Warning } from './finding.ts';

const patienceMs = 5_000;

/** Every way to tell people, without telling anybody: hosts are connected to, the mail server is greeted, GitHub is asked. */
export async function lookAtPeople(config: Config): Promise<Finding[]> {
  const channels = channelsOf(config);
  const findings = await Promise.all([
    ...channels.map((channel) => lookAtChannel(channel, config)),
    ...(channels.some(({ isEmail }) => isEmail) ? [lookAtMailServer()] : []),
    ...(config.data.github?.token === undefined ? [] : [lookAtGitHub(config)]),
    ...lookAtSlackApp(config),
    ...lookAtPagers(config),
    ...lookAtIssuers(config),
  ]);
  const { slack_app, pagerduty } = config.data.rollback_policy?.notifications ?? {};
  if (channels.length > 0 || slack_app != null || pagerduty != null) return findings;
  const none = () => {
    throw new Warning('none is configured: messages go to the console of "up" alone', noChannel);
  };
  return [await looker('people')('channels', none, noChannel), ...findings];
}

const noChannel =
  'say slack_app, pagerduty, slack_webhook, email or webhooks in rollback_policy.notifications';

interface Channel {
  /** Where it is written, like `rollback_policy.notifications.slack_webhook`. */
  readonly key: string;
  readonly written: string;
  readonly isEmail: boolean;
}

/** Whatever is written under notifications and owners and is an address or a URL. */
function channelsOf({ data, text }: Config): Channel[] {
  const places = [
    ['rollback_policy.notifications', data.rollback_policy?.notifications],
    ...Object.entries(data.products ?? {}).map(([name, { owner }]) => [`products.${name}.owner`, owner]),
  ] as const;
  return places
    .flatMap(([key, value]) => textsIn(key as string, value))
    .flatMap(({ key, written }) => {
      const isEmail = key.endsWith('.email');
      return isEmail || isUrl(written, text) ? [{ key, written, isEmail }] : [];
    });
}

function isUrl(written: string, text: Config['text']): boolean {
  try {
    return /^https?:\/\//.test(text(written, process.env));
  } catch {
    return false;
  }
}

function textsIn(key: string, value: unknown): { key: string; written: string }[] {
  if (typeof value === 'string') return [{ key, written: value }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    textsIn(Array.isArray(value) ? `${key}[${name}]` : `${key}.${name}`, inner),
  );
}

function lookAtChannel({ key, written, isEmail }: Channel, { text }: Config): Promise<Finding> {
  return looker('people')(
    key,
    async () => {
      if (isEmail) {
        if (process.env.SMTP_URL) return `by ${new URL(process.env.SMTP_URL).host}`;
        throw new Warning(
          'SMTP_URL is not set: no e-mail is sent',
          'set SMTP_URL=smtp://user:password@mail:587',
        );
      }
      const url = new URL(text(written, process.env));
      await connects(url);
      return `${url.host} answers`;
    },
    'correct the address, or let this machine reach that host: DNS, firewall, proxy',
  );
}

function lookAtMailServer(): Promise<Finding> {
  return looker('people')(
    'mail server',
    async () => {
      const { SMTP_URL: url } = process.env;
      if (!url) throw new Warning('SMTP_URL is not set', 'set SMTP_URL=smtp://user:password@mail:587');
      if (!URL.canParse(url)) throw new Error('SMTP_URL is no URL');
      const { hostname, port, protocol, username, password, host } = new URL(url);
      const transport = createTransport({
        host: hostname,
        port: Number(port) || (protocol === 'smtps:' ? 465 : 587),
        secure: protocol === 'smtps:',
        ...(username === ''
          ? {}
          : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
        connectionTimeout: patienceMs,
        greetingTimeout: patienceMs,
        socketTimeout: patienceMs,
      });
      try {
        await transport.verify();
      } catch (error) {
        const said = (error as Error).message.slice(0, 300);
        throw new Error(
          `${host}: ${password === '' ? said : said.replaceAll(decodeURIComponent(password), '…')}`,
        );
      } finally {
        transport.close();
      }
      return `${host} greets${username === '' ? '' : ' and lets us in'}`;
    },
    'correct host, port, user and password in SMTP_URL; smtps:// is for port 465',
  );
}

/** Whether Slack knows the bot, without a word in a channel and without opening a connection. */
function lookAtSlackApp({ data, text }: Config): Promise<Finding>[] {
  const written = data.rollback_policy?.notifications?.slack_app;
  if (written == null) return [];
  const look = async () => {
    const { bot_token: token, api_url: url } = written;
    const apiUrl = url === undefined ? undefined : text(url, process.env);
    const api = createSlackApi({ botToken: text(token, process.env), apiUrl, timeoutMs: patienceMs });
    const { team, user } = await api.call('auth.test', {}, AbortSignal.timeout(2 * patienceMs));
    return `the bot is ${String(user)} of ${String(team)}`;
  };
  return [
    looker('people')(
      'slack_app',
      look,
      'install the app of examples/slack/manifest.yml again and copy its bot token',
    ),
  ];
}

/** A key can only be tried by paging somebody. */
function lookAtPagers({ data, text }: Config): Promise<Finding>[] {
  const places = [
    ['rollback_policy.notifications.pagerduty', data.rollback_policy?.notifications?.pagerduty],
    ...Object.entries(data.products ?? {}).map(
      ([name, { owner }]) => [`products.${name}.owner.pagerduty`, owner?.pagerduty] as const,
    ),
  ] as const;
  return places.flatMap(([key, pager]) => {
    if (pager == null) return [];
    const look = async () => {
      if (text(pager.routing_key, process.env).trim() === '') throw new Error('the routing key is empty');
      return 'a routing key is set; it is not tried, for that pages somebody';
    };
    return [looker('people')(key, look, 'copy the integration key of "Events API v2" of the service')];
  });
}

/** Whoever signs people and pipelines in answers for itself. */
function lookAtIssuers({ data, text }: Config): Promise<Finding>[] {
  const issuers = [
    data.access?.sign_in?.issuer,
    ...(data.access?.workloads ?? []).map(({ issuer }) => issuer),
  ];
  const known = [...new Set(issuers.filter((issuer) => issuer !== undefined))];
  return known.map((written) =>
    looker('people')(
      'identity provider',
      async () => {
        const issuer = text(written, process.env);
        const found = await openIdConfiguration(issuer);
        if (found.issuer !== issuer)
          throw new Error(`it says that its issuer is ${found.issuer ?? 'nobody'}; ${issuer} is configured`);
        return `${issuer} answers`;
      },
      'write the issuer as the provider does (with or without a slash at its end), and let this machine reach it',
    ),
  );
}

function lookAtGitHub({ data, text }: Config): Promise<Finding> {
  return looker('people')(
    'github',
    async () => {
      const written = data.github as Required<NonNullable<typeof data.github>>;
      if (!tokenIsSet(written.token, text))
        throw new Warning(
          'the token is not set: reports stay in the data folder',
          'set the variable that github.token refers to',
        );
      const [owner, repo, token] = [written.owner, written.repo, written.token].map((part) =>
        text(part, process.env),
      ) as [string, string, string];
      const baseUrl = written.base_url === undefined ? undefined : text(written.base_url, process.env);
      const octokit = octokitFor({ owner, repo, token, ...(baseUrl === undefined ? {} : { baseUrl }) });
      const deadline = {
        late: 'the repository did not answer',
        doing: 'looking',
        timeoutMs: patienceMs,
        token,
      };
      const found = await withinDeadline(deadline, AbortSignal.timeout(2 * patienceMs), (signal) =>
        octokit.rest.repos.get({ owner, repo, request: { signal, retries: 0 } }),
      );
      if (!found.data.has_issues) throw new Error(`${owner}/${repo} has no issues`);
      return `${owner}/${repo} can be read with the token, and has issues`;
    },
    (detail) =>
      detail.includes('has no issues')
        ? 'switch issues on in the settings of the repository'
        : detail.includes('401')
          ? 'make a new token and set it: this one is not accepted'
          : 'see that the token may read this repository and write its issues, and that owner and repo are right',
  );
}

function tokenIsSet(written: string, text: Config['text']): boolean {
  try {
    return text(written, process.env) !== '';
  } catch {
    return false;
  }
}

/** Resolves the name and connects, with TLS where the URL says so; nothing is asked. */
function connects({ hostname, port, protocol }: URL): Promise<void> {
  const host = hostname.replace(/^\[|\]$/g, '');
  const isTls = protocol === 'https:';
  return new Promise((resolve, reject) => {
    const place = guardedPlace(host, Number(port) || (isTls ? 443 : 80));
    const socket = isTls
      ? connectTls({ ...place, servername: host }, () => done())
      : connectTcp(place, () => done());
    const done = (error?: Error) => {
      socket.destroy();
      if (error === undefined) resolve();
      else reject(new Error(`${host}:${place.port} cannot be reached: ${error.message}`));
    };
    socket.setTimeout(patienceMs, () => done(new Error(`no answer within ${patienceMs} ms`)));
    socket.once('error', done);
  });
}
