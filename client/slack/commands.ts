import type { ProductKey } from '../../domain/identity.ts';
import type { Pause } from '../../domain/product-row.ts';
import type { AnyRollbackCommand, RollbackCommandName } from '../../workflows/messages.ts';
import type { CommandAnswer, Wanted } from '../api/rollback-operations.ts';

/** What people can make the system do from a chat; the API's operations are it. */
export interface Commands {
  rollBack(key: ProductKey, wanted: Wanted & { to: string | null }): Promise<CommandAnswer>;
  veto(key: ProductKey, wanted: Wanted): Promise<CommandAnswer>;
  pause(key: ProductKey, pause: Pause): Promise<void>;
  resume(key: ProductKey, by: string): Promise<void>;
  command(
    key: ProductKey,
    name: RollbackCommandName,
    command: AnyRollbackCommand & { readonly deployment?: string | undefined },
  ): Promise<CommandAnswer>;
}

/** What people ask from a chat, as text. */
export interface Views {
  status(key: ProductKey): Promise<string>;
  /**
   * The specification's statistics.
   * @param products of these only; `undefined`: of all
   */
  statistics(days: number, products: readonly string[] | undefined): Promise<string>;
}
