import type { ChangeMark } from '../../../adapters/store/changes.ts';
import type { Store } from '../../../adapters/store/store.ts';
import type { ProductKey } from '../../../domain/identity.ts';

export type Listener = (products: readonly ProductKey[]) => void;

/** Tells of products that changed. */
export interface Feed {
  /** @returns what ends it */
  listen(listener: Listener): () => void;
}

const everyMs = 1_000;

/**
 * Looks once a second what was written, by whichever process, and only while somebody listens. However many pages are open, the store is
 * asked once.
 */
export function createFeed({ changes }: Pick<Store, 'changes'>): Feed {
  const listeners = new Set<Listener>();
  let timer: NodeJS.Timeout | null = null;
  let mark: ChangeMark | null = null;

  return {
    listen(listener) {
      listeners.add(listener);
      if (timer === null) {
        mark = null;
        void look();
      }
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0 || timer === null) return;
        clearTimeout(timer);
        timer = null;
      };
    },
  };

  async function look(): Promise<void> {
    // Set first: whoever stops listening meanwhile ends it.
    timer = setTimeout(() => void look(), everyMs);
    timer.unref();
    try {
      const found = await changes.since(mark);
      mark = found.mark;
      if (found.products.length > 0) for (const listener of listeners) listener(found.products);
    } catch {
      // A store that does not answer now is asked again in a second; the page says how old it is.
    }
  }
}
