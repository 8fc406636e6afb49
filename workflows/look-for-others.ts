import { CancellationScope, condition } from '@temporalio/workflow';
import { seeking } from './activities.ts';
import type { RollbackContext } from './rollback-context.ts';

/**
 * Beside the steps: a signal can be lost with its worker, and somebody who rolls back by hand sends none, so the store is
 * asked who else holds the row and who waits to take over. One activity polls by retry and leaves no history.
 */
export function lookForOthers({ input, inbox }: RollbackContext): { stop(): Promise<void> } {
  let over = false;
  const scope = new CancellationScope();
  const looking = scope.run(look).catch(() => undefined);
  return {
    async stop() {
      over = true;
      scope.cancel();
      // An attempt that runs holds the time-skipping server's clock: it is waited for.
      await looking;
    },
  };

  async function look(): Promise<void> {
    while (!over && inbox.direct === null) {
      const found = await seeking.awaitOthers(input.key, inbox.offered()).catch(() => null);
      if (found === null) await condition(() => over, 60_000);
      else if (found.direct !== null) inbox.direct = found.direct;
      else if (found.waiting !== null) inbox.offer(found.waiting);
    }
  }
}
