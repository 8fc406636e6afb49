import {
  allHandlersFinished,
  condition,
  getExternalWorkflowHandle,
  type SignalDefinition,
  workflowInfo,
} from '@temporalio/workflow';
import { type Outcome, releaseNames } from '../domain/deployment.ts';
import { type DeploymentKey, monitorWorkflowId } from '../domain/identity.ts';
import type { Standing } from '../domain/last-known-good.ts';
import { records } from './activities.ts';
import { type RollbackInput, type RollbackResult, releasedSignal, rollbackEndedSignal } from './messages.ts';
import { alertTitle, type Ending, type RollbackContext, restoredServices } from './rollback-context.ts';
import { startMonitor, watchStranger } from './watch-stranger.ts';

type Tools = Pick<RollbackContext, 'journal' | 'presence' | 'inbox' | 'teller'>;

/** Writes how a rollback ended, starts the restored release's monitor or releases the newcomer's, and tells who waited. */
export async function concludeRollback(end: Ending, context: RollbackContext): Promise<RollbackResult> {
  const { input, journal, draft, progress } = context;
  const outcome = outcomeOf(end);
  const incident = {
    ...draft.incident,
    status: 'open' as const,
    outcome,
    outcomeReason: end.reason,
    endedAtMs: Date.now(),
  };
  draft.set(incident);
  const restored = restoredDeployment(end, context);
  journal.note('outcome', `Rollback of ${releaseNames(input.services)}: ${outcome} (${end.reason})`);
  tellEnding(end, context);
  const { released } = await records.concludeRollback({
    conclusion: {
      key: input.key,
      rollback: incident.id,
      outcome,
      reason: end.reason,
      restored,
      replaced: progress.replaced,
    },
    standings: standingsOf(end, input, incident.id),
    incident,
  });
  if (restored !== null && released === null) {
    const { services, origin, deployedAtMs } = restored;
    const key = { ...input.key, deployment: restored.deployment };
    await startMonitor({ key, services, origin, deployedAtMs, searchAttributes: input.searchAttributes });
  }
  if (released !== null) await release({ ...input.key, deployment: released });
  else if (end.kind === 'changed_outside' || (end.kind === 'superseded' && end.stranger))
    await watchStranger(
      { ...input, origin: 'reported', deployedAtMs: 0 },
      { ...input, targetQueue: context.settings.targetQueue },
    );
  const result = { deployment: input.key.deployment, outcome, reason: end.reason, incident: incident.id };
  return finish(input, result, context);
}

/** The deployment that waited is watched from now on; its monitor also asks the store, should this be lost. */
async function release(key: DeploymentKey): Promise<void> {
  await getExternalWorkflowHandle(monitorWorkflowId(key))
    .signal(releasedSignal)
    .catch(() => undefined);
}

/** Whoever was alarmed hears how it ended. A rollback that worked has said so when traffic came back. */
function tellEnding(end: Ending, { teller, input, progress }: RollbackContext): void {
  if (end.kind === 'rolled_back') return;
  const titles = {
    superseded: 'Rollback ended, another release is live',
    changed_outside: 'No rollback: somebody changed what is live',
    left: 'Escalation ended by a person',
  };
  teller.tell(end.kind === 'left' ? 'everyone' : 'owner', {
    severity: 'warning',
    event: 'resolved',
    title: alertTitle(input.key, titles[end.kind]),
    text: `${end.reason}. ${progress.round === 0 ? 'Nothing was done.' : ''}`.trim(),
  });
}

/** A run refused in its first step touched nothing: it says so and ends. */
export async function refuseRollback(
  input: RollbackInput,
  reason: string,
  tools: Tools,
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
  { journal, presence, inbox, teller }: Tools,
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
function restoredDeployment(end: Ending, { input, progress, draft }: RollbackContext) {
  const isLive = end.kind === 'rolled_back' || (end.kind === 'left' && progress.restored);
  if (!isLive) return null;
  return {
    ...input.key,
    deployment: `rollback-${draft.incident.id.slice('inc-'.length)}`,
    services: restoredServices(progress),
    origin: 'rollback' as const,
    deployedAtMs: draft.incident.trafficResumedAtMs ?? Date.now(),
  };
}

/** What a verified rollback proves of the bad release; everything less is for the reviewer to lift. */
function standingsOf(end: Ending, input: RollbackInput, incident: string) {
  if (end.kind === 'changed_outside') return [];
  const helped = end.kind === 'rolled_back' && end.confirmed;
  const standing: Standing = helped ? 'quarantined' : 'held';
  const reason = helped ? `rolling it back helped (${incident})` : `${end.reason} (${incident})`;
  return input.services.map(({ service, release }) => ({
    service,
    release,
    standing,
    author: 'orchestrator',
    reason,
  }));
}
