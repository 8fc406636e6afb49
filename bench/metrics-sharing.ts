import { setTimeout as sleep } from 'node:timers/promises';
import { createPrometheusSource } from '../adapters/metrics/prometheus.ts';
import { type Scraped, startPrometheusServer } from '../test/adapters/metrics/prometheus-server.ts';
import { aProcess } from '../test/adapters/metrics/scraped-process.ts';
import { writeResult } from './result.ts';

/**
 * Requests and time of one check of N monitors of one server, with shared questions and without. The server is the tests' stand-in,
 * over HTTP: what it saves in a real one is said by the requests, and the time is ours and its together.
 */
const sizes = [50, 200];
/** Over how long the checks of all monitors are spread: at once, or as on the grid of a shortened minute. */
const spreadsMs = [0, 6_000];

interface Run {
  readonly requests: number;
  readonly ms: number;
}

async function check(monitors: number, spreadMs: number, shareMs: number): Promise<Run> {
  const server = await startPrometheusServer();
  const names = Array.from({ length: monitors }, (_, i) => `svc-${i}`);
  const series = names.flatMap((job, i): Scraped[] => {
    const process = aProcess(`a:${i}`);
    process.serve(10, 1);
    return process.series().map((one) => ({ ...one, labels: { ...one.labels, job } }));
  });
  server.scrape(Date.now() - 10_000, series);
  const startedMs = performance.now();
  await Promise.all(
    names.map(async (service, i) => {
      await sleep((spreadMs * i) / monitors);
      const source = createPrometheusSource({ url: server.url, timeoutMs: 120_000, shareMs });
      const about = { product: service, environment: 'production', service, instances: [], cursor: null };
      const answer = await source.measure({ ...about, signal: AbortSignal.timeout(120_000) });
      if (answer.kind !== 'measured') throw new Error(answer.reason);
    }),
  );
  const ms = performance.now() - startedMs;
  await server.close();
  return { requests: server.asked.length, ms: Math.round(ms) };
}

const rows = [];
for (const spreadMs of spreadsMs) {
  for (const monitors of sizes) {
    const alone = await check(monitors, spreadMs, 0);
    const shared = await check(monitors, spreadMs, 200);
    const row = {
      monitors,
      spreadMs,
      requestsAlone: alone.requests,
      requestsShared: shared.requests,
      requestsRatio: Number((alone.requests / shared.requests).toFixed(1)),
      timeRatio: Number((alone.ms / shared.ms).toFixed(1)),
    };
    console.log(row);
    rows.push(row);
  }
}
await writeResult('metrics-sharing', { node: process.version, rows });
