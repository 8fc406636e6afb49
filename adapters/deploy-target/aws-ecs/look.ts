import type { Deployment, Service, Task } from '@aws-sdk/client-ecs';
import type { Instance, LiveService } from '../../../domain/live.ts';
import { type EcsNaming, releaseOf, shortOf } from './definition.ts';
import type { Ecs } from './ecs.ts';

export interface Viewpoint extends EcsNaming {
  /** Where tasks answer HTTP; only with awsvpc, where each has an address of its own. */
  readonly port?: number;
  /** Releases of task definitions seen before: a revision never changes. */
  readonly known: Map<string, string | null>;
}

/** What the newest deployment runs, every task that shall run, and one entry for each that is missing. */
export async function lookAtService(ecs: Ecs, viewpoint: Viewpoint): Promise<LiveService> {
  const service = await ecs.service();
  const { taskDefinition } = primaryOf(service);
  const tasks = await ecs.tasks('RUNNING');
  const releases = new Map<string, string | null>();
  for (const arn of new Set([taskDefinition, ...tasks.map((task) => task.taskDefinitionArn)]))
    if (arn !== undefined) releases.set(arn, await releaseBy(ecs, arn, viewpoint));
  const instances = tasks.map((task) => instanceOf(task, releases, viewpoint));
  const missing = await missingTasks(ecs, service, tasks.length);
  const configured = releases.get(taskDefinition) ?? null;
  return { configured, instances: [...instances, ...missing], recipe: taskDefinition };
}

/** The newest deployment, which the others make way for; its task definition is what a start would run. */
export function primaryOf(
  service: Service,
): Deployment & { readonly id: string; readonly taskDefinition: string } {
  const primary = service.deployments?.find(({ status }) => status === 'PRIMARY');
  const { id, taskDefinition = service.taskDefinition } = primary ?? {};
  const controller = service.deploymentController?.type ?? 'ECS';
  if (controller !== 'ECS')
    throw new Error(
      `${service.serviceName} is deployed by ${controller}; allowed is the deployment controller ECS`,
    );
  if (id === undefined || taskDefinition === undefined)
    throw new Error(`AWS told no primary deployment of ${service.serviceName}`);
  return { ...primary, id, taskDefinition };
}

async function releaseBy(ecs: Ecs, arn: string, { known, ...naming }: Viewpoint): Promise<string | null> {
  const before = known.get(arn);
  if (before !== undefined) return before;
  const definition = await ecs.definition(arn);
  const release = definition === null ? null : releaseOf(definition, naming);
  known.set(arn, release);
  return release;
}

function instanceOf(
  task: Task,
  releases: ReadonlyMap<string, string | null>,
  { port, container }: Viewpoint,
): Instance {
  const release = releases.get(task.taskDefinitionArn ?? '') ?? null;
  const url = port === undefined ? null : urlOf(task, port, container);
  const runs = task.lastStatus === 'RUNNING';
  // Where nobody can ask the task itself, the word of its container's health check counts.
  const sick = url === null && task.healthStatus === 'UNHEALTHY';
  const trouble = runs ? 'the health check of its container fails' : `${task.lastStatus}`;
  const running = runs && !sick;
  return { id: idOf(task), release, running, url: runs ? url : null, ...(!running && { trouble }) };
}

const idOf = ({ taskArn }: Task) => taskArn?.split('/').at(-1) ?? 'a task without an ARN';

function urlOf({ containers = [] }: Task, port: number, name?: string): string | null {
  const container = containers.find((one) => one.name === name) ?? containers[0];
  const [card] = container?.networkInterfaces ?? [];
  if (card?.privateIpv4Address !== undefined) return `http://${card.privateIpv4Address}:${port}`;
  return card?.ipv6Address === undefined ? null : `http://[${card.ipv6Address}]:${port}`;
}

/** A task that ends at once is listed nowhere between two tries: without these a service half down would look whole. */
async function missingTasks(ecs: Ecs, service: Service, found: number): Promise<Instance[]> {
  const count = Math.max(0, (service.desiredCount ?? 0) - found);
  if (count === 0) return [];
  const trouble = (await troubleOf(ecs, service)) ?? 'no task runs there';
  return Array.from({ length: count }, (_, index) => ({
    id: `${service.serviceName} ${found + index + 1} of ${service.desiredCount}`,
    release: null,
    running: false,
    url: null,
    trouble,
  }));
}

/** Why tasks of the newest deployment ended, or what the service's scheduler complains of. */
export async function troubleOf(ecs: Ecs, service: Service): Promise<string | null> {
  const { taskDefinition, createdAt } = primaryOf(service);
  const ended = (await ecs.tasks('STOPPED')).filter((task) => task.taskDefinitionArn === taskDefinition);
  const last = ended.toSorted((a, b) => Number(b.stoppedAt ?? 0) - Number(a.stoppedAt ?? 0))[0];
  if (last?.stoppedReason !== undefined) return [last.stoppedReason, ...containerWords(last)].join('; ');
  const since = Number(createdAt ?? 0);
  const complaint = service.events?.find(
    ({ message = '', createdAt: at }) => Number(at ?? 0) >= since && /unable|unhealthy|failed/i.test(message),
  );
  return complaint?.message?.replace(/^\(service [^)]*\)\s*/, '') ?? null;
}

function containerWords({ containers = [] }: Task): string[] {
  return containers.flatMap(({ name, exitCode, reason }) => {
    if (exitCode === undefined && reason === undefined) return [];
    const words = [exitCode === undefined ? null : `exit code ${exitCode}`, reason ?? null];
    return [`${name}: ${words.filter((word) => word !== null).join(', ')}`];
  });
}

/** `2 of 3 tasks run shop-web:41, 1 of shop-web:42 still` */
export function progressOf(service: Service): string {
  const primary = primaryOf(service);
  const others = (service.deployments ?? []).filter(
    ({ id, runningCount = 0 }) => id !== primary.id && runningCount > 0,
  );
  const rest = others.map(
    ({ runningCount, taskDefinition }) => `${runningCount} of ${shortOf(taskDefinition)} still`,
  );
  const words = primary.rolloutStateReason === undefined ? [] : [primary.rolloutStateReason];
  const here = `${primary.runningCount ?? 0} of ${service.desiredCount ?? 0} tasks run ${shortOf(primary.taskDefinition)}`;
  return [here, ...rest, ...words].join(', ');
}
