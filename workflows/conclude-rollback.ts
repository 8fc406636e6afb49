import {
  allHandlersFinished,
  condition,
  getExternalWorkflowHandle,
  type SignalDefinition,
  workflowInfo,
} from '@temporalio/workflow';
import { type Outcome, releaseNames } from '../domain/deployment.ts';
import { monitorWorkflowId } from '../domain/identity.ts';
import type { Standing } from '../domain/last-known-good.ts';
import { records } from './activities.ts';
import { type RollbackInput, type RollbackResult, releasedSignal, rollbackEndedSignal } from './messages.ts';
import type { RollbackSteps, StepsEnd, StepTools } from './rollback-steps.ts';
import { startMonitor, watchStranger } from './watch-stranger.ts';

export type Ending = Exclude<StepsEnd, { kind: 'trouble' }>;

/** Writes how a rollback ended, starts the restored release's monitor or releases the newcomer's, and tells who waited. */
export async function concludeRollback(
  input: RollbackInput,
  end: Ending,
  tools: StepTools & { readonly steps: RollbackSteps },
): Promise<RollbackResult> {
  const { journal, presence, teller, inbox, draft, steps } = tools;
  const outcome = outcomeOf(end);
  const nowMs = Date.now();
  const incident = {
    ...draft.incident,
    status: 'open' as const,
    outcome,
    outcomeReason: end.reason,
    endedAtMs: nowMs,
  };
  draft.set(incident);
  const newcomer = end.kind === 'superseded' ? end.newcomer : null;
  const restored = restoredMonitor(input, end, tools, nowMs);
  journal.note('outcome', `Rollback of ${releaseNames(input.services)}: ${outcome} (${end.reason})`);
  if (end.kind === 'rolled_back' && !end.confirmed) {
    teller.tell('owner', { severity: 'warning', title: 'Rollback not yet confirmed', text: end.reason });
  }
  await records.concludeRollback({
    conclusion: {
      key: input.key,
      rollback: incident.id,
      outcome,
      reason: end.reason,
      restored,
      takenOverBy: newcomer?.deployment ?? null,
    },
    standings: standingsOf(input, end, incident.id, steps),
    incident,
  });
  if (restored !== null) {
    const { services, origin, deployedAtMs } = restored;
    const key = { ...input.key, deployment: restored.deployment };
    await startMonitor({ key, services, origin, deployedAtMs, searchAttributes: input.searchAttributes });
  }
  if (newcomer !== null) {
    await getExternalWorkflowHandle(monitorWorkflowId({ ...input.key, deployment: newcomer.deployment }))
      .signal(releasedSignal)
      .catch(() => undefined);
  }
  if (end.kind === 'changed_outside' || (end.kind === 'superseded' && newcomer === null))
    await watchStranger(
      { ...input, origin: 'reported', deployedAtMs: 0 },
      { ...input, targetQueue: steps.targetQueue },
    );
  return finish(
    input,
    { deployment: input.key.deployment, outcome, reason: end.reason, incident: incident.id },
    { journal, presence, inbox, teller },
  );
}

/** A run refused in its first step touched nothing: it says so and ends. */
export async function refuseRollback(
  input: RollbackInput,
  reason: string,
  tools: Pick<StepTools, 'journal' | 'presence' | 'inbox' | 'teller'>,
): Promise<RollbackResult> {
  tools.journal.note('decision', `Rollback refused: ${reason}`);
  return finish(
    input,
    { deployment: input.key.deployment, outcome: 'refused', reason, incident: null },
    tools,
  );
}

async function finish(
  input: RollbackInput,
  result: RollbackResult,
  { journal, presence, inbox, teller }: Pick<StepTools, 'journal' | 'presence' | 'inbox' | 'teller'>,
): Promise<RollbackResult> {
  presence.enter('ended');
  inbox.ended = true;
  presence.label({ outcome: result.outcome });
  await signalMonitor(input, rollbackEndedSignal, [result]);
  for (const waiting of inbox.joined) {
    await getExternalWorkflowHandle(waiting)
      .signal(rollbackEndedSignal, result)
      .catch(() => undefined);
  }
  // Short: a new rollback of this product cannot begin while this one is still open.
  await teller.settled(30_000);
  await journal.flushed(60_000);
  await condition(allHandlersFinished);
  return result;
}

/** Tells the deployment's monitor, unless it is this workflow's parent and knows by itself; it may be gone. */
export async function signalMonitor<Args extends unknown[]>(
  input: RollbackInput,
  signal: SignalDefinition<Args>,
  args: Args,
): Promise<void> {
  const id = monitorWorkflowId(input.key);
  if (workflowInfo().parent?.workflowId === id) return;
  await getExternalWorkflowHandle(id)
    .signal(signal, ...args)
    .catch(() => undefined);
}

function outcomeOf(end: Ending): Outcome {
  return end.kind === 'left' ? 'needs_attention' : end.kind;
}

/** The restored release becomes the current deployment and is watched for 24 hours, without a rollback of the rollback. */
function restoredMonitor(
  input: RollbackInput,
  end: Ending,
  { inbox, steps, draft }: StepTools & { steps: RollbackSteps },
  nowMs: number,
) {
  const isLive = end.kind === 'rolled_back' || (end.kind === 'left' && steps.restored());
  if (!isLive || inbox.moves === null) return null;
  return {
    ...input.key,
    deployment: `rollback-${draft.incident.id.slice('inc-'.length)}`,
    services: inbox.moves.map((move) => ({ service: move.service, release: move.to })).reverse(),
    origin: 'rollback' as const,
    deployedAtMs: draft.incident.trafficResumedAtMs ?? nowMs,
  };
}

function standingsOf(input: RollbackInput, end: Ending, incident: string, steps: RollbackSteps) {
  const standing = standingFor(end, steps);
  if (standing === null) return [];
  const reason =
    standing === 'quarantined' ? `rolling it back helped (${incident})` : `${end.reason} (${incident})`;
  return input.services.map(({ service, release }) => ({
    service,
    release,
    standing,
    author: 'orchestrator',
    reason,
  }));
}

function standingFor(end: Ending, steps: RollbackSteps): Standing | null {
  if (end.kind === 'rolled_back') return end.confirmed ? 'quarantined' : 'held';
  if (end.kind === 'left') return 'held';
  if (end.kind === 'superseded') return steps.restored() ? 'held' : null;
  return null;
}
