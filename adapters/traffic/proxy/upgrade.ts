import {
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestBackend,
  STATUS_CODES,
} from 'node:http';
import type { Duplex } from 'node:stream';
import type { DataPlane, Route } from './data-plane.ts';
import { requestHeaders, responseHeaders } from './headers.ts';
import { ownAnswer } from './own-answer.ts';

type UpgradeListener = (request: IncomingMessage, client: Duplex, head: Buffer) => void;

/** Passes WebSockets through; each counts as in flight until one side ends it. */
export function createUpgradeListener(plane: DataPlane, route: () => Route): UpgradeListener {
  return (request, client, head) => {
    client.on('error', () => client.destroy());
    const chosen = route();
    if (chosen.kind === 'nobody') {
      const { status, headers, body } = ownAnswer(request, 503, chosen.reason, chosen.retryAfterSeconds);
      client.write(headOf(status, { ...headers, connection: 'close' }) + body);
      finish(client);
      return;
    }
    client.once('close', plane.inFlight.enter(chosen.release));
    try {
      connect(request, client, head, chosen);
    } catch (error) {
      plane.onFailure(`${chosen.release}: ${String(error)}`);
      client.destroy();
    }
  };
}

function connect(
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
  { release, backends: [backend = ''] }: Route & { readonly kind: 'release' },
): void {
  const headers = { ...requestHeaders(request), connection: 'upgrade', upgrade: request.headers.upgrade };
  const upstream = requestBackend(backend, {
    method: request.method,
    path: request.url,
    headers,
    agent: false,
  });
  client.once('close', () => upstream.destroy());
  upstream.on('error', () => {
    if (client.writable) client.write(headOf(502, { connection: 'close' }));
    finish(client);
  });
  upstream.on('upgrade', (answer, server, first) => {
    const upgraded = {
      ...responseHeaders(answer, release),
      connection: 'upgrade',
      upgrade: answer.headers.upgrade,
    };
    server.on('error', () => client.destroy());
    server.once('close', () => finish(client));
    client.once('close', () => server.destroy());
    client.write(headOf(101, upgraded));
    client.write(first);
    server.write(head);
    server.pipe(client).pipe(server);
  });
  upstream.on('response', (answer) => {
    client.write(
      headOf(answer.statusCode ?? 502, { ...responseHeaders(answer, release), connection: 'close' }),
    );
    answer.once('close', () => finish(client));
    answer.pipe(client, { end: false });
  });
  upstream.end();
}

/** Closes after what was written has been sent. */
function finish(socket: Duplex): void {
  socket.end(() => socket.destroy());
}

function headOf(status: number, headers: OutgoingHttpHeaders): string {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((single) => `${name}: ${single}\r\n`),
  );
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`;
}
