import { condition, continueAsNew, setHandler, workflowInfo } from '@temporalio/workflow';
import type { Edge, Reported } from '../domain/conditions.ts';
import { releaseNames, type ServiceRelease } from '../domain/deployment.ts';
import { type DeploymentKey, productName } from '../domain/identity.ts';
import { watching } from './activities.ts';
import { createJournal } from './journal.ts';
import { statusQuery } from './messages.ts';
import { createPresence } from './presence.ts';
import { createTeller } from './teller.ts';

export interface StandbyInput {
  readonly key: DeploymentKey;
  readonly services: readonly ServiceRelease[];
  readonly deployedAtMs: number;
  readonly watchQueue: string;
  readonly checkIntervalMs: number;
  readonly segmentMs: number;
  readonly searchAttributes: boolean;
  readonly reported?: Reported;
}

/** Fewer, longer segments than under a monitor: nothing hangs on them. */
const segmentsAtOnce = 6;
/** What did not work is tried again after so many checks. */
const checksAfterFailure = 5;

/**
 * Goes on looking after a monitor's end, until the next deployment, so that there is a yesterday to compare that one with. Tells the
 * owner of a breach, and never acts.
 */
export async function standby(input: StandbyInput): Promise<string> {
  const { key, services } = input;
  const presence = createPresence(input.searchAttributes);
  const journal = createJournal(key, workflowInfo().runId, presence, null);
  const teller = createTeller(key, workflowInfo().runId, journal, {
    thread: workflowInfo().workflowId,
    about: { services },
  });
  const reported: Record<string, { couldAct: boolean }> = { ...input.reported };
  setHandler(statusQuery, () => ({ phase: presence.phase, details: presence.details, outcome: null }));
  presence.enter('standby');
  while (!workflowInfo().continueAsNewSuggested && workflowInfo().historyLength < 2_000) {
    const edges = await look();
    for (const edge of edges) note(edge);
    const newer = edges.find(
      ({ condition: { kind }, change }) => kind === 'superseded' && change === 'began',
    );
    const other = edges.find(({ condition: { kind } }) => kind === 'changed_outside');
    if (newer !== undefined || other !== undefined) {
      presence.enter('ended');
      await teller.settled(60_000);
      await journal.flushed(60_000);
      return (newer ?? other)?.condition.reason ?? 'ended';
    }
  }
  await teller.settled(60_000);
  await journal.flushed(60_000);
  return continueAsNew<typeof standby>({ ...input, reported });

  async function look(): Promise<readonly Edge[]> {
    const segmentEndMs = Date.now() + segmentsAtOnce * input.segmentMs;
    const summary = `standby of ${releaseNames(services)}: many attempts are normal, one a check`;
    const { watch } = watching(input.watchQueue, segmentEndMs, Date.now(), summary);
    const args = { ...input, origin: 'reported' as const, segmentEndMs, reported, standby: true };
    try {
      const result = await watch(args);
      return result.kind === 'edges' ? result.edges : [];
    } catch {
      // Nobody looks for a while: the next deployment has a shorter yesterday, that is all.
      await condition(() => false, checksAfterFailure * input.checkIntervalMs);
      return [];
    }
  }

  function note({ condition: found, change }: Edge): void {
    if (change === 'ended') {
      delete reported[found.key];
      return;
    }
    reported[found.key] = { couldAct: false };
    if (found.kind === 'not_ready')
      teller.tell('owner', {
        severity: 'warning',
        title: `The way back is not ready: ${productName(key)}`,
        text: `If ${releaseNames(services)} went bad now, ${found.reason}.`,
      });
    if (found.kind !== 'breach') return;
    const text = `${releaseNames(services)}: ${found.reason}. Its watch is over: nothing is rolled back by itself.`;
    journal.note('detected', `On standby, breach: ${found.reason}`);
    teller.tell('owner', {
      severity: 'warning',
      title: `Sick after its watch: ${productName(key)}`,
      text,
      event: 'held_back',
      actions: ['rollback'],
      commands: [{ label: 'Roll back', command: `orchestrator rollback ${key.product} "why"` }],
    });
  }
}
