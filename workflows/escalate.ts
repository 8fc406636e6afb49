import { condition, workflowInfo } from '@temporalio/workflow';
import { acknowledge, type EscalationState, nextNotice, noticeSent } from '../domain/escalation.ts';
import { type DeploymentKey, productName, rollbackWorkflowId } from '../domain/identity.ts';
import type { EscalationPolicy } from '../domain/policy.ts';
import { clockTime } from '../domain/timeline.ts';
import type { Journal } from './journal.ts';
import type { RollbackCommandName } from './messages.ts';
import type { GivenCommand, RollbackInbox } from './rollback-inbox.ts';
import type { Teller } from './teller.ts';

export interface Situation {
  readonly title: string;
  readonly reason: string;
  /** Live release and traffic state, what was done: asked for at every notice. */
  describe(): Promise<string>;
}

/** How an escalation was answered, and how far the ladder was climbed. */
export interface Decision {
  readonly answer: GivenCommand | 'taken_over' | 'continue_as_new';
  readonly ladder: EscalationState;
}

/** Asks people, level by level, until someone decides or a deployment takes over. Acknowledging silences it for a while. */
export async function escalate(
  key: DeploymentKey,
  situation: Situation,
  policy: EscalationPolicy,
  tools: { readonly inbox: RollbackInbox; readonly teller: Teller; readonly journal: Journal },
  ladder: EscalationState,
): Promise<Decision> {
  const { inbox, teller, journal } = tools;
  inbox.escalated = true;
  let state = ladder;
  for (;;) {
    if (inbox.newcomer !== null) return { answer: 'taken_over', ladder: state };
    const command = inbox.takeCommand();
    if (command?.name === 'acknowledge') {
      state = acknowledge(state, command.by ?? 'a person', Date.now(), policy);
      const until = state.silentUntilMs === null ? '' : ` until ${clockTime(state.silentUntilMs)}`;
      journal.note('person', `Escalation acknowledged by ${command.by ?? 'a person'}, silent${until}`);
      continue;
    }
    if (command !== null) return { answer: command, ladder: state };
    const info = workflowInfo();
    if (info.continueAsNewSuggested || info.historyLength > 3_000) {
      return { answer: 'continue_as_new', ladder: state };
    }
    const next = nextNotice(state, policy);
    if (
      await condition(
        () => inbox.hasCommand() || inbox.newcomer !== null,
        Math.max(0, next.atMs - Date.now()),
      )
    )
      continue;
    teller.tell(next.notify, {
      severity: 'critical',
      title: situation.title,
      text: `${situation.reason}\n${await situation.describe().catch((error) => `state unknown: ${String(error)}`)}`,
      commands: commandsByHand(key),
    });
    state = noticeSent(state, Date.now());
  }
}

/** The exact commands, with our CLI and with Temporal's alone. */
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

/** What an alert calls the product. */
export function alertTitle(key: DeploymentKey, what: string): string {
  return `${what}: ${productName(key)}`;
}
