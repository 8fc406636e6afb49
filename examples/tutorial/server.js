// A small service: it answers /, says how it is on /healthz, and counts on /metrics. PORT and RELEASE come from outside.
import { createServer } from 'node:http';

/** The share of requests that this release fails. */
const failing = 0;

const boundsSeconds = [0.005, 0.01, 0.05, 0.1, 0.5, 1];
const buckets = boundsSeconds.map(() => 0);
const requests = { 200: 0, 500: 0 };
let seconds = 0;

createServer((request, response) => {
  if (request.url === '/healthz') return response.end('ok\n');
  if (request.url === '/metrics') return response.end(metrics());
  const began = performance.now();
  const status = Math.random() < failing ? 500 : 200;
  response.writeHead(status).end(`${process.env.RELEASE}: ${status === 200 ? 'hello' : 'no connection'}\n`);
  count(status, (performance.now() - began) / 1000);
}).listen(Number(process.env.PORT), '127.0.0.1');

function count(status, took) {
  requests[status] += 1;
  seconds += took;
  boundsSeconds.forEach((bound, i) => {
    if (took <= bound) buckets[i] += 1;
  });
}

function metrics() {
  const total = requests[200] + requests[500];
  return [
    ...Object.entries(requests).map(([status, n]) => `http_requests_total{status="${status}"} ${n}`),
    ...boundsSeconds.map((le, i) => `http_request_duration_seconds_bucket{le="${le}"} ${buckets[i]}`),
    `http_request_duration_seconds_bucket{le="+Inf"} ${total}`,
    `http_request_duration_seconds_sum ${seconds}`,
    `http_request_duration_seconds_count ${total}`,
    `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
    `process_start_time_seconds ${(performance.timeOrigin / 1000).toFixed(3)}`,
    '',
  ].join('\n');
}
