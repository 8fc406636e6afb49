import type { Message } from '../../domain/message.ts';

/**
 * One channel to people. Throws when the message was not accepted, with the channel's own answer in the
 * error and never a secret (a webhook's URL is one); the caller retries and dedupes by `message.key`.
 */
export interface Notifier {
  readonly name: string;
  send(message: Message, signal: AbortSignal): Promise<void>;
}
