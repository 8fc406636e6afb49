import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/activities.ts';
import { controlQueue } from '../domain/queues.ts';

/** A lost worker is noticed within this time, whatever a step may take: the worker sends a sign of life for every activity. */
const heartbeatTimeout = '10s';

/** Records are written sooner or later: a store that is down for a day loses nothing. */
export const records = proxyActivities<
  Pick<
    Activities,
    | 'endMonitor'
    | 'recordTimeline'
    | 'concludeRollback'
    | 'saveIncident'
    | 'setPause'
    | 'recordVeto'
    | 'reconcileRow'
    | 'registerObserved'
    | 'establishBaseline'
    | 'beginMonitor'
  >
>({
  taskQueue: controlQueue,
  heartbeatTimeout,
  startToCloseTimeout: '30s',
  scheduleToCloseTimeout: '24h',
  retry: { initialInterval: '1s', backoffCoefficient: 1.5, maximumInterval: '15s', maximumAttempts: 10_000 },
});

/** Questions to the store that may go without an answer. */
export const questions = proxyActivities<
  Pick<Activities, 'readRollbackOutcome' | 'isReleased' | 'isBlind' | 'lastLook' | 'readObstacle'>
>({
  taskQueue: controlQueue,
  heartbeatTimeout,
  startToCloseTimeout: '5s',
  scheduleToCloseTimeout: '8s',
  retry: { initialInterval: '1s', maximumAttempts: 2 },
});

/** The first step of a rollback answers within seconds, with the store or without. */
export const beginning = proxyActivities<Pick<Activities, 'beginRollback'>>({
  taskQueue: controlQueue,
  heartbeatTimeout,
  startToCloseTimeout: '15s',
  scheduleToCloseTimeout: '10m',
  retry: { initialInterval: '1s', maximumInterval: '5s', maximumAttempts: 100 },
});

/** Messages to people: each channel is tried for a while; a rollback never waits for them. */
export const telling = proxyActivities<Pick<Activities, 'tell'>>({
  taskQueue: controlQueue,
  heartbeatTimeout,
  startToCloseTimeout: '30s',
  scheduleToCloseTimeout: '1h',
  retry: { initialInterval: '2s', backoffCoefficient: 2, maximumInterval: '1m', maximumAttempts: 60 },
});

/** The watch polls by retry: benign attempts count, so it is the one activity without an attempt bound. */
export function watching(taskQueue: string, untilMs: number, nowMs: number, summary: string) {
  return proxyActivities<Pick<Activities, 'watch'>>({
    taskQueue,
    summary,
    heartbeatTimeout,
    startToCloseTimeout: '30s',
    scheduleToCloseTimeout: Math.max(1_000, untilMs - nowMs) + 5 * 60_000,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { initialInterval: '1s', backoffCoefficient: 1, maximumInterval: '5s' },
  });
}

/** Steps that act on the target: real failures are final for the attempt, a lost worker is repeated. */
export function acting(
  taskQueue: string,
  { stepMs, leftMs }: { readonly stepMs: number; readonly leftMs: number },
  summary: string,
) {
  return proxyActivities<
    Pick<
      Activities,
      'restore' | 'restart' | 'startBeside' | 'settleBeside' | 'giveUpBeside' | 'checkBeforeTraffic'
    >
  >({
    taskQueue,
    summary,
    heartbeatTimeout,
    startToCloseTimeout: Math.min(stepMs, leftMs),
    scheduleToCloseTimeout: Math.min(stepMs + 60_000, leftMs),
    retry: { initialInterval: '1s', backoffCoefficient: 1, maximumAttempts: 10 },
  });
}

/** Polls by retry until the services are healthy or the time is over. */
export function awaitingHealth(taskQueue: string, timeoutMs: number, summary: string) {
  return proxyActivities<Pick<Activities, 'waitHealthy'>>({
    taskQueue,
    summary,
    heartbeatTimeout,
    startToCloseTimeout: '30s',
    scheduleToCloseTimeout: timeoutMs + 60_000,
    retry: {
      initialInterval: '1s',
      backoffCoefficient: 1,
      maximumAttempts: 1 + Math.ceil(timeoutMs / 1_000) + 60,
    },
  });
}

/** One look at the restored release under traffic. */
export function verifying(taskQueue: string) {
  return proxyActivities<Pick<Activities, 'verifyUnderTraffic'>>({
    taskQueue,
    summary: 'verify under traffic',
    heartbeatTimeout,
    startToCloseTimeout: '30s',
    scheduleToCloseTimeout: '2m',
    retry: { initialInterval: '1s', backoffCoefficient: 1, maximumAttempts: 5 },
  });
}

/** The first look at the target: a worker that can reach it must answer within 30 s. */
export function choosing(taskQueue: string) {
  return proxyActivities<Pick<Activities, 'chooseTarget'>>({
    taskQueue,
    summary: 'compare what is live, choose last known good',
    scheduleToStartTimeout: '30s',
    heartbeatTimeout,
    startToCloseTimeout: '30s',
    scheduleToCloseTimeout: '30s',
    retry: { initialInterval: '1s', maximumAttempts: 5 },
  });
}

const days = 7;

/** As `choosing`, while people are asked: taken by the first worker that comes, at no cost until then. */
export function keepChoosing(taskQueue: string) {
  return proxyActivities<Pick<Activities, 'chooseTarget'>>({
    taskQueue,
    summary: 'compare what is live, choose last known good: until it works',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    heartbeatTimeout,
    startToCloseTimeout: '30s',
    scheduleToCloseTimeout: `${days} days`,
    retry: { initialInterval: '5s', backoffCoefficient: 2, maximumInterval: '1m', maximumAttempts: 20_000 },
  });
}

/** As `steering`, while people are asked: every 30 s. A late one must not undo what a person said meanwhile. */
export function keepResuming(taskQueue: string, switchMs: number) {
  return proxyActivities<Pick<Activities, 'resumeTraffic'>>({
    taskQueue,
    summary: 'maintenance mode off: until it works',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    heartbeatTimeout,
    startToCloseTimeout: switchMs,
    scheduleToCloseTimeout: `${days} days`,
    retry: { initialInterval: '30s', backoffCoefficient: 1, maximumAttempts: 30_000 },
  });
}

/** Who else holds the row, and who waits: polls by retry until there is somebody. */
export const seeking = proxyActivities<Pick<Activities, 'awaitOthers'>>({
  taskQueue: controlQueue,
  summary: 'does anybody else act?',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  heartbeatTimeout,
  startToCloseTimeout: '10s',
  scheduleToCloseTimeout: `${days} days`,
  retry: { initialInterval: '5s', backoffCoefficient: 2, maximumInterval: '1m', maximumAttempts: 30_000 },
});

/** For an escalation's notice, which does not wait long for it. */
export function describing(taskQueue: string) {
  return proxyActivities<Pick<Activities, 'describeState'>>({
    taskQueue,
    summary: 'what is live, and traffic',
    heartbeatTimeout,
    startToCloseTimeout: '8s',
    scheduleToCloseTimeout: '10s',
    retry: { initialInterval: '1s', maximumAttempts: 2 },
  });
}

/** For the gate: whoever would have to roll back must answer now. */
export function askingReadiness(taskQueue: string) {
  return proxyActivities<Pick<Activities, 'checkReadiness'>>({
    taskQueue,
    summary: 'would a rollback work?',
    heartbeatTimeout,
    startToCloseTimeout: '35s',
    scheduleToCloseTimeout: '40s',
    retry: { initialInterval: '1s', maximumAttempts: 2 },
  });
}

/** What is live, for a deployment that somebody made by hand. */
export function looking(taskQueue: string) {
  return proxyActivities<Pick<Activities, 'readLive'>>({
    taskQueue,
    summary: 'what is live',
    heartbeatTimeout,
    startToCloseTimeout: '30s',
    scheduleToCloseTimeout: '10m',
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s', maximumAttempts: 30 },
  });
}

/** Traffic is switched in time or tried again, five times. */
export function steering(taskQueue: string, summary: string, switchMs: number) {
  return proxyActivities<Pick<Activities, 'stopTraffic' | 'resumeTraffic' | 'resumeAsIs'>>({
    taskQueue,
    summary,
    heartbeatTimeout,
    startToCloseTimeout: switchMs,
    scheduleToCloseTimeout: 5 * switchMs + 5_000,
    retry: { initialInterval: '500ms', backoffCoefficient: 1.5, maximumAttempts: 5 },
  });
}

/** Logs and changes, where the hosts can be reached; the report does not wait for them for ever. */
export function collecting(taskQueue: string) {
  return proxyActivities<Pick<Activities, 'collectEvidence'>>({
    taskQueue,
    summary: 'logs and changes',
    scheduleToStartTimeout: '2m',
    heartbeatTimeout,
    startToCloseTimeout: '2m',
    scheduleToCloseTimeout: '10m',
    retry: { initialInterval: '2s', backoffCoefficient: 2, maximumInterval: '1m', maximumAttempts: 10 },
  });
}

/** Writing it up may take its time; the rollback is over. */
export const investigating = proxyActivities<Pick<Activities, 'writeReport' | 'openIssue' | 'recordReview'>>({
  taskQueue: controlQueue,
  heartbeatTimeout,
  startToCloseTimeout: '2m',
  scheduleToCloseTimeout: '6h',
  retry: { initialInterval: '2s', backoffCoefficient: 2, maximumInterval: '5m', maximumAttempts: 200 },
});
