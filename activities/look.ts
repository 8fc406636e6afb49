import { Context } from '@temporalio/activity';
import type { ProductKey } from '../domain/identity.ts';
import type { LiveService } from '../domain/live.ts';
import type { Catalog } from './dependencies.ts';
import { serviceSetup } from './service-setup.ts';

const lookMs = 15_000;

/** What is live, asked of a target that must answer soon. */
export async function look(catalog: Catalog, key: ProductKey, service: string): Promise<LiveService> {
  const { target } = serviceSetup(await catalog.setup(key), service);
  const signal = AbortSignal.any([AbortSignal.timeout(lookMs), Context.current().cancellationSignal]);
  return target.live(service, signal);
}
