import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  request as requestBackend,
  type ServerResponse,
} from 'node:http';
import { hasBody, requestHeaders, responseHeaders } from './headers.ts';

const connectTimeoutMs = 2_000;
const idleConnectionMs = 1_000;
const repeatable = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/**
 * Connections to backends are used again while they have been idle for less than a second: well before
 * servers close them, which would lose a request that was just being sent on one.
 */
export function createBackendAgent(): Agent {
  return new Agent({ keepAlive: true, timeout: idleConnectionMs, maxFreeSockets: 256 });
}

export interface Forwarding {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly release: string;
  /** In the order in which they are tried. */
  readonly backends: readonly string[];
  readonly agent: Agent;
  /** Called once when no backend took the request and nothing has been answered. */
  readonly onFailure: (reason: string) => void;
}

/**
 * Streams the request to a backend and its response back. The next backend is tried only while the request
 * cannot have been acted on: the connection failed, or it was idempotent, without a body and unanswered.
 */
export function forward(work: Forwarding): void {
  const { response } = work;
  let current: ClientRequest | null = null;
  const attempt = (index: number, fresh: boolean) => {
    try {
      current = send(work, index, fresh, attempt);
    } catch (error) {
      // Such as a path that Node refuses to send: it must cost this request, never the proxy.
      work.onFailure(`${work.release}: ${String(error)}`);
    }
  };
  // A client that goes away must not leave its work behind in the backend.
  response.once('close', () => {
    if (!response.writableFinished) current?.destroy();
  });
  attempt(0, false);
}

type Attempt = (index: number, fresh: boolean) => void;

function send(work: Forwarding, index: number, fresh: boolean, attempt: Attempt): ClientRequest {
  const { request, response, release, backends, agent } = work;
  const backend = backends[index] ?? '';
  let begun = false;
  let answered = false;
  let failed = false;
  const upstream = requestBackend(backend, {
    method: request.method,
    path: request.url,
    headers: requestHeaders(request),
    agent: fresh ? false : agent,
    setHost: request.headers.host === undefined,
  });

  onceConnected(upstream, () => {
    begun = true;
    if (hasBody(request)) request.pipe(upstream);
    else upstream.end();
  });
  upstream.once('response', (answer) => {
    answered = true;
    relay(answer, work);
  });
  upstream.once('close', () => {
    // What the backend did not read is read here, so that the connection serves the client's next request.
    if (answered) request.unpipe(upstream).resume();
    else if (!failed && !response.destroyed)
      work.onFailure(`${release} at ${backend}: closed without an answer`);
  });
  upstream.on('error', (error) => {
    failed = true;
    if (answered || response.destroyed) return;
    const canRepeat = !begun || (repeatable.has(request.method ?? '') && !hasBody(request));
    if (canRepeat && upstream.reusedSocket && !fresh) attempt(index, true);
    else if (canRepeat && index + 1 < backends.length) attempt(index + 1, false);
    else work.onFailure(`${release} at ${backend}: ${error.message}`);
  });
  return upstream;
}

/** Nothing of the request is consumed before there is a connection, so that it can go elsewhere unharmed. */
function onceConnected(upstream: ClientRequest, begin: () => void): void {
  upstream.once('socket', (socket) => {
    if (!socket.connecting) return begin();
    const late = setTimeout(() => {
      upstream.destroy(new Error(`no connection in ${connectTimeoutMs} ms`));
    }, connectTimeoutMs);
    socket.once('connect', begin);
    socket.once('connect', () => clearTimeout(late));
    socket.once('close', () => clearTimeout(late));
  });
}

function relay(answer: IncomingMessage, { response, release, onFailure }: Forwarding): void {
  try {
    response.writeHead(answer.statusCode ?? 0, answer.statusMessage, responseHeaders(answer, release));
  } catch (error) {
    answer.destroy();
    onFailure(`${release} gave an answer that cannot be passed on: ${String(error)}`);
    return;
  }
  // A response cut short must look so to the client: never a clean end after half of a body.
  answer.once('error', () => response.destroy());
  answer.once('aborted', () => response.destroy());
  answer.pipe(response);
}
