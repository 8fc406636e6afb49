import { createHash, createHmac } from 'node:crypto';
import type { Message } from '../../domain/message.ts';
import { withoutControls } from './message-text.ts';
import type { Notifier } from './notifier.ts';
import { postJson, secretUrl } from './post-json.ts';

export interface WebhookOptions {
  readonly url: string;
  /** `whsec_` and 24 to 64 bytes in base64; without it nothing is signed. */
  readonly secret?: string | null;
  readonly timeoutMs?: number;
}

/** Posts each message as JSON, signed as Standard Webhooks (standardwebhooks.com) where a secret is given. */
export function createWebhookNotifier(options: WebhookOptions): Notifier {
  const url = secretUrl('generic', options.url);
  const key = options.secret == null ? null : webhookKey(options.secret);
  const timeoutMs = options.timeoutMs ?? 10_000;
  return {
    name: 'webhook',
    async send(message, signal) {
      const body = webhookBody(message);
      const headers = signatureHeaders(key, webhookId(message), Math.floor(Date.now() / 1_000), body);
      await postJson({ channel: 'the webhook', url, body, headers, timeoutMs, signal });
    },
  };
}

function webhookBody(message: Message): string {
  const event = { type: 'rollback.message', ...message, at: new Date(message.atMs).toISOString() };
  return JSON.stringify(event, (_name, value) =>
    typeof value === 'string' ? withoutControls(value) : value,
  );
}

/** The same event has the same id, so that the receiver can drop repeats. */
function webhookId(message: Message): string {
  return `msg_${createHash('sha256').update(message.key).digest('hex').slice(0, 32)}`;
}

/** The headers of Standard Webhooks; `atSeconds` since the epoch. */
export function signatureHeaders(
  key: Buffer | null,
  id: string,
  atSeconds: number,
  body: string,
): Record<string, string> {
  const headers = { 'webhook-id': id, 'webhook-timestamp': String(atSeconds) };
  if (key === null) return headers;
  const signature = createHmac('sha256', key).update(`${id}.${atSeconds}.${body}`).digest('base64');
  return { ...headers, 'webhook-signature': `v1,${signature}` };
}

/** The signing key in a secret as Standard Webhooks writes it. */
export function webhookKey(secret: string): Buffer {
  const encoded = secret.replace(/^whsec_/, '');
  const key = Buffer.from(encoded, 'base64');
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(encoded) && key.length >= 24 && key.length <= 64) return key;
  throw new Error('the webhook secret must be "whsec_" followed by 24 to 64 bytes in base64');
}
