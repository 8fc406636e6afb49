import { setTimeout as sleep } from 'node:timers/promises';

/** Waits between two looks; a step that is ended meanwhile throws the reason of its end. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
  signal.throwIfAborted();
}
