import { randomUUID } from 'node:crypto';
import type { Catalog, ProductSetup } from '../../activities/dependencies.ts';
import type { Store } from '../../adapters/store/store.ts';
import type { Deployment } from '../../domain/deployment.ts';
import type { ProductKey } from '../../domain/identity.ts';
import { ApiError } from './api-error.ts';

/** What every operation asks first: is it known, what is live, and who is to read about it. */
export function createLookup(store: Store, catalog: Catalog) {
  return { setupOf, findCurrent, noteForPeople };

  async function setupOf(key: ProductKey): Promise<ProductSetup> {
    try {
      return await catalog.setup(key);
    } catch (error) {
      throw new ApiError(404, error instanceof Error ? error.message : String(error));
    }
  }

  async function findCurrent(key: ProductKey): Promise<Deployment | null> {
    await setupOf(key);
    const { currentDeployment: id } = await store.products.read(key);
    return id === null ? null : store.deployments.read({ ...key, deployment: id });
  }

  async function noteForPeople(key: ProductKey, text: string): Promise<void> {
    const { currentDeployment: deployment } = await store.products.read(key);
    const entry = {
      product: key.product,
      environment: key.environment,
      deployment: deployment ?? 'none',
      incident: null,
    };
    await store.timeline.append([
      { ...entry, key: `api/${randomUUID()}`, atMs: Date.now(), kind: 'person', text },
    ]);
  }
}

export type Lookup = ReturnType<typeof createLookup>;

export function knownService(setup: ProductSetup, service: string) {
  const found = setup.services.find((entry) => entry.service === service);
  if (found !== undefined) return found;
  const known = setup.services.map((entry) => entry.service).join(', ') || 'none';
  throw new ApiError(400, `product ${setup.product} has no service ${service}; configured: ${known}`);
}
