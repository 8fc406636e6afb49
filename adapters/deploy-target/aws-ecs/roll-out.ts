import type { Service } from '@aws-sdk/client-ecs';
import { AwsError } from '../../aws/aws-call.ts';
import type { StepContext } from '../deploy-target.ts';
import { pause } from '../pause.ts';
import { shortOf } from './definition.ts';
import type { Ecs } from './ecs.ts';
import { primaryOf, progressOf, troubleOf } from './look.ts';

const stepTag = 'rollback-step';
/** So many tasks in a row that never ran: as AWS's own circuit breaker counts at least. */
const failedTasksInARow = 3;

/** Before it acts: what is deployed after this was this step's doing, also when its worker is killed in between. */
export async function beginStep(
  ecs: Ecs,
  service: Service,
  step: StepContext,
  wanted: string,
): Promise<void> {
  await ecs.remember(stepTag, `${markOf(step.key)} after ${primaryOf(service).id} to ${revisionOf(wanted)}`);
}

/** The revision of the task definition that this step has had deployed already, or `null`. */
export function begunRevision(service: Service, key: string): string | null {
  const mark = service.tags?.find((tag) => tag.key === stepTag)?.value ?? '';
  const [, whose, before, revision] = /^(.*) after (\S+) to (\d+)$/.exec(mark) ?? [];
  return whose === markOf(key) && before !== primaryOf(service).id ? (revision ?? null) : null;
}

/** Tags take no other characters, and 256 of them. */
const markOf = (key: string) => key.replaceAll(/[^\p{L}\p{N} _.:/=+\-@]/gu, '_').slice(0, 180);

/** `42` of an ARN that ends with `shop-web:42`. */
const revisionOf = (arn: string) => arn.split(':').at(-1) ?? '';

/** ECS may be rolling back by itself. Told something else meanwhile, two would pull at one service. */
export async function untilLeftAlone(
  ecs: Ecs,
  service: Service,
  step: StepContext,
  pollMs: number,
): Promise<Service> {
  let now = service;
  while (rollsBackByItself(now)) {
    step.heartbeat(`ECS is rolling back by itself, which is waited for: ${progressOf(now)}`);
    await pause(pollMs, step.signal);
    now = await seen(ecs, step, now);
  }
  return now;
}

/** The circuit breaker makes a new deployment of the last one that completed, and says so in its reason. */
export function rollsBackByItself(service: Service): boolean {
  const { rolloutState, rolloutStateReason = '' } = primaryOf(service);
  return rolloutState === 'IN_PROGRESS' && /rolling back/i.test(rolloutStateReason);
}

interface Rollout {
  /** Of the deployment before; what was told is seen a moment later. */
  readonly before: string | null;
  /** Revision of the task definition that was told. */
  readonly told: string;
  readonly step: StepContext;
  readonly pollMs: number;
}

/** Looks on until nothing of another deployment is left, with patience for an AWS that is away for a while. */
export async function untilSteady(ecs: Ecs, { before, told, step, pollMs }: Rollout): Promise<void> {
  let last: Service | null = null;
  for (;;) {
    const service: Service | null = await seen(ecs, step, last);
    if (service !== null) {
      last = service;
      step.heartbeat(progressOf(service));
      if (primaryOf(service).id !== before) {
        await refuseHopeless(ecs, service, told);
        if (isSteady(service)) return;
      }
    }
    await pause(pollMs, step.signal);
  }
}

async function refuseHopeless(ecs: Ecs, service: Service, told: string): Promise<void> {
  const { taskDefinition, rolloutState, rolloutStateReason, failedTasks = 0 } = primaryOf(service);
  const name = service.serviceName;
  if (revisionOf(taskDefinition) !== told) {
    const why = rolloutStateReason === undefined ? '' : `: ${rolloutStateReason}`;
    throw new Error(
      `${name} was to run revision ${told} and was given ${shortOf(taskDefinition)} meanwhile${why}`,
    );
  }
  if (rolloutState !== 'FAILED' && failedTasks < failedTasksInARow) return;
  const words = [rolloutStateReason, await troubleOf(ecs, service)].filter(Boolean).join('; ');
  throw new Error(`${name} does not get there (${progressOf(service)}): ${words}`);
}

/** `rolloutState` stays COMPLETED when a task ends later, and is absent behind a Classic Load Balancer. */
function isSteady(service: Service): boolean {
  const { deployments = [], desiredCount = 0 } = service;
  const { rolloutState = 'COMPLETED', runningCount = 0, pendingCount = 0 } = primaryOf(service);
  const alone = deployments.length === 1;
  return alone && rolloutState === 'COMPLETED' && runningCount === desiredCount && pendingCount === 0;
}

/** The service, or what it was: the rollout goes on while AWS does not tell. */
async function seen<Last extends Service | null>(
  ecs: Ecs,
  step: StepContext,
  last: Last,
): Promise<Service | Last> {
  try {
    return await ecs.service();
  } catch (error) {
    if (!(error instanceof AwsError) || !error.passing) throw error;
    step.heartbeat(`the service cannot be seen: ${error.message}`);
    return last;
  }
}

/** What restarts without naming a task definition is told to run. */
export function configuredRevision(service: Service): string {
  return revisionOf(primaryOf(service).taskDefinition);
}
