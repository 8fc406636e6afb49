// A worker process of the fail-over benchmark: address, store file, bundle file, sticky timeout in milliseconds.
import { readFile } from 'node:fs/promises';
import { NativeConnection } from '@temporalio/worker';
import type { ProductSetup } from '../activities/dependencies.ts';
import { createFolderIssues } from '../adapters/issues/folder-issues.ts';
import { openStore } from '../adapters/store/store.ts';
import { controlQueue, watchQueue } from '../domain/queues.ts';
import { quickPolicy } from '../test/support/dev-world.ts';
import { createScriptedService } from '../test/support/scripted-service.ts';
import { createWorkers } from '../worker/workers.ts';

const [address = '', storeFile = '', bundleFile = '', stickyTimeoutMs = ''] = process.argv.slice(2);
const service = createScriptedService(async () => Date.now());
const setup: Omit<ProductSetup, 'product' | 'environment'> = {
  policy: quickPolicy,
  policyVersion: 1,
  owner: 'Ana',
  services: [{ service: 'web', ...service, logs: null, changes: null }],
  notifiers: () => [],
  issues: null,
  incidentsFolder: createFolderIssues({ folder: `${storeFile}-incidents` }),
  assigneesFor: () => ({ assignees: [], labels: [], role: 'Support Engineer' }),
  targetQueue: controlQueue,
  watchQueue,
};

const connection = await NativeConnection.connect({ address });
const workers = await createWorkers({
  connection,
  namespace: 'default',
  workflowBundle: { code: await readFile(bundleFile, 'utf8') },
  stickyTimeoutMs: Number(stickyTimeoutMs),
  dependencies: {
    store: await openStore(storeFile),
    catalog: { products: async () => [], setup: async (key) => ({ ...key, ...setup }) },
    clock: { now: async () => Date.now() },
    temporalUi: null,
    temporalServer: null,
  },
});
// Left behind by its parent, it ends.
process.once('disconnect', () => process.exit(1));
const running = workers.map((worker) => worker.run());
process.send?.('polling');
await Promise.all(running);
