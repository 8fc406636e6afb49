import type { IncomingMessage } from 'node:http';

export interface Question {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For everything, from connecting to the last byte of the answer. */
  readonly signal: AbortSignal;
}

export interface TextAnswer {
  readonly status: number;
  readonly text: string;
  /** The header, as it came. */
  readonly retryAfter: string | undefined;
}

/**
 * One request and its whole answer as text, of any status. Not `fetch`: a process that lives for one question waits longer for
 * its parser in WebAssembly, at the start and once more at the end, than for the answer.
 */
export async function askText(url: URL, { method, headers, body, signal }: Question): Promise<TextAnswer> {
  // Imported, node:http would have all its names read, and among them is fetch's WebSocket: 15 ms for nothing.
  const { request } =
    url.protocol === 'https:'
      ? process.getBuiltinModule('node:https')
      : process.getBuiltinModule('node:http');
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, signal }, (response: IncomingMessage) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, text, retryAfter: response.headers['retry-after'] }),
      );
    });
    asked.once('error', reject);
    asked.end(body);
  });
}
