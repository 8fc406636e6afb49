import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterwards, freePorts } from './temporary.ts';

const json = { 'content-type': 'application/json' };

/** What goes wrong between us and somebody's HTTP API, as often seen. `null`: nobody listens. */
const listeners = {
  'a refused connection': null,
  'no answer': () => undefined,
  'HTTP 401': (_request, response) => void response.writeHead(401, json).end('{"message":"no"}'),
  'HTTP 403': (_request, response) => void response.writeHead(403, json).end('{"message":"no"}'),
  'HTTP 404': (_request, response) => void response.writeHead(404).end('not here'),
  'HTTP 429': (_request, response) => void response.writeHead(429, { 'retry-after': '7' }).end(),
  'HTTP 500': (_request, response) => void response.writeHead(500).end('oops'),
  'HTTP 503': (_request, response) => void response.writeHead(503).end(),
  'a redirect': (_request, response) =>
    void response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(),
  'a truncated body': (_request, response) => {
    response.writeHead(200, { ...json, 'content-length': '1000' });
    response.write('{"series":');
    setTimeout(() => response.destroy(), 20);
  },
  'a body of 10 MB': (_request, response) =>
    void response.writeHead(200, json).end(`{"series":"${'x'.repeat(10_000_000)}"}`),
  'a wrong content type': (_request, response) =>
    void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Sign in</p>'),
  'a slow drip': (_request, response) => {
    response.writeHead(200, json);
    const timer = setInterval(() => response.write(' '), 50);
    response.on('close', () => clearInterval(timer));
  },
} as const satisfies Record<string, RequestListener | null>;

export type HttpFault = keyof typeof listeners;

export const httpFaults = Object.keys(listeners) as HttpFault[];

/** The address of a server with one fault, until the test has ended. */
export async function aFaultyServer(fault: HttpFault): Promise<string> {
  const listener: RequestListener | null = listeners[fault];
  return listener === null ? `http://127.0.0.1:${await freePorts(1)}` : aServer(listener);
}

/** A server on loopback that answers as the listener does. */
export async function aServer(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
