import type { Writable } from 'node:stream';
import { orAborted } from '../or-aborted.ts';
import { messageText } from './message-text.ts';
import type { Notifier } from './notifier.ts';

export interface ConsoleOptions {
  readonly stream: Writable;
  readonly timeoutMs?: number;
}

/** Writes messages in their readable form to a stream, e.g. `process.stdout`. */
export function createConsoleNotifier({ stream, timeoutMs = 10_000 }: ConsoleOptions): Notifier {
  return {
    name: 'console',
    async send(message, signal) {
      signal.throwIfAborted();
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const taken = orAborted(written(stream, `${messageText(message)}\n\n`), limit);
      const problem = await taken.catch(() => new Error(`nobody read it within ${timeoutMs} ms`));
      if (problem !== null) throw new Error(`the console did not take the message: ${problem.message}`);
    },
  };
}

/**
 * A stream reports a failed write twice, to the callback and then as an event; an event that nobody hears
 * ends the process, so the listener stays until after it.
 */
async function written(stream: Writable, text: string): Promise<Error | null> {
  const ignore = () => undefined;
  stream.on('error', ignore);
  const problem = await new Promise<Error | null>((resolve) => {
    stream.write(text, (error) => resolve(error ?? null));
  });
  setImmediate(() => stream.off('error', ignore));
  return problem;
}
