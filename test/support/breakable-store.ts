import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../adapters/store/store.ts';

/** `true`: it answers with an error. `'hangs'`: it answers nothing until it no longer hangs, and does then what it was asked. */
export type BrokenStore = boolean | 'hangs';

/** A store that stops answering when the test says so. */
export function breakable(store: Store, setup: { readonly brokenStore: BrokenStore }): Store {
  const guard = <Part extends object>(part: Part): Part =>
    new Proxy(part, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function')
          return typeof value === 'object' && value !== null ? guard(value) : value;
        return async (...args: unknown[]) => {
          await answering(setup);
          if (setup.brokenStore) throw new Error('disk I/O error');
          return (value as (...all: unknown[]) => unknown).apply(target, args);
        };
      },
    });
  return guard(store);
}

/** Waits while the store hangs. */
export async function answering(setup: { readonly brokenStore: BrokenStore }): Promise<void> {
  while (setup.brokenStore === 'hangs') await sleep(10);
}
