import type { WatchResult } from '../activities/watch.ts';
import type { Edge, StandingCondition } from '../domain/conditions.ts';
import { releaseNames } from '../domain/deployment.ts';
import { productName } from '../domain/identity.ts';
import type { BlindLadder } from './blind-ladder.ts';
import type { Journal } from './journal.ts';
import type { MonitorInput } from './messages.ts';
import type { Teller } from './teller.ts';

type Edges = Extract<WatchResult, { kind: 'edges' }>;

interface Voices {
  readonly journal: Journal;
  readonly teller: Teller;
  readonly blind: BlindLadder;
}

/** What the timeline and the owner hear of a condition that began or ended under a monitor. */
export function createEdgeTeller(input: MonitorInput, { journal, teller, blind }: Voices) {
  const { product, environment } = input.key;
  const elsewhere = environment === 'production' ? '' : ` --environment ${environment}`;
  const releases = releaseNames(input.services);
  const named = (title: string) => `${title}: ${productName(input.key)}`;

  return function tellEdge({ condition: found, change }: Edge, result: Edges): void {
    if (found.kind === 'blind') {
      if (change === 'began') blind.began(found.key, found.reason, result.atMs);
      else blind.ended(found.key);
    }
    if (change === 'ended') {
      const text = found.kind === 'not_ready' ? 'The way back is ready again' : `${found.key} has ended`;
      journal.note('detected', text, result.atMs);
      return;
    }
    began(found, result);
  };

  function began(found: StandingCondition, result: Edges): void {
    switch (found.kind) {
      // What follows from these is told by the monitor itself.
      case 'superseded':
      case 'changed_outside':
        return;
      case 'not_ready':
        notReady(found.reason, result.atMs);
        return;
    }
    const kind = found.kind === 'blind' ? 'blind' : 'detected';
    journal.note(kind, `Monitoring detects ${found.kind}: ${found.reason}`, result.atMs);
    switch (found.kind) {
      case 'breach':
        if (result.obstacle !== null) breachNotActedOn(found.reason, result.obstacle, result.atMs);
        break;
      case 'external':
        teller.tell('owner', {
          severity: 'critical',
          title: named('Sick, but not by the release, it seems'),
          text: `${releases}: ${found.reason}. It is judged on, and rolled back when it stays sick afterwards.`,
          commands: [
            {
              label: 'Roll back all the same',
              command: `orchestrator rollback ${product} "why"${elsewhere}`,
            },
          ],
        });
        break;
      case 'dry_run': {
        const text = `Would have rolled back ${releases}: ${found.reason}. Not done: this trigger is on dry_run.`;
        journal.note('decision', text, result.atMs);
        teller.tell('owner', { severity: 'warning', title: 'Breach of a trigger on dry_run', text });
        break;
      }
      case 'suspect':
      case 'gap':
        teller.tell('owner', { severity: 'warning', title: named(found.kind), text: found.reason });
    }
  }

  function breachNotActedOn(reason: string, obstacle: string, atMs: number): void {
    const text = `Would have rolled back ${releases}: ${reason}. Not done: ${obstacle}.`;
    journal.note('decision', text, atMs);
    teller.tell('owner', { severity: 'critical', title: 'Breach, but no automatic rollback', text });
  }

  /** Before it matters. */
  function notReady(missing: string, atMs: number): void {
    journal.note('detected', `The way back is not ready: ${missing}`, atMs);
    // Nobody would go back from what a rollback has restored.
    if (input.origin === 'rollback') return;
    teller.tell('owner', {
      severity: 'warning',
      title: named('The way back is not ready'),
      text: `If ${releases} went bad now, ${missing}.`,
      commands: [{ label: 'Look again', command: `orchestrator gate ${product}${elsewhere}` }],
    });
  }
}
