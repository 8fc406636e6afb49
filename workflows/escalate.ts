import { allHandlersFinished, condition, workflowInfo } from '@temporalio/workflow';
import {
  acknowledge,
  type EscalationState,
  nextNotice,
  noticeSent,
  wasSilenced,
} from '../domain/escalation.ts';
import { type DeploymentKey, rollbackWorkflowId } from '../domain/identity.ts';
import type { MessageAction } from '../domain/message.ts';
import { clockTime } from '../domain/timeline.ts';
import type { RollbackCommandName, Trouble } from './messages.ts';
import { alertTitle, type RollbackContext, trafficSentence } from './rollback-context.ts';
import type { GivenCommand } from './rollback-inbox.ts';
import { describe } from './steer-traffic.ts';

/** How an escalation was answered, and how far the ladder was climbed. */
export interface Decision {
  readonly answer: GivenCommand | 'newcomer' | 'direct' | 'went_on' | 'continue_as_new';
  readonly ladder: EscalationState;
}

/**
 * Asks people, level by level, until someone decides, a deployment wants to take over, or it goes on by itself. Acknowledging
 * silences it for a while.
 */
export async function escalate(
  context: RollbackContext,
  trouble: Trouble,
  ladder: EscalationState,
  wentOn: () => boolean,
): Promise<Decision> {
  const { inbox, teller, journal, settings, input } = context;
  const policy = settings.policy.escalation;
  inbox.escalated = true;
  let state = ladder;
  for (;;) {
    if (inbox.direct !== null) return { answer: 'direct', ladder: state };
    if (wentOn()) return { answer: 'went_on', ladder: state };
    if (inbox.newcomer !== null) return { answer: 'newcomer', ladder: state };
    const command = inbox.takeCommand();
    if (command?.name === 'acknowledge') {
      state = acknowledge(state, command.by ?? 'a person', Date.now(), policy);
      const until = state.silentUntilMs === null ? '' : ` until ${clockTime(state.silentUntilMs)}`;
      const text = `Escalation acknowledged by ${command.by ?? 'a person'}, silent${until}`;
      journal.note('person', text);
      teller.follow({
        severity: 'info',
        event: 'acknowledged',
        actions: stillPossible,
        title: alertTitle(input.key, `Acknowledged by ${command.by ?? 'a person'}`),
        text,
      });
      continue;
    }
    if (command !== null) return { answer: command, ladder: state };
    if (historyIsLong() && isQuiet(context)) return { answer: 'continue_as_new', ladder: state };
    const next = nextNotice(state, policy);
    const asked = () =>
      inbox.hasCommand() ||
      inbox.newcomer !== null ||
      inbox.direct !== null ||
      wentOn() ||
      (historyIsLong() && isQuiet(context));
    if (await condition(asked, Math.max(0, next.atMs - Date.now()))) continue;
    teller.tell(next.notify, {
      severity: 'critical',
      event: state.sent === 0 ? 'escalated' : wasSilenced(state) ? 'called_again' : 'reminded',
      actions: ['acknowledge', ...stillPossible],
      title: trouble.title,
      text: `${trouble.reason}\n${await describe(context)}`,
      doing: doingOf(trouble, context),
      commands: commandsByHand(input.key),
    });
    state = noticeSent(state, Date.now());
  }
}

const stillPossible: readonly MessageAction[] = ['retry', 'resume_traffic', 'resolve'];

function doingOf({ goesOn }: Trouble, { progress }: RollbackContext): string {
  const beside = {
    choose: 'The target is asked on; the rollback goes on by itself as soon as it answers',
    resume: 'Resuming traffic is tried every 30 s',
  };
  return goesOn === null
    ? `Nothing moves without you; ${trafficSentence(progress)}.`
    : `${beside[goesOn.kind]}; ${trafficSentence(progress)}.`;
}

function historyIsLong(): boolean {
  const info = workflowInfo();
  return info.continueAsNewSuggested || info.historyLength > 3_000;
}

/** Nothing that the next run would not know of. */
function isQuiet({ teller, journal }: RollbackContext): boolean {
  return teller.idle() && journal.idle() && allHandlersFinished();
}

/** The exact commands, with our CLI and with Temporal's alone; whoever sends them adds the server's address. */
function commandsByHand(key: DeploymentKey): { label: string; command: string }[] {
  const environment = key.environment === 'production' ? '' : ` --environment ${key.environment}`;
  const signal = (name: RollbackCommandName, input: string) =>
    `temporal workflow signal --workflow-id ${rollbackWorkflowId(key)} --name ${name} --input '${input}'`;
  return [
    { label: 'Acknowledge', command: `orchestrator acknowledge ${key.product}${environment}` },
    { label: 'Try again', command: `orchestrator retry ${key.product}${environment}` },
    {
      label: 'Back to another release',
      command: `orchestrator retry ${key.product} --to RELEASE${environment}`,
    },
    { label: 'Resume traffic as it is', command: `orchestrator traffic resume ${key.product}${environment}` },
    {
      label: 'End this escalation',
      command: `orchestrator resolve ${key.product} "what was done"${environment}`,
    },
    { label: 'Hand over', command: `orchestrator handover ${key.product} --to-person NAME${environment}` },
    { label: 'Acknowledge, by Temporal alone', command: signal('acknowledge', '{"by":"me"}') },
    { label: 'Try again, by Temporal alone', command: signal('retry', '{"by":"me"}') },
    {
      label: 'Resume traffic, by Temporal alone',
      command: signal('traffic', '{"by":"me","state":"resume"}'),
    },
    { label: 'Without Temporal', command: `orchestrator rollback ${key.product} --direct${environment}` },
  ];
}
