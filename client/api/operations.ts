import type { Client } from '@temporalio/client';
import type { Catalog } from '../../activities/dependencies.ts';
import type { Store } from '../../adapters/store/store.ts';
import { createDeploymentOperations } from './deployment-operations.ts';
import { createGateOperations } from './gate-operations.ts';
import { createLookup } from './lookup.ts';
import { createPeopleOperations } from './people-operations.ts';
import { createRollbackOperations } from './rollback-operations.ts';

export interface OperationsOptions {
  readonly client: Client;
  readonly store: Store;
  readonly catalog: Catalog;
  /** Whether the search attributes are registered on this server. */
  readonly searchAttributes: boolean;
  /** How long an update may wait for a worker before the request is queued instead. */
  readonly updatePatienceMs?: number;
}

/** What people and pipelines can do: the only place that starts and signals workflows. */
export function createOperations(options: OperationsOptions) {
  const lookup = createLookup(options.store, options.catalog);
  return {
    ...createDeploymentOperations(options, lookup),
    ...createRollbackOperations(options, lookup),
    ...createPeopleOperations(options, lookup),
    ...createGateOperations(options, lookup),
  };
}

export type Operations = ReturnType<typeof createOperations>;
