import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Context } from '@temporalio/activity';
import {
  type ActivityInboundCallsInterceptor,
  bundleWorkflowCode,
  type NativeConnection,
  Worker,
  type WorkflowBundle,
} from '@temporalio/worker';
import {
  createCheckActivities,
  createControlActivities,
  createReachActivities,
} from '../activities/activities.ts';
import type { Dependencies } from '../activities/dependencies.ts';
import { controlQueue, watchQueue } from '../domain/queues.ts';
import { createRedactor, type Redactor } from '../domain/redaction.ts';
import { redactingCodec, redactingErrors } from './redacting.ts';

export interface WorkersOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly dependencies: Dependencies;
  readonly workflowBundle: WorkflowBundle;
  /** Central workers run everything; those of a group only what touches its hosts. */
  readonly group?: string;
  /** Measures activities, by name. */
  readonly interceptor?: (activity: string) => ActivityInboundCallsInterceptor;
  /** Keeps secrets out of histories; absent: there are none. */
  readonly redactor?: Redactor | undefined;
  /** Longest that a standby worker waits for a dead one's sticky queue; 10 s by default, too long for us. */
  readonly stickyTimeoutMs?: number;
}

/** Makes the workers of this process: `control` and `watch`, so that load on one never delays the other. */
export async function createWorkers(options: WorkersOptions): Promise<Worker[]> {
  const { connection, namespace, dependencies, group } = options;
  const { interceptor } = options;
  const redactor = options.redactor ?? createRedactor([]);
  const common = {
    connection,
    namespace,
    dataConverter: { payloadCodecs: [redactingCodec(redactor)] },
    shutdownGraceTime: '15s',
    shutdownForceTime: '60s',
    interceptors: {
      activity: [
        redactingErrors(redactor),
        signOfLife,
        ...(interceptor === undefined ? [] : [activityInterceptor(interceptor)]),
      ],
    },
  };
  const queue = (name: string) => (group === undefined ? name : `${name}/${group}`);
  const reach = createReachActivities(dependencies);
  const control = await Worker.create({
    ...common,
    taskQueue: queue(controlQueue),
    activities: group === undefined ? { ...createControlActivities(dependencies), ...reach } : reach,
    ...(group === undefined ? { workflowBundle: options.workflowBundle } : {}),
    stickyQueueScheduleToStartTimeout: options.stickyTimeoutMs ?? 2_000,
    maxHeartbeatThrottleInterval: '3s',
    defaultHeartbeatThrottleInterval: '3s',
  });
  const watch = await Worker.create({
    ...common,
    taskQueue: queue(watchQueue),
    activities: createCheckActivities(dependencies),
    maxConcurrentActivityTaskExecutions: 200,
  });
  return [control, watch];
}

const signOfLifeMs = 3_000;

/** Heartbeats for every activity that has a heartbeat timeout: so no step has to think of it, and none is forgotten. */
function signOfLife(context: Context): { inbound: ActivityInboundCallsInterceptor } {
  return {
    inbound: {
      async execute(input, next) {
        if (context.info.heartbeatTimeoutMs === undefined) return next(input);
        const heart = setInterval(() => context.heartbeat(context.info.heartbeatDetails), signOfLifeMs);
        try {
          return await next(input);
        } finally {
          clearInterval(heart);
        }
      },
    },
  };
}

function activityInterceptor(interceptor: (activity: string) => ActivityInboundCallsInterceptor) {
  return (context: { info: { activityType: string } }) => ({
    inbound: interceptor(context.info.activityType),
  });
}

/** Bundles the workflows: built ones from dist/, else the TypeScript sources. */
export async function bundleWorkflows(): Promise<WorkflowBundle> {
  const compiled = fileURLToPath(new URL('../workflows/workflows.js', import.meta.url));
  const source = fileURLToPath(new URL('../workflows/workflows.ts', import.meta.url));
  return bundleWorkflowCode({
    workflowsPath: existsSync(compiled) ? compiled : source,
    logger: quiet,
  });
}

const nothing = (): void => undefined;

/** Webpack's statistics are of no use to people; its errors are thrown anyway. */
const quiet = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };
