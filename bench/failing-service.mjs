// Fails a share of its requests, another share for a while; which ones the URL decides, so that two instances fail the same.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const behaviour = JSON.parse(readFileSync('behaviour.json', 'utf8'));
const startedAt = Date.now();
const counts = { 200: 0, 500: 0 };

function failingShare(now) {
  const bad = now >= behaviour.badFromMs && now < behaviour.badUntilMs;
  return bad ? behaviour.badShare : behaviour.usualShare;
}

/** Evenly spread from 0 to 1. */
function luck(url) {
  return createHash('sha256').update(url).digest().readUInt32BE(0) / 2 ** 32;
}

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
  if (request.url === '/healthz') return response.end();
  const status = luck(request.url) < failingShare(Date.now()) ? 500 : 200;
  counts[status] += 1;
  response.writeHead(status).end(process.env.RELEASE);
}).listen(Number(process.env.PORT), '127.0.0.1');
