import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The request's headers as the backend gets them, with where the request came from. */
export function requestHeaders(request: IncomingMessage): OutgoingHttpHeaders {
  const headers = endToEnd(request);
  // The proxy has answered "100 Continue" itself.
  delete headers.expect;
  if (request.headers['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked';
  const came = request.headers['x-forwarded-for'];
  const from = request.socket.remoteAddress ?? 'unknown';
  headers['x-forwarded-for'] = came === undefined ? from : `${String(came)}, ${from}`;
  headers['x-forwarded-proto'] ??= 'http';
  headers['x-forwarded-host'] ??= request.headers.host ?? '';
  return headers;
}

/** The response's headers as the client gets them. */
export function responseHeaders(response: IncomingMessage, release: string): OutgoingHttpHeaders {
  return { ...endToEnd(response), 'x-served-by-release': release };
}

/** Whether a request carries a body, which can be sent only once. */
export function hasBody(request: IncomingMessage): boolean {
  const { 'transfer-encoding': encoding, 'content-length': length } = request.headers;
  return encoding !== undefined || (length !== undefined && length !== '0');
}

function endToEnd(message: IncomingMessage): OutgoingHttpHeaders {
  const named = (message.headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const headers: OutgoingHttpHeaders = {};
  for (const [name, values] of Object.entries(message.headersDistinct)) {
    if (values === undefined || hopByHop.has(name) || named.includes(name)) continue;
    headers[name] = values.length === 1 ? values[0] : values;
  }
  return headers;
}
