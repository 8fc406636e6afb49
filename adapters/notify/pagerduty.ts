import type { Message, MessageEvent } from '../../domain/message.ts';
import { sparkline } from '../../domain/sparkline.ts';
import { oneLine, readableLength, withoutControls } from './message-text.ts';
import type { Notifier } from './notifier.ts';
import { postJson, secretUrl } from './post-json.ts';

export interface PagerDutyOptions {
  /** The integration key of a service, which is a secret. */
  readonly routingKey: string;
  /** `https://events.eu.pagerduty.com` for accounts of the EU. */
  readonly url?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

/**
 * Speaks PagerDuty's Events API v2. What is critical triggers an alert, one for each story; an acknowledgement and an end follow it.
 * Everything less is a change event: it stands beside the alert and wakes nobody.
 */
export function createPagerDutyNotifier(options: PagerDutyOptions): Notifier {
  const origin = secretUrl('PagerDuty', options.url ?? 'https://events.pagerduty.com');
  const { routingKey, timeoutMs = 10_000 } = options;
  if (routingKey.trim() === '') throw new Error('the routing key of PagerDuty is empty');
  const post = async (path: string, event: object, signal: AbortSignal) => {
    const body = JSON.stringify({ routing_key: routingKey, ...event });
    const secrets = [routingKey];
    await postJson({ channel: 'PagerDuty', url: new URL(path, origin), body, timeoutMs, signal, secrets });
  };
  return {
    name: 'pagerduty',
    async send(whole, signal) {
      const message = readableLength(whole);
      const action = actionOf(message);
      // An alert that was acknowledged pages nobody again, however often it is triggered: a new one does.
      if (message.event === 'called_again') await post('/v2/enqueue', following(message, 'resolve'), signal);
      if (action === 'change') await post('/v2/change/enqueue', changeOf(message), signal);
      else if (action === 'trigger') await post('/v2/enqueue', triggerOf(message), signal);
      else await post('/v2/enqueue', following(message, action), signal);
    },
  };
}

type Action = 'trigger' | 'acknowledge' | 'resolve' | 'change';

const ends: readonly (MessageEvent | undefined)[] = ['rolled_back', 'resolved', 'cleared', 'sees_again'];

function actionOf({ event, severity }: Message): Action {
  if (event === 'acknowledged') return 'acknowledge';
  if (ends.includes(event)) return 'resolve';
  return severity === 'critical' ? 'trigger' : 'change';
}

/** What becomes of the alert of this story. */
function following(message: Message, action: 'acknowledge' | 'resolve'): object {
  return { event_action: action, dedup_key: dedupKey(message) };
}

/** At most 255 characters; one alert a story. */
function dedupKey({ thread, key }: Message): string {
  return `rollback-orchestrator/${thread ?? key}`.slice(0, 255);
}

function triggerOf(message: Message): object {
  const { about, product, environment } = message;
  return {
    event_action: 'trigger',
    dedup_key: dedupKey(message),
    client: 'rollback-orchestrator',
    ...clientUrl(message),
    links: linksOf(message),
    payload: {
      ...summaryOf(message),
      severity: message.severity,
      component:
        about?.breach?.service ?? about?.services.map(({ service }) => service).join(', ') ?? product,
      group: `${product}/${environment}`,
      class: about?.breach?.type ?? message.event ?? 'message',
      custom_details: detailsOf(message),
    },
  };
}

function changeOf(message: Message): object {
  return {
    links: linksOf(message),
    payload: { ...summaryOf(message), custom_details: detailsOf(message) },
  };
}

function summaryOf(message: Message): object {
  const { product, environment } = message;
  const summary = oneLine(`${message.title} (${product}, ${environment}): ${message.text}`);
  return {
    summary: summary.slice(0, 1_024).replace(/[\ud800-\udbff]$/, ''),
    source: `${product}/${environment}`,
    timestamp: new Date(message.atMs).toISOString(),
  };
}

/** PagerDuty takes 512 KB; the table of an alert is to be read at a glance. */
const mostBytes = 400_000;

function detailsOf(message: Message): Record<string, string> {
  const entries: [string, string][] = [
    ['what happened', message.title],
    ['why', message.text],
    ...(message.doing === undefined ? [] : ([['what is being done', message.doing]] as [string, string][])),
    ...(message.series == null ? [] : ([['signal', sparkline(message.series)]] as [string, string][])),
    ...message.facts.map(({ name, value }): [string, string] => [name, value]),
    ...message.commands.map(({ label, command }): [string, string] => [`command: ${label}`, command]),
  ];
  let left = mostBytes;
  const kept = entries.filter(([name, value]) => {
    left -= Buffer.byteLength(JSON.stringify([name, value]));
    return left > 0;
  });
  return Object.fromEntries(kept.map(([name, value]) => [withoutControls(name), withoutControls(value)]));
}

function linksOf({ links }: Message): { href: string; text: string }[] {
  return links
    .filter(({ url }) => /^https?:/.test(url))
    .map(({ label, url }) => ({ href: url, text: label.slice(0, 200) }));
}

function clientUrl(message: Message): { client_url?: string } {
  const [first] = linksOf(message);
  return first === undefined ? {} : { client_url: first.href };
}
