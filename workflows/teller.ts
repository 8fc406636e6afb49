import {
  CancellationScope,
  condition,
  ParentClosePolicy,
  patched,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { DeploymentKey } from '../domain/identity.ts';
import type { Message, MessageSubject } from '../domain/message.ts';
import { controlQueue } from '../domain/queues.ts';
import { telling } from './activities.ts';
import { type deliverMessages, notTold, type UnsentMessage } from './deliver-messages.ts';
import type { Journal } from './journal.ts';

export type Telling = Pick<Message, 'severity' | 'title' | 'text'> &
  Partial<Pick<Message, 'doing' | 'facts' | 'commands' | 'links' | 'thread' | 'event' | 'actions'>> & {
    readonly about?: Partial<MessageSubject>;
  };

/** What all messages of one workflow have in common. */
export interface Story {
  readonly thread: string;
  readonly about: Omit<MessageSubject, 'deployment'>;
}

/** Tells people, beside everything else: a channel that fails is tried again and noted, and delays nothing. */
export function createTeller(key: DeploymentKey, prefix: string, journal: Journal, story: Story) {
  const pending = new Set<UnsentMessage>();
  let count = 0;
  let alarmed = false;

  function tell(whom: string, telling_: Telling): void {
    count += 1;
    alarmed ||= telling_.event === 'held_back' || telling_.event === 'veto_open';
    const message: Message = {
      facts: [],
      commands: [],
      links: [],
      thread: story.thread,
      ...telling_,
      about: { deployment: key.deployment, ...story.about, ...telling_.about },
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
  }

  return {
    tell,
    /**
     * Tells only those who follow every step, the pager, the chat with threads and CDEvents: that somebody has it, that it is over.
     * Histories of before this existed have no such step.
     */
    follow(telling_: Telling): void {
      if (patched('followers')) tell('followers', telling_);
    },
    /** Whether this run has called somebody because of a breach. */
    alarmed: () => alarmed,
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
