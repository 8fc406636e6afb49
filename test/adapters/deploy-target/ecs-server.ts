import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterwards } from '../temporary.ts';
import { listenOn } from '../traffic/backends.ts';

const account = 'eu-central-1:123456789012';
export const serviceArn = `arn:aws:ecs:${account}:service/shop/api`;
export const definitionArn = (revision: number) =>
  `arn:aws:ecs:${account}:task-definition/shop-api:${revision}`;

type Json = Record<string, unknown>;

interface Definition {
  readonly taskDefinitionArn: string;
  readonly family: string;
  readonly revision: number;
  status: 'ACTIVE' | 'INACTIVE';
  readonly containerDefinitions: Json[];
  /** Not told by AWS: what becomes of its tasks. */
  starts: boolean;
}

interface Deployment {
  readonly id: string;
  status: 'PRIMARY' | 'ACTIVE';
  readonly taskDefinition: string;
  readonly createdAt: number;
  failedTasks: number;
  rolloutState: 'IN_PROGRESS' | 'COMPLETED' | 'FAILED';
  rolloutStateReason: string;
}

interface Task {
  readonly taskArn: string;
  readonly taskDefinitionArn: string;
  readonly startedBy: string;
  desiredStatus: 'RUNNING' | 'STOPPED';
  lastStatus: string;
  healthStatus: string;
  stoppedReason?: string;
  stoppedAt?: number;
  containers: Json[];
}

/** A prepared answer in place of the next one; `null` never answers. */
export type Scripted = { status: number; body: string; type?: string; cutAt?: number } | null;

/** Amazon ECS's JSON 1.1 protocol for one service, as documented (API version 2014-11-13), and its scheduler: one step of a rollout each 15 ms. */
export async function startEcs({ circuitBreaker = { enable: false, rollback: false } } = {}) {
  const definitions: Definition[] = [];
  const state = {
    status: 'ACTIVE',
    controller: 'ECS',
    deployments: [] as Deployment[],
    tasks: [] as Task[],
    tags: {} as Record<string, string>,
    events: [] as Json[],
    desiredCount: 2,
    /** The circuit breaker goes back to it. */
    lastCompleted: null as string | null,
    serviceDeployment: null as { arn: string; status: string; source: string } | null,
    /** The scheduler stands still. */
    still: false,
  };
  const calls: { name: string; body: Json; authorization: string }[] = [];
  const scripted: Scripted[] = [];
  let made = 0;
  const number = () => {
    made += 1;
    return made;
  };
  const now = () => Date.now() / 1_000;

  function register(image: string, { starts = true, others = [] as Json[] } = {}): string {
    const revision = definitions.length + 1;
    const containerDefinitions = [{ name: 'api', image, essential: true }, ...others];
    const arn = definitionArn(revision);
    definitions.push({
      taskDefinitionArn: arn,
      family: 'shop-api',
      revision,
      status: 'ACTIVE',
      containerDefinitions,
      starts,
    });
    return arn;
  }
  const definitionOf = (name: unknown) =>
    definitions.find(
      ({ taskDefinitionArn }) => taskDefinitionArn === name || taskDefinitionArn.endsWith(`/${name}`),
    );
  const primary = () => state.deployments.find(({ status }) => status === 'PRIMARY');

  function deploy(taskDefinition: string, reason?: string): void {
    const before = primary();
    if (before !== undefined) before.status = 'ACTIVE';
    const id = `ecs-svc/${String(number()).padStart(19, '7')}`;
    const rolloutStateReason = reason ?? `ECS deployment ${id} in progress.`;
    const fresh = {
      createdAt: now(),
      failedTasks: 0,
      rolloutState: 'IN_PROGRESS' as const,
      rolloutStateReason,
    };
    state.deployments.unshift({ id, status: 'PRIMARY', taskDefinition, ...fresh });
  }

  function start(deployment: Deployment): void {
    const id = String(number()).padStart(32, '0');
    const networkInterfaces = [{ attachmentId: 'a', privateIpv4Address: `10.0.0.${made}` }];
    state.tasks.push({
      taskArn: `arn:aws:ecs:${account}:task/shop/${id}`,
      taskDefinitionArn: deployment.taskDefinition,
      startedBy: deployment.id,
      desiredStatus: 'RUNNING',
      lastStatus: 'PENDING',
      healthStatus: 'UNKNOWN',
      containers: [{ name: 'api', lastStatus: 'PENDING', networkInterfaces }],
    });
  }

  function end(task: Task, stoppedReason: string, exitCode?: number): void {
    const container = {
      ...task.containers[0],
      lastStatus: 'STOPPED',
      ...(exitCode !== undefined && { exitCode }),
    };
    Object.assign(task, {
      desiredStatus: 'STOPPED',
      lastStatus: 'STOPPED',
      stoppedReason,
      stoppedAt: now(),
      containers: [container],
    });
  }

  const ofDeployment = ({ id }: Deployment) =>
    state.tasks.filter((task) => task.startedBy === id && task.desiredStatus === 'RUNNING');

  /** One look of the scheduler at its service. */
  function schedule(): void {
    const deployment = primary();
    if (state.still || deployment === undefined) return;
    for (const task of ofDeployment(deployment).filter(({ lastStatus }) => lastStatus === 'PENDING')) {
      if (definitionOf(task.taskDefinitionArn)?.starts) Object.assign(task, { lastStatus: 'RUNNING' });
      else {
        end(task, 'CannotPullContainerError: pull image manifest has been retried 7 time(s): not found');
        deployment.failedTasks += 1;
        state.events.unshift({
          id: String(number()),
          createdAt: now(),
          message: `(service api) (deployment ${deployment.id}) deployment failed: tasks failed to start.`,
        });
      }
    }
    if (circuitBreaker.enable && deployment.failedTasks >= 3 && deployment.rolloutState === 'IN_PROGRESS') {
      Object.assign(deployment, {
        rolloutState: 'FAILED',
        rolloutStateReason: 'ECS deployment circuit breaker: tasks failed to start.',
      });
      const back = state.lastCompleted;
      if (circuitBreaker.rollback && back !== null)
        deploy(back, `ECS deployment circuit breaker: rolling back to deploymentId ${deployment.id}.`);
      return;
    }
    if (deployment.rolloutState === 'FAILED') return;
    const mine = ofDeployment(deployment);
    const running = mine.filter(({ lastStatus }) => lastStatus === 'RUNNING').length;
    const [old] = state.deployments.filter((other) => other !== deployment).flatMap(ofDeployment);
    if (old !== undefined && running > 0)
      end(old, `Scaling activity initiated by (deployment ${deployment.id})`);
    if (mine.length < state.desiredCount) start(deployment);
    if (running < state.desiredCount || old !== undefined) return;
    state.deployments = [deployment];
    Object.assign(deployment, {
      rolloutState: 'COMPLETED',
      rolloutStateReason: `ECS deployment ${deployment.id} completed.`,
    });
    state.lastCompleted = deployment.taskDefinition;
  }

  function service(): Json {
    const deployments = state.deployments.map((deployment) => {
      const tasks = ofDeployment(deployment);
      const runningCount = tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING').length;
      return {
        ...deployment,
        desiredCount: state.desiredCount,
        runningCount,
        pendingCount: tasks.length - runningCount,
      };
    });
    return {
      serviceArn,
      serviceName: 'api',
      clusterArn: `arn:aws:ecs:${account}:cluster/shop`,
      status: state.status,
      desiredCount: state.desiredCount,
      taskDefinition: primary()?.taskDefinition,
      deploymentController: { type: state.controller },
      deploymentConfiguration: { deploymentCircuitBreaker: circuitBreaker },
      deployments,
      events: state.events,
      tags: Object.entries(state.tags).map(([key, value]) => ({ key, value })),
      ...(state.serviceDeployment !== null && { currentServiceDeployment: state.serviceDeployment.arn }),
    };
  }

  const answers: Record<string, (body: Json) => Json | [code: string, message: string]> = {
    DescribeServices: ({ cluster, services }) => {
      if (cluster !== 'shop') return ['ClusterNotFoundException', 'Cluster not found.'];
      const known = (services as string[])[0] === 'api';
      return known
        ? { services: [service()], failures: [] }
        : { services: [], failures: [{ arn: serviceArn, reason: 'MISSING' }] };
    },
    ListTasks: ({ desiredStatus, nextToken }) => {
      const arns = state.tasks
        .filter((task) => task.desiredStatus === desiredStatus)
        .map(({ taskArn }) => taskArn);
      const page = arns.slice(Number(nextToken ?? 0), Number(nextToken ?? 0) + 100);
      const next = Number(nextToken ?? 0) + 100;
      return { taskArns: page, ...(arns.length > next && { nextToken: String(next) }) };
    },
    DescribeTasks: ({ tasks }) => ({
      tasks: state.tasks.filter(({ taskArn }) => (tasks as string[]).includes(taskArn)),
      failures: [],
    }),
    DescribeTaskDefinition: ({ taskDefinition }) => {
      const found = definitionOf(taskDefinition);
      if (found === undefined) return ['ClientException', 'Unable to describe task definition.'];
      const { starts: _starts, ...told } = found;
      return { taskDefinition: told };
    },
    ListTaskDefinitions: ({ familyPrefix, status, sort }) => {
      const found = definitions.filter((one) => one.family === familyPrefix && one.status === status);
      const arns = found.map(({ taskDefinitionArn }) => taskDefinitionArn);
      return { taskDefinitionArns: sort === 'DESC' ? arns.toReversed() : arns };
    },
    UpdateService: ({ taskDefinition, forceNewDeployment }) => {
      const wanted = taskDefinition ?? primary()?.taskDefinition;
      const found = definitionOf(wanted);
      if (found?.status !== 'ACTIVE') return ['InvalidParameterException', 'TaskDefinition is inactive'];
      if (forceNewDeployment === true || found.taskDefinitionArn !== primary()?.taskDefinition)
        deploy(found.taskDefinitionArn);
      return { service: service() };
    },
    TagResource: ({ tags }) => {
      for (const { key, value } of tags as { key: string; value: string }[]) {
        if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u.test(value))
          return ['InvalidParameterException', 'Invalid tag value'];
        state.tags[key] = value;
      }
      return {};
    },
    DescribeServiceDeployments: () => {
      const { arn, status, source } = state.serviceDeployment ?? { arn: '', status: '', source: '' };
      const revisions = [
        { arn: `arn:aws:ecs:${account}:service-revision/shop/api/${source.split(':').at(-1)}` },
      ];
      return {
        serviceDeployments: [{ serviceDeploymentArn: arn, status, sourceServiceRevisions: revisions }],
        failures: [],
      };
    },
    DescribeServiceRevisions: ({ serviceRevisionArns }) => {
      const [serviceRevisionArn = ''] = serviceRevisionArns as string[];
      const taskDefinition = definitionArn(Number(serviceRevisionArn.split('/').at(-1)));
      return { serviceRevisions: [{ serviceRevisionArn, serviceArn, taskDefinition }], failures: [] };
    },
    StopServiceDeployment: ({ serviceDeploymentArn, stopType }) => {
      const ongoing = state.serviceDeployment;
      if (ongoing === null || ongoing.arn !== serviceDeploymentArn || stopType !== 'ROLLBACK')
        return [
          'ServiceDeploymentNotFoundException',
          'The service deploy ARN that you specified does not exist.',
        ];
      ongoing.status = 'ROLLBACK_REQUESTED';
      setTimeout(() => {
        state.serviceDeployment = null;
        deploy(ongoing.source);
      }, 60);
      return { serviceDeploymentArn };
    },
  };

  const server = createServer((incoming, response) => {
    void textOf(incoming).then((text) => {
      const name = String(incoming.headers['x-amz-target']).replace(
        'AmazonEC2ContainerServiceV20141113.',
        '',
      );
      const body = JSON.parse(text || '{}') as Json;
      calls.push({ name, body, authorization: String(incoming.headers.authorization) });
      if (scripted.length > 0) return answerScripted(response, scripted.shift() as Scripted);
      const answer = answers[name]?.(body) ?? (['InvalidAction', `no ${name} here`] as [string, string]);
      const wrong = Array.isArray(answer);
      response.writeHead(wrong ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(wrong ? { __type: answer[0], message: answer[1] } : answer));
    });
  });
  const endpoint = `http://127.0.0.1:${await listenOn(server)}`;
  const timer = setInterval(schedule, 15);
  afterwards(() => clearInterval(timer));
  return { endpoint, state, definitions, calls, scripted, register, deploy, end, primary };
}

export type EcsServer = Awaited<ReturnType<typeof startEcs>>;

export const refusal = (status: number, code: string, message: string): Scripted => ({
  status,
  body: JSON.stringify({ __type: code, message }),
});

function answerScripted(response: ServerResponse, answer: Scripted): void {
  if (answer === null) return;
  const { status, body, type = 'application/x-amz-json-1.1', cutAt } = answer;
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  if (cutAt === undefined) return void response.end(body);
  response.write(body.slice(0, cutAt));
  setTimeout(() => response.destroy(), 20);
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
