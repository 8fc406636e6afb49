import { createRollbackClient } from '../../rollback-client.ts';
import { apiPlace, type CommonOptions } from '../context.ts';
import type { Candidate, Names } from './complete.ts';

/** Whoever presses TAB does not wait longer. */
const patienceMs = 500;

/** Products and incidents as the API knows them, by the options that are typed already. */
export function namesFromApi(words: readonly string[]): Names {
  const client = () =>
    createRollbackClient({ ...apiPlace(optionsIn(words)), timeoutMs: patienceMs, retryForMs: 0 });
  return {
    async products() {
      const { products } = await client().products();
      return [...new Set(products.map(({ product }) => product))];
    },
    async incidents() {
      const { incidents } = await client().incidents({ limit: 50 });
      return incidents.map(
        ({ id, reason }): Candidate => ({
          value: id,
          description: reason.replaceAll(/\s+/g, ' ').slice(0, 60),
        }),
      );
    },
  };
}

function optionsIn(words: readonly string[]): CommonOptions {
  const after = (flag: string) => {
    const at = words.indexOf(flag);
    return at < 0 ? undefined : words[at + 1];
  };
  return { data: after('--data'), api: after('--api') };
}
