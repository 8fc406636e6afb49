import { afterEach, describe, expect, it } from 'vitest';
import { DeliveryError } from '../../../adapters/notify/delivery-error.ts';
import { createPagerDutyNotifier } from '../../../adapters/notify/pagerduty.ts';
import type { Message } from '../../../domain/message.ts';
import { aMessage, describeNotifier } from './notifier.contract.ts';
import { type Answer, startReceiver } from './receiver.ts';

const routingKey = 'R0UT1NGKEY0000000000000000000000';
const timeoutMs = 300;
const { signal } = new AbortController();

interface Sent {
  routing_key: string;
  event_action?: string;
  dedup_key?: string;
  client_url?: string;
  links?: { href: string; text: string }[];
  payload?: { summary: string; source: string; severity?: string; custom_details: Record<string, string> };
}

/** As PagerDuty's documentation says: 202 where the event is complete and small enough, 400 with the errors where it is not. */
const pagerDuty: Answer = ({ path, body }, response) => {
  const sent = JSON.parse(body) as Sent;
  const errors = [
    ...(Buffer.byteLength(body) > 512 * 1_024 ? ['the event is too large'] : []),
    ...(sent.routing_key.length === 32 ? [] : ["'routing_key' is invalid"]),
    ...(path === '/v2/enqueue' && !/^(trigger|acknowledge|resolve)$/.test(sent.event_action ?? '')
      ? ["'event_action' is invalid"]
      : []),
    ...((sent.dedup_key ?? '').length > 255 ? ["'dedup_key' is too long"] : []),
    ...((sent.payload?.summary ?? 'x').length > 1_024 ? ["'summary' is too long"] : []),
  ];
  response
    .writeHead(errors.length === 0 ? 202 : 400, { 'content-type': 'application/json' })
    .end(
      errors.length === 0
        ? JSON.stringify({ status: 'success', message: 'Event processed', dedup_key: sent.dedup_key })
        : JSON.stringify({ status: 'invalid event', message: 'Event object is invalid', errors }),
    );
};

async function start() {
  const server = await startReceiver(pagerDuty);
  return { server, notifier: createPagerDutyNotifier({ routingKey, url: server.origin, timeoutMs }) };
}

describeNotifier('PagerDuty', { troubles: ['refusing', 'slow', 'unreachable'] }, async () => {
  const { server, notifier } = await start();
  return {
    notifier,
    timeoutMs,
    secrets: [routingKey],
    received: async () =>
      server.received.map(({ body }) => {
        const { payload, links } = JSON.parse(body) as Sent;
        return [
          payload?.summary,
          ...Object.entries(payload?.custom_details ?? {}).flat(),
          ...(links ?? []).map(({ href }) => href),
        ].join('\n');
      }),
    async trouble(kind) {
      if (kind === 'unreachable') return server.close();
      server.answer((one, response) =>
        kind === 'slow' ? undefined : void response.writeHead(500).end(`not today ${one.body.slice(0, 80)}`),
      );
    },
    close: () => server.close().catch(() => undefined),
  };
});

describe('the PagerDuty notifier', () => {
  let running: Awaited<ReturnType<typeof start>> | undefined;
  afterEach(() => running?.server.close());

  async function sent(...messages: Partial<Message>[]): Promise<(Sent & { path: string })[]> {
    running = await start();
    for (const message of messages) await running.notifier.send(aMessage(message), signal);
    return running.server.received.map(({ path, body }) => ({ path, ...(JSON.parse(body) as Sent) }));
  }

  it('pages anew when an acknowledgement has run out: one that is acknowledged pages nobody', async () => {
    const events = await sent(
      { key: '1', thread: 'inc-1', severity: 'critical', event: 'escalated' },
      { key: '2', thread: 'inc-1', severity: 'critical', event: 'reminded' },
      { key: '3', thread: 'inc-1', severity: 'critical', event: 'called_again' },
    );
    expect(events.map((event) => event?.event_action)).toEqual(['trigger', 'trigger', 'resolve', 'trigger']);
    expect(new Set(events.map((event) => event?.dedup_key)).size).toBe(1);
  });

  it('opens one alert a story, which an acknowledgement and the end follow', async () => {
    const [begun, acknowledged, over] = await sent(
      { key: '1', thread: 'inc-1', event: 'rollback_begun' },
      { key: '2', thread: 'inc-1', event: 'acknowledged', severity: 'info' },
      { key: '3', thread: 'inc-1', event: 'rolled_back', severity: 'info' },
    );
    expect(begun).toMatchObject({
      path: '/v2/enqueue',
      event_action: 'trigger',
      dedup_key: 'rollback-orchestrator/inc-1',
      client_url: 'https://rollback.example/incidents/42',
      payload: { severity: 'critical', source: 'shop/production' },
    });
    expect(acknowledged).toMatchObject({ event_action: 'acknowledge', dedup_key: begun?.dedup_key });
    expect(over).toMatchObject({ event_action: 'resolve', dedup_key: begun?.dedup_key });
  });

  it('wakes nobody for less: a deployment and a warning are change events', async () => {
    const all = await sent({ event: 'deployed', severity: 'info' }, { severity: 'warning' });
    expect(all.map(({ path, event_action }) => [path, event_action])).toEqual([
      ['/v2/change/enqueue', undefined],
      ['/v2/change/enqueue', undefined],
    ]);
  });

  it('keeps its key to itself where PagerDuty refuses an event, and does not send that again', async () => {
    running = await start();
    running.server.answer((one, response) =>
      response.writeHead(400).end(`{"status":"invalid event","errors":["${one.body.slice(0, 60)}"]}`),
    );
    const error: DeliveryError = await running.notifier.send(aMessage(), signal).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(DeliveryError);
    expect(error.permanent).toBe(true);
    expect(error.message).toContain('PagerDuty answered 400: {"status":"invalid event"');
    expect(error.message).not.toContain(routingKey);
  });

  it('comes back later after HTTP 429', async () => {
    running = await start();
    running.server.answer((_one, response) => response.writeHead(429).end());
    await expect(running.notifier.send(aMessage(), signal)).rejects.toMatchObject({ permanent: false });
  });
});
