import type { Service } from '@aws-sdk/client-ecs';
import { AwsError } from '../aws/aws-call.ts';
import { ecsChecks } from './aws-ecs/checks.ts';
import { type EcsNaming, findDefinition, shortOf } from './aws-ecs/definition.ts';
import { createEcs, type Ecs, type ServiceRef, serviceRef } from './aws-ecs/ecs.ts';
import { lookAtService, primaryOf } from './aws-ecs/look.ts';
import {
  beginStep,
  begunRevision,
  configuredRevision,
  rollsBackByItself,
  untilLeftAlone,
  untilSteady,
} from './aws-ecs/roll-out.ts';
import type { DeployTarget, StepContext } from './deploy-target.ts';
import { refuseReleaseName } from './image-name.ts';
import { pause } from './pause.ts';

export interface AwsEcsOptions extends EcsNaming {
  /** ARN of the service, its cluster in it. */
  readonly service: string;
  /** Where tasks answer HTTP, with the network mode awsvpc; without it their container's health check alone says how they are. */
  readonly port?: number;
  /** Of one call, retries included; default 20,000 milliseconds. */
  readonly timeoutMs?: number;
  /** Between two looks at a rollout; default 5,000 milliseconds. */
  readonly pollMs?: number;
  /** Only where it is not AWS's own. */
  readonly endpoint?: string;
}

interface Reach extends EcsNaming {
  readonly ecs: Ecs;
  readonly pollMs: number;
}

/** A service of Amazon ECS: a release is a task definition. */
export function createAwsEcsTarget(options: AwsEcsOptions): DeployTarget {
  const ref = serviceRef(options.service);
  const client = createEcs(ref, options);
  const { from, container, port, pollMs = 5_000 } = options;
  const viewpoint = { from, container, port, known: new Map<string, string | null>() };
  const reachWith = async (signal: AbortSignal): Promise<Reach> => {
    signal.throwIfAborted();
    return { ecs: await client(signal), from, container, pollMs };
  };

  return {
    live: async (_service, signal) => lookAtService((await reachWith(signal)).ecs, viewpoint),
    async restorable(_service, release, signal, recipe) {
      refuseReleaseName(release);
      const found = await definitionOf(await reachWith(signal), { release, recipe });
      if (found.kind === 'not') return { restorable: false, reason: found.reason };
      return { restorable: true, reason: `${release} is ${found.from}` };
    },
    async restore(_service, release, step) {
      refuseReleaseName(release);
      await restoreAt(await reachWith(step.signal), ref, release, step);
    },
    restart: async (_service, step) => restartAt(await reachWith(step.signal), ref, step),
    checks: async (_service, signal) => ecsChecks((await reachWith(signal)).ecs, ref, viewpoint),
  };
}

interface Wanted {
  readonly release: string;
  readonly recipe?: string | null;
}

async function definitionOf({ ecs, ...naming }: Reach, wanted: Wanted) {
  const { taskDefinition } = primaryOf(await ecs.service());
  const current = (await ecs.definition(taskDefinition)) ?? { taskDefinitionArn: taskDefinition };
  return findDefinition(ecs, current, { ...wanted, naming });
}

async function restoreAt(reach: Reach, ref: ServiceRef, release: string, step: StepContext): Promise<void> {
  const { ecs, pollMs } = reach;
  const found = await definitionOf(reach, { release, recipe: step.recipe });
  if (found.kind === 'not') throw new Error(`cannot restore: ${found.reason}`);
  const isThere = (service: Service) => primaryOf(service).taskDefinition === found.arn;
  const first = await ecs.service();
  // Where ECS is on its way to that release already, there is nothing to wait for.
  const service = isThere(first) ? first : await untilLeftAlone(ecs, first, step, pollMs);
  if (isThere(service)) return step.heartbeat(`${release} is configured already`);
  await beginStep(ecs, service, step, found.arn);
  if (await stopsRollout(ecs, service, found.arn, step)) return untilConfigured(reach, found.arn, step);
  await ecs.update({ taskDefinition: found.arn });
  step.heartbeat(`${ref.name} is configured to run ${release}, ${found.from}`);
}

/**
 * A rollout of the bad release that still goes on is stopped by ECS's own means, where it came from the release that is wanted:
 * traffic that a blue/green rollout has shifted goes back at once.
 */
async function stopsRollout(ecs: Ecs, service: Service, wanted: string, step: StepContext): Promise<boolean> {
  const { currentServiceDeployment } = service;
  if (currentServiceDeployment === undefined) return false;
  try {
    const current = await ecs.deployment(currentServiceDeployment);
    const [source, second] = current?.sourceServiceRevisions ?? [];
    const goesOn = current?.status === 'PENDING' || current?.status === 'IN_PROGRESS';
    if (!goesOn || source?.arn === undefined || second !== undefined) return false;
    if ((await ecs.revisionDefinition(source.arn)) !== wanted) return false;
    await ecs.rollBack(currentServiceDeployment);
    step.heartbeat(
      `the rollout of ${shortOf(primaryOf(service).taskDefinition)} was stopped, ECS rolls it back`,
    );
    return true;
  } catch (error) {
    if (!(error instanceof AwsError) || error.passing) throw error;
    // The rollout ended just now, or the right is missing: the service is given the old definition instead.
    step.heartbeat(`the rollout was not stopped: ${error.message}`);
    return false;
  }
}

async function untilConfigured({ ecs, pollMs }: Reach, wanted: string, step: StepContext): Promise<void> {
  for (;;) {
    const { taskDefinition } = primaryOf(await ecs.service());
    if (taskDefinition === wanted) return;
    step.heartbeat(`waiting until ECS runs ${shortOf(wanted)}, it runs ${shortOf(taskDefinition)}`);
    await pause(pollMs, step.signal);
  }
}

async function restartAt({ ecs, pollMs }: Reach, ref: ServiceRef, step: StepContext): Promise<void> {
  const service = await ecs.service();
  const { id, taskDefinition } = primaryOf(service);
  const begun = begunRevision(service, step.key);
  if (begun !== null) {
    step.heartbeat(`${ref.name} was told before by this step`);
    return untilSteady(ecs, { before: null, told: begun, step, pollMs });
  }
  const told = configuredRevision(service);
  if (rollsBackByItself(service)) {
    step.heartbeat(`ECS replaces the tasks of ${ref.name} by itself already, which is waited for`);
    return untilSteady(ecs, { before: null, told, step, pollMs });
  }
  await beginStep(ecs, service, step, taskDefinition);
  await ecs.update({ forceNewDeployment: true });
  step.heartbeat(`${ref.name} was told to replace its tasks, which run ${shortOf(taskDefinition)}`);
  await untilSteady(ecs, { before: id, told, step, pollMs });
}
