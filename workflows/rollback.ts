import { CancellationScope, workflowInfo } from '@temporalio/workflow';
import type { Beginning, BeginRollbackInput } from '../activities/begin-rollback.ts';
import type { EscalationState } from '../domain/escalation.ts';
import type { Incident } from '../domain/incident.ts';
import { incidentId, type RollbackPlan } from '../domain/rollback.ts';
import { beginning, records } from './activities.ts';
import { askPeople } from './ask-people.ts';
import { concludeRollback, refuseRollback, signalMonitor } from './conclude-rollback.ts';
import { createIncidentDraft } from './incident-draft.ts';
import { createJournal } from './journal.ts';
import { lookForOthers } from './look-for-others.ts';
import { type RollbackInput, type RollbackResult, rollbackBeganSignal } from './messages.ts';
import { createPresence } from './presence.ts';
import { alertTitle, noProgress, type RollbackContext, type StepsEnd } from './rollback-context.ts';
import { receiveRollbackMessages } from './rollback-inbox.ts';
import { oneRound } from './rollback-round.ts';
import { startPostMortem } from './start-post-mortem.ts';
import { letTakeOver } from './take-over.ts';
import { createTeller, type Story } from './teller.ts';

/** Puts the last known good release back, proves that this helped, and asks a person when it did not. */
export async function rollback(input: RollbackInput): Promise<RollbackResult> {
  // Whatever becomes of the monitor, or of an impatient person's cancel: a rollback that has begun is finished.
  return CancellationScope.nonCancellable(() => (input.carry === undefined ? begin(input) : goOn(input)));
}

type Tools = Omit<RollbackContext, 'plan' | 'settings'>;

function toolsOf(input: RollbackInput): Tools {
  const { carry, key } = input;
  const { runId } = workflowInfo();
  const id = carry?.incident.id ?? incidentId(key.product, new Date(Date.now()).toISOString(), runId);
  const presence = createPresence(input.searchAttributes);
  const journal = createJournal(key, runId, presence, id);
  return {
    input,
    presence,
    journal,
    teller: createTeller(key, runId, journal, storyOf(input, id)),
    inbox: receiveRollbackMessages(presence, journal, input),
    draft: createIncidentDraft(input, id),
    progress: { ...noProgress, ...carry?.progress },
  };
}

function storyOf({ services, request }: RollbackInput, incident: string): Story {
  const [trigger] = request.triggers;
  const breach = trigger === undefined || trigger.type === 'manual' ? null : trigger;
  return {
    thread: incident,
    about: {
      services,
      incident,
      breach: breach && {
        type: breach.type,
        service: breach.service,
        baseline: breach.baseline,
        threshold: breach.threshold,
        sinceMs: breach.sinceMs,
      },
    },
  };
}

/** Takes the row and reads the way back; a run refused here touches nothing. */
async function begin(input: RollbackInput): Promise<RollbackResult> {
  const tools = toolsOf(input);
  const { presence, inbox, draft, journal } = tools;
  presence.enter('beginning');
  const args: BeginRollbackInput = { ...input, rollbackId: draft.incident.id };
  const answer: Beginning = await beginning.beginRollback(args);
  if (answer.kind === 'refused') {
    inbox.begun = { accepted: false, reason: answer.reason };
    return refuseRollback(input, answer.reason, tools);
  }
  inbox.begun = { accepted: true, reason: `rollback ${draft.incident.id} has begun` };
  draft.save({});
  const { origin, by, reason } = input.request;
  if (origin === 'manual') journal.note('person', `${by} asked for a rollback: ${reason}`);
  journal.note('decision', `Rolling back by policy version ${answer.plan.settings.policyVersion}`);
  if (answer.staleHolder !== null) tellStale(tools, answer.staleHolder);
  if (answer.storeProblem !== null) reconcileLater(tools, args, answer.storeProblem);
  await signalMonitor(input, rollbackBeganSignal, []);
  return toTheEnd(tools, answer.plan, (context) => oneRound(context, input.request.to), null);
}

/** What an earlier run of this escalation left. */
async function goOn(input: RollbackInput): Promise<RollbackResult> {
  const tools = toolsOf(input);
  const { plan, incident, trouble, ladder, progress } = input.carry as NonNullable<RollbackInput['carry']>;
  tools.inbox.begun = { accepted: true, reason: `rollback ${incident.id} has begun` };
  tools.inbox.moves = progress.moves;
  tools.draft.resume(incident);
  return toTheEnd(tools, plan, async () => ({ kind: 'trouble', trouble }), ladder);
}

/** Round after round, until it is over or people have ended it. */
async function toTheEnd(
  tools: Tools,
  plan: RollbackPlan,
  first: (context: RollbackContext) => Promise<StepsEnd>,
  climbed: EscalationState | null,
): Promise<RollbackResult> {
  const context: RollbackContext = { ...tools, plan, settings: plan.settings };
  const others = lookForOthers(context);
  let end = await first(context);
  let ladder = climbed;
  for (;;) {
    await writeUp(context, end);
    if (end.kind === 'newcomer') {
      end = await letTakeOver(context);
      // That it did not work is news: whoever acknowledged hears of it.
      ladder = null;
    } else if (end.kind === 'trouble') {
      const word = await askPeople(context, end.trouble, ladder);
      ladder = word.ladder;
      end = 'retry' in word ? await oneRound(context, word.retry) : word.end;
    } else {
      await others.stop();
      return concludeRollback(end, context);
    }
  }
}

/** The post-mortem starts when the last attempt has ended, before escalation waits. Where nothing was done, nothing is written. */
async function writeUp(
  { input, progress, draft, settings, journal }: RollbackContext,
  end: StepsEnd,
): Promise<void> {
  if (progress.postMortemStarted) return;
  const waitsForTarget = end.kind === 'trouble' && end.trouble.goesOn?.kind === 'choose';
  const nothingDone = draft.incident.attempts === 0 && end.kind !== 'trouble';
  if (waitsForTarget || nothingDone) return;
  progress.postMortemStarted = true;
  draft.set(soFar(end));
  await startPostMortem(input, draft.incident, settings.targetQueue, journal);
}

/** What the post-mortem, which begins before people have answered, may say of the outcome. */
function soFar(end: StepsEnd): Partial<Incident> {
  if (end.kind === 'rolled_back')
    return { outcome: 'rolled_back', outcomeReason: end.reason, endedAtMs: Date.now() };
  // No outcome yet: people decide it.
  if (end.kind === 'trouble') return { status: 'escalated', outcomeReason: end.trouble.reason };
  return {};
}

/** Workflow ids are the second lock: that this one runs proves that no other does. */
function tellStale({ journal, teller, input }: Tools, holder: string): void {
  const text = `The product's row named rollback ${holder}, which does not run any more; this rollback has taken the row. Look at what that one left.`;
  journal.note('failed', text);
  teller.tell('everyone', { severity: 'critical', title: alertTitle(input.key, 'Stale rollback'), text });
}

function reconcileLater({ journal }: Tools, args: BeginRollbackInput, problem: string): void {
  journal.note('failed', `The store does not answer (${problem}); going on with what the monitor knew`);
  const noted = (refusal: string | null) => {
    if (refusal !== null) journal.note('failed', `The store answers again, and says: ${refusal}`);
  };
  records.reconcileRow(args).then(noted, () => undefined);
}
