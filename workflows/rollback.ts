import { CancellationScope, condition, continueAsNew, workflowInfo } from '@temporalio/workflow';
import type { Beginning, BeginRollbackInput } from '../activities/begin-rollback.ts';
import { releaseNames } from '../domain/deployment.ts';
import { beginEscalation, type EscalationState } from '../domain/escalation.ts';
import type { Incident } from '../domain/incident.ts';
import { incidentId, type Move, type RollbackPlan, type TargetChoice } from '../domain/rollback.ts';
import { beginning, choosing, questions, records } from './activities.ts';
import { concludeRollback, type Ending, refuseRollback, signalMonitor } from './conclude-rollback.ts';
import { alertTitle, escalate } from './escalate.ts';
import { createIncidentDraft } from './incident-draft.ts';
import { createJournal } from './journal.ts';
import {
  type RollbackCarry,
  type RollbackInput,
  type RollbackResult,
  rollbackBeganSignal,
  type Trouble,
} from './messages.ts';
import { createPresence } from './presence.ts';
import { receiveRollbackMessages } from './rollback-inbox.ts';
import { createRollbackSteps, type StepsEnd } from './rollback-steps.ts';
import { startPostMortem } from './start-post-mortem.ts';
import { createTeller } from './teller.ts';

/** Puts the last known good release back, proves that this helped, and asks a person when it did not. */
export async function rollback(input: RollbackInput): Promise<RollbackResult> {
  // Whatever becomes of the monitor, or of an impatient person's cancel: a rollback that has begun is finished.
  return CancellationScope.nonCancellable(() => createRollback(input).run());
}

type PeoplesWord =
  | { readonly retry: string | null; readonly ladder: null }
  | { readonly end: StepsEnd; readonly ladder: EscalationState | null };

function createRollback(input: RollbackInput) {
  const { carry } = input;
  const info = workflowInfo();
  const id =
    carry?.incident.id ?? incidentId(input.key.product, new Date(Date.now()).toISOString(), info.runId);
  const presence = createPresence(input.searchAttributes);
  const journal = createJournal(input.key, info.runId, presence, id);
  const teller = createTeller(input.key, info.runId, journal);
  const inbox = receiveRollbackMessages(presence, journal, input);
  const draft = createIncidentDraft(input, id);
  let steps: ReturnType<typeof createRollbackSteps>;
  let plan: RollbackPlan;

  return { run };

  async function run(): Promise<RollbackResult> {
    let end: StepsEnd;
    if (carry === undefined) {
      const begun = await begin();
      if (begun !== null) return begun;
      end = await oneRound(input.request.to);
      draft.set(soFar(end));
      // Nothing was done and nobody is asked: then there is nothing to write up.
      if (draft.incident.attempts > 0 || end.kind === 'trouble')
        await startPostMortem(input, draft.incident, plan.settings.targetQueue, journal);
    } else {
      resumeFrom(carry);
      end = { kind: 'trouble', trouble: carry.trouble };
    }
    let ladder = carry?.ladder ?? null;
    for (;;) {
      if (end.kind !== 'trouble') return conclude(end);
      if (inbox.newcomer !== null) {
        end = await steps.letTakeOver(end.trouble);
        continue;
      }
      const decision = await askPeople(end.trouble, ladder);
      ladder = decision.ladder;
      end = 'retry' in decision ? await oneRound(decision.retry) : decision.end;
    }
  }

  /** Takes the row and reads the way back; a run refused here touches nothing. */
  async function begin(): Promise<RollbackResult | null> {
    presence.enter('beginning');
    const args: BeginRollbackInput = { ...input, rollbackId: id };
    const answer: Beginning = await beginning.beginRollback(args);
    if (answer.kind === 'refused') {
      inbox.begun = { accepted: false, reason: answer.reason };
      return refuseRollback(input, answer.reason, { journal, presence, inbox, teller });
    }
    use(answer.plan);
    inbox.begun = { accepted: true, reason: `rollback ${id} has begun` };
    draft.save({});
    announce();
    if (answer.storeProblem !== null) {
      journal.note(
        'failed',
        `The store does not answer (${answer.storeProblem}); going on with what the monitor knew`,
      );
      void records.reconcileRow(args).catch(() => undefined);
    }
    await signalMonitor(input, rollbackBeganSignal, []);
    void lookForOthers().catch(() => undefined);
    return null;
  }

  function resumeFrom(earlier: RollbackCarry): void {
    use(earlier.plan);
    inbox.begun = { accepted: true, reason: `rollback ${id} has begun` };
    inbox.moves = earlier.moves;
    draft.resume(earlier.incident);
    steps.resume(earlier);
    void lookForOthers().catch(() => undefined);
  }

  function use(known: RollbackPlan): void {
    plan = known;
    steps = createRollbackSteps(input, known.settings, { journal, presence, teller, inbox, draft });
  }

  function announce(): void {
    const { request } = input;
    const manual = request.origin === 'manual';
    const title = manual ? 'Manual rollback initiated' : 'CRITICAL: Auto-rollback initiated';
    if (manual) journal.note('person', `${request.by} asked for a rollback: ${request.reason}`);
    journal.note('alert', `Owner alerted: "${title}"\n${request.reason}`);
    teller.tell('owner', {
      severity: 'critical',
      title,
      text: `${request.reason}\nAction: rolling back ${releaseNames(input.services)} to the last known good release.`,
      facts: request.triggers.map((trigger) => ({ name: trigger.type, value: trigger.reason })),
    });
  }

  /** Choose, act, verify. */
  async function oneRound(to: string | null): Promise<StepsEnd> {
    const choice = await chooseTarget(to);
    if (choice.kind === 'none') {
      const trouble: Trouble = {
        title: alertTitle(input.key, 'No rollback possible'),
        reason: choice.reason,
        systemic: false,
      };
      return { kind: 'trouble', trouble };
    }
    if (choice.kind === 'changed_outside') {
      return steps.trafficStopped()
        ? steps.othersAreLive(choice)
        : { kind: 'changed_outside', reason: choice.reason };
    }
    inbox.moves = choice.moves;
    draft.save({ to: choice.moves.map((move: Move) => ({ service: move.service, release: move.to })) });
    return steps.rollBackTo(choice.moves);
  }

  /** A worker that can reach the target must answer within 30 s; else people are told, and the asking goes on. */
  async function chooseTarget(to: string | null): Promise<TargetChoice> {
    presence.enter('choosing');
    const restored = (inbox.moves ?? []).map((move) => move.to);
    for (let failures = 0; ; failures += 1) {
      try {
        return await choosing(plan.settings.targetQueue).chooseTarget(input.key, plan, to, restored);
      } catch (error) {
        const reason =
          error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
        journal.note('failed', `The target cannot be reached: ${reason}; asking on`);
        if (failures % 10 === 0) {
          const text = `No worker could look at the target of ${input.key.product}: ${reason}. The rollback goes on by itself as soon as one answers.`;
          teller.tell(failures === 0 ? 'owner' : 'everyone', {
            severity: 'critical',
            title: alertTitle(input.key, 'Rollback waits for its target'),
            text,
          });
        }
        await condition(
          () => inbox.newcomer !== null || inbox.aborted !== null,
          Math.min(5_000 * 2 ** failures, 60_000),
        );
      }
    }
  }

  /** What people decide: another round, or an end. Steering traffic ends neither, the ladder goes on where it was. */
  async function askPeople(trouble: Trouble, climbed: EscalationState | null): Promise<PeoplesWord> {
    presence.enter('escalated');
    draft.save({ status: 'escalated' });
    if (climbed === null) journal.note('escalation', `${trouble.title}: ${trouble.reason}`);
    const situation = { ...trouble, describe: () => steps.describe() };
    const tools = { inbox, teller, journal };
    const start = climbed ?? beginEscalation(Date.now());
    const { answer, ladder } = await escalate(input.key, situation, plan.settings.escalation, tools, start);
    if (answer === 'taken_over') return { end: await steps.letTakeOver(trouble), ladder };
    if (answer === 'continue_as_new') return goOn(trouble, ladder);
    const by = answer.by ?? 'a person';
    if (answer.name === 'retry') {
      draft.save({ status: 'rolling_back' });
      inbox.escalated = false;
      inbox.aborted = null;
      return { retry: answer.to ?? null, ladder: null };
    }
    if (answer.name === 'traffic') {
      await steps.steerTraffic(answer.state === 'stop' ? 'stop' : 'resume', by);
      return { end: { kind: 'trouble', trouble }, ladder };
    }
    const word = answer.name === 'handOver' ? 'handed over' : 'resolved';
    const note = answer.note ? `: ${answer.note}` : '';
    return { end: { kind: 'left', reason: `${word} by ${by}${note}; ${trouble.reason}` }, ladder: null };
  }

  async function goOn(trouble: Trouble, ladder: EscalationState): Promise<never> {
    await teller.settled(600_000);
    await journal.flushed(60_000);
    return continueAsNew<typeof rollback>({
      ...input,
      carry: {
        incident: draft.incident,
        plan,
        moves: inbox.moves ?? [],
        trafficStopped: steps.trafficStopped(),
        restored: steps.restored(),
        trouble,
        ladder,
        seen: inbox.seen(),
        joined: [...inbox.joined],
      },
    });
  }

  /** A signal can be lost with its worker: who else holds the row, and who waits to take over, is asked beside the steps. */
  async function lookForOthers(): Promise<void> {
    for (
      let pauseMs = 10_000;
      inbox.newcomer === null && presence.phase !== 'ended';
      pauseMs = Math.min(pauseMs * 1.5, 900_000)
    ) {
      await condition(() => presence.phase === 'ended', pauseMs);
      if (presence.phase === 'ended') return;
      const others = await questions.readTakeOver(input.key).catch(() => null);
      if (others === null) continue;
      if (others.waiting !== null && others.waiting.deployment !== steps.refusedNewcomer())
        inbox.newcomer = others.waiting;
      const holder = others.row.rollback?.id ?? null;
      if (holder?.startsWith('direct/')) inbox.direct = holder;
    }
  }

  async function conclude(end: Ending): Promise<RollbackResult> {
    return concludeRollback(input, end, { journal, presence, teller, inbox, draft, steps });
  }
}

/** What the post-mortem, which begins before people have answered, may say of the outcome. */
function soFar(end: StepsEnd): Partial<Incident> {
  if (end.kind === 'rolled_back')
    return { outcome: 'rolled_back', outcomeReason: end.reason, endedAtMs: Date.now() };
  // No outcome yet: people decide it.
  if (end.kind === 'trouble') return { status: 'escalated', outcomeReason: end.trouble.reason };
  return {};
}
