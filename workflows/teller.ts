import {
  CancellationScope,
  condition,
  ParentClosePolicy,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { DeploymentKey } from '../domain/identity.ts';
import type { Message } from '../domain/message.ts';
import { controlQueue } from '../domain/queues.ts';
import { telling } from './activities.ts';
import { type deliverMessages, notTold, type UnsentMessage } from './deliver-messages.ts';
import type { Journal } from './journal.ts';

export type Telling = Pick<Message, 'severity' | 'title' | 'text'> &
  Partial<Pick<Message, 'facts' | 'commands' | 'links'>>;

/** Tells people, beside everything else: a channel that fails is tried again and noted, and delays nothing. */
export function createTeller(key: DeploymentKey, prefix: string, journal: Journal) {
  const pending = new Set<UnsentMessage>();
  let count = 0;
  return {
    tell(whom: string, telling_: Telling): void {
      count += 1;
      const message: Message = {
        facts: [],
        commands: [],
        links: [],
        ...telling_,
        key: `${prefix}/message/${count}`,
        product: key.product,
        environment: key.environment,
        atMs: Date.now(),
      };
      const unsent = { message, whom };
      pending.add(unsent);
      const sending = CancellationScope.nonCancellable(() =>
        telling.tell.executeWithOptions({ summary: telling_.title }, [message, whom]),
      );
      const done = () => {
        pending.delete(unsent);
      };
      sending.then(done, (error: unknown) => {
        done();
        journal.note('failed', notTold(key, whom, telling_.title, error));
      });
    },
    idle: () => pending.size === 0,
    /**
     * Waits until everything was said, at most `ms`. A workflow that ends drops what it is still trying to say: the rest goes
     * to a child that outlives it.
     */
    async settled(ms: number): Promise<void> {
      if (await condition(() => pending.size === 0, ms)) return;
      const { workflowId, runId } = workflowInfo();
      await startChild<typeof deliverMessages>('deliverMessages', {
        workflowId: `messages/${workflowId}/${runId}`,
        taskQueue: controlQueue,
        args: [{ key, unsent: [...pending], workflowId, runId }],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        staticSummary: `${pending.size} messages of ${workflowId} that a channel has not taken yet`,
      });
      journal.note('failed', `${pending.size} messages are not sent yet: they are tried on`);
    },
  };
}

export type Teller = ReturnType<typeof createTeller>;
