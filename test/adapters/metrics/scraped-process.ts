import type { Scraped } from './prometheus-server.ts';

const boundsSeconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** A process that prom-client watches, as a scrape finds it. */
export function aProcess(instance: string, startedAtMs: number | null = Date.now() - 3_600_000) {
  const counts = new Map<string, number>();
  const buckets = new Map<string, number>([...boundsSeconds, '+Inf'].map((bound) => [String(bound), 0]));
  const where = { job: 'web', instance };
  return {
    serve(requests: number, errors: number, latencyMs = 30) {
      counts.set('200', (counts.get('200') ?? 0) + requests - errors);
      if (errors > 0) counts.set('503', (counts.get('503') ?? 0) + errors);
      for (const [bound, count] of buckets)
        if (bound === '+Inf' || latencyMs / 1_000 <= Number(bound)) buckets.set(bound, count + requests);
    },
    series(): Scraped[] {
      return [
        ...[...counts].map(([status, value]) => ({
          name: 'http_requests_total',
          labels: { ...where, status },
          value,
        })),
        ...[...buckets].map(([le, value]) => ({
          name: 'http_request_duration_seconds_bucket',
          labels: { ...where, le },
          value,
        })),
        { name: 'process_resident_memory_bytes', labels: where, value: 128 * 1_048_576 },
        ...(startedAtMs === null
          ? []
          : [{ name: 'process_start_time_seconds', labels: where, value: startedAtMs / 1_000 }]),
      ];
    },
  };
}
