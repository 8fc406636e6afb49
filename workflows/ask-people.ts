import { CancellationScope, condition, continueAsNew } from '@temporalio/workflow';
import { beginEscalation, type EscalationState } from '../domain/escalation.ts';
import { switchTimeMs } from '../domain/rollback.ts';
import { keepChoosing, keepResuming } from './activities.ts';
import { escalate } from './escalate.ts';
import type { GoesOn, Trouble } from './messages.ts';
import type { rollback } from './rollback.ts';
import { type RollbackContext, type StepsEnd, supersededByHand } from './rollback-context.ts';
import type { GivenCommand } from './rollback-inbox.ts';
import { actOn } from './rollback-round.ts';
import { flows, steerTraffic } from './steer-traffic.ts';
import { tookOver } from './take-over.ts';
import { welcomeBack } from './verify-steps.ts';

export type PeoplesWord =
  | { readonly retry: string | null; readonly ladder: null }
  | { readonly end: StepsEnd; readonly ladder: EscalationState | null };

/**
 * What people decide: another round, or an end. What failed for want of a worker or of the traffic control is tried on
 * beside, and ends the asking when it works. Steering traffic ends nothing, the ladder goes on where it was.
 */
export async function askPeople(
  context: RollbackContext,
  trouble: Trouble,
  climbed: EscalationState | null,
): Promise<PeoplesWord> {
  const { presence, draft, journal, inbox } = context;
  presence.enter('escalated');
  draft.save({ status: 'escalated' });
  if (climbed === null) journal.note('escalation', `${trouble.title}: ${trouble.reason}`);
  const beside = goOnBeside(context, trouble.goesOn);
  const start = climbed ?? beginEscalation(Date.now());
  const { answer, ladder } = await escalate(context, trouble, start, () => beside.next() !== null);
  const next = beside.next();
  if (answer === 'continue_as_new') return carryOn(context, trouble, ladder);
  await beside.stop();
  if (answer === 'newcomer') return { end: { kind: 'newcomer' }, ladder };
  if (answer === 'direct') return { end: supersededByHand(inbox.direct as string), ladder: null };
  if (answer !== 'went_on') return take(context, answer, trouble, ladder);
  backToWork(context);
  return { end: await (next as Next)(), ladder: null };
}

async function take(
  context: RollbackContext,
  command: GivenCommand,
  trouble: Trouble,
  ladder: EscalationState,
): Promise<PeoplesWord> {
  const by = command.by ?? 'a person';
  if (command.name === 'retry') {
    backToWork(context);
    context.inbox.aborted = null;
    return { retry: command.to ?? null, ladder: null };
  }
  if (command.name === 'traffic') {
    await steerTraffic(context, command.state === 'stop' ? 'stop' : 'resume', by);
    // A person's word about traffic stands: nothing may resume it behind their back.
    const goesOn = trouble.goesOn?.kind === 'resume' ? null : trouble.goesOn;
    return { end: { kind: 'trouble', trouble: { ...trouble, goesOn } }, ladder };
  }
  const word = command.name === 'handOver' ? 'handed over' : 'resolved';
  const note = command.note ? `: ${command.note}` : '';
  return { end: { kind: 'left', reason: `${word} by ${by}${note}; ${trouble.reason}` }, ladder: null };
}

function backToWork({ inbox, draft }: RollbackContext): void {
  inbox.escalated = false;
  draft.save({ status: 'rolling_back' });
}

type Next = () => Promise<StepsEnd>;

/** Keeps trying what people were asked about. `next` is what follows, once it has worked. */
function goOnBeside(
  context: RollbackContext,
  goesOn: GoesOn | null,
): { next(): Next | null; stop(): Promise<void> } {
  let next: Next | null = null;
  let busy = goesOn !== null;
  const scope = new CancellationScope();
  if (goesOn !== null) {
    scope
      .run(() => keepTrying(context, goesOn))
      .then(
        (found) => {
          next = found;
        },
        // After days without success: people were asked all the while, and still are.
        () => undefined,
      )
      .finally(() => {
        busy = false;
      });
  }
  return {
    next: () => next,
    async stop() {
      scope.cancel();
      await condition(() => !busy, 60_000);
    },
  };
}

async function keepTrying(context: RollbackContext, goesOn: GoesOn): Promise<Next> {
  const { input, settings, plan, progress } = context;
  if (goesOn.kind === 'choose') {
    const queue = keepChoosing(settings.targetQueue);
    const choice = await queue.chooseTarget(input.key, plan, goesOn.to, [...progress.replaceable]);
    return () => actOn(context, choice);
  }
  const queue = keepResuming(settings.targetQueue, switchTimeMs(plan));
  const detail = await queue.resumeTraffic(input.key, [...goesOn.releases]);
  const { newcomer } = goesOn;
  return async () => {
    flows(context, detail);
    return newcomer === null ? welcomeBack(context, 'Health checks: PASS') : tookOver(newcomer);
  };
}

function carryOn(
  { input, inbox, draft, plan, progress }: RollbackContext,
  trouble: Trouble,
  ladder: EscalationState,
): Promise<never> {
  return continueAsNew<typeof rollback>({
    ...input,
    carry: {
      incident: draft.incident,
      plan,
      progress,
      trouble,
      ladder,
      seen: inbox.seen(),
      joined: [...inbox.joined],
      offered: inbox.offered(),
    },
  });
}
