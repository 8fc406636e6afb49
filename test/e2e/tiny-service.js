// A service that goes bad by itself: `behaviour.json` of its release says how many milliseconds after its start.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { sickAfterMs } = JSON.parse(readFileSync('behaviour.json', 'utf8'));
const startedAt = Date.now();
const counts = { 200: 0, 500: 0 };
const sick = () => sickAfterMs !== null && Date.now() - startedAt > sickAfterMs;

function page() {
  return [
    '# TYPE http_requests_total counter',
    ...Object.entries(counts).map(([status, count]) => `http_requests_total{status="${status}"} ${count}`),
    '# TYPE process_start_time_seconds gauge',
    `process_start_time_seconds ${startedAt / 1000}`,
    '',
  ].join('\n');
}

createServer((request, response) => {
  if (request.url === '/metrics') return response.end(page());
  if (request.url === '/healthz') return response.writeHead(sick() ? 503 : 200).end();
  const status = sick() ? 500 : 200;
  counts[status] += 1;
  response.writeHead(status).end(process.env.RELEASE);
}).listen(Number(process.env.PORT), '127.0.0.1');
