import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { InFlight } from './in-flight.ts';
import type { ProxyState } from './proxy-state.ts';

const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export interface ProxyMetrics {
  /** `release` is `none` for answers of the proxy itself; `status` is `null` when the client went away first. */
  observe(release: string, status: number | null, durationSeconds: number): void;
  /** The page that Prometheus reads. */
  page(): Promise<string>;
  readonly contentType: string;
}

/** Metrics of one proxy, in a registry of their own. */
export function createProxyMetrics(inFlight: InFlight, state: () => ProxyState): ProxyMetrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: 'proxy_requests_total',
    help: 'Requests by release and class of status',
    labelNames: ['release', 'status_class'],
    registers,
  });
  const duration = new Histogram({
    name: 'proxy_request_duration_seconds',
    help: 'From the request to the end of its response',
    labelNames: ['release'],
    buckets,
    registers,
  });
  new Gauge({
    name: 'proxy_requests_in_flight',
    help: 'Requests under way by release',
    labelNames: ['release'],
    registers,
    collect() {
      this.reset();
      for (const [release, count] of Object.entries(inFlight.counts())) this.set({ release }, count);
    },
  });
  new Gauge({
    name: 'proxy_maintenance',
    help: '1 while every new request is answered 503',
    registers,
    collect() {
      this.set(state().maintenance === null ? 0 : 1);
    },
  });

  return {
    observe(release, status, durationSeconds) {
      requests.inc({ release, status_class: status === null ? 'aborted' : `${Math.floor(status / 100)}xx` });
      duration.observe({ release }, durationSeconds);
    },
    page: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
