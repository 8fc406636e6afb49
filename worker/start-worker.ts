import type { NativeConnection, Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { Catalog, Dependencies } from '../activities/dependencies.ts';
import type { Store } from '../adapters/store/store.ts';
import { createSystemMetrics, serveMetrics } from './metrics.ts';
import { createSweep, type Sweep } from './sweep.ts';
import { bundleWorkflows, createWorkers } from './workers.ts';

export interface WorkerOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly store: Store;
  readonly catalog: Catalog;
  readonly links: Dependencies['links'];
  readonly logger: Logger;
  readonly group?: string;
  readonly metrics: { readonly host: string; readonly port: number; readonly sdkMetricsPort: number };
  readonly watchdogUrl: () => string | null;
  /** Between two sweeps, milliseconds. */
  readonly sweepEveryMs?: number;
}

export interface RunningWorker {
  readonly metricsPort: number;
  readonly sweep: Sweep;
  /** Rejects when a worker fails for good: the process must end, its supervisor starts it again. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** Runs the workers of this process, its metrics page and the sweep over what nobody looks after. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { connection, namespace, store, catalog, logger } = options;
  const sweep = createSweep({ store, catalog, connection, namespace, watchdogUrl: options.watchdogUrl });
  const metrics = createSystemMetrics(store, sweep);
  const page = await serveMetrics(metrics, options.metrics);
  const dependencies: Dependencies = {
    store,
    catalog,
    clock: { now: async () => Date.now() },
    links: options.links,
  };
  const workers = await createWorkers({
    connection,
    namespace,
    dependencies,
    workflowBundle: await bundleWorkflows(),
    interceptor: metrics.interceptor,
    ...(options.group === undefined ? {} : { group: options.group }),
  });
  const running = Promise.all(workers.map((worker) => worker.run())).then(() => undefined);
  running.catch((error: unknown) => {
    logger.fatal({ error }, 'a worker has failed');
    shutDown(workers);
  });
  const timer =
    options.group === undefined ? startSweeping(sweep, logger, options.sweepEveryMs ?? 60_000) : null;
  return {
    metricsPort: page.port,
    sweep,
    ended: running,
    async stop() {
      if (timer !== null) clearInterval(timer);
      shutDown(workers);
      await running.catch(() => undefined);
      await page.close();
    },
  };
}

function shutDown(workers: readonly Worker[]): void {
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
}

function startSweeping(sweep: Sweep, logger: Logger, everyMs: number): NodeJS.Timeout {
  const timer = setInterval(() => {
    sweep.sweep().then(
      (found) => {
        for (const line of found) logger.warn(line);
      },
      (error: unknown) => logger.error({ error }, 'the sweep failed'),
    );
  }, everyMs);
  timer.unref();
  return timer;
}
