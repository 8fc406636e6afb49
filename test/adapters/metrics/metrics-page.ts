import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Instance } from '../../../domain/live.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A real service's `/metrics` page, written by prom-client, whose answer a test may replace. */
export interface MetricsPage {
  readonly url: string;
  readonly registry: Registry;
  instance(id: string): Instance;
  serve(requests: number, errors: number, latencyMs: number): void;
  answer(handler: Handler | null): void;
  /** Forgets all counts, as a restarted process does. */
  restart(startedAtMs: number): void;
  close(): Promise<void>;
}

export async function startMetricsPage(startedAtMs = Date.now() - 3_600_000): Promise<MetricsPage> {
  const registry = new Registry();
  const on = { registers: [registry], help: 'help' };
  const requests = new Counter({ ...on, name: 'http_requests_total', labelNames: ['route', 'status'] });
  const duration = new Histogram({
    ...on,
    name: 'http_request_duration_seconds',
    labelNames: ['route'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  });
  const started = new Gauge({ ...on, name: 'process_start_time_seconds' });
  started.set(Math.round(startedAtMs / 1_000));
  let handler: Handler | null = null;
  const server = createServer((request, response) => {
    if (handler !== null) return handler(request, response);
    void registry
      .metrics()
      .then((page) => response.setHeader('content-type', registry.contentType).end(page));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    registry,
    instance: (id) => ({ id, release: null, running: true, url }),
    serve(count, errors, latencyMs) {
      requests.inc({ route: '/cart', status: '200' }, count - errors);
      if (errors > 0) requests.inc({ route: '/pay', status: '503' }, errors);
      for (let i = 0; i < count; i += 1)
        duration.observe({ route: i % 2 ? '/cart' : '/pay' }, latencyMs / 1_000);
    },
    answer(replacement) {
      handler = replacement;
    },
    restart(newStartMs) {
      registry.resetMetrics();
      started.set(Math.round(newStartMs / 1_000));
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
