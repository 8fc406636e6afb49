import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  ParentClosePolicy,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { MonitoredDeployment, MonitorSettings } from '../activities/monitor.ts';
import type { WatchResult } from '../activities/watch.ts';
import type { ConditionKind, StandingCondition } from '../domain/conditions.ts';
import { type Outcome, releaseNames } from '../domain/deployment.ts';
import { monitorWorkflowId, productName, standbyWorkflowId } from '../domain/identity.ts';
import { callbackOf } from '../domain/message.ts';
import { vetoSentence } from '../domain/product-row.ts';
import { controlQueue } from '../domain/queues.ts';
import type { RollbackPlan, RollbackRequest } from '../domain/rollback.ts';
import { clockTime } from '../domain/timeline.ts';
import type { VetoEvidence } from '../domain/veto.ts';
import { questions, records, watching } from './activities.ts';
import { createBlindLadder } from './blind-ladder.ts';
import { createJournal } from './journal.ts';
import type { MonitorInput, MonitorResult, RollbackResult } from './messages.ts';
import { receiveMonitorMessages } from './monitor-inbox.ts';
import { createPresence } from './presence.ts';
import type { standby } from './standby.ts';
import { workflowMemo } from './start-options.ts';
import { type AwaitedRollback, createRollbackStarter } from './start-rollback.ts';
import { createEdgeTeller } from './tell-edges.ts';
import { createTeller } from './teller.ts';
import { createVetoWindow, type Edges, type WaitEnd } from './veto-window.ts';
import { watchStranger } from './watch-stranger.ts';

/** Nothing is watched meanwhile. */
const quietWithinMs = 10_000;

/** Watches one deployment for 24 hours, hands a bad one to the rollback workflow, and says how it ended. */
export async function monitorDeployment(input: MonitorInput): Promise<MonitorResult> {
  const monitor = createMonitor(input);
  try {
    return await monitor.run();
  } catch (error) {
    if (!isCancellation(error)) throw error;
    return CancellationScope.nonCancellable(() => monitor.finish('cancelled', 'the monitor was cancelled'));
  }
}

function createMonitor(input: MonitorInput) {
  const deployment: MonitoredDeployment = {
    key: input.key,
    services: input.services,
    origin: input.origin,
    deployedAtMs: input.deployedAtMs,
  };
  const presence = createPresence(input.searchAttributes);
  const journal = createJournal(input.key, workflowInfo().runId, presence, null);
  const teller = createTeller(input.key, workflowInfo().runId, journal, {
    thread: monitorWorkflowId(input.key),
    about: { services: input.services },
  });
  const veto = createVetoWindow(input, { journal, teller, presence });
  const inbox = receiveMonitorMessages(input, presence, journal, veto);
  const rollbacks = createRollbackStarter(input, { inbox, journal, teller });
  const blind = createBlindLadder(input.key, teller, input.carry?.blindSince ?? {});
  const { tellEdge, notActedOn } = createEdgeTeller(input, { journal, teller, blind });
  const reported: Record<string, { couldAct: boolean }> = { ...input.carry?.reported };
  let settings: MonitorSettings;
  let plan: RollbackPlan;
  let watchFromMs = input.carry?.watchFromMs ?? input.deployedAtMs;
  /** Of the rollback that ended this deployment. */
  let incident: string | null = null;
  let baselineDone = input.carry?.baselineDone ?? false;
  /** End of the last segment that was watched to its end. */
  let watchedUntilMs = input.carry?.watchedUntilMs ?? 0;
  let observed = input.carry?.observed ?? { enough: false, reason: 'nothing was observed' };

  return { run, finish };

  async function run(): Promise<MonitorResult> {
    if (input.carry === undefined) {
      const verb = { reported: 'Deploy', observed: 'Found', rollback: 'Restored' }[input.origin];
      const text = `${verb} ${releaseNames(input.services)} ${input.origin === 'reported' ? 'to' : 'in'} ${input.key.environment}`;
      journal.note('deployed', text, input.deployedAtMs);
      if (input.origin === 'reported')
        teller.follow({
          severity: 'info',
          event: 'deployed',
          title: `${releaseNames(input.services)} was deployed to ${input.key.environment}`,
          text: `It is watched for 24 hours.`,
        });
    }
    settings = await records.beginMonitor(deployment);
    plan = settings.plan;
    blind.use(plan.settings.policy.monitoring);
    if (input.carry === undefined) for (const text of settings.warnings) warnOwner(text);
    if (settings.status === 'ended') {
      const reason = 'this deployment has ended already';
      callBack('superseded', reason);
      if (input.callback !== undefined) await teller.settled(600_000);
      return { outcome: 'superseded', reason };
    }
    if (settings.status === 'waiting' && input.carry === undefined) await waitForRelease();
    for (;;) {
      const ended = await nextStep();
      if (ended !== null) return ended;
      await continueWhenLong();
    }
  }

  function warnOwner(text: string): void {
    journal.note('alert', text);
    teller.tell('owner', {
      severity: 'warning',
      actions: ['rollback', 'pause'],
      title: `Deployed with a warning: ${productName(input.key)}`,
      text,
    });
  }

  /** One segment of the watch, or what interrupts it. */
  async function nextStep(): Promise<MonitorResult | null> {
    if (inbox.supersededBy !== null) return finish('superseded', `superseded by ${inbox.supersededBy}`);
    const manual = inbox.takeRollback();
    if (manual !== null) return rollBack(() => rollbacks.startOrJoin(manual, plan), manual);
    if (inbox.rollbackBegan) return joinBegun();
    if (Date.now() >= settings.endMs) return conclude();
    presence.enter(baselineDone ? 'watching' : 'baseline');
    const segmentEndMs = nextSegmentEnd();
    const result = await watchUntil(segmentEndMs);
    if (result === 'interrupted') return null;
    if (result instanceof Error) return unobserved(result);
    blind.ended('blind:watch');
    plan = result.plan ?? plan;
    if (result.kind === 'edges') return takeEdges(result);
    observed = result.enough;
    watchedUntilMs = segmentEndMs;
    if (!baselineDone) {
      baselineDone = true;
      const { text } = await records.establishBaseline(deployment);
      journal.note('baseline', text);
      return null;
    }
    if (segmentEndMs >= settings.endMs)
      await condition(() => inbox.urgent(), Math.max(0, settings.endMs - Date.now()));
    return null;
  }

  function nextSegmentEnd(): number {
    if (!baselineDone) return settings.baselineEndMs + (watchFromMs - input.deployedAtMs);
    // An attempt returns before its segment's end when no more check fits: such a segment is over.
    const fromMs = Math.max(Date.now(), watchedUntilMs);
    const index = Math.floor((fromMs - input.deployedAtMs) / settings.segmentMs) + 1;
    return Math.min(input.deployedAtMs + index * settings.segmentMs, settings.endMs);
  }

  /** @param waiting while a rollback waits for a veto: what it was decided on */
  async function watchUntil(
    segmentEndMs: number,
    stop: () => boolean = inbox.urgent,
    waiting?: VetoEvidence,
  ): Promise<WatchResult | Error | 'interrupted'> {
    let outcome: WatchResult | Error | null = null;
    const scope = new CancellationScope();
    const hour = Math.ceil((segmentEndMs - input.deployedAtMs) / settings.segmentMs);
    const summary = `${baselineDone ? `hour ${hour}` : 'baseline'} of ${releaseNames(input.services)}: many attempts are normal, one a check`;
    const { watch } = watching(settings.watchQueue, segmentEndMs, Date.now(), summary);
    const running = scope.run(() =>
      watch({
        ...deployment,
        deployedAtMs: watchFromMs,
        segmentEndMs,
        reported,
        ...(waiting === undefined ? {} : { waiting }),
      }),
    );
    running.then(
      (result) => {
        outcome = result;
      },
      (error: unknown) => {
        outcome ??= error instanceof Error ? error : new Error(String(error));
      },
    );
    await condition(() => outcome !== null || stop());
    if (outcome !== null) return outcome;
    // A late attempt writes only its own tick: the workflow has decided.
    outcome = new Error('interrupted');
    scope.cancel();
    return 'interrupted';
  }

  async function takeEdges(found: Edges): Promise<MonitorResult | null> {
    const vetoed = veto.unwritten();
    const obstacle = found.obstacle ?? (vetoed === null ? null : vetoSentence(vetoed));
    const result = { ...found, obstacle };
    takeIn(result);
    if (decidesOtherwise(result)) return otherwise(result);
    const breach = begun(result, 'breach');
    if (breach === undefined || result.obstacle !== null) return null;
    const decided: Decided = { breach, reason: reasonOf(result) || breach.reason };
    return result.veto === undefined ? act(decided, result) : waitForVeto(decided, result);
  }

  /** Notes what began and ended, and tells whom it concerns. */
  function takeIn(result: Edges): void {
    for (const edge of result.edges) {
      if (edge.change === 'began') reported[edge.condition.key] = { couldAct: edge.mayAct };
      else delete reported[edge.condition.key];
      tellEdge(edge, result);
    }
  }

  async function otherwise(result: Edges): Promise<MonitorResult | null> {
    const newer = begun(result, 'superseded');
    return newer === undefined ? changedOutside() : finish('superseded', newer.reason);
  }

  async function act({ breach, reason }: Decided, result: Edges): Promise<MonitorResult | null> {
    const request: RollbackRequest = {
      requestId: `${workflowInfo().runId}/${result.atMs}`,
      origin: 'automatic',
      by: 'orchestrator',
      reason,
      triggers: result.triggers,
      to: null,
      breachAtMs: breach.sinceMs,
    };
    return rollBack(() => rollbacks.startOrJoin(request, plan), request);
  }

  async function waitForVeto(decided: Decided, result: Edges): Promise<MonitorResult | null> {
    let other: Edges | null = null;
    const end: WaitEnd = await veto.wait(result, decided.reason, {
      async watch(untilMs, evidence, stop) {
        const seen = await watchUntil(untilMs, stop, evidence);
        if (seen instanceof Error) journal.note('blind', `Unobserved while it waits: ${seen.message}`);
        return seen === 'interrupted' ? null : seen;
      },
      takeIn(edges) {
        takeIn(edges);
        if (decidesOtherwise(edges)) other = edges;
        return other !== null;
      },
      // What nobody sees any more is not over.
      stands: () => Object.keys(reported).some((key) => /^(breach|blind):/.test(key)),
      urgent: inbox.urgent,
    });
    switch (end.kind) {
      case 'act':
        return act({ ...decided, reason: reasonOf(end.because) || decided.reason }, end.because);
      case 'held_back':
        // When nothing holds it back any more, it is told anew.
        for (const key of Object.keys(reported))
          if (key.startsWith('breach:')) reported[key] = { couldAct: false };
        if (end.veto === null) notActedOn(decided.breach, end.obstacle, result);
        return null;
      case 'over':
        journal.note('decision', 'Not rolled back: the breach was over before the wait for a veto was');
        return null;
      case 'interrupted':
        return other === null ? null : otherwise(other);
    }
  }

  async function rollBack(
    start: () => Promise<AwaitedRollback>,
    request: RollbackRequest,
  ): Promise<MonitorResult | null> {
    for (const trigger of request.triggers.slice(0, 1)) presence.label({ trigger: trigger.type });
    const who = request.origin === 'manual' ? `Manual rollback by ${request.by}` : 'Automatic rollback';
    journal.note('decision', `${who}: ${request.reason}`);
    return awaitRollback(start);
  }

  /** A person started it through the API: this monitor only waits for its end. */
  async function joinBegun(): Promise<MonitorResult | null> {
    inbox.rollbackBegan = false;
    return awaitRollback(async () => rollbacks.join());
  }

  async function awaitRollback(start: () => Promise<AwaitedRollback>): Promise<MonitorResult | null> {
    presence.enter('rolling_back');
    inbox.rollbackEnded = null;
    const result = await CancellationScope.nonCancellable(start);
    await condition(() => result.value !== null);
    const ended = result.value as RollbackResult;
    if (ended.deployment !== input.key.deployment) {
      // What was joined was just ending, and was about another deployment: ours has not begun yet.
      await condition(() => inbox.supersededBy !== null, 2_000);
      return inbox.supersededBy === null ? awaitRollback(start) : null;
    }
    incident = ended.incident;
    if (ended.outcome !== 'refused') return finish(ended.outcome, ended.reason);
    journal.note('decision', `Rollback refused: ${ended.reason}`);
    teller.tell('owner', {
      severity: 'critical',
      event: 'held_back',
      actions: ['rollback', 'pause'],
      title: 'Rollback refused',
      text: ended.reason,
    });
    // Whoever holds the product may take a while; a breach that still stands then is told again.
    await condition(() => inbox.urgent(), settings.checkIntervalMs * 5);
    for (const key of Object.keys(reported)) if (key.startsWith('breach:')) delete reported[key];
    return null;
  }

  async function changedOutside(): Promise<MonitorResult | null> {
    const stranger = await watchStranger(deployment, { ...input, targetQueue: plan.settings.targetQueue });
    if (stranger === null) return null;
    const what = `Somebody changed what is live by hand: ${releaseNames(stranger.services)} instead of ${releaseNames(input.services)}`;
    teller.tell('owner', {
      severity: 'warning',
      title: `Changed outside: ${productName(input.key)}`,
      text: what,
    });
    return finish('changed_outside', what);
  }

  /** The watch itself failed: never a failed monitor, but a stretch that nobody observed. */
  async function unobserved(error: Error): Promise<null> {
    const reason = error.cause instanceof Error ? error.cause.message : error.message;
    const sinceMs = (await questions.lastLook(input.key).catch(() => null)) ?? Date.now();
    blind.began('blind:watch', `unobserved since ${clockTime(sinceMs)}: ${reason}`, sinceMs);
    journal.note('blind', `Unobserved since ${clockTime(sinceMs)}: ${reason}`);
    await condition(() => inbox.urgent(), settings.checkIntervalMs * 5);
    return null;
  }

  async function conclude(): Promise<MonitorResult> {
    if (observed.enough) return finish('healthy', observed.reason);
    const text = `${releaseNames(input.services)} was not observed well enough to be called healthy: ${observed.reason}`;
    teller.tell('owner', { severity: 'warning', title: `Unobserved: ${productName(input.key)}`, text });
    return finish('unobserved', observed.reason);
  }

  async function waitForRelease(): Promise<void> {
    presence.enter('waiting');
    journal.note('decision', 'Waiting: a rollback is under way and decides when this deployment takes over');
    let pauseMs = 60_000;
    while (!inbox.released && inbox.supersededBy === null) {
      if (await condition(() => inbox.released || inbox.supersededBy !== null, pauseMs)) break;
      if (await questions.isReleased(input.key).catch(() => false)) break;
      pauseMs = Math.min(pauseMs * 2, 5 * 60_000);
    }
    watchFromMs = Date.now();
  }

  async function finish(outcome: Outcome, reason: string): Promise<MonitorResult> {
    const rollingBack = presence.phase === 'rolling_back' && outcome === 'cancelled';
    presence.enter('ended');
    presence.label({ outcome });
    journal.note('outcome', `${releaseNames(input.services)}: ${outcome} (${reason})`);
    sayItIsOver(outcome, reason);
    // A cancelled monitor must not speak for the rollback that goes on without it.
    const recorded = rollingBack ? outcome : await records.endMonitor(input.key, outcome, reason);
    callBack(recorded, reason);
    if (recorded === 'healthy' || recorded === 'unobserved') await startStandby();
    await teller.settled(600_000);
    await journal.flushed(60_000);
    await condition(allHandlersFinished);
    return { outcome: recorded, reason };
  }

  /** Whoever waits for this deployment, a task graph for example, need not ask. */
  function callBack(outcome: Outcome, reason: string): void {
    if (input.callback === undefined) return;
    teller.tell(callbackOf(input.callback), {
      severity: 'info',
      event: 'ended',
      about: { outcome, incident },
      title: `${productName(input.key)}: ${releaseNames(input.services)} ended ${outcome}`,
      text: reason,
    });
  }

  /** What alarmed somebody must not stand open on their pager for ever. */
  function sayItIsOver(outcome: Outcome, reason: string): void {
    blind.close();
    if (!teller.alarmed() && input.carry === undefined) return;
    teller.follow({
      severity: 'info',
      event: 'cleared',
      title: `The watch has ended ${outcome}: ${productName(input.key)}`,
      text: `${releaseNames(input.services)}: ${reason}`,
    });
  }

  /** It outlives its monitor; where it runs already, all is well. */
  async function startStandby(): Promise<void> {
    const { key, services, deployedAtMs, searchAttributes } = input;
    const { watchQueue, checkIntervalMs, segmentMs } = settings;
    const args = { key, services, deployedAtMs, searchAttributes, watchQueue, checkIntervalMs, segmentMs };
    await startChild<typeof standby>('standby', {
      workflowId: standbyWorkflowId(key),
      taskQueue: controlQueue,
      args: [args],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      ...workflowMemo('standby', input),
    }).catch(() => undefined);
  }

  async function continueWhenLong(): Promise<void> {
    const info = workflowInfo();
    if (!info.continueAsNewSuggested && info.historyLength < 3_000) return;
    // The next run would not know of what is still to be said or done: without a quiet moment soon, it waits for a later one.
    const quiet = () => teller.idle() && journal.idle() && veto.idle() && allHandlersFinished();
    await condition(() => quiet() || inbox.urgent(), quietWithinMs);
    if (inbox.urgent() || !quiet()) return;
    await continueAsNew<typeof monitorDeployment>({
      ...input,
      carry: {
        watchFromMs,
        baselineDone,
        watchedUntilMs,
        observed,
        reported,
        blindSince: blind.since(),
        seenRequests: inbox.seen(),
      },
    });
  }
}

interface Decided {
  readonly breach: StandingCondition;
  readonly reason: string;
}

function begun({ edges }: Edges, kind: ConditionKind): StandingCondition | undefined {
  return edges.find((edge) => edge.change === 'began' && edge.condition.kind === kind)?.condition;
}

/** Somebody else has decided what is live. */
function decidesOtherwise(result: Edges): boolean {
  return begun(result, 'superseded') !== undefined || begun(result, 'changed_outside') !== undefined;
}

function reasonOf({ triggers }: Edges): string {
  return triggers.map(({ reason }) => reason).join('; ');
}
