import { condition, setHandler } from '@temporalio/workflow';
import type { ServiceRelease } from '../domain/deployment.ts';
import { joinRollback, type Move, type RollbackRequest } from '../domain/rollback.ts';
import type { Journal } from './journal.ts';
import {
  type Answer,
  type AnyRollbackCommand,
  commandSignals,
  commandUpdates,
  newDeploymentSignal,
  type RollbackCommandName,
  type RollbackInput,
  requestRollbackSignal,
  requestRollbackUpdate,
  rollbackCommands,
  statusQuery,
} from './messages.ts';
import type { Presence } from './presence.ts';

export interface Newcomer {
  readonly deployment: string;
  readonly services: readonly ServiceRelease[];
}

export interface GivenCommand extends AnyRollbackCommand {
  readonly name: RollbackCommandName;
}

/** Everything that people and other workflows say to a rollback. Handlers set a field; the story reads it. */
export function receiveRollbackMessages(
  presence: Presence,
  journal: Journal,
  { request: first, services, carry }: Pick<RollbackInput, 'request' | 'services' | 'carry'>,
) {
  // The request that started this rollback arrives as a message, too: it began it, it does not join it.
  const seen = new Set<string>([first.requestId, ...(carry?.seen ?? [])]);
  const offered = new Set<string>(carry?.offered);
  const commands: GivenCommand[] = [];
  const inbox = {
    /** `null` until the begin step has decided. */
    begun: null as Answer | null,
    escalated: false,
    /** Concluded: only clean-up is left. */
    ended: false,
    moves: null as readonly Move[] | null,
    newcomer: null as Newcomer | null,
    aborted: null as string | null,
    joined: new Set<string>(carry?.joined),
    /** Somebody rolls back by hand, without Temporal: the row says so. */
    direct: null as string | null,
    seen: () => [...seen].slice(-200),
    takeCommand: () => commands.shift() ?? null,
    hasCommand: () => commands.length > 0,
    offered: () => [...offered],
    offer,
    /** People decide about a sick one; it is not offered again. */
    refuse: ({ deployment }: Newcomer) => {
      if (inbox.newcomer?.deployment === deployment) inbox.newcomer = null;
    },
  };

  /** A deployment was reported meanwhile. To take over it must name every service whose traffic this rollback has stopped. */
  function offer(newcomer: Newcomer): void {
    if (offered.has(newcomer.deployment)) return;
    offered.add(newcomer.deployment);
    const missing = services.filter(
      ({ service }) => !newcomer.services.some((entry) => entry.service === service),
    );
    if (missing.length === 0) {
      inbox.newcomer = newcomer;
      return;
    }
    const names = missing.map(({ service }) => service).join(', ');
    journal.note(
      'decision',
      `${newcomer.deployment} was deployed without ${names}: it waits, this rollback goes on`,
    );
  }

  function isNew(requestId: string | undefined): boolean {
    if (requestId === undefined) return true;
    if (seen.has(requestId)) return false;
    seen.add(requestId);
    return true;
  }

  /** During steps a second caller joins; in escalation a rollback command is `retry`. */
  async function request(wanted: RollbackRequest): Promise<Answer> {
    await condition(() => inbox.begun !== null);
    const begun = inbox.begun as Answer;
    if (!begun.accepted) return begun;
    if (!isNew(wanted.requestId)) return begun;
    if (inbox.ended)
      return { accepted: false, reason: 'the rollback has just ended; ask again in a few seconds' };
    if (inbox.escalated && wanted.origin === 'manual') {
      return give('retry', { by: wanted.by, reason: wanted.reason, to: wanted.to });
    }
    const answer = joinRollback(inbox.moves, wanted.to, first.to);
    journal.note('person', `${wanted.by} asked for a rollback (${wanted.reason}): ${answer.reason}`);
    return answer;
  }

  function give(name: RollbackCommandName, command: AnyRollbackCommand): Answer {
    if (!isNew(command.requestId)) return { accepted: true, reason: 'this command is known' };
    const by = command.by ?? 'a person';
    const refusal = refuse(name);
    if (refusal !== null) {
      journal.note('person', `${by}: ${name} refused, ${refusal}`);
      return { accepted: false, reason: refusal };
    }
    journal.note('person', `${by}: ${name}${command.note ? ` (${command.note})` : ''}`);
    if (name === 'abort') inbox.aborted = by;
    else commands.push({ ...command, name, by });
    return { accepted: true, reason: `${name} accepted` };
  }

  function refuse(name: RollbackCommandName): string | null {
    if (name === 'abort')
      return inbox.escalated ? 'no step is running; use resolve, retry or hand-over' : null;
    return inbox.escalated ? null : `rollback running (${presence.phase}); ${name} is for an escalation`;
  }

  setHandler(statusQuery, () => ({ phase: presence.phase, details: presence.details, outcome: null }));
  setHandler(requestRollbackUpdate, (wanted) => request(wanted), {
    validator: (wanted) => {
      const answer = joinRollback(inbox.moves, wanted.to, first.to);
      if (!inbox.escalated && wanted.requestId !== first.requestId && !answer.accepted)
        throw new Error(answer.reason);
    },
  });
  setHandler(requestRollbackSignal, async (wanted, from) => {
    if (typeof from === 'string') inbox.joined.add(from);
    if (wanted?.requestId !== undefined) await request(wanted);
  });
  setHandler(newDeploymentSignal, (newcomer) => offer(newcomer));
  for (const name of rollbackCommands) {
    setHandler(commandUpdates[name], (command) => give(name, command ?? {}));
    setHandler(commandSignals[name], (command) => void give(name, command ?? {}));
  }
  return inbox;
}

export type RollbackInbox = ReturnType<typeof receiveRollbackMessages>;
