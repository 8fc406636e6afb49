import { createServer } from 'node:http';
import { openDatabase } from './src/database.js';
import { lifecycle, stopOnSignal } from './src/lifecycle.js';
import { log } from './src/log.js';
import { guardMemory } from './src/memory.js';
import { createMetrics } from './src/metrics.js';
import { createPayments } from './src/payments.js';
import { respond } from './src/respond.js';
import { createRoutes } from './src/routes.js';

const { PORT = '8080', RELEASE = 'unknown', PAYMENTS_URL = 'http://127.0.0.1:8090' } = process.env;
const { DATABASE_CONNECTIONS = '8', MEMORY_LIMIT_MB = '390' } = process.env;

const metrics = createMetrics();
const database = openDatabase({ connections: Number(DATABASE_CONNECTIONS) });
const routes = createRoutes({ database, payments: createPayments(PAYMENTS_URL) });

const server = createServer(handle).listen(Number(PORT), process.env.HOST ?? '127.0.0.1', () => {
  log('info', `shop ${RELEASE} listens on port ${PORT}`, { pid: process.pid });
});

guardMemory(Number(MEMORY_LIMIT_MB));
stopOnSignal();
lifecycle.on('stopping', () => server.close(() => process.exit(0)));

async function handle(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://shop');
  if (pathname === '/healthz') return respond(response, 200, { release: RELEASE });
  if (pathname === '/metrics') return response.end(metrics.page());

  const startedAtMs = performance.now();
  const path = pathname.replace(/\/\d+$/, '/:id');
  const route = routes[`${request.method} ${path}`];
  const { status, body } = await answerOf(route, { pathname, searchParams });
  respond(response, status, body);
  const seconds = (performance.now() - startedAtMs) / 1_000;
  metrics.countRequest({ method: request.method, route: route ? path : 'other', status, seconds });
}

async function answerOf(route, question) {
  if (route === undefined) return { status: 404, body: { error: 'no such page' } };
  try {
    return { status: 200, body: await route(question) };
  } catch (error) {
    if (error.name === 'ConnectionPoolTimeoutError') metrics.countConnectionError();
    log('error', error.message, { stack: error.stack });
    return { status: error.status ?? 500, body: { error: error.message } };
  }
}
