import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export const botToken = 'xoxb-1111-2222-B0TT0KEN';
export const appToken = 'xapp-1-A111-222-APPT0KEN';

export interface Called {
  readonly method: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export type SlackTrouble = (method: string, response: ServerResponse) => boolean;

/**
 * Slack as its documentation describes it, for this machine: the Web API's methods that we use, uploads, and Socket Mode with hello,
 * envelopes, acknowledgements and disconnects.
 */
export async function startSlack(tokens = { bot: botToken, app: appToken }) {
  const called: Called[] = [];
  const uploads: Buffer[] = [];
  const acknowledged: string[] = [];
  const answers: Called[] = [];
  const sockets = new Set<WebSocket>();
  let trouble: SlackTrouble = () => false;
  let count = 0;
  const server = createServer((request, response) => {
    void bytesOf(request).then((body) => serve(request, body, response));
  });
  const webSockets = new WebSocketServer({ server, path: '/link' });
  webSockets.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('message', (data) => {
      acknowledged.push((JSON.parse(String(data)) as { envelope_id: string }).envelope_id);
    });
    socket.send(JSON.stringify({ type: 'hello', num_connections: 1, connection_info: { app_id: 'A111' } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;

  function serve(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const path = request.url ?? '';
    if (path.startsWith('/upload/')) {
      uploads.push(body);
      return void response.end(`OK - ${body.length}`);
    }
    if (path.startsWith('/commands/')) {
      answers.push({ method: path, args: JSON.parse(String(body)) as Called['args'] });
      return void response.end('ok');
    }
    const method = path.replace('/api/', '');
    if (trouble(method, response)) return;
    const args = argsOf(request, body);
    const authorization = String(request.headers.authorization ?? '');
    response.setHeader('content-type', 'application/json; charset=utf-8');
    response.end(JSON.stringify(answerOf(method, args, authorization)));
  }

  function answerOf(method: string, args: Called['args'], authorization: string): object {
    if (authorization !== `Bearer ${method === 'apps.connections.open' ? tokens.app : tokens.bot}`)
      return { ok: false, error: 'invalid_auth' };
    called.push({ method, args });
    count += 1;
    switch (method) {
      case 'apps.connections.open':
        return { ok: true, url: `ws://127.0.0.1:${port}/link?ticket=${count}` };
      case 'chat.postMessage':
      case 'chat.update':
        if (args.channel !== 'C0123456789') return { ok: false, error: 'channel_not_found' };
        return { ok: true, channel: args.channel, ts: args.ts ?? `1700000000.00000${count}` };
      case 'auth.test':
        return { ok: true, team: 'Acme', user: 'orchestrator', bot_id: 'B1' };
      case 'chat.postEphemeral':
        return { ok: true, message_ts: `1700000000.00000${count}` };
      case 'files.getUploadURLExternal':
        return { ok: true, upload_url: `${origin}/upload/${count}`, file_id: `F00000${count}` };
      case 'files.completeUploadExternal':
        return { ok: true, files: args.files };
      default:
        return { ok: false, error: 'unknown_method' };
    }
  }

  return {
    origin,
    apiUrl: `${origin}/api/`,
    called,
    uploads,
    /** Ids of the envelopes that were acknowledged. */
    acknowledged,
    /** What came to `response_url`s. */
    answers,
    calls: (method: string) => called.filter((one) => one.method === method).map(({ args }) => args),
    connections: () => sockets.size,
    troubled(with_: SlackTrouble) {
      trouble = with_;
    },
    /** Sends an envelope, as when somebody presses a button. */
    send(type: string, id: string, payload: object) {
      const envelope = { envelope_id: id, type, accepts_response_payload: true, payload };
      for (const socket of sockets) socket.send(JSON.stringify(envelope));
    },
    /** As Slack does every few hours, before it closes the connection itself. */
    refresh() {
      for (const socket of sockets)
        socket.send(JSON.stringify({ type: 'disconnect', reason: 'refresh_requested' }));
    },
    /** Without a word, as a network does it. */
    cut() {
      for (const socket of sockets) socket.terminate();
    },
    async close() {
      for (const socket of sockets) socket.terminate();
      webSockets.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export type SlackServer = Awaited<ReturnType<typeof startSlack>>;

function argsOf({ headers }: IncomingMessage, body: Buffer): Called['args'] {
  const text = String(body);
  if (String(headers['content-type']).startsWith('application/json')) return JSON.parse(text || '{}');
  return Object.fromEntries(new URLSearchParams(text));
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}
