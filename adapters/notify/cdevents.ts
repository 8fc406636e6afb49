import { createHash } from 'node:crypto';
import type { ServiceRelease } from '../../domain/deployment.ts';
import type { Message } from '../../domain/message.ts';
import { readableLength, withoutControls } from './message-text.ts';
import type { Notifier } from './notifier.ts';
import { postJson, secretUrl } from './post-json.ts';
import { signatureHeaders, webhookKey } from './webhook.ts';

export interface CdEventsOptions {
  /** A CloudEvents receiver, which may be a secret. */
  readonly url: string;
  /** Signs as Standard Webhooks, like the generic webhook; without it nothing is signed. */
  readonly secret?: string | null | undefined;
  readonly timeoutMs?: number | undefined;
}

const specVersion = '0.5.1';

/**
 * Tells deployments, rollbacks and incidents as CDEvents (cdevents.dev), each a CloudEvent over HTTP in binary mode. Other messages
 * are none of its events, and are not sent.
 */
export function createCdEventsNotifier(options: CdEventsOptions): Notifier {
  const url = secretUrl('CDEvents', options.url);
  const key = options.secret == null ? null : webhookKey(options.secret);
  const timeoutMs = options.timeoutMs ?? 10_000;
  return {
    name: 'cdevents',
    async send(whole, signal) {
      signal.throwIfAborted();
      for (const event of eventsOf(readableLength(whole))) {
        const body = JSON.stringify(event, (_name, value) =>
          typeof value === 'string' ? withoutControls(value) : value,
        );
        const seconds = Math.floor(Date.now() / 1_000);
        const headers = {
          ...cloudEventHeaders(event),
          ...signatureHeaders(key, event.context.id, seconds, body),
        };
        await postJson({ channel: 'the CDEvents receiver', url, body, headers, timeoutMs, signal });
      }
    },
  };
}

export interface CdEvent {
  readonly context: {
    readonly specversion: string;
    readonly id: string;
    readonly chainId?: string;
    readonly source: string;
    readonly type: string;
    readonly timestamp: string;
  };
  readonly subject: { readonly id: string; readonly source: string; readonly content: object };
  readonly customData: object;
  readonly customDataContentType: 'application/json';
}

/** What a message is in CDEvents: none, one, or one for each service and one for the incident. */
export function eventsOf(message: Message): CdEvent[] {
  switch (message.event) {
    case 'deployed':
      return serviceEvents(message, 'deployed', message.about?.services ?? []);
    case 'rollback_begun':
    case 'escalated':
    case 'held_back':
    case 'veto_open':
      return [incidentEvent(message, 'detected')];
    case 'rolled_back':
      return [
        ...serviceEvents(message, 'rolledback', message.about?.to ?? []),
        incidentEvent(message, 'resolved'),
      ];
    case 'resolved':
    case 'cleared':
      return [incidentEvent(message, 'resolved')];
    case 'reported':
      return reportedEvents(message);
    default:
      return [];
  }
}

function serviceEvents(
  message: Message,
  predicate: 'deployed' | 'rolledback',
  services: readonly ServiceRelease[],
): CdEvent[] {
  return services.map((entry) =>
    eventOf(message, `service.${predicate}`, entry.service, {
      environment: { id: message.environment },
      artifactId: artifactId(message.product, entry),
    }),
  );
}

/** A release of ours has no package registry: the generic type of Package URLs is for that. */
function artifactId(product: string, { service, release }: ServiceRelease): string {
  return `pkg:generic/${encodeURIComponent(product)}/${encodeURIComponent(service)}@${encodeURIComponent(release)}`;
}

function incidentEvent(
  message: Message,
  predicate: 'detected' | 'reported' | 'resolved',
  more: object = {},
): CdEvent {
  const { about, product, environment } = message;
  const [first] = about?.services ?? [];
  return eventOf(message, `incident.${predicate}`, message.thread ?? message.key, {
    description: `${message.title}: ${message.text}`.slice(0, 2_000),
    environment: { id: environment },
    ...(first === undefined
      ? {}
      : { service: { id: first.service }, artifactId: artifactId(product, first) }),
    ...more,
  });
}

/** An incident without a ticket is not reported, as CDEvents has it. */
function reportedEvents(message: Message): CdEvent[] {
  const ticket = message.links.find(({ label }) => label === 'Issue');
  return ticket === undefined ? [] : [incidentEvent(message, 'reported', { ticketURI: ticket.url })];
}

function eventOf(message: Message, type: string, subject: string, content: object): CdEvent {
  const { product, environment, thread, title, text, doing, facts, commands, links } = message;
  const source = `/rollback-orchestrator/${product}/${environment}`;
  return {
    context: {
      specversion: specVersion,
      id: digest(`${message.key} ${type} ${subject}`),
      ...(thread == null ? {} : { chainId: digest(thread) }),
      source,
      type: `dev.cdevents.${type}.0.3.0`,
      timestamp: new Date(message.atMs).toISOString(),
    },
    subject: { id: subject, source, content },
    customData: {
      product,
      environment,
      deployment: message.about?.deployment ?? null,
      title,
      text,
      doing: doing ?? null,
      facts,
      commands,
      links,
    },
    customDataContentType: 'application/json',
  };
}

/** In the form of a UUID, as receivers expect ids; the same for the same words, so that a repeat is known as one. */
function digest(words: string): string {
  const hex = createHash('sha256').update(words).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}

/** CloudEvents' HTTP binding, binary mode: printable ASCII but quotes and percent signs as they are, everything else percent-encoded. */
function cloudEventHeaders({ context, subject }: CdEvent): Record<string, string> {
  const value = (text: string) =>
    text.replace(/[^\x21-\x7e]|["%]/gu, (sign) =>
      [...Buffer.from(sign)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    );
  return {
    'ce-specversion': '1.0',
    'ce-id': value(context.id),
    'ce-source': value(context.source),
    'ce-type': value(context.type),
    'ce-subject': value(subject.id),
    'ce-time': context.timestamp,
  };
}
