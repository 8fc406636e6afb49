import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { isAuthorized } from './control-token.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';
import { type ProxyState, parseState } from './proxy-state.ts';

const bodyLimitBytes = 1024 * 1024;

/** What `PUT /state` answers. */
export interface Switched {
  readonly state: ProxyState;
  /** Requests to releases without traffic that were still under way at the drain timeout. */
  readonly leftInFlight: number;
}

export interface ControlPlane {
  readonly token: string;
  readonly metrics: ProxyMetrics;
  readonly state: () => ProxyState;
  /** Returns when the state is on the disk, in force and drained. */
  readonly change: (state: ProxyState) => Promise<Switched>;
}

type Handler = (plane: ControlPlane, request: IncomingMessage, response: ServerResponse) => Promise<void>;

const handlers: Readonly<Record<string, Handler>> = {
  'GET /healthz': async (_plane, _request, response) => sendJson(response, 200, { ok: true }),
  'GET /metrics': async (plane, _request, response) => {
    const page = await plane.metrics.page();
    response.writeHead(200, { 'content-type': plane.metrics.contentType }).end(page);
  },
  'GET /state': withToken(async (plane, _request, response) => sendJson(response, 200, plane.state())),
  'PUT /state': withToken(putState),
};

/** The switchboard's HTTP side: state, metrics and health. */
export function createControlListener(plane: ControlPlane): RequestListener {
  return (request, response) => {
    const path = (request.url ?? '').split('?')[0];
    const handle = handlers[`${request.method} ${path}`] ?? notFound;
    handle(plane, request, response).catch((error: unknown) => {
      if (response.headersSent) return response.destroy();
      sendJson(response, 500, { error: wordsOf(error) });
    });
  };
}

async function putState(
  plane: ControlPlane,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const text = await readBody(request);
  if (text === null) return sendJson(response, 413, { error: `the state may have ${bodyLimitBytes} bytes` });
  let state: ProxyState;
  try {
    state = parseState(text);
  } catch (error) {
    return sendJson(response, 400, { error: wordsOf(error) });
  }
  sendJson(response, 200, await plane.change(state));
}

function withToken(handle: Handler): Handler {
  return async (plane, request, response) => {
    if (isAuthorized(request.headers.authorization, plane.token)) return handle(plane, request, response);
    sendJson(response, 401, { error: 'the bearer token is missing or wrong' });
  };
}

const notFound: Handler = async (_plane, _request, response) => {
  sendJson(response, 404, { error: `not found; known: ${Object.keys(handlers).join(', ')}` });
};

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= bodyLimitBytes) chunks.push(chunk);
  }
  return bytes > bodyLimitBytes ? null : Buffer.concat(chunks).toString();
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(value));
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
