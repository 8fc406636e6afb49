import { afterEach, describe, expect, it } from 'vitest';
import { DeliveryError } from '../../../adapters/notify/delivery-error.ts';
import { createSlackWebhookNotifier } from '../../../adapters/notify/slack-webhook.ts';
import { aMessage, describeNotifier } from './notifier.contract.ts';
import { type Answer, startReceiver } from './receiver.ts';

const secretPath = '/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX';
const timeoutMs = 300;

interface Block {
  type: string;
  text?: { type: string; text: string };
  fields?: { text: string }[];
  elements?: { type: string; text: string | { text: string }; url?: string }[];
}

const blocksOf = (body: string) => (JSON.parse(body) as { blocks: Block[] }).blocks;

/** The limits in Slack's Block Kit reference, which answers `invalid_blocks` beyond them. */
function withinLimits(blocks: Block[]): boolean {
  const length = (text: unknown) => String((text as { text?: string })?.text ?? text).length;
  const fits = (block: Block) =>
    ({
      header: length(block.text) <= 150 && length(block.text) > 0,
      section:
        (block.text === undefined || (length(block.text) > 0 && length(block.text) <= 3_000)) &&
        (block.fields ?? []).length <= 10 &&
        (block.fields ?? []).every((field) => field.text.length <= 2_000) &&
        (block.text !== undefined || block.fields !== undefined),
      actions: (block.elements ?? []).every(
        (element) => length(element.text) <= 75 && length(element.url) <= 3_000,
      ),
      context: (block.elements ?? []).length <= 10,
    })[block.type] ?? false;
  return blocks.length <= 50 && blocks.every(fits);
}

const slack: Answer = ({ body }, response) =>
  withinLimits(blocksOf(body)) ? response.end('ok') : response.writeHead(400).end('invalid_blocks');

/** What a person reads: all texts, entities as Slack shows them. */
function readable(body: string): string {
  const texts = blocksOf(body).flatMap((block) => [
    block.text?.text,
    ...(block.fields ?? []).map((field) => field.text),
    ...(block.elements ?? []).flatMap((element) => [
      typeof element.text === 'string' ? element.text : element.text.text,
      element.url,
    ]),
  ]);
  return texts.join('\n').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

async function start() {
  const server = await startReceiver(slack);
  return { server, notifier: createSlackWebhookNotifier({ url: server.origin + secretPath, timeoutMs }) };
}

describeNotifier('Slack', { troubles: ['refusing', 'slow', 'unreachable'] }, async () => {
  const { server, notifier } = await start();
  return {
    notifier,
    timeoutMs,
    secrets: [secretPath, 'XXXXXXXX'],
    received: async () => server.received.map(({ body }) => readable(body)),
    async trouble(kind) {
      if (kind === 'unreachable') return server.close();
      server.answer((one, response) =>
        kind === 'slow'
          ? void response.writeHead(200).write('o')
          : void response.writeHead(403).end(`not today, ${one.path}`),
      );
    },
    close: () => server.close().catch(() => undefined),
  };
});

describe('the Slack notifier', () => {
  let running: Awaited<ReturnType<typeof start>> | undefined;
  afterEach(() => running?.server.close());

  async function failWith(answer: Answer): Promise<DeliveryError> {
    running = await start();
    running.server.answer(answer);
    const error = await running.notifier
      .send(aMessage(), new AbortController().signal)
      .catch((thrown) => thrown);
    expect(error).toBeInstanceOf(DeliveryError);
    return error as DeliveryError;
  }

  it('mentions nobody that untrusted text names', async () => {
    running = await start();
    const hostile = '<!channel> <@U123> <https://evil.example|click> & ```';
    const part = [{ name: hostile, value: hostile }];
    const commands = [{ label: hostile, command: hostile }];
    const message = aMessage({ title: hostile, text: hostile, facts: part, commands });
    await running.notifier.send(message, new AbortController().signal);
    const body = running.server.received[0]?.body ?? '';
    const payload = JSON.parse(body) as { text: string };
    const markdown = JSON.stringify(blocksOf(body).filter((block) => block.type !== 'header'));
    expect(payload.text).not.toContain('<');
    expect(markdown).not.toMatch(/<[!@#h]/);
    expect(markdown.match(/```/g)).toHaveLength(2);
  });

  it('shows a breach as a sparkline, and the commands to type: nobody hears buttons here', async () => {
    running = await start();
    const points = [0.5, 0.5, 0.5, 5].map((value, i) => ({ atMs: i * 60_000, value }));
    const series = {
      signal: 'errors per minute',
      unit: '/min',
      service: 'web',
      points,
      baseline: 0.5,
      threshold: 1.5,
      breachSinceMs: 180_000,
    };
    const message = aMessage({ series, doing: 'Rolling back to v1.2.2.', actions: ['acknowledge'] });
    await running.notifier.send(message, new AbortController().signal);
    const text = readable(running.server.received[0]?.body ?? '');
    expect(text).toContain('`errors per minute ▁▁▁█ now 5/min, allowed 1.5/min, usual 0.5/min`');
    expect(text).toContain('*Rolling back to v1.2.2.*');
    expect(text).toContain('orchestrator rollback shop --to v1.2.2');
    expect(running.server.received[0]?.body).not.toContain('action_id');
  });

  it('says in the error when to try again after HTTP 429', async () => {
    const error = await failWith((_one, response) =>
      response.writeHead(429, { 'retry-after': '30' }).end('rate_limited'),
    );
    expect(error).toMatchObject({
      message: 'Slack answered 429, retry after 30 s: rate_limited',
      retryAfterMs: 30_000,
      permanent: false,
    });
  });

  it('tells refusals for good from passing ones', async () => {
    expect((await failWith((_one, response) => response.writeHead(404).end('no_service'))).permanent).toBe(
      true,
    );
    await running?.server.close();
    expect((await failWith((_one, response) => response.writeHead(500).end())).permanent).toBe(false);
  });

  it('follows no redirect: the message is for this channel only', async () => {
    const error = await failWith((_one, response) =>
      response.writeHead(307, { location: '/elsewhere' }).end(),
    );
    expect(error.message).toBe('Slack answered 307');
    expect(running?.server.received).toHaveLength(1);
  });

  it('refuses a bad URL without quoting it', () => {
    for (const url of ['hooks.slack.com/services/SECRET', 'ftp://x/SECRET', '']) {
      expect(() => createSlackWebhookNotifier({ url })).toThrow(/^(?!.*SECRET).*not a valid/);
    }
  });
});
