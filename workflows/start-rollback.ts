import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  condition,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { productName, rollbackWorkflowId } from '../domain/identity.ts';
import { controlQueue } from '../domain/queues.ts';
import type { RollbackPlan, RollbackRequest } from '../domain/rollback.ts';
import { questions } from './activities.ts';
import type { Journal } from './journal.ts';
import {
  type MonitorInput,
  type RollbackInput,
  type RollbackResult,
  requestRollbackSignal,
} from './messages.ts';
import type { MonitorInbox } from './monitor-inbox.ts';
import type { rollback } from './rollback.ts';
import { workflowMemo } from './start-options.ts';
import type { Teller } from './teller.ts';

/** A rollback that has begun; `value` is filled in when it has ended. */
export interface AwaitedRollback {
  value: RollbackResult | null;
}

interface Voices {
  readonly inbox: MonitorInbox;
  readonly journal: Journal;
  readonly teller: Teller;
}

/** Hands a deployment to the rollback workflow, and learns how that ended. */
export function createRollbackStarter(input: MonitorInput, { inbox, journal, teller }: Voices) {
  return { startOrJoin, join };

  /** The rollback is a child that outlives its monitor; where one runs already, it is joined and its end awaited. */
  async function startOrJoin(request: RollbackRequest, plan: RollbackPlan): Promise<AwaitedRollback> {
    const result: AwaitedRollback = { value: null };
    const args: RollbackInput = {
      key: input.key,
      services: input.services,
      request,
      plan,
      searchAttributes: input.searchAttributes,
    };
    try {
      const child = await startChild<typeof rollback>('rollback', {
        workflowId: rollbackWorkflowId(input.key),
        taskQueue: controlQueue,
        args: [args],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        ...workflowMemo('rollback', input),
      });
      const settle = (value: RollbackResult) => {
        result.value ??= value;
      };
      child.result().then(settle, (error: unknown) =>
        settle({
          outcome: 'needs_attention',
          reason: `the rollback workflow ended abnormally: ${String(error)}`,
          incident: null,
          deployment: input.key.deployment,
        }),
      );
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      journal.note('decision', 'A rollback is running already; joined it');
      await getExternalWorkflowHandle(rollbackWorkflowId(input.key))
        .signal(requestRollbackSignal, request, workflowInfo().workflowId)
        .catch(() => undefined);
      return join(result);
    }
    return result;
  }

  /** One that runs already. */
  function join(result: AwaitedRollback = { value: null }): AwaitedRollback {
    void awaitOther(result).catch(() => undefined);
    return result;
  }

  /** Its signal may be lost with its worker: the store is asked now and then, too. */
  async function awaitOther(result: AwaitedRollback): Promise<void> {
    while (result.value === null) {
      await condition(() => inbox.rollbackEnded !== null, '1m');
      result.value = inbox.rollbackEnded ?? (await outcomeInStore());
    }
  }

  /** A rollback that was terminated tells nobody: the row that names none any more does. */
  async function outcomeInStore(): Promise<RollbackResult | null> {
    const found = await questions.readRollbackOutcome(input.key).catch(() => 'running' as const);
    if (found === 'running') return null;
    const { deployment } = input.key;
    if (found !== 'gone') return { deployment, incident: null, ...found };
    const reason = 'the rollback ended without a word: look at what is live and at traffic';
    teller.tell('everyone', {
      severity: 'critical',
      event: 'held_back',
      actions: ['rollback'],
      title: `Rollback lost: ${productName(input.key)}`,
      text: reason,
    });
    return { deployment, incident: null, outcome: 'needs_attention', reason };
  }
}
