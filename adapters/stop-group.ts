import { setTimeout as sleep } from 'node:timers/promises';
import { groupMembers, signalGroup } from './process-table.ts';

const killTimeoutMs = 5_000;
const pollMs = 50;

export interface StopOptions {
  /** How long after SIGTERM the group is killed, milliseconds. */
  readonly graceMs: number;
  readonly signal?: AbortSignal;
  /** Called while waiting, several times a second. */
  readonly onWait?: () => void;
}

/** Ends every process of a group: SIGTERM, and SIGKILL for what is left after the grace time. */
export async function stopGroup(group: number, options: StopOptions): Promise<void> {
  signalGroup(group, 'SIGTERM');
  if (await groupEnds(group, options.graceMs, options)) return;
  signalGroup(group, 'SIGKILL');
  if (await groupEnds(group, killTimeoutMs, options)) return;
  const left = groupMembers(group).map((entry) => entry.pid);
  throw new Error(`process group ${group} survived SIGKILL for ${killTimeoutMs} ms: pids ${left.join(', ')}`);
}

async function groupEnds(group: number, withinMs: number, options: StopOptions): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (groupMembers(group).length > 0) {
    options.signal?.throwIfAborted();
    if (performance.now() >= deadline) return false;
    options.onWait?.();
    await sleep(pollMs);
  }
  return true;
}
