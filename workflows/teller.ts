import { CancellationScope, condition } from '@temporalio/workflow';
import { type DeploymentKey, productName } from '../domain/identity.ts';
import type { Message } from '../domain/message.ts';
import { telling } from './activities.ts';
import type { Journal } from './journal.ts';

export type Telling = Pick<Message, 'severity' | 'title' | 'text'> &
  Partial<Pick<Message, 'facts' | 'commands' | 'links'>>;

/** Tells people, beside everything else: a channel that fails is tried again and noted, and delays nothing. */
export function createTeller(key: DeploymentKey, prefix: string, journal: Journal) {
  let count = 0;
  let pending = 0;
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
      pending += 1;
      const sending = CancellationScope.nonCancellable(() =>
        telling.tell.executeWithOptions({ summary: telling_.title }, [message, whom]),
      );
      const done = () => {
        pending -= 1;
      };
      sending.then(done, (error: unknown) => {
        done();
        const cause =
          error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
        journal.note(
          'failed',
          `${whom} of ${productName(key)} could not be told "${telling_.title}": ${cause}`,
        );
      });
    },
    idle: () => pending === 0,
    /** Waits until everything was said: a workflow that ends drops what it is still trying to say. At most `ms`. */
    async settled(ms: number): Promise<boolean> {
      return condition(() => pending === 0, ms);
    },
  };
}

export type Teller = ReturnType<typeof createTeller>;
