// The payment provider that every release of the shop depends on. `PUT /control {"failing": true}` breaks it.
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

let failing = false;
let charges = 0;

const routes = {
  'GET /healthz': async () => [200, { ok: true }],
  'PUT /control': async (request) => {
    failing = (await json(request)).failing === true;
    return [200, { failing }];
  },
  'POST /charges': async (request) => {
    await json(request);
    await sleep(5);
    if (failing) return [503, { error: 'the bank does not answer' }];
    charges += 1;
    return [201, { id: `payment-${charges}` }];
  },
};

async function handle(request, response) {
  const route = routes[`${request.method} ${request.url}`] ?? (async () => [404, { error: 'not found' }]);
  const [status, body] = await route(request).catch((error) => [400, { error: error.message }]);
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

createServer(handle).listen(Number(process.env.PORT ?? '8090'), '127.0.0.1');
