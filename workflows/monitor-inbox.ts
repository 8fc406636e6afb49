import { setHandler, workflowInfo } from '@temporalio/workflow';
import type { RollbackRequest } from '../domain/rollback.ts';
import { records } from './activities.ts';
import type { Journal } from './journal.ts';
import {
  type Answer,
  type Command,
  type MonitorInput,
  manualRollbackSignal,
  manualRollbackUpdate,
  type PauseCommand,
  pauseSignal,
  pauseUpdate,
  type RollbackCommand,
  type RollbackResult,
  releasedSignal,
  resumeSignal,
  resumeUpdate,
  rollbackBeganSignal,
  rollbackEndedSignal,
  statusQuery,
  supersededSignal,
  vetoSignal,
  vetoUpdate,
} from './messages.ts';
import type { Presence } from './presence.ts';
import type { VetoWindow } from './veto-window.ts';

/** Everything that people and other workflows say to a monitor. Handlers set a field; the story reads it. */
export function receiveMonitorMessages(
  input: MonitorInput,
  presence: Presence,
  journal: Journal,
  veto: VetoWindow,
) {
  const seen = new Set<string>(input.carry?.seenRequests ?? []);
  const rollbacks: RollbackRequest[] = [];
  const inbox = {
    supersededBy: null as string | null,
    released: false,
    rollbackBegan: false,
    rollbackEnded: null as RollbackResult | null,
    /** Something that cannot wait for the segment's end. */
    urgent: () => inbox.supersededBy !== null || inbox.rollbackBegan || rollbacks.length > 0,
    takeRollback: () => rollbacks.shift() ?? null,
    seen: () => [...seen].slice(-200),
  };

  function isNew(requestId: string | undefined): boolean {
    if (requestId === undefined) return true;
    if (seen.has(requestId)) return false;
    seen.add(requestId);
    return true;
  }

  function manualRollback(command: RollbackCommand): Answer {
    const by = command.by ?? 'a person';
    const requestId = command.requestId ?? `${workflowInfo().runId}/${workflowInfo().historyLength}`;
    if (!isNew(requestId)) return { accepted: true, reason: 'this request is known' };
    const reason = command.reason ?? 'no reason given';
    rollbacks.push({
      requestId,
      origin: 'manual',
      by,
      reason,
      triggers: [
        {
          type: 'manual',
          severity: 'critical',
          service: null,
          baseline: null,
          current: null,
          threshold: null,
          reason: `${by}: ${reason}`,
          sinceMs: Date.now(),
        },
      ],
      to: command.to ?? null,
      breachAtMs: Date.now(),
    });
    return { accepted: true, reason: `rolling back ${input.key.product}` };
  }

  async function pause(command: PauseCommand): Promise<Answer> {
    if (!isNew(command.requestId)) return { accepted: true, reason: 'this request is known' };
    const by = command.by ?? 'a person';
    const until =
      command.untilMs === undefined ? 'until resumed' : `until ${new Date(command.untilMs).toISOString()}`;
    const reason = command.note ?? 'no reason given';
    await records.setPause(input.key, { untilMs: command.untilMs ?? null, by, reason });
    journal.note('person', `Automatic rollback paused by ${by} ${until}: ${reason}`);
    const running =
      presence.phase === 'rolling_back' ? '; the rollback under way is not stopped (rollback running)' : '';
    return { accepted: true, reason: `paused ${until}${running}` };
  }

  async function resume(command: Command): Promise<Answer> {
    if (!isNew(command.requestId)) return { accepted: true, reason: 'this request is known' };
    await records.setPause(input.key, null);
    journal.note('person', `Automatic rollback resumed by ${command.by ?? 'a person'}`);
    return { accepted: true, reason: 'resumed' };
  }

  setHandler(statusQuery, () => ({ phase: presence.phase, details: presence.details, outcome: null }));
  setHandler(supersededSignal, ({ by }) => {
    inbox.supersededBy = by;
  });
  setHandler(releasedSignal, () => {
    inbox.released = true;
  });
  setHandler(rollbackBeganSignal, () => {
    inbox.rollbackBegan = true;
  });
  setHandler(rollbackEndedSignal, (result) => {
    inbox.rollbackEnded = result;
  });
  setHandler(manualRollbackUpdate, (command) => manualRollback(command ?? {}));
  setHandler(manualRollbackSignal, (command) => void manualRollback(command ?? {}));
  setHandler(pauseUpdate, (command) => pause(command ?? {}));
  setHandler(pauseSignal, async (command) => void (await pause(command ?? {})));
  setHandler(resumeUpdate, (command) => resume(command ?? {}));
  setHandler(resumeSignal, async (command) => void (await resume(command ?? {})));
  setHandler(vetoUpdate, (command) => veto.say(command ?? {}));
  setHandler(vetoSignal, (command) => void veto.say(command ?? {}));
  return inbox;
}

export type MonitorInbox = ReturnType<typeof receiveMonitorMessages>;
