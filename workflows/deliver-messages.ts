import type { DeploymentKey } from '../domain/identity.ts';
import type { Message } from '../domain/message.ts';
import { telling } from './activities.ts';
import { createJournal } from './journal.ts';
import { createPresence } from './presence.ts';

export interface UnsentMessage {
  readonly message: Message;
  /** `owner`, `everyone` or a channel's name. */
  readonly whom: string;
}

export interface DeliverMessagesInput {
  readonly key: DeploymentKey;
  readonly unsent: readonly UnsentMessage[];
  /** Whose messages they are: their links lead there. */
  readonly workflowId: string;
  readonly runId: string;
}

/** Says what an ended workflow could not: a channel that was down is tried for the rest of its hour, each message once. */
export async function deliverMessages(input: DeliverMessagesInput): Promise<void> {
  const { key, unsent, workflowId, runId } = input;
  const journal = createJournal(key, `${runId}/delivery`, createPresence(false), null);
  const send = async ({ message, whom }: UnsentMessage) => {
    const sending = telling.tell.executeWithOptions({ summary: message.title }, [
      message,
      whom,
      { workflowId, runId },
    ]);
    await sending.catch((error: unknown) => journal.note('failed', notTold(key, whom, message.title, error)));
  };
  await Promise.all(unsent.map(send));
  await journal.flushed(60_000);
}

export function notTold(
  { product }: Pick<DeploymentKey, 'product'>,
  whom: string,
  title: string,
  error: unknown,
): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
  return `${whom} of ${product} could not be told "${title}": ${cause}`;
}
