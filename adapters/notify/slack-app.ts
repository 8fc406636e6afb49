import { breachChart } from '../../domain/breach-chart.ts';
import type { Message, MessageEvent } from '../../domain/message.ts';
import { clockTime } from '../../domain/timeline.ts';
import { renderPng } from '../picture/render-png.ts';
import type { SlackApi } from '../slack/api.ts';
import { messageBlocks, notificationText } from '../slack/blocks.ts';
import { buttonBlocks } from '../slack/buttons.ts';
import type { ThreadRecords } from '../store/threads.ts';
import { oneLine, readableLength } from './message-text.ts';
import type { Notifier } from './notifier.ts';

export interface SlackAppOptions {
  readonly api: SlackApi;
  /** `C0123456789` */
  readonly channel: string;
  /** Where stories began. A store that is down costs the thread, never the message. */
  readonly threads: ThreadRecords;
}

/** The first message of a story, as it was posted. */
interface Root {
  readonly ts: string;
  readonly message: Message;
}

/** Told to the whole channel, though it is an answer in a thread. */
const forAll: readonly MessageEvent[] = ['escalated', 'reminded', 'called_again'];
/** News of a story that nobody was told the beginning of is no news. */
const onlyInThreads: readonly (MessageEvent | undefined)[] = [
  'acknowledged',
  'cleared',
  'sees_again',
  'deployed',
];
const storePatienceMs = 2_000;
/** For what comes after the message itself: the activity that sends must end with its own time. */
const afterwardsMs = 8_000;

/**
 * Posts as a Slack app: the first message of a story in the channel, with buttons and a picture of the breach; what follows goes
 * into its thread, and the first message says how things are now.
 */
export function createSlackAppNotifier({ api, channel, threads }: SlackAppOptions): Notifier {
  const place = `slack_app:${channel}`;
  return {
    name: 'slack_app',
    async send(whole, signal) {
      signal.throwIfAborted();
      const message = readableLength(whole);
      const root = message.thread == null ? null : await rootOf(message.thread);
      if (root === null) {
        if (!onlyInThreads.includes(message.event)) await begin(message, signal);
      } else if (root.message.key !== message.key) await goOn(root, message, signal);
    },
  };

  async function begin(message: Message, signal: AbortSignal): Promise<void> {
    const blocks = messageBlocks(message, { buttons: buttonsOf(message) });
    const ts = await post({ text: notificationText(message), blocks }, signal);
    if (message.thread != null) {
      const root: Root = { ts, message };
      await patient(() => threads.open(message.thread as string, place, root, message.atMs));
    }
    // It is told: a picture that fails must not tell it again.
    await attachPicture(message, ts, shortly(signal)).catch(() => undefined);
  }

  async function goOn(root: Root, message: Message, signal: AbortSignal): Promise<void> {
    const blocks = messageBlocks(message, { buttons: message.actions === undefined ? null : [] });
    const isForAll = message.event !== undefined && forAll.includes(message.event);
    const text = notificationText(message);
    await post({ text, blocks, thread_ts: root.ts, reply_broadcast: isForAll }, signal);
    const { severity, title, atMs } = message;
    const now = { severity, text: `${title}, ${clockTime(atMs).slice(0, 5)} UTC` };
    const update = {
      text: notificationText(root.message),
      blocks: messageBlocks(root.message, { now, buttons: buttonBlocks(root.message, message.actions) }),
    };
    const soon = shortly(signal);
    await api.call('chat.update', { channel, ts: root.ts, ...update }, soon).catch(() => undefined);
    if (root.message.series == null) await attachPicture(message, root.ts, soon).catch(() => undefined);
  }

  /** Commands are shown where there are no buttons for them. */
  function buttonsOf(message: Message): unknown[] | null {
    return message.actions === undefined || message.actions.length === 0
      ? null
      : buttonBlocks(message, message.actions);
  }

  async function post(content: object, signal: AbortSignal): Promise<string> {
    const answer = await api.call(
      'chat.postMessage',
      { channel, unfurl_links: false, unfurl_media: false, ...content },
      signal,
    );
    return String(answer.ts);
  }

  /** As a reply: a picture within the message would have to be waited for until Slack has processed it. */
  async function attachPicture({ series, title }: Message, ts: string, signal: AbortSignal): Promise<void> {
    if (series == null) return;
    const name = oneLine(title);
    const png = await renderPng(breachChart(name, series));
    if (png === null) return;
    const file = {
      filename: 'breach.png',
      length: png.length,
      alt_txt: `${series.signal} of ${series.service}`,
    };
    const { upload_url: url, file_id: id } = await api.call('files.getUploadURLExternal', file, signal);
    await api.upload(String(url), png, signal);
    const files = [{ id, title: name }];
    await api.call('files.completeUploadExternal', { files, channel_id: channel, thread_ts: ts }, signal);
  }

  async function rootOf(thread: string): Promise<Root | null> {
    return (await patient(() => threads.read(thread, place))) as Root | null;
  }
}

function shortly(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(afterwardsMs)]);
}

async function patient<Result>(ask: () => Promise<Result>): Promise<Result | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), storePatienceMs);
  });
  return Promise.race([ask().catch(() => null), late]).finally(() => clearTimeout(timer));
}
