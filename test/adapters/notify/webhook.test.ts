import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { createWebhookNotifier, signatureHeaders, webhookKey } from '../../../adapters/notify/webhook.ts';
import { aMessage, describeNotifier } from './notifier.contract.ts';
import { startReceiver } from './receiver.ts';

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const timeoutMs = 300;

async function start(withSecret: string | null = secret) {
  const server = await startReceiver((_one, response) => response.writeHead(204).end());
  const url = `${server.origin}/hook?token=SECRETTOKEN`;
  return { server, notifier: createWebhookNotifier({ url, secret: withSecret, timeoutMs }) };
}

describeNotifier('a webhook', { troubles: ['refusing', 'slow', 'unreachable'] }, async () => {
  const { server, notifier } = await start();
  return {
    notifier,
    timeoutMs,
    secrets: ['SECRETTOKEN', secret],
    received: async () =>
      server.received.map(({ body }) =>
        Object.values(JSON.parse(body) as object)
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

describe('the webhook notifier', () => {
  let running: Awaited<ReturnType<typeof start>> | undefined;
  afterEach(() => running?.server.close());

  it('signs as Standard Webhooks says, over the bytes that are sent', async () => {
    running = await start();
    await running.notifier.send(aMessage(), new AbortController().signal);
    const [received] = running.server.received;
    if (received === undefined) throw new Error('nothing arrived');
    const { headers, body } = received;
    const content = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const expected = createHmac('sha256', key).update(content).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${expected}`);
    expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1_000)).toBeLessThan(5);
  });

  it('agrees with the published example of a signature', () => {
    const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
    const headers = signatureHeaders(webhookKey(secret), id, 1_614_265_330, '{"test": 2432232314}');
    expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it('gives repeats of one event the same id, and signs nothing without a secret', async () => {
    running = await start(null);
    for (const key of ['a', 'a', 'b'])
      await running.notifier.send(aMessage({ key }), new AbortController().signal);
    const [first, again, other] = running.server.received.map(({ headers }) => headers);
    expect(first?.['webhook-id']).toBe(again?.['webhook-id']);
    expect(first?.['webhook-id']).not.toBe(other?.['webhook-id']);
    expect(first).not.toHaveProperty('webhook-signature');
  });

  it('refuses a secret that receivers could not use, without quoting it', () => {
    for (const bad of ['whsec_', 'correct horse', 'whsec_c2hvcnQ=']) {
      expect(() => createWebhookNotifier({ url: 'http://x', secret: bad })).toThrow(
        /24 to 64 bytes in base64$/,
      );
    }
  });
});
