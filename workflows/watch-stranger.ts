import { ParentClosePolicy, startChild } from '@temporalio/workflow';
import type { MonitoredDeployment } from '../activities/monitor.ts';
import { monitorWorkflowId } from '../domain/identity.ts';
import { controlQueue } from '../domain/queues.ts';
import { looking, records } from './activities.ts';
import type { monitorDeployment } from './monitor-deployment.ts';
import { workflowMemo } from './start-options.ts';

/**
 * Registers what somebody made live by hand as a deployment of its own, and starts its monitor. `null` when nothing else is
 * live, or nobody who reaches the hosts can tell.
 */
export async function watchStranger(
  deployment: MonitoredDeployment,
  from: { readonly targetQueue: string; readonly searchAttributes: boolean },
): Promise<MonitoredDeployment | null> {
  const services = deployment.services.map(({ service }) => service);
  const live = await looking(from.targetQueue)
    .readLive(deployment.key, services)
    .catch(() => null);
  if (live === null) return null;
  const stranger = await records.registerObserved(deployment, live);
  if (stranger !== null) await startMonitor({ ...stranger, searchAttributes: from.searchAttributes });
  return stranger;
}

/** The monitor outlives whoever starts it. */
export async function startMonitor(
  input: MonitoredDeployment & { readonly searchAttributes: boolean },
): Promise<void> {
  const { key, services, origin, deployedAtMs, searchAttributes } = input;
  const args = { key, services, origin, deployedAtMs, searchAttributes };
  await startChild<typeof monitorDeployment>('monitorDeployment', {
    workflowId: monitorWorkflowId(key),
    taskQueue: controlQueue,
    args: [args],
    parentClosePolicy: ParentClosePolicy.ABANDON,
    ...workflowMemo('monitor', args),
  });
}
