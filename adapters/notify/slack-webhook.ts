import type { Message } from '../../domain/message.ts';
import { messageBlocks, notificationText } from '../slack/blocks.ts';
import type { Notifier } from './notifier.ts';
import { postJson, secretUrl } from './post-json.ts';

export interface SlackWebhookOptions {
  /** The incoming webhook's URL, which is a secret. */
  readonly url: string;
  readonly timeoutMs?: number;
}

/** Posts each message to a Slack incoming webhook as Block Kit. */
export function createSlackWebhookNotifier(options: SlackWebhookOptions): Notifier {
  const url = secretUrl('Slack', options.url);
  const timeoutMs = options.timeoutMs ?? 10_000;
  return {
    name: 'slack',
    async send(message, signal) {
      const body = JSON.stringify(slackPayload(message));
      await postJson({ channel: 'Slack', url, body, timeoutMs, signal });
    },
  };
}

/** One message in Slack's terms: nobody listens to buttons here, so the commands stand in it. */
export function slackPayload(message: Message): { text: string; unfurl_links: false; blocks: unknown[] } {
  return { text: notificationText(message), unfurl_links: false, blocks: messageBlocks(message) };
}
