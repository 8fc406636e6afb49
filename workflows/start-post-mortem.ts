import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, startChild } from '@temporalio/workflow';
import { postMortemWorkflowId } from '../domain/identity.ts';
import type { Incident } from '../domain/incident.ts';
import { controlQueue } from '../domain/queues.ts';
import type { Journal } from './journal.ts';
import type { RollbackInput } from './messages.ts';
import type { postMortem } from './post-mortem.ts';
import { workflowMemo } from './start-options.ts';

/** Starts the post-mortem when the last attempt has ended, success or not; it outlives the rollback. */
export async function startPostMortem(
  input: RollbackInput,
  incident: Incident,
  targetQueue: string,
  journal: Journal,
): Promise<void> {
  try {
    await startChild<typeof postMortem>('postMortem', {
      workflowId: postMortemWorkflowId(incident.id),
      taskQueue: controlQueue,
      args: [{ incident, targetQueue, searchAttributes: input.searchAttributes }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      ...workflowMemo('post-mortem', input),
    });
    journal.note('post_mortem', 'Post-mortem analysis started');
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
