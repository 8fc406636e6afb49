import { connect } from 'node:net';
import { isCode } from '../../durable-file.ts';
import { guardedPlace } from '../../http/guarded-agent.ts';

const limitBytes = 16 * 1024 * 1024;

/** HAProxy's runtime API: one command a connection, as text. */
export interface RuntimeApi {
  /** The path of its UNIX socket, or `host:port`. */
  readonly address: string;
  /** What HAProxy answered, without the empty line that ends it. Throws where it names a lack of rights. */
  ask(command: string): Promise<string>;
  /** The error of an answer that is not the one wanted. */
  refused(command: string, answer: string): Error;
}

export interface RuntimeApiOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

export function runtimeApi(address: string, { signal, timeoutMs }: RuntimeApiOptions): RuntimeApi {
  const refused = (command: string, answer: string) =>
    new Error(
      `HAProxy at ${address} answered ${JSON.stringify(firstLine(answer))} to ${JSON.stringify(command)}`,
    );
  return {
    address,
    refused,
    async ask(command) {
      signal.throwIfAborted();
      const limit = AbortSignal.timeout(timeoutMs);
      const text = await exchange(address, command, AbortSignal.any([signal, limit])).catch(
        (error: unknown) => {
          signal.throwIfAborted();
          throw limit.aborted
            ? new Error(
                `HAProxy at ${address} did not answer ${JSON.stringify(command)} within ${timeoutMs} ms`,
              )
            : new Error(`HAProxy at ${address} ${troubleOf(error)}`, { cause: error });
        },
      );
      // Each answer ends with an empty line; one without it was cut off, whatever it looks like.
      if (text !== '\n' && !text.endsWith('\n\n'))
        throw new Error(
          `HAProxy at ${address} broke off its answer to ${JSON.stringify(command)} after ${text.length} bytes`,
        );
      const answer = text.slice(0, -1).trimEnd();
      if (answer === 'Permission denied')
        throw new Error(
          `${refused(command, answer).message}: the stats socket needs "level admin" in haproxy.cfg`,
        );
      return answer;
    },
  };
}

function exchange(address: string, command: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(placeOf(address));
    const chunks: Buffer[] = [];
    let bytes = 0;
    const abort = () => socket.destroy(new Error('aborted'));
    signal.addEventListener('abort', abort, { once: true });
    socket.on('close', () => signal.removeEventListener('abort', abort));
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > limitBytes) socket.destroy(new Error(`answers more than ${limitBytes} bytes`));
    });
    socket.on('end', () => resolve(Buffer.concat(chunks).toString()));
    socket.on('close', () => reject(new Error('closed the connection')));
    socket.write(`${command}\n`);
  });
}

function placeOf(address: string) {
  if (address.includes('/')) return { path: address };
  const colon = address.lastIndexOf(':');
  return guardedPlace(address.slice(0, colon).replace(/^\[|\]$/g, ''), Number(address.slice(colon + 1)));
}

function troubleOf(error: unknown): string {
  if (isCode(error, 'ENOENT'))
    return 'is not there: haproxy.cfg needs "stats socket" with this path in its global section, and HAProxy must run';
  if (isCode(error, 'EACCES'))
    return 'may not be opened by this user: give the stats socket "mode 660" and a "group" that the worker is in';
  if (isCode(error, 'ECONNREFUSED')) return 'refuses connections: nothing listens there';
  return `cannot be asked: ${error instanceof Error ? error.message : String(error)}`;
}

function firstLine(answer: string): string {
  return answer.split('\n')[0]?.slice(0, 300) ?? '';
}
