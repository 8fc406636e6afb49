import { CancellationScope, condition } from '@temporalio/workflow';
import type { WatchResult } from '../activities/watch.ts';
import { releaseNames } from '../domain/deployment.ts';
import { shortDuration } from '../domain/detection/verdict.ts';
import { productName } from '../domain/identity.ts';
import { type Veto, vetoSentence } from '../domain/product-row.ts';
import { clockTime } from '../domain/timeline.ts';
import type { VetoEvidence } from '../domain/veto.ts';
import { questions, records } from './activities.ts';
import { commandFor, whereHeldBack } from './command-texts.ts';
import type { Journal } from './journal.ts';
import type { Answer, MonitorInput, VetoCommand } from './messages.ts';
import type { Presence } from './presence.ts';
import type { Teller } from './teller.ts';

export type Edges = Extract<WatchResult, { kind: 'edges' }>;

const lookAgainMs = 15_000;

/** What a wait for a veto came to. */
export type WaitEnd =
  /** The time is over, or it got worse: for these triggers. */
  | { readonly kind: 'act'; readonly because: Edges }
  /** A pause, the policy, or the veto. */
  | { readonly kind: 'held_back'; readonly obstacle: string; readonly veto: Veto | null }
  /** The breach was over by itself. */
  | { readonly kind: 'over' }
  /** Somebody or something else decides: a person's rollback, a newer deployment, a change by hand. */
  | { readonly kind: 'interrupted' };

interface Voices {
  readonly journal: Journal;
  readonly teller: Teller;
  readonly presence: Presence;
}

interface Waiting {
  /** Watches on until `untilMs`, or until what must be known; ends with `interrupted` as soon as `stop` says so. */
  watch(untilMs: number, evidence: VetoEvidence, stop: () => boolean): Promise<WatchResult | Error | null>;
  /** Takes in what the watch found, and says whether that decides otherwise. */
  takeIn(edges: Edges): boolean;
  /** Whether the breach still stands, for all that is known. */
  stands(): boolean;
  /** Something that cannot wait. */
  urgent(): boolean;
}

/**
 * "Rolling back in 60 s unless vetoed": a decided rollback waits a moment for somebody to say no. It delays, and never needs an
 * answer: the time that is over, and evidence that gets worse, begin it.
 */
export function createVetoWindow(input: MonitorInput, { journal, teller, presence }: Voices) {
  const { key } = input;
  const releases = releaseNames(input.services);
  let open = false;
  let veto: Veto | null = null;
  let unwritten: Parameters<typeof records.recordVeto>[1] | null = null;
  let writing = false;

  /** Beside everything else, the newest last: the page may lag, the wait may not. */
  function record(state: NonNullable<typeof unwritten>): void {
    // A veto is never lost to what follows it.
    unwritten = { ...(unwritten?.veto === undefined ? {} : { veto: unwritten.veto }), ...state };
    if (!writing) void CancellationScope.nonCancellable(write).catch(() => undefined);
  }

  async function write(): Promise<void> {
    writing = true;
    try {
      while (unwritten !== null) {
        const state = unwritten;
        unwritten = null;
        await records.recordVeto(key, state);
      }
    } finally {
      writing = false;
    }
  }

  function say(no: VetoCommand): Answer {
    const by = no.by ?? 'a person';
    if (!open) {
      const pause = commandFor(key, 'pause');
      return {
        accepted: false,
        reason: `no rollback of ${key.product} waits for a veto; ${pause} holds automatic rollbacks back`,
      };
    }
    const said = veto?.by ?? by;
    if (veto === null) {
      veto = {
        deployment: key.deployment,
        by,
        reason: no.reason ?? 'no reason given',
        atMs: Date.now(),
      };
    }
    return { accepted: true, reason: `vetoed by ${said}: ${releases} stays, and is only observed` };
  }

  async function wait(first: Edges, reason: string, waiting: Waiting): Promise<WaitEnd> {
    const { waitMs, evidence } = first.veto ?? { waitMs: 0, evidence: { triggers: [], errorShares: {} } };
    const untilMs = Date.now() + waitMs;
    announce(first, reason, untilMs, waitMs);
    open = true;
    veto = null;
    try {
      return await untilDecided();
    } finally {
      open = false;
    }

    async function untilDecided(): Promise<WaitEnd> {
      const stop = () => veto !== null || waiting.urgent();
      while (Date.now() < untilMs && !stop()) {
        const result = await waiting.watch(untilMs, evidence, stop);
        if (result === null) break;
        if (result instanceof Error || result.kind === 'segment_end') {
          // No check fits before the end, or the check itself failed: that is tried again.
          const leftMs = Math.max(0, untilMs - Date.now());
          await condition(stop, result instanceof Error ? Math.min(leftMs, lookAgainMs) : leftMs);
          continue;
        }
        if (waiting.takeIn(result)) return ended({ kind: 'interrupted' });
        if (result.obstacle !== null)
          return ended({ kind: 'held_back', obstacle: result.obstacle, veto: null });
        if (!waiting.stands()) return ended({ kind: 'over' });
        if (result.worse === undefined) continue;
        journal.note('decision', `Waits no longer for a veto, it got worse: ${result.worse}`, result.atMs);
        return ended({ kind: 'act', because: result });
      }
      if (!stop()) return timeIsOver(stop);
      return veto === null ? ended({ kind: 'interrupted' }) : vetoed(veto);
    }

    /** Somebody may have paused since the last check. Where nobody answers, the rollback begins: it waits for no answer. */
    async function timeIsOver(stop: () => boolean): Promise<WaitEnd> {
      const obstacle = await questions.readObstacle(key, input.origin).catch(() => null);
      if (veto !== null) return vetoed(veto);
      if (stop()) return ended({ kind: 'interrupted' });
      if (obstacle !== null) return ended({ kind: 'held_back', obstacle, veto: null });
      journal.note('decision', `Nobody vetoed within ${shortDuration(waitMs)}`);
      return ended({ kind: 'act', because: first });
    }
  }

  function vetoed(said: Veto): WaitEnd {
    journal.note('person', `Rollback of ${releases} vetoed by ${said.by}: ${said.reason}`);
    record({ window: null, veto: said });
    teller.tell('owner', {
      severity: 'warning',
      event: 'acknowledged',
      actions: ['rollback', 'resume'],
      title: `Vetoed by ${said.by}: ${productName(key)}`,
      text: `${releases} stays, and is only observed: ${said.reason}`,
      commands: whereHeldBack(key),
    });
    return { kind: 'held_back', obstacle: vetoSentence(said), veto: said };
  }

  function ended(end: WaitEnd): WaitEnd {
    // A rollback that begins takes the window off the row itself, where it can; it may also be refused.
    record({ window: null });
    return end;
  }

  function announce({ triggers }: Edges, reason: string, untilMs: number, waitMs: number): void {
    const span = shortDuration(waitMs);
    presence.enter('veto_window');
    record({ window: { deployment: key.deployment, untilMs, reason } });
    journal.note('decision', `Rolling back in ${span}, at ${clockTime(untilMs)}, unless vetoed: ${reason}`);
    teller.tell('owner', {
      severity: 'critical',
      event: 'veto_open',
      actions: ['veto', 'rollback', 'pause'],
      about: { breach: triggers[0] ?? null },
      title: `Rolling back in ${span} unless vetoed: ${productName(key)}`,
      text: `${releases}: ${reason}.`,
      doing: `It is rolled back at ${clockTime(untilMs)}, and at once when it gets worse. Nobody has to answer.`,
      commands: [
        { label: 'Do not roll back', command: commandFor(key, 'veto', true) },
        { label: 'Roll back now', command: commandFor(key, 'rollback', true) },
      ],
    });
  }

  return {
    say,
    wait,
    /** The veto as long as the store does not know it. */
    unwritten: () => (writing || unwritten !== null ? veto : null),
    idle: () => !open && !writing && unwritten === null,
  };
}

export type VetoWindow = ReturnType<typeof createVetoWindow>;
