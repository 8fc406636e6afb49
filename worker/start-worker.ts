import type { NativeConnection, Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { Catalog, Dependencies } from '../activities/dependencies.ts';
import type { Store } from '../adapters/store/store.ts';
import type { Redactor } from '../domain/redaction.ts';
import { createSystemMetrics, serveMetrics } from './metrics.ts';
import type { Sweep } from './sweep.ts';
import { bundleWorkflows, createWorkers } from './workers.ts';

export interface WorkerOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly store: Store;
  readonly catalog: Catalog;
  readonly temporalUi: string | null;
  /** Of the server, for commands that people run. */
  readonly address: string;
  readonly logger: Logger;
  readonly redactor?: Redactor | undefined;
  readonly group?: string;
  readonly metrics: { readonly host: string; readonly port: number; readonly sdkMetricsPort: number };
  /** What the metrics page says of stale watches. */
  readonly sweep: Pick<Sweep, 'staleWatches'>;
}

export interface RunningWorker {
  readonly metricsPort: number;
  /** Rejects when a worker fails for good: the process must end, its supervisor starts it again. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** Runs the workers of this process, and their metrics page. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { connection, namespace, store, catalog, logger } = options;
  const metrics = createSystemMetrics(store, options.sweep);
  const page = await serveMetrics(metrics, options.metrics);
  const dependencies: Dependencies = {
    store,
    catalog,
    clock: { now: async () => Date.now() },
    temporalUi: options.temporalUi,
    temporalServer: { address: options.address, namespace },
  };
  const workers = await createWorkers({
    connection,
    namespace,
    dependencies,
    workflowBundle: await bundleWorkflows(),
    interceptor: metrics.interceptor,
    redactor: options.redactor,
    ...(options.group === undefined ? {} : { group: options.group }),
  });
  const running = Promise.all(workers.map((worker) => worker.run())).then(() => undefined);
  running.catch((error: unknown) => {
    logger.fatal({ error }, 'a worker has failed');
    shutDown(workers);
  });
  return {
    metricsPort: page.port,
    ended: running,
    async stop() {
      shutDown(workers);
      await running.catch(() => undefined);
      await page.close();
    },
  };
}

function shutDown(workers: readonly Worker[]): void {
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
}
