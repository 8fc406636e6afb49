import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeliveryError } from '../../../adapters/notify/delivery-error.ts';
import { createSlackAppNotifier } from '../../../adapters/notify/slack-app.ts';
import { createSlackApi } from '../../../adapters/slack/api.ts';
import { openStore, type Store } from '../../../adapters/store/store.ts';
import type { Message } from '../../../domain/message.ts';
import { botToken, type SlackServer, startSlack } from '../slack/slack-server.ts';
import { afterwards, cleanUp, temporaryFolder } from '../temporary.ts';
import { aMessage, describeNotifier } from './notifier.contract.ts';

const channel = 'C0123456789';
const timeoutMs = 300;
const { signal } = new AbortController();
const noThreads = { read: async () => null, open: async () => null };

interface Block {
  readonly type: string;
  readonly text?: { readonly text: string };
  readonly fields?: readonly { readonly text: string }[];
  readonly elements?: readonly {
    readonly action_id?: string;
    readonly url?: string;
    readonly confirm?: object;
    readonly text?: string | { readonly text: string };
  }[];
}

function textsOf(blocks: unknown): string {
  return (blocks as Block[])
    .flatMap(({ text, fields = [], elements = [] }) => [
      text?.text,
      ...fields.map((field) => field.text),
      ...elements.flatMap((element) => [
        typeof element.text === 'string' ? element.text : element.text?.text,
        element.url,
      ]),
    ])
    .join('\n')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

const buttonsOf = (blocks: unknown) =>
  (blocks as Block[]).flatMap(({ elements = [] }) =>
    elements.flatMap(({ action_id: id }) => (id === undefined ? [] : [id])),
  );

describeNotifier('the Slack app', { troubles: ['refusing', 'slow', 'unreachable'] }, async () => {
  const slack = await startSlack();
  const api = createSlackApi({ botToken, apiUrl: slack.apiUrl, timeoutMs });
  return {
    notifier: createSlackAppNotifier({ api, channel, threads: noThreads }),
    timeoutMs,
    secrets: [botToken],
    received: async () => slack.calls('chat.postMessage').map(({ blocks }) => textsOf(blocks)),
    async trouble(kind) {
      if (kind === 'unreachable') return slack.close();
      slack.troubled((_method, response) => {
        if (kind === 'refusing') response.end(`{"ok":false,"error":"not today"}`);
        return true;
      });
    },
    close: () => slack.close().catch(() => undefined),
  };
});

describe('the Slack app', () => {
  let slack: SlackServer;
  let store: Store;
  beforeEach(async () => {
    slack = await startSlack();
    afterwards(() => slack.close());
    store = await openStore(join(await temporaryFolder(), 'store.db'));
    afterwards(() => store.close());
  });
  afterEach(cleanUp);

  const notifier = (over: { channel?: string; token?: string } = {}) =>
    createSlackAppNotifier({
      api: createSlackApi({ botToken: over.token ?? botToken, apiUrl: slack.apiUrl, timeoutMs }),
      channel: over.channel ?? channel,
      threads: store.threads,
    });
  const send = (message: Partial<Message>) => notifier().send(aMessage(message), signal);

  const begun: Partial<Message> = {
    key: 'escalated/1',
    thread: 'inc-1',
    event: 'escalated',
    actions: ['acknowledge', 'retry', 'resume_traffic'],
  };

  it('keeps a story in one thread, and says in the first message how things are now', async () => {
    await send(begun);
    await send({
      key: 'a/2',
      thread: 'inc-1',
      event: 'acknowledged',
      title: 'Acknowledged by Ada',
      severity: 'info',
      actions: ['retry'],
    });
    await send({
      key: 'a/3',
      thread: 'inc-1',
      event: 'resolved',
      title: 'Rollback ended',
      severity: 'warning',
    });
    const [first, ...others] = slack.calls('chat.postMessage');
    expect(first).not.toHaveProperty('thread_ts');
    const [open] = slack.called;
    expect(open?.method).toBe('chat.postMessage');
    const ts = others.map((one) => one.thread_ts);
    expect(new Set(ts).size).toBe(1);
    const updates = slack.calls('chat.update');
    expect(updates.map((update) => update.ts)).toEqual(ts);
    expect(textsOf(updates[0]?.blocks)).toContain('*Now:* Acknowledged by Ada, 02:51 UTC');
    expect(textsOf(updates[0]?.blocks)).toContain('✅ CRITICAL: Auto-rollback initiated');
    expect(updates.map((update) => buttonsOf(update.blocks))).toEqual([['orchestrator:retry'], []]);
  });

  it('asks before a button acts', async () => {
    await send(begun);
    const [posted] = slack.calls('chat.postMessage');
    expect(buttonsOf(posted?.blocks)).toEqual([
      'orchestrator:acknowledge',
      'orchestrator:retry',
      'orchestrator:resume_traffic',
    ]);
    const elements = ((posted?.blocks ?? []) as Block[]).flatMap((block) => block.elements ?? []);
    expect(elements.filter(({ action_id: id }) => id).every(({ confirm }) => confirm !== undefined)).toBe(
      true,
    );
  });

  it('shows an escalation to the whole channel again, an acknowledgement in the thread alone', async () => {
    await send(begun);
    await send({ ...begun, key: 'escalated/2', event: 'reminded' });
    await send({ key: 'a/3', thread: 'inc-1', event: 'acknowledged' });
    expect(slack.calls('chat.postMessage').map((one) => one.reply_broadcast)).toEqual([
      undefined,
      true,
      false,
    ]);
  });

  it('posts nothing about the end of what nobody was told of', async () => {
    for (const event of ['acknowledged', 'cleared', 'sees_again', 'deployed'] as const)
      await send({ key: event, thread: 'monitor/shop/production/42', event });
    expect(slack.called).toEqual([]);
  });

  it('does not post the beginning of a story again when it is tried again', async () => {
    for (let attempt = 0; attempt < 2; attempt += 1) await send(begun);
    expect(slack.calls('chat.postMessage')).toHaveLength(1);
  });

  it('adds a picture of the breach to the thread', async () => {
    await send({ ...begun, series: aSeries });
    expect(slack.uploads[0]?.subarray(1, 4).toString()).toBe('PNG');
    const [wanted] = slack.calls('files.getUploadURLExternal');
    expect(wanted).toMatchObject({ filename: 'breach.png', length: String(slack.uploads[0]?.length) });
    const [posted] = slack.calls('chat.postMessage');
    expect(textsOf(posted?.blocks)).toContain('allowed 1.5/min');
    expect(slack.calls('files.completeUploadExternal')).toMatchObject([
      { channel_id: channel, files: [{ title: 'CRITICAL: Auto-rollback initiated' }] },
    ]);
  });

  it('has told people although the picture could not be sent', async () => {
    slack.troubled((method, response) => {
      if (method.startsWith('files.')) response.end('{"ok":false,"error":"missing_scope"}');
      return method.startsWith('files.');
    });
    await send({ ...begun, series: aSeries });
    expect(slack.calls('chat.postMessage')).toHaveLength(1);
  });

  it('tells people although the store is down', async () => {
    await store.close();
    await send(begun);
    expect(slack.calls('chat.postMessage')).toHaveLength(1);
  });

  it.each([
    ['a token that is none', { token: 'xoxb-wrong' }, /invalid_auth \(slack_app.bot_token is not valid\)/],
    [
      'a channel that it does not know',
      { channel: 'C9999999999' },
      /channel_not_found .*is the app in that channel|channel_not_found/,
    ],
  ])('says what is wrong with %s, for good', async (_name, over, words) => {
    const error: DeliveryError = await notifier(over)
      .send(aMessage(), signal)
      .catch((thrown) => thrown);
    expect(error.message).toMatch(words);
    expect(error.permanent).toBe(true);
    expect(error.message).not.toContain('xoxb');
  });

  it('says when to come back after HTTP 429', async () => {
    slack.troubled((_method, response) => {
      response.writeHead(429, { 'retry-after': '30' }).end('{"ok":false,"error":"ratelimited"}');
      return true;
    });
    await expect(send(begun)).rejects.toMatchObject({ retryAfterMs: 30_000, permanent: false });
  });
});

const aSeries = {
  signal: 'errors per minute',
  unit: '/min',
  service: 'web',
  points: Array.from({ length: 30 }, (_, i) => ({ atMs: i * 60_000, value: i < 25 ? 0.5 : 5.2 })),
  baseline: 0.5,
  threshold: 1.5,
  breachSinceMs: 25 * 60_000,
};
