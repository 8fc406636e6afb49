import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';

export const searchAttributes = {
  product: defineSearchAttributeKey('RollbackProduct', SearchAttributeType.KEYWORD),
  release: defineSearchAttributeKey('RollbackRelease', SearchAttributeType.KEYWORD),
  phase: defineSearchAttributeKey('RollbackPhase', SearchAttributeType.KEYWORD),
  outcome: defineSearchAttributeKey('RollbackOutcome', SearchAttributeType.KEYWORD),
  trigger: defineSearchAttributeKey('RollbackTrigger', SearchAttributeType.KEYWORD),
};

/** What the Temporal Web UI shows of a workflow: its phase as a search attribute, its story as current details. */
export function createPresence(registered: boolean) {
  const lines: string[] = [];
  let phase = 'starting';
  return {
    get phase(): string {
      return phase;
    },
    get details(): string {
      return lines.join('\n');
    },
    enter(next: string): void {
      if (next === phase) return;
      phase = next;
      if (registered) upsertSearchAttributes([{ key: searchAttributes.phase, value: next }]);
    },
    /** One more line of the story, newest last; the last twenty stay. */
    say(line: string): void {
      lines.push(line);
      if (lines.length > 20) lines.shift();
      setCurrentDetails(lines.map((entry) => `- ${entry}`).join('\n'));
    },
    label(attributes: { outcome?: string; trigger?: string }): void {
      if (!registered) return;
      const { outcome, trigger } = attributes;
      if (outcome !== undefined) upsertSearchAttributes([{ key: searchAttributes.outcome, value: outcome }]);
      if (trigger !== undefined) upsertSearchAttributes([{ key: searchAttributes.trigger, value: trigger }]);
    },
  };
}

export type Presence = ReturnType<typeof createPresence>;
