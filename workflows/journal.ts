import { CancellationScope, condition } from '@temporalio/workflow';
import type { DeploymentKey } from '../domain/identity.ts';
import type { TimelineEntry, TimelineKind } from '../domain/timeline.ts';
import { records } from './activities.ts';
import type { Presence } from './presence.ts';

/**
 * The workflow's own part of the timeline. Noting is instant and durable in the workflow's history; writing to the store
 * goes on beside it, so that a store that is down delays nothing and loses nothing.
 */
export function createJournal(
  key: DeploymentKey,
  prefix: string,
  presence: Presence,
  incident: string | null,
) {
  const pending: TimelineEntry[] = [];
  let count = 0;
  let writing = false;

  async function write(): Promise<void> {
    writing = true;
    try {
      while (pending.length > 0) {
        const batch = pending.slice(0, 50);
        const summary = `note: ${batch[0]?.text.split('\n')[0]?.slice(0, 150)}`;
        await records.recordTimeline.executeWithOptions({ summary }, [batch]);
        pending.splice(0, batch.length);
      }
    } finally {
      writing = false;
    }
  }

  return {
    note(kind: TimelineKind, text: string, atMs = Date.now()): void {
      count += 1;
      presence.say(text.split('\n').join(' · '));
      pending.push({ ...key, key: `${prefix}/${count}`, atMs, kind, text: text.slice(0, 4_000), incident });
      // Many notes of one moment make one write; the store may be down for a day.
      if (!writing) void CancellationScope.nonCancellable(write).catch(() => undefined);
    },
    idle: () => pending.length === 0,
    /** Waits until everything is written, at most `ms`. */
    async flushed(ms: number): Promise<boolean> {
      return condition(() => pending.length === 0, ms);
    },
  };
}

export type Journal = ReturnType<typeof createJournal>;
