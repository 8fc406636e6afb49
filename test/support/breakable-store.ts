import type { Store } from '../../adapters/store/store.ts';

/** A store that stops answering when the test says so. */
export function breakable(store: Store, setup: { readonly brokenStore: boolean }): Store {
  const guard = <Part extends object>(part: Part): Part =>
    new Proxy(part, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function')
          return typeof value === 'object' && value !== null ? guard(value) : value;
        return (...args: unknown[]) =>
          setup.brokenStore
            ? Promise.reject(new Error('disk I/O error'))
            : (value as (...all: unknown[]) => unknown).apply(target, args);
      },
    });
  return guard(store);
}
