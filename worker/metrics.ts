import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ActivityInboundCallsInterceptor } from '@temporalio/worker';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Store } from '../adapters/store/store.ts';
import type { Sweep } from './sweep.ts';

/** Not a number while the store does not answer: the rest of the page must still be read, then above all. */
async function known(read: () => Promise<number>): Promise<number> {
  return read().catch(() => Number.NaN);
}

/** The system's own metrics, by Prometheus' conventions. */
export function createSystemMetrics(store: Store, sweep: Pick<Sweep, 'staleWatches'>) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const duration = new Histogram({
    name: 'orchestrator_activity_duration_seconds',
    help: 'How long activities took, by name and result (ok, next_check: the watch polls by retry, error)',
    labelNames: ['activity', 'result'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300],
    registers,
  });
  const messages = new Counter({
    name: 'orchestrator_messages_total',
    help: 'Messages to people, by result',
    labelNames: ['result'],
    registers,
  });
  new Gauge({
    name: 'orchestrator_watched_deployments',
    help: 'Deployments under watch',
    registers,
    async collect() {
      this.set(await known(async () => (await store.watches.lastLooks()).length));
    },
  });
  new Gauge({
    name: 'orchestrator_stale_watches',
    help: 'Watched deployments without a tick for more than three check intervals',
    registers,
    async collect() {
      this.set(await known(async () => (await sweep.staleWatches()).length));
    },
  });
  new Gauge({
    name: 'orchestrator_rollbacks_running',
    help: 'Rollbacks that hold a product, escalated ones included',
    registers,
    async collect() {
      this.set(
        await known(
          async () => (await store.products.list()).filter(({ row }) => row.rollback !== null).length,
        ),
      );
    },
  });
  new Gauge({
    name: 'orchestrator_incidents',
    help: 'Incidents of the last 30 days, by outcome',
    labelNames: ['outcome'],
    registers,
    async collect() {
      this.reset();
      const incidents = await store.incidents
        .list({ sinceMs: Date.now() - 30 * 24 * 3_600_000, limit: 10_000 })
        .catch(() => []);
      for (const incident of incidents) this.inc({ outcome: incident.outcome ?? incident.status });
    },
  });

  const interceptor = (activity: string): ActivityInboundCallsInterceptor => ({
    async execute(input, next) {
      const stop = duration.startTimer({ activity });
      try {
        const result = await next(input);
        stop({ result: 'ok' });
        if (activity === 'tell') messages.inc({ result: 'sent' });
        return result;
      } catch (error) {
        const type = (error as { type?: unknown }).type;
        const polls = type === 'NextCheck' || type === 'NextLook';
        stop({ result: polls ? 'next_check' : 'error' });
        if (activity === 'tell') messages.inc({ result: 'failed' });
        throw error;
      }
    },
  });
  return { registry, interceptor };
}

export type SystemMetrics = ReturnType<typeof createSystemMetrics>;

/** Serves `/metrics` with ours and the SDK's own. */
export async function serveMetrics(
  { registry }: Pick<SystemMetrics, 'registry'>,
  options: { readonly host: string; readonly port: number; readonly sdkMetricsPort: number },
): Promise<{ port: number; close(): Promise<void> }> {
  const page = async (): Promise<string> => {
    const sdk = await fetch(`http://127.0.0.1:${options.sdkMetricsPort}/metrics`).then(
      (answer) => answer.text(),
      () => '',
    );
    return `${await registry.metrics()}\n${sdk}`;
  };
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    page().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => closed(server) };
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
