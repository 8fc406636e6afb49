import type { ECSClient, Service, ServiceDeployment, Task, TaskDefinition } from '@aws-sdk/client-ecs';
import { type AwsCall, AwsError, awsCalls } from '../../aws/aws-call.ts';
import { refuseLinkLocal } from '../../http/guarded-agent.ts';
import type { AwsEcsOptions } from '../aws-ecs.ts';

/** The calls of Amazon ECS that we make, about one service. */
export interface Ecs {
  /** Active, with its tags and deployments. */
  service(): Promise<Service>;
  /** Those that shall run, or the latest of those that ended. */
  tasks(desired: 'RUNNING' | 'STOPPED'): Promise<Task[]>;
  /** `null`: there is none of that name. */
  definition(name: string): Promise<TaskDefinition | null>;
  /** ARNs of the active revisions of a family, the newest first, at most 100. */
  revisions(family: string): Promise<string[]>;
  /** The service's state after it was told. */
  update(change: { taskDefinition?: string; forceNewDeployment?: boolean }): Promise<Service>;
  remember(tag: string, value: string): Promise<void>;
  deployment(arn: string): Promise<ServiceDeployment | null>;
  /** The task definition of a service revision. */
  revisionDefinition(arn: string): Promise<string | null>;
  rollBack(deployment: string): Promise<void>;
}

export interface ServiceRef {
  readonly arn: string;
  readonly region: string;
  readonly cluster: string;
  readonly name: string;
}

/** `arn:aws:ecs:eu-central-1:123456789012:service/shop/web` */
export function serviceRef(arn: string): ServiceRef {
  const [, , product, region = '', , resource = ''] = arn.split(':');
  const [kind, cluster, name] = resource.split('/');
  if (product !== 'ecs' || region === '' || kind !== 'service' || !cluster || !name)
    throw new Error(
      `aws-ecs: service is "${arn}"; allowed is the ARN of a service with its cluster, like arn:aws:ecs:eu-central-1:123456789012:service/shop/web`,
    );
  return { arn, region, cluster, name };
}

type Sdk = typeof import('@aws-sdk/client-ecs');

/** The SDK is loaded, and credentials are looked for, when the first call is made. */
export function createEcs(
  ref: ServiceRef,
  { timeoutMs = 20_000, endpoint }: AwsEcsOptions,
): (signal: AbortSignal) => Promise<Ecs> {
  const { region } = ref;
  let loaded: Promise<{ sdk: Sdk; client: ECSClient }> | null = null;
  const load = async () => {
    // Its connections are its own, since it has to reach link-local addresses itself, for its credentials.
    if (endpoint !== undefined) await refuseLinkLocal(endpoint);
    const sdk = await import('@aws-sdk/client-ecs');
    return { sdk, client: new sdk.ECSClient({ region, endpoint, maxAttempts: 3 }) };
  };
  return async (signal) => {
    loaded ??= load();
    const { sdk, client } = await loaded;
    return ecsOf(ref, sdk, client, awsCalls({ region, timeoutMs, permissions: 'ecs' }, signal));
  };
}

function ecsOf({ arn, cluster, name }: ServiceRef, sdk: Sdk, client: ECSClient, call: AwsCall): Ecs {
  return {
    async service() {
      const question = new sdk.DescribeServicesCommand({ cluster, services: [name], include: ['TAGS'] });
      const { services, failures } = await call('DescribeServices', (abortSignal) =>
        client.send(question, { abortSignal }),
      );
      const [found] = services ?? [];
      if (found === undefined)
        throw new Error(`AWS knows no service ${arn}: ${failures?.[0]?.reason ?? 'it told none'}`);
      if (found.status !== 'ACTIVE') throw new Error(`service ${arn} is ${found.status}`);
      return found;
    },
    async tasks(desiredStatus) {
      const tasks: Task[] = [];
      let nextToken: string | undefined;
      do {
        const question = new sdk.ListTasksCommand({ cluster, serviceName: name, desiredStatus, nextToken });
        const page = await call('ListTasks', (abortSignal) => client.send(question, { abortSignal }));
        nextToken = desiredStatus === 'RUNNING' ? page.nextToken : undefined;
        if (page.taskArns === undefined) throw new Error(`AWS told no tasks of ${arn}`);
        if (page.taskArns.length === 0) continue;
        const details = new sdk.DescribeTasksCommand({ cluster, tasks: page.taskArns });
        const answer = await call('DescribeTasks', (abortSignal) => client.send(details, { abortSignal }));
        tasks.push(...(answer.tasks ?? []));
      } while (nextToken !== undefined);
      return tasks;
    },
    async definition(taskDefinition) {
      try {
        const question = new sdk.DescribeTaskDefinitionCommand({ taskDefinition });
        const answer = await call('DescribeTaskDefinition', (abortSignal) =>
          client.send(question, { abortSignal }),
        );
        return answer.taskDefinition ?? null;
      } catch (error) {
        // Of one that was deleted, as of one that never was.
        if (error instanceof AwsError && error.code === 'ClientException') return null;
        throw error;
      }
    },
    async revisions(familyPrefix) {
      const question = new sdk.ListTaskDefinitionsCommand({ familyPrefix, status: 'ACTIVE', sort: 'DESC' });
      const { taskDefinitionArns } = await call('ListTaskDefinitions', (abortSignal) =>
        client.send(question, { abortSignal }),
      );
      return taskDefinitionArns ?? [];
    },
    async update(change) {
      const command = new sdk.UpdateServiceCommand({ cluster, service: name, ...change });
      const { service } = await call('UpdateService', (abortSignal) => client.send(command, { abortSignal }));
      if (service === undefined) throw new Error(`AWS did not say whether it updated ${arn}`);
      return service;
    },
    async remember(key, value) {
      const command = new sdk.TagResourceCommand({ resourceArn: arn, tags: [{ key, value }] });
      await call('TagResource', (abortSignal) => client.send(command, { abortSignal }));
    },
    async deployment(deployment) {
      const question = new sdk.DescribeServiceDeploymentsCommand({ serviceDeploymentArns: [deployment] });
      const answer = await call('DescribeServiceDeployments', (abortSignal) =>
        client.send(question, { abortSignal }),
      );
      return answer.serviceDeployments?.[0] ?? null;
    },
    async revisionDefinition(revision) {
      const question = new sdk.DescribeServiceRevisionsCommand({ serviceRevisionArns: [revision] });
      const answer = await call('DescribeServiceRevisions', (abortSignal) =>
        client.send(question, { abortSignal }),
      );
      return answer.serviceRevisions?.[0]?.taskDefinition ?? null;
    },
    async rollBack(serviceDeploymentArn) {
      const command = new sdk.StopServiceDeploymentCommand({ serviceDeploymentArn, stopType: 'ROLLBACK' });
      await call('StopServiceDeployment', (abortSignal) => client.send(command, { abortSignal }));
    },
  };
}
