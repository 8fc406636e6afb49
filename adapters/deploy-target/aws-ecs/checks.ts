import type { ReadinessCheck } from '../../../domain/readiness.ts';
import { releaseOf, shortOf } from './definition.ts';
import type { Ecs, ServiceRef } from './ecs.ts';
import { primaryOf, type Viewpoint } from './look.ts';

/** What a rollback will need. The right to change the service cannot be tried without changing it: ECS has no dry run. */
export async function ecsChecks(ecs: Ecs, ref: ServiceRef, viewpoint: Viewpoint): Promise<ReadinessCheck[]> {
  const looks: [string, () => Promise<string>][] = [
    ['the service can be read', () => serviceFinding(ecs)],
    ['tasks can be read', async () => `${(await ecs.tasks('RUNNING')).length} tasks shall run`],
    ['releases can be told apart', () => releaseFinding(ecs, viewpoint)],
    ['older task definitions can be found', () => revisionsFinding(ecs)],
  ];
  const found = looks.map(async ([name, look]) => {
    const finding = await look().then(
      (detail) => ({ ok: true, detail }),
      (error: Error) => ({ ok: false, detail: error.message }),
    );
    return { name: `AWS ECS: ${name}`, ...finding };
  });
  const unproven = `not proven, AWS has no dry run: ecs:UpdateService, ecs:TagResource and ecs:StopServiceDeployment on ${ref.arn}, iam:PassRole where its tasks have a role`;
  return [
    ...(await Promise.all(found)),
    { name: 'AWS ECS: the service may be changed', ok: true, detail: unproven },
  ];
}

async function serviceFinding(ecs: Ecs): Promise<string> {
  const service = await ecs.service();
  const { taskDefinition } = primaryOf(service);
  const breaker = service.deploymentConfiguration?.deploymentCircuitBreaker;
  const own = breaker?.enable !== true ? 'off' : breaker.rollback ? 'on, rolls back by itself' : 'on';
  return `${service.serviceName} runs ${shortOf(taskDefinition)}; circuit breaker ${own}`;
}

async function releaseFinding(ecs: Ecs, viewpoint: Viewpoint): Promise<string> {
  const { taskDefinition } = primaryOf(await ecs.service());
  const definition = await ecs.definition(taskDefinition);
  const release = definition === null ? null : releaseOf(definition, viewpoint);
  if (release === null) throw new Error(`${shortOf(taskDefinition)} names no release; see release_from`);
  if (release === 'latest')
    throw new Error(
      `${shortOf(taskDefinition)} runs the tag latest, which may be another image tomorrow; deploy a tag or a digest`,
    );
  return `${shortOf(taskDefinition)} is ${release}`;
}

async function revisionsFinding(ecs: Ecs): Promise<string> {
  const { taskDefinition } = primaryOf(await ecs.service());
  const family = shortOf(taskDefinition).split(':')[0] ?? '';
  return `${(await ecs.revisions(family)).length} active revisions of ${family}`;
}
