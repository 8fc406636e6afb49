import type { WatchResult } from '../activities/watch.ts';
import type { Edge, StandingCondition } from '../domain/conditions.ts';
import { releaseNames } from '../domain/deployment.ts';
import { triggerTypes } from '../domain/detection/verdict.ts';
import { productName } from '../domain/identity.ts';
import type { MessageSubject } from '../domain/message.ts';
import type { BlindLadder } from './blind-ladder.ts';
import { commandFor, rollBackAllTheSame, whereHeldBack } from './command-texts.ts';
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
  const releases = releaseNames(input.services);
  const named = (title: string) => `${title}: ${productName(input.key)}`;

  return { tellEdge, notActedOn };

  function tellEdge({ condition: found, change }: Edge, result: Edges): void {
    if (found.kind === 'blind') {
      if (change === 'began') blind.began(found.key, found.reason, result.atMs);
      else blind.ended(found.key);
    }
    if (change === 'ended') {
      const text = found.kind === 'not_ready' ? 'The way back is ready again' : `${found.key} has ended`;
      journal.note('detected', text, result.atMs);
      if (found.kind === 'breach' || found.kind === 'external') isOver(found);
      return;
    }
    began(found, result);
  }

  /** A pager that was called for it is told; it may have been a breach that was acted on, which is another story. */
  function isOver({ key, reason }: StandingCondition): void {
    if (!teller.alarmed() && input.carry === undefined) return;
    const text = `${key} has ended. It was: ${reason}`;
    teller.follow({ severity: 'info', event: 'cleared', title: named('Breach has ended'), text });
  }

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
        if (result.obstacle !== null) notActedOn(found, result.obstacle, result);
        break;
      case 'external':
        teller.tell('owner', {
          severity: 'critical',
          event: 'held_back',
          actions: ['rollback', 'pause'],
          about: { breach: breachOf(found, result) },
          title: named('Sick, but not by the release, it seems'),
          text: `${releases}: ${found.reason}.`,
          doing: 'It is judged on, and rolled back when it stays sick afterwards.',
          commands: [rollBackAllTheSame(input.key)],
        });
        break;
      case 'dry_run': {
        const text = `Would have rolled back ${releases}: ${found.reason}. Not done: this trigger is on dry_run.`;
        journal.note('decision', text, result.atMs);
        teller.tell('owner', {
          severity: 'warning',
          actions: ['rollback'],
          about: { breach: breachOf(found, result) },
          title: 'Breach of a trigger on dry_run',
          text,
        });
        break;
      }
      case 'suspect':
      case 'gap':
        teller.tell('owner', {
          severity: 'warning',
          actions: ['rollback', 'pause'],
          title: named(found.kind),
          text: found.reason,
        });
    }
  }

  function notActedOn(found: StandingCondition, obstacle: string, result: Edges): void {
    const text = `Would have rolled back ${releases}: ${found.reason}. Not done: ${obstacle}.`;
    journal.note('decision', text, result.atMs);
    teller.tell('owner', {
      severity: 'critical',
      event: 'held_back',
      actions: ['rollback', 'pause', 'resume'],
      about: { breach: breachOf(found, result) },
      title: 'Breach, but no automatic rollback',
      text,
      commands: whereHeldBack(input.key),
    });
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
      commands: [{ label: 'Look again', command: commandFor(input.key, 'gate') }],
    });
  }
}

/** The trigger of a condition, where the check told it. */
function breachOf(found: StandingCondition, { triggers }: Edges): MessageSubject['breach'] {
  const type = found.key.split(':').at(-1);
  const trigger = triggers.find((entry) => entry.type === type && entry.service === found.service);
  if (trigger !== undefined) {
    const { service, baseline, threshold, sinceMs } = trigger;
    return { type: trigger.type, service, baseline, threshold, sinceMs };
  }
  const known = triggerTypes.find((one) => one === type);
  if (known === undefined) return null;
  return { type: known, service: found.service, baseline: null, threshold: null, sinceMs: found.sinceMs };
}
