import { ApplicationFailure } from '@temporalio/activity';
import type { ProductSetup, ServiceSetup } from './dependencies.ts';

/** How a service is reached; one that is not configured fails for good and says which are. */
export function serviceSetup(setup: ProductSetup, service: string): ServiceSetup {
  const found = setup.services.find((entry) => entry.service === service);
  if (found !== undefined) return found;
  const known = setup.services.map((entry) => entry.service).join(', ') || 'none';
  throw ApplicationFailure.nonRetryable(
    `product ${setup.product} has no service ${service}; configured: ${known}`,
  );
}
