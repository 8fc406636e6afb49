import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface WatchFileOptions {
  /** Between two looks, milliseconds; default 1,000. */
  readonly intervalMs?: number;
}

/**
 * Calls `onChange` after a file has changed and then rested for one look, so that a half-written one is not read. A
 * file that is gone for a while, as when an editor replaces it, is waited for. When `onChange` fails it is called
 * again at the next look: a store that is down for a minute must not lose the change. Begin to watch before reading
 * the file, or a change in between is missed.
 * @returns stops watching
 */
export function watchConfigFile(
  file: string,
  onChange: () => void | Promise<void>,
  { intervalMs = 1_000 }: WatchFileOptions = {},
): () => void {
  const stopped = new AbortController();
  void look(signatureOf(file));
  return () => stopped.abort();

  async function look(first: string | null): Promise<void> {
    let told = first;
    let before = first;
    while (!stopped.signal.aborted) {
      await sleep(intervalMs, undefined, { signal: stopped.signal, ref: false }).catch(() => undefined);
      if (stopped.signal.aborted) return;
      const now = signatureOf(file);
      if (now !== null && now !== told && now === before) {
        const done = await attempt(onChange);
        if (done) told = now;
      }
      before = now;
    }
  }
}

async function attempt(work: () => void | Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch {
    return false;
  }
}

/** Polled rather than subscribed to: file events get lost on network file systems and in containers. */
function signatureOf(file: string): string | null {
  try {
    const { mtimeNs, size, ino } = statSync(file, { bigint: true });
    return `${mtimeNs}/${size}/${ino}`;
  } catch {
    return null;
  }
}
