import type { Catalog } from '../../activities/dependencies.ts';
import type { ServiceRelease } from '../../domain/deployment.ts';
import { type ProductKey, productName } from '../../domain/identity.ts';
import { ApiError } from './api-error.ts';

/** A request's `release` (for a product with one service) or `services`, service by service; neither: none. */
export async function serviceReleases(
  catalog: Catalog,
  key: ProductKey,
  { release, services }: { release?: string | undefined; services?: Record<string, string> | undefined },
): Promise<ServiceRelease[]> {
  if (services !== undefined)
    return Object.entries(services).map(([service, name]) => ({ service, release: name }));
  if (release === undefined) return [];
  const setup = await catalog.setup(key).catch((error: unknown) => {
    throw new ApiError(404, error instanceof Error ? error.message : String(error));
  });
  const [only, ...others] = setup.services;
  if (only === undefined || others.length > 0) {
    const names = setup.services.map((entry) => entry.service).join(', ');
    throw new ApiError(
      400,
      `${productName(key)} has several services (${names}): give services, not release`,
    );
  }
  return [{ service: only.service, release }];
}
