import { afterEach, describe, expect, it } from 'vitest';
import { type CdEvent, createCdEventsNotifier, eventsOf } from '../../../adapters/notify/cdevents.ts';
import { signatureHeaders, webhookKey } from '../../../adapters/notify/webhook.ts';
import type { MessageEvent } from '../../../domain/message.ts';
import { aMessage, describeNotifier } from './notifier.contract.ts';
import { startReceiver } from './receiver.ts';

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const timeoutMs = 300;
const { signal } = new AbortController();

const about = {
  deployment: 'build-42',
  services: [{ service: 'web', release: 'v1.2.3' }],
  to: [{ service: 'web', release: 'v1.2.2' }],
  incident: 'inc-1',
};

async function start() {
  const server = await startReceiver((_one, response) => response.writeHead(202).end());
  return {
    server,
    notifier: createCdEventsNotifier({ url: `${server.origin}/sink?token=SECRETTOKEN`, secret, timeoutMs }),
  };
}

describeNotifier('CDEvents', { troubles: ['refusing', 'slow', 'unreachable'] }, async () => {
  const { server, notifier } = await start();
  return {
    // Only what is an event of CDEvents is sent.
    notifier: {
      name: 'cdevents',
      send: (message, given) => notifier.send({ event: 'rollback_begun', ...message }, given),
    },
    timeoutMs,
    secrets: ['SECRETTOKEN', secret],
    received: async () =>
      server.received.map(({ body }) =>
        Object.values((JSON.parse(body) as CdEvent).customData)
          .map((part) => (typeof part === 'string' ? part : JSON.stringify(part)))
          .join('\n'),
      ),
    async trouble(kind) {
      if (kind === 'unreachable') return server.close();
      server.answer((one, response) =>
        kind === 'slow' ? undefined : void response.writeHead(500).end(`not today ${one.path}`),
      );
    },
    close: () => server.close().catch(() => undefined),
  };
});

describe('the CDEvents notifier', () => {
  let running: Awaited<ReturnType<typeof start>> | undefined;
  afterEach(() => running?.server.close());

  const typesOf = (event: MessageEvent) =>
    eventsOf(aMessage({ event, about, thread: 'inc-1' })).map(({ context }) => context.type);

  it('tells deployments, rollbacks and incidents, and nothing else', () => {
    expect(typesOf('deployed')).toEqual(['dev.cdevents.service.deployed.0.3.0']);
    expect(typesOf('rollback_begun')).toEqual(['dev.cdevents.incident.detected.0.3.0']);
    expect(typesOf('rolled_back')).toEqual([
      'dev.cdevents.service.rolledback.0.3.0',
      'dev.cdevents.incident.resolved.0.3.0',
    ]);
    expect(typesOf('acknowledged')).toEqual([]);
    expect(eventsOf(aMessage())).toEqual([]);
  });

  it('reports an incident with its ticket, and without one not at all', () => {
    const links = [{ label: 'Issue', url: 'https://github.example/issues/7' }];
    const [reported] = eventsOf(aMessage({ event: 'reported', about, links }));
    expect(reported?.subject.content).toMatchObject({ ticketURI: 'https://github.example/issues/7' });
    expect(eventsOf(aMessage({ event: 'reported', about, links: [] }))).toEqual([]);
  });

  it('names what is live again by a package URL', () => {
    const [rolledBack] = eventsOf(aMessage({ event: 'rolled_back', about }));
    expect(rolledBack).toMatchObject({
      context: { specversion: '0.5.1', source: '/rollback-orchestrator/shop/production' },
      subject: {
        id: 'web',
        content: { environment: { id: 'production' }, artifactId: 'pkg:generic/shop/web@v1.2.2' },
      },
    });
  });

  it('sends a CloudEvent in binary mode, signed, whose headers say what its body says', async () => {
    running = await start();
    await running.notifier.send(aMessage({ event: 'rollback_begun', about, thread: 'inc-1' }), signal);
    const [received] = running.server.received;
    if (received === undefined) throw new Error('nothing arrived');
    const { headers, body } = received;
    const { context, subject } = JSON.parse(body) as CdEvent;
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': context.id,
      'ce-source': context.source,
      'ce-type': context.type,
      'ce-subject': subject.id,
      'ce-time': context.timestamp,
    });
    const signed = signatureHeaders(
      webhookKey(secret),
      context.id,
      Number(headers['webhook-timestamp']),
      body,
    );
    expect(headers['webhook-signature']).toBe(signed['webhook-signature']);
  });

  it('gives a repeat the same id, and all events of one story the same chain', () => {
    const of = (key: string, event: MessageEvent) =>
      eventsOf(aMessage({ key, event, about, thread: 'inc-1' }))[0]?.context;
    expect(of('a', 'rollback_begun')?.id).toBe(of('a', 'rollback_begun')?.id);
    expect(of('a', 'rollback_begun')?.id).not.toBe(of('b', 'rollback_begun')?.id);
    expect(of('a', 'rollback_begun')?.chainId).toBe(of('b', 'rolled_back')?.chainId);
  });
});
